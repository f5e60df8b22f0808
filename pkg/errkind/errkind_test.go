package errkind_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

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
