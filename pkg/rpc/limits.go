package rpc

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/fair"
)

// Limits hold callers to a share of the service: a known caller by name, and a caller without a known token by address.
// A nil *Limits limits no caller.
//
// A refusal is of kind Exhausted: 429 over HTTP, RESOURCE_EXHAUSTED over gRPC, with Retry-After.
type Limits struct {
	callers   *fair.Limiter
	strangers *fair.Limiter
}

// The limits of a caller without a known token. A page with some hundred pictures and an expired cookie stays below the
// limits.
var strangers = fair.Limits{PerSecond: 20, Burst: 500}

// NewLimits makes limits of which each caller has these.
func NewLimits(each fair.Limits, m *fair.Metrics) *Limits {
	return &Limits{fair.NewLimiter(each, m, "cost"), fair.NewLimiter(strangers, m, "unauthenticated")}
}

// Charge adds to the cost of a caller's request, after the request is understood. See fair.Limiter.
func (l *Limits) Charge(c *authz.Caller, cost float64) error {
	if l == nil {
		return nil
	}
	return l.callers.Charge(c.Name(), cost)
}

// Enter begins a request of a caller, which costs so much: see fair.Limiter.
func (l *Limits) Enter(c *authz.Caller, cost float64) (leave func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	return l.callers.Enter(c.Name(), cost)
}

// Refused counts a request that err refuses for lack of a known token, and returns the error for the answer: err, or a
// refusal because the address asks too often. A known token is never delayed by other callers behind the same address.
func (l *Limits) Refused(r *http.Request, err error) error {
	if l == nil || !errkind.Is(err, errkind.Unauthenticated) {
		return err
	}
	if limited := l.strangers.Charge(network(OriginOf(r).Address), 1); limited != nil {
		return fmt.Errorf("too many requests without a known token: %w", limited)
	}
	return err
}

// network returns the part of an address that identifies a stranger. An IPv6 host has 2^64 addresses, so the first half
// counts.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// requestCost is the cost of any request.
const requestCost = 1

// Authenticate is the function Authenticate within the limits.
func (l *Limits) Authenticate(a authz.Authoriser, next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	if l == nil {
		return Authenticate(a, next, refuse)
	}
	answer := func(w http.ResponseWriter, r *http.Request, err error) {
		SetRetryAfter(w.Header(), err)
		audit.From(r.Context()).End(err)
		refuse(w, r, err)
	}
	entered := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, err := l.Enter(CallerFrom(r.Context()), requestCost)
		if err != nil {
			answer(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
	return Authenticate(a, entered, func(w http.ResponseWriter, r *http.Request, err error) { answer(w, r, l.Refused(r, err)) })
}

// Mount is the function Mount within the limits.
func (l *Limits) Mount(mux *http.ServeMux, a authz.Authoriser, path string, h http.Handler) {
	mux.Handle(path, l.Authenticate(a, h, reject))
}

// SetRetryAfter sets the header Retry-After where err says when to come back.
func SetRetryAfter(h http.Header, err error) {
	if s := errkind.RetryAfterSeconds(err); s != "" {
		h.Set("Retry-After", s)
	}
}
