package eventstest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A follower is a running Follow of the topic of algorithms, with all received events.
type follower struct {
	mu   sync.Mutex
	told []string
}

func (f *follower) tell(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, what)
}

func (f *follower) was(want ...string) func() bool {
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Equal(f.told, want)
	}
}

// follow starts a follower, which ends with the test.
func follow(t *testing.T, c *events.Client) *follower {
	t.Helper()
	f := &follower{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- c.Follow(ctx, events.Algorithms, events.Following{
			Event: func(d events.Delivery, err error) {
				switch {
				case errkind.Is(err, errkind.Invalid):
					f.tell("unreadable")
				case err != nil:
					f.tell(err.Error())
				case d.Data == nil:
					f.tell("-" + d.Subject)
				default:
					f.tell("+" + d.Subject + " " + d.Data.(*cinedexv1.AlgorithmAnnounced).GetAlgorithm().GetSummary())
				}
			},
			Current: func() { f.tell("current") },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return f
}

// Every follower receives a whole topic, then Current, and then every new event, also over a crash.
func testFollow(t *testing.T, b *bench) {
	says := func(id, summary string) events.Event {
		return events.Event{Subject: id, Data: &cinedexv1.AlgorithmAnnounced{Algorithm: &cinedexv1.AlgorithmSpec{Summary: summary}}}
	}
	early := follow(t, b.c)
	eventually(t, "a topic that is not there is empty", early.was("current"))
	b.topics(t)
	b.publish(t, events.Algorithms, says("a@1", "first"), says("b@1", "second"), says("a@1", "third"), events.Event{Subject: "b@1"})
	if err := b.foreign(t).ProduceSync(t.Context(), &kgo.Record{Topic: b.cfg.Prefix + string(events.Algorithms), Key: []byte("c@1"), Value: []byte("}")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	all := []string{"+a@1 first", "+b@1 second", "+a@1 third", "-b@1", "unreadable"}
	eventually(t, "the early follower hears what came", early.was(append([]string{"current"}, all...)...))
	late := follow(t, b.client(t))
	eventually(t, "the late follower hears all, and then that it has all", late.was(append(slices.Clone(all), "current")...))
	if b.h.Crash != nil {
		b.h.Crash(t)
	}
	b.publish(t, events.Algorithms, says("d@1", "fourth"))
	eventually(t, "the early follower goes on", early.was(append(append([]string{"current"}, all...), "+d@1 fourth")...))
	eventually(t, "the late follower goes on", late.was(append(slices.Clone(all), "current", "+d@1 fourth")...))
}
