package sim

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// A disk holds the store of a world. Data without a sync is lost when the store crashes.
type disk struct {
	out   *outside
	fs    *vfs.MemFS
	now   atomic.Int64 // the world's time
	store *pebblestore.Store
}

func newDisk(out *outside) (*disk, error) {
	d := &disk{out: out, fs: vfs.NewCrashableMem()}
	var err error
	out.do(func() { err = d.open() })
	return d, err
}

func (d *disk) open() (err error) {
	cfg := pebblestore.Config{Dir: "/store", CacheBytes: 1 << 20}
	d.store, err = pebblestore.Open(cfg, pebblestore.Deps{
		Log: slog.New(slog.DiscardHandler), FS: d.fs, Clock: func() time.Time { return time.Unix(0, d.now.Load()) },
	})
	return err
}

// crash loses a part of the data without a sync, from nothing to all, and opens the store over the rest.
func (d *disk) crash(rnd *rand.Rand) (err error) {
	d.out.do(func() {
		old := d.store
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rnd.IntN(101), RNG: rnd})
		_ = old.Close()
		err = d.open()
	})
	return err
}

func (d *disk) close() {
	d.out.do(func() { _ = d.store.Close() })
}

// do asks the store at a time of the world.
func (d *disk) do(f func(ctx context.Context, s *pebblestore.Store)) {
	d.now.Store(time.Now().UnixNano())
	d.out.do(func() { f(context.Background(), d.store) })
}

// gated is the store as seen by a process: each call waits at the gate, and may fail.
type gated struct {
	p *process
}

var _ store.Store = gated{}

func ask[T any](ctx context.Context, g gated, what string, f func(ctx context.Context, s *pebblestore.Store) (T, error)) (out T, err error) {
	passed := g.p.pass(ctx, "store "+what, func() error { //nolint:contextcheck // the simulated store goes on when its caller is gone
		var got T
		var failed error
		err := g.p.world.faulty(StoreBefore, StoreAfter, func() error {
			g.p.world.disk.do(func(ctx context.Context, s *pebblestore.Store) { got, failed = f(ctx, s) })
			return failed
		})
		if err == nil {
			out = got
		}
		return err
	})
	if passed != nil {
		var none T
		return none, passed
	}
	return out, nil
}

func tell(ctx context.Context, g gated, what string, f func(ctx context.Context, s *pebblestore.Store) error) error {
	_, err := ask(ctx, g, what, func(ctx context.Context, s *pebblestore.Store) (struct{}, error) { return struct{}{}, f(ctx, s) })
	return err
}

// each reads a whole sequence in a single call.
func each[T any](ctx context.Context, g gated, what string, f func(ctx context.Context, s *pebblestore.Store) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		all, err := ask(ctx, g, what, func(ctx context.Context, s *pebblestore.Store) ([]T, error) { return collect(f(ctx, s)) })
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for v, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (g gated) PutAsset(ctx context.Context, a *pb.Asset) error {
	return tell(ctx, g, "put "+a.GetId(), func(ctx context.Context, s *pebblestore.Store) error { return s.PutAsset(ctx, a) })
}

func (g gated) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	return ask(ctx, g, "asset "+id, func(ctx context.Context, s *pebblestore.Store) (*pb.Asset, error) { return s.Asset(ctx, id) })
}

func (g gated) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	return each(ctx, g, "assets", func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.Asset, error] { return s.AllAssets(ctx) })
}

func (g gated) CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error) {
	return ask(ctx, g, "create "+r.GetId(), func(ctx context.Context, s *pebblestore.Store) (*pb.Run, error) { return s.CreateRun(ctx, r) })
}

func (g gated) CreateRuns(ctx context.Context, asset string, runs []*pb.Run) ([]*pb.Run, error) {
	return ask(ctx, g, "create runs of "+asset, func(ctx context.Context, s *pebblestore.Store) ([]*pb.Run, error) {
		return s.CreateRuns(ctx, asset, runs)
	})
}

