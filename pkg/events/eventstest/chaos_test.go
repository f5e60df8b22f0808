package eventstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A stream publishes events of several assets, in order for each asset, until the stream is stopped, and records the
// acknowledged events.
type stream struct {
	stop  func()
	acked atomic.Int64

	mu     sync.Mutex
	events []events.Event
	errs   []error
}

func (b *bench) stream(t *testing.T, assets int) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{}
	var running sync.WaitGroup
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	for a := range assets {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; {
				ev := numbered(asset(a), i)
				err := b.c.Publish(ctx, events.RunsFinished, ev)
				switch {
				case errors.Is(err, context.Canceled):
				case err != nil:
					s.mu.Lock()
					s.errs = append(s.errs, err)
					s.mu.Unlock()
				default:
					s.mu.Lock()
					s.events = append(s.events, ev)
					s.mu.Unlock()
					s.acked.Add(1)
					i++
				}
			}
		})
	}
	t.Cleanup(s.stop)
	return s
}

// goesOn waits until so many more events are acknowledged.
func (s *stream) goesOn(t *testing.T, n int64) {
	t.Helper()
	before := s.acked.Load()
	eventually(t, fmt.Sprintf("%d more events are acknowledged", n), func() bool { return s.acked.Load() >= before+n })
}

// inOrder compares the first deliveries of events with the order within each asset.
func inOrder(t *testing.T, seen []events.Delivery) {
	t.Helper()
	next := make(map[string]int64)
	for _, d := range seen {
		if number(d) > next[d.Subject] {
			t.Fatalf("%s: event %d came before %d", d.Subject, number(d), next[d.Subject])
		}
		if number(d) == next[d.Subject] {
			next[d.Subject]++
		}
	}
}

// coordinator returns the broker that coordinates a group.
func (b *bench) coordinator(t *testing.T, c *servers.Cluster, group string) *servers.Node {
	t.Helper()
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{b.cfg.Prefix + group}
	req.CoordinatorKey = b.cfg.Prefix + group
	res, err := req.RequestWith(t.Context(), b.foreign(t))
	if err != nil {
		t.Fatal(err)
	}
	id := res.NodeID
	if len(res.Coordinators) > 0 {
		id = res.Coordinators[0].NodeID
	}
	return c.Kafka.Nodes[id-1]
}

// leader returns the broker that leads the first partition of a topic.
func (b *bench) leader(t *testing.T, c *servers.Cluster, topic events.Topic) *servers.Node {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	name := b.cfg.Prefix + string(topic)
	rt.Topic = &name
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(t.Context(), b.foreign(t))
	if err != nil || len(res.Topics) != 1 || len(res.Topics[0].Partitions) == 0 {
		t.Fatalf("asking who leads %s: %v %+v", topic, err, res)
	}
	return c.Kafka.Nodes[res.Topics[0].Partitions[0].Leader-1]
}

// A cluster of three brokers loses a broker, in each possible way. All acknowledged events are handled, in order for
// each asset, and publishing and handling continue while the broker is away.
func TestChaosKafkaLosesOne(t *testing.T) {
	serverstest.Chaos(t)
	c := serverstest.Start(t, servers.Config{Kafka: 3})
	h := Harness{Brokers: c.Kafka.Brokers(), Layout: events.Layout{Replication: 3, Embedded: true}}
	for _, test := range []struct {
		name  string
		which func(*testing.T, *bench) *servers.Node
		lose  func(*servers.Node) error
	}{
		{"the leader is killed", func(t *testing.T, b *bench) *servers.Node { return b.leader(t, c, events.RunsFinished) }, (*servers.Node).Kill},
		{"the leader is paused", func(t *testing.T, b *bench) *servers.Node { return b.leader(t, c, events.RunsFinished) }, (*servers.Node).Pause},
		{"the leader is stopped in order", func(t *testing.T, b *bench) *servers.Node { return b.leader(t, c, events.RunsFinished) },
			func(n *servers.Node) error { return n.Stop(context.Background()) }},
		{"the group's coordinator is killed", func(t *testing.T, b *bench) *servers.Node { return b.coordinator(t, c, "group") }, (*servers.Node).Kill},
		{"the group's coordinator is paused", func(t *testing.T, b *bench) *servers.Node { return b.coordinator(t, c, "group") }, (*servers.Node).Pause},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, h)
			b.topics(t)
			s := consume(t, b.c, events.Subscription{}, nil)
			second := consume(t, b.client(t), events.Subscription{}, nil)
			published := b.stream(t, 6)
			published.goesOn(t, 100)
			n := test.which(t, b)
			if err := test.lose(n); err != nil {
				t.Fatal(err)
			}
			lost := time.Now()
			published.goesOn(t, 100)
			t.Logf("%s was lost; publishing went on within %s", n.Name, time.Since(lost).Round(time.Millisecond))
			handled := func() int { return len(s.events()) + len(second.events()) }
			before := handled()
			eventually(t, "handling goes on", func() bool { return handled() > before+100 })
			t.Logf("handling went on within %s", time.Since(lost).Round(time.Millisecond))
			if n.Running() {
				if err := n.Resume(); err != nil {
					t.Fatal(err)
				}
			} else if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			published.goesOn(t, 100)
			published.stop()
			eventually(t, "all that was acknowledged is handled", func() bool {
				counts := s.counts()
				for k, n := range second.counts() {
					counts[k] += n
				}
				return missing(counts, published.events) == 0
			})
			eventually(t, "all is committed", func() bool {
				lag, err := b.c.Lag(t.Context(), "group", events.RunsFinished)
				if err != nil {
					return false
				}
				return events.Waiting(lag) == 0
			})
			// The events in the log are in order, whichever member handled them.
			var log []events.Delivery
			for d, err := range b.c.ReadAll(t.Context(), events.RunsFinished) {
				if err != nil {
					t.Fatal(err)
				}
				log = append(log, d)
			}
			inOrder(t, log)
			for _, err := range published.errs {
				t.Errorf("publishing, with one of three brokers lost: %v", err)
			}
			t.Logf("%d acknowledged, %d in the log, %d handled", len(published.events), len(log), handled())
		})
	}
}

