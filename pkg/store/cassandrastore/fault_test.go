package cassandrastore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// persist repeats do like a hop, while the error may pass, until do returns nil.
func persist(ctx context.Context, do func() error) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := do()
		if !errkind.Is(err, errkind.Unavailable) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; the last error: %w", ctx.Err(), err)
		}
	}
}

// TestNodeRestarts kills the only node under load and starts the node again, several times. The store continues without
// help, no acknowledged write is lost, and no switch and no epoch occurs twice. The test also checks the cluster's
// requirements.
func TestNodeRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	cluster := serverstest.Start(t, servers.Config{Cassandra: 1, Secure: true})
	node := cluster.Cassandra.Nodes[0]
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()

	cfg := cassandrastore.Default()
	cfg.Hosts, cfg.Migrate, cfg.Timeout = cluster.Cassandra.Hosts(), true, 30*time.Second
	refused := func(what string, want errkind.Kind, text string) {
		t.Helper()
		if _, err := cassandrastore.Open(ctx, cfg, cassandrastore.Deps{}); !errkind.Is(err, want) || !strings.Contains(err.Error(), text) {
			t.Errorf("opening %s: %v, want one of kind %s that says %q", what, err, want, text)
		}
	}
	refused("without TLS", errkind.Unavailable, "store.cassandra.tls.enabled")
	cfg.TLS = tlsclient.Config{Enabled: true}
	refused("without its authority", errkind.Invalid, "store.cassandra.tls")
	cfg.TLS.CAFile = cluster.CAFile
	refused("without a password", errkind.Unauthenticated, "store.cassandra.username")
	cfg.Username, cfg.Password = "cassandra", "wrong"
	refused("with a wrong password", errkind.Unauthenticated, "store.cassandra.username")
	cfg.Password = "cassandra"
	var s *cassandrastore.Store
	err := persist(ctx, func() (err error) { // a new node makes its first user some seconds after its first answer
		if s, err = cassandrastore.Open(ctx, cfg, cassandrastore.Deps{}); errkind.Is(err, errkind.Unauthenticated) {
			err = errkind.Wrap(errkind.Unavailable, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	const writers, rows = 4, 100
	var written [writers]atomic.Int64
	var switched, leased atomic.Int64
	loadCtx, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	worker := func(name string, step func(ctx context.Context, n int64) error, done *atomic.Int64) {
		load.Go(func() {
			for loadCtx.Err() == nil {
				// A started step is completed, so the count matches the rows.
				if err := persist(ctx, func() error { return step(ctx, done.Load()) }); err != nil {
					t.Errorf("%s, step %d: %v", name, done.Load(), err)
					return
				}
				done.Add(1)
			}
		})
	}
	for w := range written {
		run := fmt.Sprint("run ", w)
		worker("writing", func(ctx context.Context, n int64) error {
			b := store.Batch{Asset: "a", Run: run, Epoch: 1, First: n * rows}
			for i := n * rows; i < (n+1)*rows; i++ {
				b.Annotations = append(b.Annotations, &pb.Annotation{Asset: "a", Run: run, Ordinal: i, Kind: "label", Label: fmt.Sprint(i)})
			}
			if err := s.WriteBatches(ctx, []store.Batch{b}); err != nil {
				return err
			}
			return s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: run, Epoch: 1, First: n * rows, Count: rows}})
		}, &written[w])
	}
	sides := []*pb.Run{{Id: "even", Asset: "s"}, {Id: "odd", Asset: "s"}}
	for _, r := range sides {
		r.Algorithm, r.State, r.Epoch = "labels", pb.RunState_RUN_STATE_FINISHED, 1
		if err := persist(ctx, func() error { return s.FinishRun(ctx, r) }); err != nil {
			t.Fatal(err)
		}
	}
	worker("switching", func(ctx context.Context, n int64) error {
		previous := ""
		if n > 0 {
			previous = sides[(n-1)%2].GetId()
		}
		_, err := s.Activate(ctx, sides[n%2], previous)
		return err
	}, &switched)
	var epoch atomic.Int64
	worker("leasing", func(ctx context.Context, _ int64) error {
		l, err := s.Acquire(ctx, "l", "one", time.Hour)
		if err != nil {
			return err
		}
		if last := epoch.Swap(l.Epoch); l.Epoch <= last {
			return fmt.Errorf("epoch %d after %d", l.Epoch, last)
		}
		return s.CheckEpoch(ctx, "l", l.Epoch)
	}, &leased)

	all := []*atomic.Int64{&written[0], &written[1], &written[2], &written[3], &switched, &leased}
	further := func(n int64) bool {
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		var from []int64
		for _, c := range all {
			from = append(from, c.Load())
		}
		for {
			moved := true
			for i, c := range all {
				moved = moved && c.Load() >= from[i]+n
			}
			if moved {
				return true
			}
			select {
			case <-look.C:
			case <-ctx.Done():
				return false
			}
		}
	}
	for round := range 2 {
		if !further(10) {
			t.Errorf("round %d: the load does not go on: %v", round, ctx.Err())
			break
		}
		if err := node.Kill(); err != nil {
			t.Fatal(err)
		}
		down := time.Now()
		if err := node.Start(ctx); err != nil {
			t.Fatal(err)
		}
		up := time.Now()
		if !further(1) {
			t.Errorf("round %d: the load does not go on after the restart: %v", round, ctx.Err())
			break
		}
		t.Logf("round %d: the node was away for %s, and everything went on %s after it answered", round, up.Sub(down).Round(time.Millisecond), time.Since(up).Round(time.Millisecond))
	}
	stop()
	load.Wait()

	for w := range written {
		run, want := fmt.Sprint("run ", w), written[w].Load()*rows
		var n int64
		for a, err := range s.AnnotationsOf(ctx, "a", run, store.Span{}) {
			if err != nil {
				t.Fatal(err)
			}
			if a.GetOrdinal() != n || a.GetLabel() != fmt.Sprint(n) {
				t.Fatalf("item %d of %s is %v", n, run, a)
			}
			n++
		}
		marked, _, err := s.Indexed(ctx, "a", run, 1)
		if err != nil || n < want || marked < want {
			t.Errorf("%s: %d rows and %d marked of %d that were acknowledged (%v)", run, n, marked, want, err)
		}
	}
	active, err := s.Active(ctx, "s")
	if n := switched.Load(); err != nil || len(active) != 1 || active[0].GetGeneration() != n || active[0].GetRun() != sides[(n-1)%2].GetId() {
		t.Errorf("after %d switches, active is %v (%v)", n, active, err)
	}
	t.Logf("%d rows, %d switches, %d epochs in all", written[0].Load()*rows*writers, switched.Load(), leased.Load())
}