func (g gated) FinishRun(ctx context.Context, r *pb.Run) error {
	return tell(ctx, g, "finish "+r.GetId(), func(ctx context.Context, s *pebblestore.Store) error { return s.FinishRun(ctx, r) })
}

func (g gated) Run(ctx context.Context, asset, id string) (*pb.Run, error) {
	return ask(ctx, g, "run "+id, func(ctx context.Context, s *pebblestore.Store) (*pb.Run, error) { return s.Run(ctx, asset, id) })
}

func (g gated) RunsOf(ctx context.Context, asset string) ([]*pb.Run, error) {
	return ask(ctx, g, "runs of "+asset, func(ctx context.Context, s *pebblestore.Store) ([]*pb.Run, error) { return s.RunsOf(ctx, asset) })
}

func (g gated) WriteBatches(ctx context.Context, batches []store.Batch) error {
	if g.p.world.bug == countedIDs {
		batches = counted(g.p, batches)
	}
	return tell(ctx, g, "write "+batches[0].Run, func(ctx context.Context, s *pebblestore.Store) error {
		if g.p.world.half {
			batches = batches[:(len(batches)+1)/2]
		}
		return s.WriteBatches(ctx, batches)
	})
}

func (g gated) MarkIndexed(ctx context.Context, markers []store.Marker) error {
	return tell(ctx, g, "mark "+markers[0].Run, func(ctx context.Context, s *pebblestore.Store) error { return s.MarkIndexed(ctx, markers) })
}

func (g gated) Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error) {
	n, err := ask(ctx, g, "indexed "+run, func(ctx context.Context, s *pebblestore.Store) (n [2]int64, err error) {
		n[0], n[1], err = s.Indexed(ctx, asset, run, epoch)
		return n, err
	})
	if err == nil && g.p.world.bug == switchEarly {
		return 1 << 40, 1 << 40, nil
	}
	return n[0], n[1], err
}

func (g gated) TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error {
	return tell(ctx, g, "trim "+run, func(ctx context.Context, s *pebblestore.Store) error {
		return s.TrimRun(ctx, asset, run, annotations, embeddings)
	})
}

func (g gated) DeleteRun(ctx context.Context, asset, run string) error {
	return tell(ctx, g, "delete "+run, func(ctx context.Context, s *pebblestore.Store) error { return s.DeleteRun(ctx, asset, run) })
}

func (g gated) Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error) {
	return ask(ctx, g, "annotation "+run, func(ctx context.Context, s *pebblestore.Store) (*pb.Annotation, error) {
		return s.Annotation(ctx, asset, run, ordinal)
	})
}

func (g gated) Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error) {
	return ask(ctx, g, "embedding "+run, func(ctx context.Context, s *pebblestore.Store) (*pb.Embedding, error) {
		return s.Embedding(ctx, asset, run, ordinal)
	})
}

func (g gated) AnnotationsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Annotation, error] {
	return each(ctx, g, "annotations "+run, func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.Annotation, error] {
		return s.AnnotationsOf(ctx, asset, run, span)
	})
}

func (g gated) EmbeddingsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Embedding, error] {
	return each(ctx, g, "embeddings "+run, func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.Embedding, error] {
		return s.EmbeddingsOf(ctx, asset, run, span)
	})
}

func (g gated) Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error) {
	return ask(ctx, g, "activate "+next.GetId(), func(ctx context.Context, s *pebblestore.Store) (*pb.ActiveRun, error) {
		a, err := s.Activate(ctx, next, previous)
		if err == nil {
			g.p.world.switched(a, g.p)
		}
		return a, err
	})
}

func (g gated) Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error) {
	return ask(ctx, g, "active "+asset, func(ctx context.Context, s *pebblestore.Store) ([]*pb.ActiveRun, error) { return s.Active(ctx, asset) })
}

func (g gated) AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error] {
	return each(ctx, g, "all active", func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.ActiveRun, error] {
		return s.AllActive(ctx)
	})
}

