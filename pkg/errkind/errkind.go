// Package errkind classifies errors by the reaction that the caller owes. Every package and every hop of Cinedex uses
// the kinds. A single table maps a kind to retry, dead letter, gRPC status and HTTP status.
//
// A package marks an error where the meaning of the error is known, and wraps the error with context as usual
// afterwards. Of finds the mark through any number of wrappings.
//
// errkind imports no package of Cinedex.
package errkind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Kind says how a caller reacts to an error.
type Kind uint8

// The kinds, from the caller's fault to ours.
const (
	Internal        Kind = iota // a bug, or something nobody classified
	Invalid                     // the input is wrong and will stay wrong
	NotFound                    // a named thing does not exist
	Conflict                    // somebody else got there first: a lost lease, a failed compare-and-set
	Denied                      // the caller may not
	Unauthenticated             // the caller has not said who they are
	Exhausted                   // a limit was reached: too large, too many, too slow, disk full
	Unavailable                 // a needed part does not answer now
	Cancelled                   // the caller went away or the deadline passed
)

type row struct {
	name  string
	http  int
	grpc  uint32 // a google.golang.org/grpc/codes.Code, with the numbers of connect.Code
	retry bool   // the same message may succeed later
	dead  bool   // a message whose error has the kind goes to the dead letters at once
}

// table is the only place that maps a kind to behaviour. Internal is retried a bounded number of times and then put
// aside: a bug may be a race, but the bug must not block later messages for ever.
var table = [...]row{
	Internal:        {"internal", http.StatusInternalServerError, 13, true, false},
	Invalid:         {"invalid", http.StatusBadRequest, 3, false, true},
	NotFound:        {"not_found", http.StatusNotFound, 5, false, true},
	Conflict:        {"conflict", http.StatusConflict, 10, false, false},
	Denied:          {"denied", http.StatusForbidden, 7, false, true},
	Unauthenticated: {"unauthenticated", http.StatusUnauthorized, 16, false, true},
	Exhausted:       {"exhausted", http.StatusTooManyRequests, 8, true, false},
	Unavailable:     {"unavailable", http.StatusServiceUnavailable, 14, true, false},
	Cancelled:       {"cancelled", 499, 1, true, false},
}

func (k Kind) row() row {
	if int(k) >= len(table) {
		return table[Internal]
	}
	return table[k]
}

// String returns the kind's name in snake case, as metrics and dead letters carry the name.
func (k Kind) String() string { return k.row().name }

// Named returns the kind whose String is name, or Internal for any other name.
func Named(name string) Kind {
	for k, r := range table {
		if r.name == name {
			return Kind(k)
		}
	}
	return Internal
}

// HTTPStatus returns the status for the answer to a request whose error has the kind.
func (k Kind) HTTPStatus() int { return k.row().http }

// GRPCCode returns the canonical gRPC code (google.golang.org/grpc/codes).
func (k Kind) GRPCCode() uint32 { return k.row().grpc }

// Retryable reports whether doing the same thing again may succeed.
func (k Kind) Retryable() bool { return k.row().retry }

// Poison reports whether a message whose error has the kind goes to the dead letters without a retry.
func (k Kind) Poison() bool { return k.row().dead }

type kinded struct {
	kind Kind
	err  error
}

func (e *kinded) Error() string { return e.err.Error() }
func (e *kinded) Unwrap() error { return e.err }

// New returns an error of kind k whose text is formatted as by fmt.Errorf, %w included.
func New(k Kind, format string, args ...any) error {
	return &kinded{k, fmt.Errorf(format, args...)}
}

// Wrap marks err as being of kind k. A nil error stays nil.
func Wrap(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &kinded{k, err}
}

// Of returns the kind of err: the outermost mark found by unwrapping, or else the kind implied by the standard
// library's errors, or else Internal.
func Of(err error) Kind {
	var k *kinded
	switch {
	case errors.As(err, &k):
		return k.kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Cancelled
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Exhausted
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EAGAIN):
		return Unavailable // the machine lacks the resource for a moment; no message is at fault
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrPermission):
		return Denied
	}
	return Internal
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && Of(err) == k }

type later struct {
	after time.Duration
	err   error
}

func (e *later) Error() string { return e.err.Error() }
func (e *later) Unwrap() error { return e.err }

// WithRetryAfter says how soon the failed operation may succeed: after d. Doors tell the caller: over HTTP, as
// Retry-After. A nil error stays nil.
func WithRetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &later{d, err}
}

// RetryAfter returns the duration that WithRetryAfter attached to err, at any depth.
func RetryAfter(err error) (d time.Duration, ok bool) {
	if l := (*later)(nil); errors.As(err, &l) {
		return l.after, true
	}
	return 0, false
}

// RetryAfterSeconds is RetryAfter in the form of the header: whole seconds, rounded up and at least 1. "" means no
// duration.
func RetryAfterSeconds(err error) string {
	d, ok := RetryAfter(err)
	if !ok {
		return ""
	}
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
