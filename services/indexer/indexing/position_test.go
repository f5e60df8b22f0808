package indexing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// A store that was restored from an older backup, or lost, is filled again from the log, though the group has read the whole log.
func TestRestoredStoreIsFilledFromTheLog(t *testing.T) {
	client := newLog(t)
	published := 0
	publish := func(n int) {
		t.Helper()
		for range n {
			id := fmt.Sprint("asset", published)
			if err := client.Publish(t.Context(), events.MediaReady, events.Event{Subject: id, Data: &pb.MediaReady{Asset: &pb.Asset{Id: id}}}); err != nil {
				t.Fatal(err)
			}
			published++
		}
	}
	// indexUntil serves over the store in a folder until the store has so many assets and the log is read to the end.
	indexUntil := func(dir string, want int) {
		t.Helper()
		cfg := pebblestore.Default()
		cfg.Dir, cfg.MinFreeBytes = dir, 0
		s, err := pebblestore.Open(cfg, pebblestore.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		indexer, err := New(Default(), Deps{Events: client, Store: s, Engine: e, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- indexer.Serve(ctx) }()
		has, left := 0, int64(-1)
		for has < want || left != 0 {
			if ctx.Err() != nil {
				t.Fatalf("%d assets in the store, want %d; %d events unread", has, want, left)
			}
			time.Sleep(10 * time.Millisecond) // between two looks
			has = 0
			for _, err := range s.AllAssets(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				has++
			}
			if lags, err := client.Lag(t.Context(), events.HopIndexer.Group, events.MediaReady); err == nil {
				left = events.Waiting(lags)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	dir, backup := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "backup")
	publish(3)
	indexUntil(dir, 3)
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	publish(3)
	indexUntil(dir, 6)
	indexUntil(backup, 6)
	indexUntil(filepath.Join(t.TempDir(), "new"), 6)
}

// A lost store is filled from the start of the log, whenever the process dies: for both groups, and every partition.
func TestLostStoreIsRememberedAcrossCrashes(t *testing.T) {
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = filepath.Join(t.TempDir(), "store"), 0
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hops := []events.Hop{events.HopIndexer, events.HopIndexerBackfill}
	begin := func(hop events.Hop) (*positions, events.Offsets) {
		t.Helper()
		p := newPositions(s, hop.Group)
		from, err := (&Service{deps: Deps{Store: s}}).rewind(t.Context(), hop, p)
		if err != nil {
			t.Fatal(err)
		}
		return p, from
	}
	live, _ := begin(hops[0])
	live.note(events.MediaReady, 0, 7)
	if err := live.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.PutAsset(t.Context(), &pb.Asset{Id: "asset"}); err != nil {
		t.Fatal(err)
	}
	for _, hop := range hops { // as after a crash
		_, from := begin(hop)
		for _, topic := range hop.Topics {
			contract, _ := events.ContractOf(topic)
			for partition := range contract.Partitions {
				want := int64(0)
				if topic == events.MediaReady && partition == 0 {
					want = 7
				}
				if next, known := from[topic][partition]; !known || next != want {
					t.Errorf("%s would read %s, partition %d from %d (known: %v), want %d", hop.Group, topic, partition, next, known, want)
				}
			}
		}
	}
}

// A partition that was rewound, and taken away before any event was handled, is rewound again.
func TestRewindOutlivesARebalance(t *testing.T) {
	client := newLog(t)
	const assets = 12
	for i := range assets {
		id := fmt.Sprint("asset", i)
		if err := client.Publish(t.Context(), events.MediaReady, events.Event{Subject: id, Data: &pb.MediaReady{Asset: &pb.Asset{Id: id}}}); err != nil {
			t.Fatal(err)
		}
	}
	contract, _ := events.ContractOf(events.MediaReady)
	var mu sync.Mutex
	reached := make(map[int]int64)
	handled := make(map[string]bool)
	has := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(handled)
	}
	sub := events.Subscription{Group: "rewound", Topics: []events.Topic{events.MediaReady}, Reached: func(_ events.Topic, partition int, next int64) {
		mu.Lock()
		defer mu.Unlock()
		reached[partition] = next
	}}
	handle := func(_ context.Context, batch []events.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range batch {
			handled[d.Subject] = true
		}
		return nil
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	serve := func(ctx context.Context, handle events.Handler) (end func()) {
		serving, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- client.Subscribe(serving, sub, handle) }()
		return func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			if ctx.Err() != nil {
				t.Fatalf("waiting for %s: %d events handled", what, has())
			}
			time.Sleep(10 * time.Millisecond) // between two looks
		}
	}
	end := serve(ctx, handle)
	until("the first reading", func() bool { return has() == assets })
	end()

	sub.Rewind = func(context.Context) (events.Offsets, error) {
		all := make(map[int]int64)
		for partition := range contract.EmbeddedPartitions {
			all[partition] = 0
		}
		return events.Offsets{events.MediaReady: all}, nil
	}
	mu.Lock()
	clear(handled)
	mu.Unlock()
	began := make(chan struct{}, 100)
	var taken atomic.Bool
	end = serve(ctx, func(work context.Context, batch []events.Delivery) error {
		if taken.Load() {
			return handle(work, batch)
		}
		began <- struct{}{}
		<-work.Done() // the generation ends before anything is done
		taken.Store(true)
		return work.Err()
	})
	defer end()
	<-began
	defer serve(ctx, handle)() // a second member makes a new generation, and takes a partition
	until("what was rewound and not done", func() bool { return has() == assets })
}

// newLog opens an embedded log, and a client of the log.
func newLog(t *testing.T) *events.Client {
	t.Helper()
	log, err := broker.Open(broker.Config{Dir: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{log.Addr()}
	client, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