func (g gated) Inactive(ctx context.Context) iter.Seq2[store.InactiveRun, error] {
	return each(ctx, g, "inactive", func(ctx context.Context, s *pebblestore.Store) iter.Seq2[store.InactiveRun, error] {
		return s.Inactive(ctx)
	})
}

func (g gated) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (store.Lease, error) {
	return ask(ctx, g, "acquire "+name, func(ctx context.Context, s *pebblestore.Store) (store.Lease, error) {
		return s.Acquire(ctx, name, holder, ttl)
	})
}

func (g gated) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	return ask(ctx, g, "renew "+l.Name, func(ctx context.Context, s *pebblestore.Store) (store.Lease, error) { return s.Renew(ctx, l, ttl) })
}

func (g gated) Release(ctx context.Context, l store.Lease) error {
	return tell(ctx, g, "release "+l.Name, func(ctx context.Context, s *pebblestore.Store) error { return s.Release(ctx, l) })
}

func (g gated) CheckEpoch(ctx context.Context, name string, epoch int64) error {
	if g.p.world.bug == noFencing || g.p.world.bug == oldMemory && !g.p.indexer {
		return nil
	}
	return tell(ctx, g, "check "+name, func(ctx context.Context, s *pebblestore.Store) error { return s.CheckEpoch(ctx, name, epoch) })
}

func (g gated) PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error) {
	return ask(ctx, g, "put job "+j.GetId(), func(ctx context.Context, s *pebblestore.Store) (*pb.Job, error) { return s.PutJob(ctx, j) })
}

func (g gated) PutSearches(ctx context.Context, saved *pb.SavedSearches) (*pb.SavedSearches, error) {
	return ask(ctx, g, "put searches", func(ctx context.Context, s *pebblestore.Store) (*pb.SavedSearches, error) {
		return s.PutSearches(ctx, saved)
	})
}

func (g gated) Searches(ctx context.Context, owner string) (*pb.SavedSearches, error) {
	return ask(ctx, g, "searches", func(ctx context.Context, s *pebblestore.Store) (*pb.SavedSearches, error) {
		return s.Searches(ctx, owner)
	})
}

func (g gated) PutBin(ctx context.Context, b *pb.Bin, c *pb.BinChange) (*pb.Bin, error) {
	return ask(ctx, g, "put bin "+b.GetId(), func(ctx context.Context, s *pebblestore.Store) (*pb.Bin, error) { return s.PutBin(ctx, b, c) })
}

func (g gated) Bin(ctx context.Context, id string) (*pb.Bin, error) {
	return ask(ctx, g, "bin "+id, func(ctx context.Context, s *pebblestore.Store) (*pb.Bin, error) { return s.Bin(ctx, id) })
}

func (g gated) BinsOf(ctx context.Context, member string) ([]string, error) {
	return ask(ctx, g, "bins of "+member, func(ctx context.Context, s *pebblestore.Store) ([]string, error) { return s.BinsOf(ctx, member) })
}

func (g gated) BinChanges(ctx context.Context, id string, below int64, limit int) ([]*pb.BinChange, error) {
	return ask(ctx, g, "changes of bin "+id, func(ctx context.Context, s *pebblestore.Store) ([]*pb.BinChange, error) {
		return s.BinChanges(ctx, id, below, limit)
	})
}

func (g gated) DeleteBin(ctx context.Context, id string, revision int64) error {
	return tell(ctx, g, "delete bin "+id, func(ctx context.Context, s *pebblestore.Store) error { return s.DeleteBin(ctx, id, revision) })
}

func (g gated) Job(ctx context.Context, id string) (*pb.Job, error) {
	return ask(ctx, g, "job "+id, func(ctx context.Context, s *pebblestore.Store) (*pb.Job, error) { return s.Job(ctx, id) })
}

func (g gated) AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error] {
	return each(ctx, g, "jobs", func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.Job, error] { return s.AllJobs(ctx) })
}

