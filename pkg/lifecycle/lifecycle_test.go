package lifecycle_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) add(s string) { r.mu.Lock(); r.lines = append(r.lines, s); r.mu.Unlock() }

func waiting(r *recorder, name string, started chan<- struct{}) lifecycle.Actor {
	return lifecycle.Actor{Name: name, Serve: func(ctx context.Context) error {
		if started != nil {
			started <- struct{}{}
		}
		<-ctx.Done()
		r.add(name)
		return nil
	}}
}

func TestStopsInReverseOrder(t *testing.T) {
	var r recorder
	started := make(chan struct{}, 3)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for range 3 {
			<-started
		}
		cancel()
	}()
	err := lifecycle.Run(ctx, quiet, waiting(&r, "log", started), waiting(&r, "store", started), waiting(&r, "intake", started))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"intake", "store", "log"}; !slices.Equal(r.lines, want) {
		t.Errorf("stopped in order %v, want %v", r.lines, want)
	}
}

func TestOneFailureStopsAll(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(context.Context) error
		want  string
	}{
		"error":     {func(context.Context) error { return errors.New("disk full") }, "running b: disk full"},
		"early end": {func(context.Context) error { return nil }, "without a request to stop"},
		"panic":     {func(context.Context) error { panic("index out of range") }, "panic: index out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			var r recorder
			err := lifecycle.Run(context.Background(), quiet, waiting(&r, "a", nil), lifecycle.Actor{Name: "b", Serve: c.serve})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something with %q", err, c.want)
			}
			if !slices.Equal(r.lines, []string{"a"}) {
				t.Errorf("the other was not stopped: %v", r.lines)
			}
		})
	}
}

func TestReadyNamesThePart(t *testing.T) {
	err := lifecycle.Ready(lifecycle.Actor{Name: "ok"}, lifecycle.Actor{Name: "store", Ready: func() error { return errors.New("no quorum") }})
	if err == nil || err.Error() != "store: no quorum" {
		t.Errorf("got %v", err)
	}
}

func TestAlive(t *testing.T) {
	gone := errors.New("nothing is taken any more")
	well := lifecycle.Actor{Name: "indexer", Alive: func() error { return nil }}
	quiet := lifecycle.Actor{Name: "admin"}
	if err := lifecycle.Alive(quiet, well); err != nil {
		t.Error(err)
	}
	if err := lifecycle.Alive(quiet, well, lifecycle.Actor{Name: "log", Alive: func() error { return gone }}); !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "log: ") {
		t.Errorf("got %v", err)
	}
}

// An actor without Serve has readiness alone: the actor runs until all stop.
func TestActorWithoutServe(t *testing.T) {
	var r recorder
	started := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-started
		cancel()
	}()
	err := lifecycle.Run(ctx, quiet, lifecycle.Actor{Name: "handlers", Ready: func() error { return nil }}, waiting(&r, "intake", started))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"intake"}; !slices.Equal(r.lines, want) {
		t.Errorf("stopped %v, want %v", r.lines, want)
	}
}