// With two of three brokers lost, nothing is acknowledged, because the last copy may be lost as well. Publishing
// returns Unavailable, and continues after a second broker is back. All events acknowledged before are there.
func TestChaosKafkaAcks(t *testing.T) {
	serverstest.Chaos(t)
	c := serverstest.Start(t, servers.Config{Kafka: 3})
	b := newBench(t, Harness{Brokers: c.Kafka.Brokers(), Layout: events.Layout{Replication: 3, Embedded: true}})
	b.topics(t)
	before := finished(6, 20)
	b.publish(t, events.RunsFinished, before...)
	leader := b.leader(t, c, events.RunsFinished)
	var others []*servers.Node
	for _, n := range c.Kafka.Nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	for _, n := range others {
		if err := n.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	b.cfg.PublishTimeout = 3 * time.Second
	quick := b.client(t)
	for i := range 3 {
		err := quick.Publish(t.Context(), events.RunsFinished, numbered("alone", i))
		if errkind.Of(err) != errkind.Unavailable || err == nil {
			t.Errorf("publishing to one broker of three: %v", err)
		}
	}
	if err := others[0].Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two brokers acknowledge", func() bool { return quick.Publish(t.Context(), events.RunsFinished, numbered("two", 0)) == nil })
	// The broker with the only copy dies for good. The other brokers have all acknowledged events.
	if err := others[1].Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all three have all", func() bool { return quick.Publish(t.Context(), events.RunsFinished, numbered("three", 0)) == nil })
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	s := consume(t, b.c, events.Subscription{}, nil)
	s.sees(t, append(before, numbered("two", 0), numbered("three", 0)))
}

// A broker with a full disk acknowledges nothing. After room is made and the broker is started, all acknowledged events
// are there, and publishing continues without help.
func TestChaosKafkaFullDisk(t *testing.T) {
	serverstest.Chaos(t)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("lacks the right to mount a small disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", disk).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v: %s", err, out)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	c := serverstest.Start(t, servers.Config{Kafka: 1, KafkaData: disk, KafkaSettings: map[string]string{
		"log.index.size.max.bytes": "65536", "log.cleaner.enable": "false"}})
	b := newBench(t, Harness{Brokers: c.Kafka.Brokers(), Layout: events.Layout{Replication: 1, Embedded: true}})
	b.topics(t)
	first := numbered(asset(0), 0)
	b.publish(t, events.RunsFinished, first)
	b.cfg.PublishTimeout = 4 * time.Second
	quick := b.client(t)
	acked := []events.Event{first}
	var refused error
	deadline := time.Now().Add(2 * patience)
	for i := 1; refused == nil; i++ {
		if time.Now().After(deadline) {
			t.Fatal("the disk does not fill")
		}
		ev := numbered(asset(0), i)
		ev.Data.(*cinedexv1.RunFinished).Run.Error = strings.Repeat("x", 1<<20)
		if refused = quick.Publish(t.Context(), events.RunsFinished, ev); refused == nil {
			acked = append(acked, ev)
		}
	}
	free := func() int64 {
		var s syscall.Statfs_t
		if err := syscall.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		return int64(s.Bavail) * s.Bsize
	}
	if left := free(); left > 2<<20 {
		t.Errorf("refused after %d events, with %d bytes left on the disk: %v", len(acked), left, refused)
	}
	if errkind.Of(refused) != errkind.Unavailable {
		t.Errorf("publishing to a full disk: %v (%s)", refused, errkind.Of(refused))
	}
	t.Logf("%d events of 1 MiB were acknowledged, then: %v", len(acked), refused)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := c.Kafka.Nodes[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := consume(t, b.c, events.Subscription{}, nil)
	last := numbered(asset(0), len(acked))
	eventually(t, "publishing goes on", func() bool { return quick.Publish(t.Context(), events.RunsFinished, last) == nil })
	s.sees(t, append(acked, last))
	inOrder(t, s.events())
}