func (g gated) Partner(ctx context.Context, role, id string, adopt bool) (string, error) {
	return ask(ctx, g, "partner", func(ctx context.Context, s *pebblestore.Store) (string, error) {
		return s.Partner(ctx, role, id, adopt)
	})
}

func (g gated) Reach(ctx context.Context, group string, reached []store.Position) error {
	return tell(ctx, g, "reach", func(ctx context.Context, s *pebblestore.Store) error { return s.Reach(ctx, group, reached) })
}

func (g gated) Positions(ctx context.Context, group string) ([]store.Position, error) {
	return ask(ctx, g, "positions", func(ctx context.Context, s *pebblestore.Store) ([]store.Position, error) {
		return s.Positions(ctx, group)
	})
}

func (g gated) WritePicks(ctx context.Context, picks []*pb.Pick) error {
	return tell(ctx, g, "write picks", func(ctx context.Context, s *pebblestore.Store) error { return s.WritePicks(ctx, picks) })
}

func (g gated) AllPicks(ctx context.Context) iter.Seq2[*pb.Pick, error] {
	return each(ctx, g, "all picks", func(ctx context.Context, s *pebblestore.Store) iter.Seq2[*pb.Pick, error] { return s.AllPicks(ctx) })
}

func (g gated) DeletePicks(ctx context.Context, picks []*pb.Pick) error {
	return tell(ctx, g, "delete picks", func(ctx context.Context, s *pebblestore.Store) error { return s.DeletePicks(ctx, picks) })
}

func (g gated) ForgetPicks(ctx context.Context, person string) (int64, error) {
	return ask(ctx, g, "forget picks", func(ctx context.Context, s *pebblestore.Store) (int64, error) { return s.ForgetPicks(ctx, person) })
}

func (g gated) Forgotten(ctx context.Context) (int64, error) {
	return ask(ctx, g, "forgotten", func(ctx context.Context, s *pebblestore.Store) (int64, error) { return s.Forgotten(ctx) })
}

func (g gated) Dump(ctx context.Context, w io.Writer) error {
	return tell(ctx, g, "dump", func(ctx context.Context, s *pebblestore.Store) error { return s.Dump(ctx, w) })
}

func (g gated) Version(ctx context.Context) (int64, error) {
	return ask(ctx, g, "version", func(ctx context.Context, s *pebblestore.Store) (int64, error) { return s.Version(ctx) })
}

func (g gated) Changes(ctx context.Context, since string) (store.Changes, error) {
	return ask(ctx, g, "changes", func(ctx context.Context, s *pebblestore.Store) (store.Changes, error) { return s.Changes(ctx, since) })
}

func (g gated) AnnotationsAt(ctx context.Context, refs []store.Ref) ([]*pb.Annotation, error) {
	return ask(ctx, g, "annotations", func(ctx context.Context, s *pebblestore.Store) ([]*pb.Annotation, error) {
		return s.AnnotationsAt(ctx, refs)
	})
}

func (g gated) EmbeddingsAt(ctx context.Context, refs []store.Ref) ([]*pb.Embedding, error) {
	return ask(ctx, g, "embeddings", func(ctx context.Context, s *pebblestore.Store) ([]*pb.Embedding, error) {
		return s.EmbeddingsAt(ctx, refs)
	})
}

func (g gated) LastBefore(ctx context.Context, points []store.Point) ([]*pb.Annotation, error) {
	return ask(ctx, g, "last before", func(ctx context.Context, s *pebblestore.Store) ([]*pb.Annotation, error) {
		return s.LastBefore(ctx, points)
	})
}

func (g gated) Starting(ctx context.Context, ranges []store.Range) ([][]*pb.Annotation, error) {
	return ask(ctx, g, "starting", func(ctx context.Context, s *pebblestore.Store) ([][]*pb.Annotation, error) {
		return s.Starting(ctx, ranges)
	})
}

func (g gated) Ready(ctx context.Context) error { return nil }
func (g gated) Close() error                    { return nil }
