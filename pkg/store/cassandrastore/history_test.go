package cassandrastore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// TestSameHistory applies a random history to this store and to the store in a folder: each step ends with the same
// kind of error, and both stores dump the same bytes.
func TestSameHistory(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			folder := pebblestore.Default()
			folder.Dir, folder.MinFreeBytes = t.TempDir(), 0
			embedded, err := pebblestore.Open(folder, pebblestore.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			defer embedded.Close()
			production := open(t, config(t, t.Name()), cassandrastore.Deps{})
			defer production.Close()
			r := rand.New(rand.NewPCG(seed, 5))
			for i := range 150 {
				step, do := drawStep(t, r)
				a, b := do(embedded), do(production)
				if (a == nil) != (b == nil) || errkind.Of(a) != errkind.Of(b) {
					t.Fatalf("step %d, %s: embedded %v, in production %v", i, step, a, b)
				}
			}
			var a, b bytes.Buffer
			if err := embedded.Dump(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
			if err := production.Dump(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("the dumps differ:\nembedded:\n%s\nin production:\n%s", a.String(), b.String())
			}
			t.Logf("%d bytes alike", a.Len())
		})
	}
}

// drawStep draws a call. Epochs grow with the run's history only in steps that take a lease.
func drawStep(t *testing.T, r *rand.Rand) (name string, do func(store.Store) error) {
	ctx := t.Context()
	asset, id := fmt.Sprint("asset ", r.IntN(3)), fmt.Sprint("run ", r.IntN(4))
	run := &pb.Run{Id: id, Asset: asset, Algorithm: "labels", Version: id, State: pb.RunState_RUN_STATE_REQUESTED}
	previous := []string{"", "run 0", "run 1", "run 2", "run 3"}[r.IntN(5)]
	n, m := r.Int64N(3000), r.Int64N(40)
	switch r.IntN(8) {
	case 0:
		return "put an asset", func(s store.Store) error {
			return s.PutAsset(ctx, &pb.Asset{Id: asset, SizeBytes: n, Title: &pb.Title{Id: "t", Name: "Ü"}})
		}
	case 1:
		return "create a run", func(s store.Store) error { _, err := s.CreateRun(ctx, run); return err }
	case 2:
		run.State, run.Epoch, run.Annotations, run.Embeddings = pb.RunState_RUN_STATE_FINISHED, 1+r.Int64N(2), n, m
		if r.IntN(4) == 0 {
			run.State, run.Error = pb.RunState_RUN_STATE_FAILED, "why"
		}
		return "finish a run", func(s store.Store) error { return s.FinishRun(ctx, run) }
	case 3:
		return "trim a run", func(s store.Store) error { return s.TrimRun(ctx, asset, id, n, m) }
	case 4:
		return "delete a run", func(s store.Store) error { return s.DeleteRun(ctx, asset, id) }
	case 5:
		return "activate", func(s store.Store) error { _, err := s.Activate(ctx, run, previous); return err }
	case 6:
		return "activate what may be", func(s store.Store) error {
			active, err := s.Active(ctx, asset)
			if err == nil && len(active) > 0 {
				previous = active[0].GetRun()
			}
			if err == nil {
				_, err = s.Activate(ctx, run, previous)
			}
			return err
		}
	}
	b := store.Batch{Asset: asset, Run: id, Epoch: 1, First: n}
	for i := range 1 + r.Int64N(60) {
		at := (n + i) * int64(schema.Second)
		b.Annotations = append(b.Annotations, &pb.Annotation{Run: id, Asset: asset, Ordinal: n + i, Kind: "label", Label: fmt.Sprint(r.IntN(9)), Start: at, End: at + 7, Confidence: r.Float32()})
		if i < 20 {
			b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: id, Asset: asset, Ordinal: n + i, Space: "s@1", Start: at, End: at + 7, Vector: []float32{r.Float32(), r.Float32()}})
		}
	}
	return "write", func(s store.Store) error { return s.WriteBatches(ctx, []store.Batch{b}) }
}

