package rpc

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// TestDetails: a client reads the kind, the field, the column and the time to wait from an error, without its text.
func TestDetails(t *testing.T) {
	for _, c := range []struct {
		err                   error
		reason, field, column string
		retry                 time.Duration
	}{
		{errkind.New(errkind.Invalid, "filter.kinds[1]: searches find nothing of the kind"), "INVALID", "filter.kinds[1]", "", 0},
		{errkind.New(errkind.Invalid, "query, column 9: WITHIN needs two terms"), "INVALID", "query", "9", 0},
		{fmt.Errorf("search: %w", errkind.New(errkind.Invalid, "limit: must be from 1 to 200")), "INVALID", "search", "", 0},
		{errkind.New(errkind.Invalid, "The request is wrong: all of it"), "INVALID", "", "", 0},
		{errkind.New(errkind.NotFound, "asset: there is none"), "NOT_FOUND", "", "", 0},
		{errkind.WithRetryAfter(3*time.Second, errkind.New(errkind.Exhausted, "too much")), "EXHAUSTED", "", "", 3 * time.Second},
	} {
		var reason, field, column string
		var retry time.Duration
		for _, d := range asConnect(c.err).Details() {
			m, err := d.Value()
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *errdetails.ErrorInfo:
				reason, column = m.GetReason(), m.GetMetadata()["column"]
			case *errdetails.BadRequest:
				field = m.GetFieldViolations()[0].GetField()
			case *errdetails.RetryInfo:
				retry = m.GetRetryDelay().AsDuration()
			}
		}
		if reason != c.reason || field != c.field || column != c.column || retry != c.retry {
			t.Errorf("%v: reason %q, field %q, column %q, retry %s", c.err, reason, field, column, retry)
		}
	}
	if d := asConnect(errors.New("a secret of the inside")).Details(); len(d) != 0 {
		t.Errorf("an internal error has %d details", len(d))
	}
}
