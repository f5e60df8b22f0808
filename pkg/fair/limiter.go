package fair

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Limits bound the requests of a caller.
type Limits struct {
	// Concurrent is how many requests of a caller are answered at once; 0 is no limit.
	Concurrent int `mapstructure:"concurrent"`
	// PerSecond is the cost allowed to a caller a second, over long; 0 is no limit. A cost of 1 is about a millisecond
	// of a processor.
	PerSecond float64 `mapstructure:"per_second"`
	// Burst is the cost allowed to a caller at once after a pause.
	Burst int `mapstructure:"burst"`
}

// Validate returns an error for the first field with an unusable value.
func (l Limits) Validate() error {
	switch {
	case l.Concurrent < 0 || l.Concurrent > 1_000_000:
		return errkind.New(errkind.Invalid, "concurrent: %d is not from 0 to 1000000; 0 is no limit", l.Concurrent)
	case !(l.PerSecond >= 0 && l.PerSecond <= 1e12):
		return errkind.New(errkind.Invalid, "per_second: %v is not from 0 to 1e12; 0 is no limit", l.PerSecond)
	case !(l.Burst >= 0 && l.Burst <= 1e12):
		return errkind.New(errkind.Invalid, "burst: %v is not from 0 to 1e12", l.Burst)
	case l.PerSecond > 0 && l.Burst < 1:
		return errkind.New(errkind.Invalid, "burst: must be 1 or more where per_second limits")
	}
	return nil
}

// A Limiter holds callers to Limits. A Limiter is safe for concurrent use and starts no goroutine. A nil *Limiter
// limits nothing.
type Limiter struct {
	limits  Limits
	reason  string
	metrics *Metrics
	now     func() time.Time

	mu      sync.Mutex
	callers map[string]*account
}

type account struct {
	open   int // requests in service
	bucket *rate.Limiter
}

// NewLimiter makes a limiter. Metrics count refusals for cost under the given reason. Metrics may be nil.
func NewLimiter(l Limits, m *Metrics, reason string) *Limiter {
	return &Limiter{limits: l, reason: reason, metrics: m, now: time.Now, callers: map[string]*account{}}
}

// Enter begins a request of a caller, which costs so much. The caller of Enter MUST call leave once, when the request is
// answered. The error is of kind Exhausted, and carries the time after which the same request may be let in.
func (l *Limiter) Enter(who string, cost float64) (leave func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(who)
	if l.limits.Concurrent > 0 && a.open >= l.limits.Concurrent {
		l.metrics.refuse("concurrent")
		return nil, errkind.WithRetryAfter(time.Second, errkind.New(errkind.Exhausted,
			"%d of your requests are being answered already, the most allowed; ask again after an answer", a.open))
	}
	if err := l.charge(a, cost); err != nil {
		return nil, err
	}
	a.open++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		a.open--
	}, nil
}

// Charge adds to the cost of an admitted request. The errors are the errors of Enter.
func (l *Limiter) Charge(who string, cost float64) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.charge(l.account(who), cost)
}

func (l *Limiter) charge(a *account, cost float64) error {
	if l.limits.PerSecond == 0 {
		return nil
	}
	now := l.now()
	// A cost above Burst is admitted when the whole burst is saved up.
	r := a.bucket.ReserveN(now, min(int(math.Ceil(cost)), l.limits.Burst))
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now) // a refusal costs nothing
	l.metrics.refuse(l.reason)
	return errkind.WithRetryAfter(wait, errkind.New(errkind.Exhausted, "you ask for more than is allowed; ask again in %s", wait.Round(100*time.Millisecond)+100*time.Millisecond))
}

// account returns the account of a caller. If there are many accounts, callers without requests and debt are forgotten.
func (l *Limiter) account(who string) *account {
	if a := l.callers[who]; a != nil {
		return a
	}
	if len(l.callers) >= maxAccounts {
		now := l.now()
		for name, a := range l.callers {
			if a.open == 0 && a.bucket.TokensAt(now) >= float64(l.limits.Burst) {
				delete(l.callers, name)
			}
		}
		// Still too many accounts: addresses by the thousand. A quarter of the accounts begins anew, which bounds
		// memory.
		for name, a := range l.callers {
			if len(l.callers) <= maxAccounts*3/4 {
				break
			}
			if a.open == 0 {
				delete(l.callers, name)
			}
		}
	}
	a := &account{bucket: rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst)}
	l.callers[who] = a
	return a
}

const maxAccounts = 16 << 10