func annotationsOf(t *testing.T, s store.Store, asset, run string) (texts []string) {
	t.Helper()
	for a, err := range s.AnnotationsOf(t.Context(), asset, run, store.Span{}) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, a.GetText())
	}
	return texts
}

// In TestEpochsOverClocks machines with different clocks write to a run, each within the allowed skew: the epoch
// decides.
func TestEpochsOverClocks(t *testing.T) {
	cfg := config(t, t.Name())
	ctx := t.Context()
	at := func(ahead time.Duration) *cassandrastore.Store {
		cfg.MaxClockSkew = time.Minute // the maximum of Validate
		s := open(t, cfg, cassandrastore.Deps{Wall: func() time.Time { return time.Now().Add(ahead) }})
		t.Cleanup(func() { s.Close() })
		return s
	}
	ahead, behind := at(30*time.Second), at(-30*time.Second)
	write := func(s store.Store, epoch int64, n int, text string) {
		t.Helper()
		b := store.Batch{Asset: "a", Run: "r", Epoch: epoch}
		for i := range n {
			b.Annotations = append(b.Annotations, &pb.Annotation{Asset: "a", Run: "r", Ordinal: int64(i), Text: text})
		}
		if err := s.WriteBatches(ctx, []store.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, want ...string) {
		t.Helper()
		for _, s := range []store.Store{ahead, behind} {
			if got := annotationsOf(t, s, "a", "r"); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
	}
	write(ahead, 1, 3, "first")
	write(behind, 2, 2, "second")
	want("an execution on a machine that is behind", "second", "second", "first")
	write(ahead, 1, 3, "too late")
	want("what an earlier execution writes late", "second", "second", "too late")
	if err := ahead.TrimRun(ctx, "a", "r", 2, 0); err != nil {
		t.Fatal(err)
	}
	want("trimmed", "second", "second")
	if err := ahead.DeleteRun(ctx, "a", "r"); err != nil {
		t.Fatal(err)
	}
	want("deleted")
	write(behind, 3, 1, "third")
	want("executed again by a machine that is behind whoever deleted it", "third")

	// The log is replayed after another process deleted the run: the same execution's rows come again.
	if err := ahead.DeleteRun(ctx, "a", "r"); err != nil {
		t.Fatal(err)
	}
	write(behind, 3, 1, "third")
	want("replayed after it was deleted elsewhere", "third")

	// Leases run out by Cassandra's clock for both.
	l, err := behind.Acquire(ctx, "l", "one", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(l.Until); d < 50*time.Second || d > 70*time.Second {
		t.Errorf("a lease of a minute runs out in %s", d)
	}
	if _, err := ahead.Acquire(ctx, "l", "two", time.Minute); !errkind.Is(err, errkind.Conflict) {
		t.Errorf("a machine that is an hour ahead takes what is held: %v", err)
	}
}

func TestSkewIsRefused(t *testing.T) {
	cfg := config(t, t.Name())
	var wrong time.Duration
	s := open(t, cfg, cassandrastore.Deps{Wall: func() time.Time { return time.Now().Add(wrong) }})
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	for _, wrong = range []time.Duration{time.Minute, -time.Minute} {
		if err := s.Ready(t.Context()); !errkind.Is(err, errkind.Unavailable) {
			t.Errorf("ready with a clock that is %s off: %v", wrong, err)
		}
		_, err := cassandrastore.Open(t.Context(), cfg, cassandrastore.Deps{Wall: func() time.Time { return time.Now().Add(wrong) }})
		if !errkind.Is(err, errkind.Unavailable) || !bytes.Contains([]byte(err.Error()), []byte("max_clock_skew")) {
			t.Errorf("opening with a clock that is %s off: %v", wrong, err)
		}
	}
}
