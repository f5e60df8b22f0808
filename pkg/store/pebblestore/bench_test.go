package pebblestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
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

// A writer makes rows first to first+n-1 of its run durable.
type writer func(worker int, b store.Batch) error

// rowsPerSecond has some workers write batches for a while.
func rowsPerSecond(b *testing.B, workers int, batches [][]store.Batch, n int, write writer) float64 {
	b.Helper()
	var wg sync.WaitGroup
	start := time.Now()
	rows := 0
	for w := range workers {
		for i := range n {
			rows += len(batches[w][i%len(batches[w])].Annotations)
		}
		wg.Go(func() {
			for i := range n {
				if err := write(w, batches[w][i%len(batches[w])]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(rows) / time.Since(start).Seconds()
}

// BenchmarkWriteBatches writes durable batches through the store. In turns, rows already encoded are written into a
// bare Pebble: the upper bound of the store's speed.
func BenchmarkWriteBatches(b *testing.B) {
	for _, rows := range []int64{250, 1000, 5000} {
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("rows=%d/writers=%d", rows, workers), func(b *testing.B) {
				s := open(b, config(b.TempDir()), pebblestore.Deps{})
				defer s.Close()
				db, err := pebble.Open(b.TempDir(), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, MemTableSize: 32 << 20, Logger: quiet{}})
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				const distinct = 8
				batches := make([][]store.Batch, workers)
				encoded := map[int64][2][][]byte{}
				for w := range batches {
					for i := range int64(distinct) {
						in := ingest(fmt.Sprintf("%032x", w), (int64(w)*distinct+i)*rows, rows)
						batches[w] = append(batches[w], in)
						var kv [2][][]byte
						for _, a := range in.Annotations {
							v, err := proto.Marshal(a)
							if err != nil {
								b.Fatal(err)
							}
							kv[0], kv[1] = append(kv[0], fmt.Appendf(nil, "a%s%s%016x", in.Asset, in.Run, a.GetOrdinal())), append(kv[1], v)
						}
						encoded[in.First] = kv
					}
				}
				ctx := context.Background()
				through := func(_ int, in store.Batch) error { return s.WriteBatches(ctx, []store.Batch{in}) }
				bare := func(_ int, in store.Batch) error {
					batch := db.NewBatch()
					defer batch.Close()
					kv := encoded[in.First]
					for i, k := range kv[0] {
						if err := batch.Set(k, kv[1][i], nil); err != nil {
							return err
						}
					}
					return batch.Commit(pebble.Sync)
				}
				var ours, theirs, turns float64
				for b.Loop() {
					// Sixteen batches each, in turns, so a noisy neighbour disturbs both.
					ours += rowsPerSecond(b, workers, batches, 16, through)
					theirs += rowsPerSecond(b, workers, batches, 16, bare)
					turns++
				}
				b.ReportMetric(ours/turns, "rows/s")
				b.ReportMetric(theirs/turns, "bare-rows/s")
				b.ReportMetric(ours/theirs, "ratio")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// BenchmarkSpan reads ten seconds out of runs as long as a short, a film, and a label for each frame of a film.
func BenchmarkSpan(b *testing.B) {
	for _, rows := range []int64{1_000, 10_000, 200_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s := open(b, config(b.TempDir()), pebblestore.Deps{})
			defer s.Close()
			in := ingest("r", 0, rows)
			if err := s.WriteBatches(b.Context(), []store.Batch{in}); err != nil {
				b.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				b.Fatal(err)
			}
			mid := schema.Time(rows/2) * schema.Second
			for b.Loop() {
				n := 0
				for _, err := range s.AnnotationsOf(b.Context(), in.Asset, "r", store.Span{Start: mid, End: mid + 10*schema.Second}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 10 {
					b.Fatal(n)
				}
			}
		})
	}
}

// BenchmarkActivate is the time of a durable switch.
func BenchmarkActivate(b *testing.B) {
	s := open(b, config(b.TempDir()), pebblestore.Deps{})
	defer s.Close()
	runs := [2]*pb.Run{}
	for i, id := range []string{"even", "odd"} {
		runs[i] = &pb.Run{Id: id, Asset: "a", Algorithm: "x", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}
		if err := s.FinishRun(b.Context(), runs[i]); err != nil {
			b.Fatal(err)
		}
	}
	i, previous := 0, ""
	for b.Loop() {
		if _, err := s.Activate(b.Context(), runs[i%2], previous); err != nil {
			b.Fatal(err)
		}
		previous = runs[i%2].GetId()
		i++
	}
}

// BenchmarkOpen opens an empty store, and a store with a log nearly as large as a log grows before the log becomes a
// table.
func BenchmarkOpen(b *testing.B) {
	for name, batches := range map[string]int64{"empty": 0, "log=20MB": 30} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				cfg := config(b.TempDir())
				s := open(b, cfg, pebblestore.Deps{})
				for i := range batches {
					ok(b, s.WriteBatches(b.Context(), []store.Batch{ingest("r", i*5000, 5000)}))
				}
				ok(b, s.Close())
				b.StartTimer()
				s = open(b, cfg, pebblestore.Deps{})
				b.StopTimer()
				ok(b, s.Close())
				b.StartTimer()
			}
		})
	}
}
