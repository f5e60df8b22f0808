package cassandrastore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// ingest is a typical batch of annotations: one in ten has a text, and the others are labels with a region.
func ingest(run string, first, n int64) store.Batch {
	b := store.Batch{Asset: "0123456789abcdef0123456789abcdef", Run: run, Epoch: 1, First: first}
	r := rand.New(rand.NewPCG(uint64(first), 1))
	for i := first; i < first+n; i++ {
		a := &pb.Annotation{
			Asset: b.Asset, Run: run, Ordinal: i, Kind: schema.KindLabel, Start: i * int64(schema.Second), End: (i + 1) * int64(schema.Second),
			Label: "lighthouse", Confidence: r.Float32(), Region: &pb.Region{X: r.Float32(), Y: r.Float32(), W: r.Float32(), H: r.Float32()},
		}
		if i%10 == 0 {
			a.Kind, a.Label, a.Region, a.Language = schema.KindDialogue, "", nil, "en"
			a.Text = fmt.Sprintf("Line %d: I thought that you would never come back from the island.", i)
		}
		b.Annotations = append(b.Annotations, a)
	}
	return b
}

// TestFigureWrites writes annotations through the store. In turns, a bare loop writes the driver's batches of rows
// already encoded, into the same table, with as many requests at the same time.
func TestFigureWrites(t *testing.T) {
	figure.Begin(t, "cassandra/writes")
	s := open(t, config(t, "figure"), cassandrastore.Deps{})
	defer s.Close()
	cfg := config(t, "figure, bare")
	cluster := gocql.NewCluster(cfg.Hosts...)
	cluster.Keyspace, cluster.ProtoVersion, cluster.Timeout, cluster.Consistency = cfg.Keyspace, 4, time.Minute, gocql.LocalQuorum
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	db, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	// The indexer writes up to 128 events together, of 500 annotations each where a run has many: here sixteen. As many bare batches are on their way as the store has.
	const calls, events, rows, inFlight, bareRows = 4, 16, 500, 64, 50
	ctx := t.Context()
	type encoded struct {
		run     string
		bucket  int64
		ordinal []int64
		at      [][2]int64
		body    [][]byte
	}
	turn := 0
	produce := func() (batches [calls][]store.Batch, bare []encoded) {
		turn++
		for c := range calls {
			run := fmt.Sprintf("%032x", turn*calls+c)
			for e := range int64(events) {
				batches[c] = append(batches[c], ingest(run, e*rows, rows))
			}
			for _, b := range batches[c] {
				for _, a := range b.Annotations {
					body, err := proto.Marshal(a)
					if err != nil {
						t.Fatal(err)
					}
					if n := len(bare); n == 0 || len(bare[n-1].body) == bareRows || bare[n-1].run != run || bare[n-1].bucket != a.GetOrdinal()/1024 {
						bare = append(bare, encoded{run: run, bucket: a.GetOrdinal() / 1024})
					}
					x := &bare[len(bare)-1]
					x.ordinal, x.at, x.body = append(x.ordinal, a.GetOrdinal()), append(x.at, [2]int64{a.GetStart(), a.GetEnd()}), append(x.body, body)
				}
			}
		}
		return batches, bare
	}
	through := func(batches [calls][]store.Batch) time.Duration {
		start := time.Now()
		var all sync.WaitGroup
		for _, bs := range batches {
			all.Go(func() {
				if err := s.WriteBatches(ctx, bs); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return time.Since(start)
	}
	const insert = "INSERT INTO annotations (library, asset, run, bucket, ordinal, starts, ends, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	asset := "0123456789abcdef0123456789abcdef"
	loop := func(bare []encoded) time.Duration {
		start := time.Now()
		todo := queued(bare)
		var all sync.WaitGroup
		for range inFlight {
			all.Go(func() {
				for x := range todo {
					b := db.NewBatch(gocql.UnloggedBatch).WithContext(context.WithoutCancel(ctx))
					for i, body := range x.body {
						b.Query(insert, cfg.Library, asset, x.run, x.bucket, x.ordinal[i], x.at[i][0], x.at[i][1], body)
					}
					if err := db.ExecuteBatch(b); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		return time.Since(start)
	}
	const turns = 12
	var ours, theirs []float64
	for i := range turns + 2 {
		batches, bare := produce()
		a, b := time.Duration(0), time.Duration(0)
		if i%2 == 0 { // neither always after the other
			a, b = through(batches), loop(bare)
		} else {
			b, a = loop(bare), through(batches)
		}
		if i >= 2 { // prepared and warm
			ours, theirs = append(ours, calls*events*rows/a.Seconds()), append(theirs, calls*events*rows/b.Seconds())
		}
	}
	ratios := []float64{}
	for i := range ours {
		ratios = append(ratios, ours[i]/theirs[i])
	}
	ratio := figure.Median(ratios)
	figure.Report(t, false, figure.Result{
		Name: "cassandra/writes", Claim: "annotations written to Cassandra ≥ 0.9 of a bare loop of driver batches",
		Measured: fmt.Sprintf("%.0f rows/s, bare %.0f (medians of %d turns)", figure.Median(ours), figure.Median(theirs), turns), Ratio: ratio, Pass: ratio >= 0.9,
		Note: "client and server share the machine",
	})
}

// queued is a channel with all elements.
func queued[T any](all []T) <-chan T {
	c := make(chan T, len(all))
	for _, x := range all {
		c <- x
	}
	close(c)
	return c
}

// TestFigureRuns records the runs of assets one by one and, in turns with it, together: a library's backfill in one goroutine.
func TestFigureRuns(t *testing.T) {
	figure.Begin(t, "cassandra/runs")
	s := open(t, config(t, "figure, runs"), cassandrastore.Deps{})
	defer s.Close()
	ctx := t.Context()
	const turns, assets, runs = 5, 20, 6
	n := 0
	of := func() (asset string, list []*pb.Run) {
		n++
		asset = fmt.Sprintf("%032x", n)
		for i := range runs {
			r := &pb.Run{Asset: asset, Algorithm: fmt.Sprintf("algorithm-%d", i), Version: "1", State: pb.RunState_RUN_STATE_REQUESTED}
			r.Id = schema.RunID(r)
			list = append(list, r)
		}
		return asset, list
	}
	timed := func(record func(asset string, list []*pb.Run) error) float64 {
		began := time.Now()
		for range assets {
			if err := record(of()); err != nil {
				t.Fatal(err)
			}
		}
		return assets * runs / time.Since(began).Seconds()
	}
	var single, together, ratio []float64
	for range turns {
		a := timed(func(_ string, list []*pb.Run) error {
			for _, r := range list {
				if _, err := s.CreateRun(ctx, r); err != nil {
					return err
				}
			}
			return nil
		})
		b := timed(func(asset string, list []*pb.Run) error {
			_, err := s.CreateRuns(ctx, asset, list)
			return err
		})
		single, together, ratio = append(single, a), append(together, b), append(ratio, b/a)
	}
	x, y, r := figure.Median(single), figure.Median(together), figure.Median(ratio)
	figure.Report(t, false, figure.Result{Name: "cassandra/runs", Claim: "the six runs of an asset are recorded together ≥ 3x as fast as one by one",
		Measured: fmt.Sprintf("one by one %.0f runs/s, together %.0f runs/s (%.1fx): 100,000 runs take %.0f s in the place of %.0f s", x, y, r, 1e5/y, 1e5/x), Ratio: r,
		Note: "one caller, one node; median of five turns of 20 assets each", Pass: r >= 3})
}
