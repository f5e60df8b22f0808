package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestStamps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := func(what string) func() time.Time {
			at := stampsBegin.Add(time.Duration(rapid.Int64Range(0, 35*365*24*3600).Draw(t, what)) * time.Second)
			return func() time.Time { return at }
		}
		a, b := stamps{now: now("one clock")}, stamps{now: now("another")}
		low := rapid.Int64Range(0, maxEpoch-1).Draw(t, "epoch")
		high := rapid.Int64Range(low+1, maxEpoch).Draw(t, "later epoch")
		if x, y := a.stamp(low), b.stamp(high); x >= y || x <= 0 {
			t.Fatalf("epoch %d has %d, epoch %d has %d", low, x, high, y)
		}
		if x, y := a.stamp(low), a.stamp(low); x >= y {
			t.Fatalf("%d, and then %d", x, y)
		}
	})
}

func TestHedged(t *testing.T) {
	down := errkind.New(errkind.Unavailable, "down")
	// A node answers at once, after the request to the other node, or never.
	type node func(ctx context.Context, otherAsked <-chan struct{}) (string, error)
	says := func(s string, err error) node {
		return func(context.Context, <-chan struct{}) (string, error) { return s, err }
	}
	late := func(s string, err error) node {
		return func(ctx context.Context, other <-chan struct{}) (string, error) {
			select {
			case <-other:
				return s, err
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	never := node(func(ctx context.Context, _ <-chan struct{}) (string, error) { <-ctx.Done(); return "", ctx.Err() })
	for _, test := range []struct {
		name          string
		first, second node
		want          string
		err           error
	}{
		{"the first is quick", says("first", nil), says("second", nil), "first", nil},
		{"the first hangs", never, says("second", nil), "second", nil},
		{"there is no second", late("first", nil), says("", gocql.ErrNoConnections), "first", nil},
		{"the second is down, too", late("", down), says("", gocql.ErrNoConnections), "", down},
		{"the first fails at once", says("", down), says("second", nil), "", down},
		{"there is none", late("", gocql.ErrNotFound), never, "", gocql.ErrNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := make(chan struct{})
			got, err := hedged(t.Context(), func(ctx context.Context) (string, error) {
				if ctx.Value(askedBefore{}) != nil {
					close(asked)
					return test.second(ctx, nil)
				}
				return test.first(ctx, asked)
			})
			if test.name == "the second is down, too" && err != nil && passing(err) {
				err = down // whichever of the two
			}
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, test.want, test.err)
			}
		})
	}
}

type serverError struct {
	gocql.RequestError
	code int
}

func (e serverError) Code() int       { return e.code }
func (e serverError) Message() string { return fmt.Sprint("code ", e.code) }
func (e serverError) Error() string   { return e.Message() }

func TestKinded(t *testing.T) {
	for _, test := range []struct {
		err  error
		want errkind.Kind
	}{
		{serverError{code: gocql.ErrCodeUnavailable}, errkind.Unavailable},
		{serverError{code: gocql.ErrCodeWriteTimeout}, errkind.Unavailable},
		{serverError{code: gocql.ErrCodeCASWriteUnknown}, errkind.Unavailable},
		{serverError{code: gocql.ErrCodeOverloaded}, errkind.Exhausted},
		{serverError{code: gocql.ErrCodeUnauthorized}, errkind.Denied},
		{serverError{code: gocql.ErrCodeInvalid}, errkind.Internal},
		{gocql.ErrNoConnections, errkind.Unavailable},
		{gocql.ErrTimeoutNoResponse, errkind.Unavailable},
		{fmt.Errorf("writing: %w", &net.OpError{Op: "write", Err: errors.New("broken pipe")}), errkind.Unavailable},
		{gocql.ErrSessionClosed, errkind.Unavailable},
		{context.Canceled, errkind.Cancelled},
		{errkind.New(errkind.Conflict, "lost"), errkind.Conflict},
	} {
		if got := errkind.Of(kinded(test.err)); got != test.want {
			t.Errorf("%v is %s, want %s", test.err, got, test.want)
		}
	}
	if kinded(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Config){
		"hosts: must name":       func(c *Config) { c.Hosts = nil },
		"hosts: a host is empty": func(c *Config) { c.Hosts = []string{"a", " "} },
		"keyspace:":              func(c *Config) { c.Keyspace = "Films; DROP" },
		"consistency:":           func(c *Config) { c.Consistency = "one" },
		"password: must be set where username is": func(c *Config) { c.Username = "x" },
		"cert_file and key_file":                  func(c *Config) { c.TLS.KeyFile = "x" },
		"replication:":                            func(c *Config) { c.Replication = "dc1:many" },
		"timeout:":                                func(c *Config) { c.Timeout = time.Millisecond },
		"max_clock_skew:":                         func(c *Config) { c.MaxClockSkew = 0 },
	} {
		c := Default()
		spoil(&c)
		err := c.Validate()
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
		}
	}
	for in, want := range map[string]string{
		"3":           "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}",
		"dc1:3,DC2:2": "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'DC2': 2}",
	} {
		c := Default()
		c.Replication = in
		if got, err := c.replication(); err != nil || got != want {
			t.Errorf("replication %q is %s (%v), want %s", in, got, err, want)
		}
	}
}
