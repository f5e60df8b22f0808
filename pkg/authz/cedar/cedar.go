// Package cedar narrows the titles of callers by policies in the language Cedar, which this process evaluates.
//
// Contract:
//
//   - Another Authoriser recognises the caller. A caller sees a title if that Authoriser and the policies both allow the title.
//   - Policies decide about each title once for a caller, until a file changes or the caller's rights change. A query costs no evaluation.
//   - A title without a policy that permits the title is hidden. A title is hidden too if a policy that forbids cannot be evaluated.
//   - A caller sees every title, described or not, if the other Authoriser gives every title, a policy permits Action::"seeAll" on
//     Library::"library", and each described title is permitted.
//   - A change of a file counts within Within. While a file is invalid, the last valid files count, and Ready says so.
package cedar

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config names the files.
type Config struct {
	// Policies is the file of policies, as Cedar text; empty narrows nothing.
	Policies string `mapstructure:"policies"`
	// Entities is the file of titles, callers and groups with their attributes and parents, in Cedar's JSON format of entities.
	Entities string `mapstructure:"entities"`
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Policies != "" && c.Entities == "":
		return errkind.New(errkind.Invalid, "policies: name the file cedar.entities too: policies decide about the titles that the file describes")
	case c.Policies == "" && c.Entities != "":
		return errkind.New(errkind.Invalid, "entities: name the file cedar.policies too: the titles of the file are hidden from nobody else")
	}
	return nil
}

const (
	// lookEvery is how often the files are read while somebody asks.
	lookEvery = 400 * time.Millisecond
	// halfSaved is how long an invalid file is not reported: an editor may be writing the file.
	halfSaved = 800 * time.Millisecond
	// maxPolicyBytes and maxEntityBytes bound the files: 100,000 titles with ten attributes each fit.
	maxPolicyBytes, maxEntityBytes = 1 << 20, 64 << 20
)

// Within bounds the time between a change of a file and the effect on later calls.
const Within = 2 * lookEvery

// Deps are built by main. Every field is optional.
type Deps struct {
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Authoriser is an authz.Authoriser over another Authoriser and two files.
type Authoriser struct {
	cfg  Config
	next authz.Authoriser
	deps Deps

	looking sync.Mutex // held while the files are read; before mu

	mu     sync.Mutex
	looked time.Time // when the last finished look began
	goodAt time.Time
	sum    sums
	rules  *rules
	broken error
}

// sums are of the contents of the policies and of the entities.
type sums [2][sha256.Size]byte

// Open reads the files. Invalid: a file is wrong in any way.
func Open(cfg Config, next authz.Authoriser, deps Deps) (*Authoriser, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	a := &Authoriser{cfg: cfg, next: next, deps: deps}
	policies, entities, err := a.read()
	if err == nil {
		a.rules, err = parse(cfg, policies, entities, deps.Log)
	}
	if err != nil {
		return nil, fmt.Errorf("reading policies: %w", err)
	}
	a.looked = deps.Now()
	a.goodAt, a.sum = a.looked, sums{sha256.Sum256(policies), sha256.Sum256(entities)}
	return a, nil
}

// Authorise implements authz.Authoriser. Denied: no policy permits a title to the caller.
func (a *Authoriser) Authorise(ctx context.Context, token string) (*authz.Caller, error) {
	c, err := a.next.Authorise(ctx, token)
	if err != nil {
		return nil, err
	}
	r, _ := a.current() // the last valid files count
	if c = r.narrowed(c); c.SeesNone() {
		return nil, errkind.New(errkind.Denied, "%s may see no titles: no policy permits a title that the file of tokens gives; the operator can add a policy", c.Name())
	}
	return c, nil
}

// Ready returns the fault of the files, or nil.
func (a *Authoriser) Ready() error {
	if _, broken := a.current(); broken != nil {
		return errkind.New(errkind.Unavailable, "the policies of before are in force until the files are right: %w", broken)
	}
	return nil
}

// current returns the rules and the fault of the files as of a look within the last Within. To read a large file takes time, so a look that is due happens
// beside the calls, and a call waits for a look that is late.
func (a *Authoriser) current() (r *rules, broken error) {
	now := a.deps.Now()
	switch age := now.Sub(a.last()); {
	case age >= Within:
		a.looking.Lock()
		if now.Sub(a.last()) >= Within {
			a.look(now)
		}
		a.looking.Unlock()
	case age >= lookEvery && a.looking.TryLock():
		go func() {
			defer a.looking.Unlock()
			a.look(now)
		}()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rules, a.broken
}

func (a *Authoriser) last() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.looked
}

// look reads the files, and reads their meaning if the content has changed: the content decides, and not the time of a file.
func (a *Authoriser) look(now time.Time) {
	policies, entities, err := a.read()
	sum := sums{sha256.Sum256(policies), sha256.Sum256(entities)}
	a.mu.Lock()
	same := err == nil && sum == a.sum
	a.mu.Unlock()
	var r *rules
	if err == nil && !same {
		r, err = parse(a.cfg, policies, entities, a.deps.Log)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looked = now
	switch {
	case err == nil:
		if r != nil {
			a.rules, a.sum = r, sum
		}
		if r != nil || a.broken != nil {
			a.deps.Log.Info("the policies were read again", "policies", a.cfg.Policies, "entities", a.cfg.Entities, "titles", len(a.rules.titles))
		}
		a.goodAt, a.broken = now, nil
	case now.Sub(a.goodAt) < halfSaved:
	default:
		if a.broken == nil || a.broken.Error() != err.Error() {
			a.deps.Log.Error("the policies are invalid; the policies of before are in force until the files are right", "error", err)
		}
		a.broken = err
	}
}

func (a *Authoriser) read() (policies, entities []byte, err error) {
	if policies, err = authz.ReadFile(a.cfg.Policies, maxPolicyBytes); err != nil {
		return nil, nil, fmt.Errorf("cedar.policies %s: %w", a.cfg.Policies, err)
	}
	if entities, err = authz.ReadFile(a.cfg.Entities, maxEntityBytes); err != nil {
		return nil, nil, fmt.Errorf("cedar.entities %s: %w", a.cfg.Entities, err)
	}
	return policies, entities, nil
}
