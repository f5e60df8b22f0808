package errkind_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestOf(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		err  error
		want errkind.Kind
	}{
		"unmarked":         {cause, errkind.Internal},
		"marked":           {errkind.Wrap(errkind.Denied, cause), errkind.Denied},
		"wrapped mark":     {fmt.Errorf("doing: %w", errkind.New(errkind.Invalid, "x")), errkind.Invalid},
		"outermost wins":   {errkind.Wrap(errkind.Unavailable, errkind.New(errkind.NotFound, "x")), errkind.Unavailable},
		"cancelled":        {fmt.Errorf("reading: %w", context.Canceled), errkind.Cancelled},
		"disk full":        {&fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}, errkind.Exhausted},
		"no descriptors":   {&fs.PathError{Op: "open", Path: "f", Err: syscall.EMFILE}, errkind.Unavailable},
		"no process":       {&fs.PathError{Op: "fork/exec", Path: "f", Err: syscall.EAGAIN}, errkind.Unavailable},
		"missing file":     {&fs.PathError{Op: "open", Path: "f", Err: syscall.ENOENT}, errkind.NotFound},
		"formatted causes": {errkind.New(errkind.Conflict, "swapping: %w", cause), errkind.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			if got := errkind.Of(c.err); got != c.want {
				t.Errorf("Of(%v) = %v, want %v", c.err, got, c.want)
			}
		})
	}
	if !errors.Is(errkind.New(errkind.Conflict, "swapping: %w", cause), cause) {
		t.Error("a mark must not hide its cause")
	}
	if errkind.Wrap(errkind.Invalid, nil) != nil {
		t.Error("marking nil must give nil")
	}
}

// A message is either retried or put aside or dropped as already done by another
// (conflict); no kind may ask for both a retry and the dead letters.
func TestTableIsConsistent(t *testing.T) {
	for k := errkind.Internal; k <= errkind.Cancelled; k++ {
		if got := errkind.Named(k.String()); got != k {
			t.Errorf("the kind named %v is %v", k, got)
		}
		if k.Retryable() && k.Poison() {
			t.Errorf("%v is both retried and poison", k)
		}
		if k.HTTPStatus() < 400 || k.GRPCCode() == 0 {
			t.Errorf("%v has no error status", k)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	err := fmt.Errorf("asking: %w", errkind.WithRetryAfter(1500*time.Millisecond, errkind.New(errkind.Exhausted, "too much")))
	if d, ok := errkind.RetryAfter(err); !ok || d != 1500*time.Millisecond || errkind.Of(err) != errkind.Exhausted || errkind.RetryAfterSeconds(err) != "2" || err.Error() != "asking: too much" {
		t.Errorf("got %s, %t, %s, %q of %q", d, ok, errkind.Of(err), errkind.RetryAfterSeconds(err), err)
	}
	if s := errkind.RetryAfterSeconds(errkind.WithRetryAfter(time.Millisecond, errkind.New(errkind.Exhausted, "x"))); s != "1" {
		t.Errorf("a millisecond is told as %q seconds", s)
	}
	if _, ok := errkind.RetryAfter(errkind.New(errkind.Exhausted, "x")); ok || errkind.RetryAfterSeconds(nil) != "" || errkind.WithRetryAfter(time.Second, nil) != nil {
		t.Error("a time is told of what has none")
	}
}
