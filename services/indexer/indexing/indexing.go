package indexing

import (
	"context"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is set by an operator.
type Config struct {
	// Batch is the most events of one write.
	Batch int `mapstructure:"batch"`
	// BackfillRate is the most annotations and embeddings of the backfill lanes that are folded a second; 0 is as many as live folding leaves room
	// for.
	BackfillRate float64 `mapstructure:"backfill_rate"`
}

// Default returns batches of 128 events, and a backfill that hardly slows searches on two processors.
func Default() Config { return Config{Batch: 128, BackfillRate: 30_000} }

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	if c.Batch < 1 || c.Batch > 10_000 {
		return errkind.New(errkind.Invalid, "batch: %d is not from 1 to 10000", c.Batch)
	}
	if !(c.BackfillRate >= 0 && c.BackfillRate <= 1e9) {
		return errkind.New(errkind.Invalid, "backfill_rate: %v is not from 0 to 1e9; 0 is no limit", c.BackfillRate)
	}
	return nil
}

// Log is the part of the log that the indexer needs.
type Log interface {
	Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
}

// Deps is built by main.
type Deps struct {
	Events Log
	Store  store.Store
	Engine search.Writer
	// Space returns nil once the search engine has a space: see platform.Spaces. A nil Space is an engine with every space.
	Space      func(ctx context.Context, id string) error
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service is the indexer.
type Service struct {
	cfg  Config
	deps Deps
	lane lane

	items     *prometheus.CounterVec
	refused   *prometheus.CounterVec
	activated *prometheus.CounterVec
	visible   prometheus.Histogram
}

// New makes an indexer; New opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring indexing: %w", err)
	}
	f := promauto.With(deps.Registerer)
	return &Service{cfg: cfg, deps: deps, lane: newLane(cfg.BackfillRate),
		items:     f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_indexed_items_total", Help: "Annotations and embeddings made durable and findable, redelivered ones included."}, []string{"part"}),
		refused:   f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_indexer_refused_batches_total", Help: "Batches and finishes refused because their epoch is not the run's any more."}, []string{"topic"}),
		activated: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_runs_activated_total", Help: "Runs made the active one, by algorithm."}, []string{"algorithm"}),
		visible: f.NewHistogram(prometheus.HistogramOpts{Name: "cinedex_run_visible_seconds", Help: "From a run's finish being logged to its being active.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
	}, nil
}

// Ready reports whether the store answers.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.deps.Store.Ready(ctx)
}

// Serve indexes until ctx ends: live events, and behind them the events of replays.
func (s *Service) Serve(ctx context.Context) error {
	live, backfill := newPositions(s.deps.Store, events.HopIndexer.Group), newPositions(s.deps.Store, events.HopIndexerBackfill.Group)
	defer func() { // after the last handler
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastKeep)
		defer cancel()
		s.keepAll(last, []*positions{live, backfill})
	}()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return s.deps.Events.Subscribe(ctx, events.Subscription{
			Group: events.HopIndexer.Group, Topics: events.HopIndexer.Topics, MaxBatch: s.cfg.Batch, Reached: live.note,
			Rewind: func(ctx context.Context) (events.Offsets, error) { return s.rewind(ctx, events.HopIndexer, live) },
		}, s.lane.live(s.handle))
	})
	g.Go(func() error {
		return s.deps.Events.Subscribe(ctx, events.Subscription{
			Group: events.HopIndexerBackfill.Group, Topics: events.HopIndexerBackfill.Topics, MaxBatch: backfillBatch, Workers: 1, Reached: backfill.note,
			Rewind: func(ctx context.Context) (events.Offsets, error) {
				return s.rewind(ctx, events.HopIndexerBackfill, backfill)
			},
		}, s.lane.backfill(s.handle))
	})
	g.Go(func() error { return s.keepPositions(ctx, live, backfill) })
	return g.Wait()
}

// handle calls the handler of a batch's topic.
func (s *Service) handle(ctx context.Context, batch []events.Delivery) error {
	switch batch[0].Topic {
	case events.MediaReady:
		return s.assets(ctx, batch)
	case events.RunsFinished:
		return s.finished(ctx, batch)
	default:
		return s.fold(ctx, batch)
	}
}

// assets puts ready assets into the library.
func (s *Service) assets(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		ready, ok := d.Data.(*pb.MediaReady)
		if !ok {
			continue // a tombstone: removing titles is an operator's work, done with their runs
		}
		// Conflict: the store knows a later revision. A repeated event moves nothing back.
		if err := s.deps.Store.PutAsset(ctx, ready.GetAsset()); err != nil && !errkind.Is(err, errkind.Conflict) {
			return fmt.Errorf("putting asset %s into the library: %w", d.Subject, err)
		}
	}
	return nil
}

// fold is the hop: refuse batches that are stale, record the runs, write the store, write the search engine, mark the items as indexed, and activate
// the runs that are whole by these items.
func (s *Service) fold(ctx context.Context, deliveries []events.Delivery) error {
	all, err := batches(deliveries)
	if err != nil {
		return err
	}
	live, err := s.current(ctx, deliveries[0].Topic, all)
	if err != nil || len(live) == 0 {
		return err
	}
	if err := s.record(ctx, live); err != nil {
		return err
	}
	rows, items := split(live)
	if err := s.spaces(ctx, items.Embeddings); err != nil {
		return err
	}
	if len(rows) > 0 {
		if err := s.deps.Store.WriteBatches(ctx, rows); err != nil {
			return fmt.Errorf("writing to the store: %w", err)
		}
	}
	if err := s.deps.Engine.Write(ctx, items); err != nil {
		return fmt.Errorf("writing to the search engine: %w", err)
	}
	s.items.WithLabelValues("annotations").Add(float64(len(items.Annotations)))
	s.items.WithLabelValues("embeddings").Add(float64(len(items.Embeddings)))
	if len(rows) == 0 {
		return nil
	}
	if err := s.deps.Store.MarkIndexed(ctx, markers(rows)); err != nil {
		return fmt.Errorf("marking items as indexed: %w", err)
	}
	return s.activateAll(ctx, rows)
}

// spaces waits for the spaces of embeddings. The store is not written before: an embedding that becomes a dead letter leaves no row.
func (s *Service) spaces(ctx context.Context, embeddings []*pb.Embedding) error {
	if s.deps.Space == nil {
		return nil
	}
	last := ""
	for _, e := range embeddings {
		if id := e.GetSpace(); id != last {
			if err := s.deps.Space(ctx, id); err != nil {
				return fmt.Errorf("folding embeddings: %w", err)
			}
			last = id
		}
	}
	return nil
}

// record creates the record of every run without a record, before an item of the run is in the search engine. Readers learn of runs from the changes
// of the store, and hide a run that has not finished; readers could not hide a run without a record. The record says that the run is running. The end
// of the run takes the place of the record.
func (s *Service) record(ctx context.Context, live []batch) error {
	created := map[string]bool{}
	for _, b := range live {
		if b.recorded || created[b.Run] {
			continue
		}
		created[b.Run] = true
		r := &pb.Run{Id: b.Run, Asset: b.Asset, Algorithm: b.algorithm, Version: b.version, State: pb.RunState_RUN_STATE_RUNNING}
		if _, err := s.deps.Store.CreateRun(ctx, r); err != nil {
			return fmt.Errorf("recording run %s: %w", b.Run, err)
		}
	}
	return nil
}

// split returns the rows for the store, and the items for the search engine. Batches that came from the store are for the search engine alone.
func split(live []batch) (rows []store.Batch, items search.Batch) {
	items.Again = true
	for _, b := range live {
		items.Again = items.Again && b.again
		if !b.stored {
			rows = append(rows, b.Batch)
		}
		items.Annotations = append(items.Annotations, b.Annotations...)
		items.Embeddings = append(items.Embeddings, b.Embeddings...)
	}
	return rows, items
}

// activateAll tries to activate the run of each batch, once.
func (s *Service) activateAll(ctx context.Context, rows []store.Batch) error {
	tried := map[string]bool{}
	for _, b := range rows {
		if tried[b.Run] {
			continue
		}
		tried[b.Run] = true
		if err := s.tryActivate(ctx, b.Asset, b.Run); err != nil {
			return err
		}
	}
	return nil
}

// A batch is the content of one event.
type batch struct {
	store.Batch
	// algorithm and version made the run.
	algorithm, version string
	// recorded says that the store has a record of the run.
	recorded bool
	// stored says that the batch came from the store, by a replay.
	stored bool
	// again says that every item of the run has been indexed before.
	again bool
}

// batches reads the events as batches of the store, and checks each batch.
func batches(ds []events.Delivery) ([]batch, error) {
	out := make([]batch, 0, len(ds))
	for _, d := range ds {
		var b batch
		switch m := d.Data.(type) {
		case *pb.AnnotationBatch:
			b = batch{Batch: store.Batch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), First: m.GetFirst(), Annotations: m.GetAnnotations()}, algorithm: m.GetAlgorithm(), version: m.GetVersion(), stored: m.GetStored()}
		case *pb.EmbeddingBatch:
			b = batch{Batch: store.Batch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), First: m.GetFirst(), Embeddings: m.GetEmbeddings()}, algorithm: m.GetAlgorithm(), version: m.GetVersion(), stored: m.GetStored()}
		default:
			return nil, errkind.New(errkind.Invalid, "the event carries no batch")
		}
		if err := check(d.Subject, b.Batch); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// check refuses a batch whose rows would not land where the batch's markers say, and items that searches could not place. A batch may be written by
// hand: by anybody who may write to the log.
func check(subject string, b store.Batch) error {
	switch {
	case b.Asset == "" || b.Run == "" || b.First < 0 || b.Epoch < 0:
		return errkind.New(errkind.Invalid, "batch: asset, run, epoch and first must be set")
	case len(b.Annotations)+len(b.Embeddings) == 0:
		return errkind.New(errkind.Invalid, "batch: no item is in the batch")
	case subject != b.Asset:
		return errkind.New(errkind.Invalid, "batch: the subject is %q and the asset %q, so the order of the asset's events would be lost; send the event with the asset as the subject", subject, b.Asset)
	}
	item := func(i int, run, asset string, ordinal, start, end int64, r *pb.Region) error {
		switch {
		case start < 0 || end < start:
			return errkind.New(errkind.Invalid, "batch: item %d runs from %d to %d; want 0 <= start <= end", i, start, end)
		case r != nil && !within(r):
			return errkind.New(errkind.Invalid, "batch: the region of item %d must lie in 0 to 1 of the picture", i)
		}
		if run != b.Run || asset != b.Asset || ordinal != b.First+int64(i) {
			return errkind.New(errkind.Invalid, "batch: item %d is %s/%s/%d, want %s/%s/%d", i, asset, run, ordinal, b.Asset, b.Run, b.First+int64(i))
		}
		return nil
	}
	for i, a := range b.Annotations {
		if err := item(i, a.GetRun(), a.GetAsset(), a.GetOrdinal(), a.GetStart(), a.GetEnd(), a.GetRegion()); err != nil {
			return err
		}
		if (i == 0 || a.GetKind() != b.Annotations[i-1].GetKind()) && !schema.ValidName(a.GetKind()) {
			return errkind.New(errkind.Invalid, "batch: item %d is of the kind %.40q, which is no name", i, a.GetKind())
		}
		if c := a.GetConfidence(); !(c >= 0 && c <= 1) {
			return errkind.New(errkind.Invalid, "batch: the confidence of item %d is %v; want 0 to 1", i, c)
		}
		if n := len(a.GetText()); n > schema.MaxAnnotation && utf8.RuneCountInString(a.GetText()) > schema.MaxAnnotation {
			return errkind.New(errkind.Invalid, "batch: the text of item %d has more than the %d characters allowed", i, schema.MaxAnnotation)
		}
	}
	for i, e := range b.Embeddings {
		if err := item(i, e.GetRun(), e.GetAsset(), e.GetOrdinal(), e.GetStart(), e.GetEnd(), e.GetRegion()); err != nil {
			return err
		}
	}
	return nil
}

// within reports whether a region lies in the picture; sums of 32-bit floats may pass 1 by a rounding.
func within(r *pb.Region) bool {
	const most = 1 + 1e-5
	return r.GetX() >= 0 && r.GetY() >= 0 && r.GetW() >= 0 && r.GetH() >= 0 && r.GetX()+r.GetW() <= most && r.GetY()+r.GetH() <= most
}

// current drops the batches of executions that may not write any more, and the batches of runs that were deleted after a replay had read them.
func (s *Service) current(ctx context.Context, topic events.Topic, all []batch) ([]batch, error) {
	type execution struct {
		run    string
		epoch  int64
		stored bool
	}
	known := map[execution]standing{}
	live := all[:0]
	for _, b := range all {
		k := execution{b.Run, b.Epoch, b.stored}
		st, ok := known[k]
		if !ok {
			var err error
			if st, err = s.standing(ctx, b); err != nil {
				return nil, err
			}
			known[k] = st
		}
		if st.stale {
			s.refused.WithLabelValues(string(topic)).Inc()
			s.deps.Log.Warn("refused a batch of an execution that lost its lease, or of a run that is gone", "run", b.Run, "epoch", b.Epoch, "first", b.First)
			continue
		}
		b.again, b.recorded = b.stored || st.indexed, st.recorded
		live = append(live, b)
	}
	return live, nil
}

// standing is how an execution stands towards the record of its run.
type standing struct {
	// stale executions may not write: a later execution has the lease, or the run has ended under another epoch, whose rows must stay as they are.
	stale bool
	// indexed says that all of the run has been indexed before, as all of an activated run has.
	indexed bool
	// recorded says that the run has a record.
	recorded bool
}

// standing reads the record of the run after the lease: a run that ended before the lease went on to another execution keeps every row of the run.
func (s *Service) standing(ctx context.Context, b batch) (standing, error) {
	lost := s.deps.Store.CheckEpoch(ctx, store.RunLease(b.Run), b.Epoch)
	if lost != nil && !errkind.Is(lost, errkind.Conflict) {
		return standing{}, fmt.Errorf("checking the epoch of run %s: %w", b.Run, lost)
	}
	r, err := runs.Lookup(ctx, s.deps.Store, b.Asset, b.Run)
	switch {
	case err != nil:
		return standing{}, err
	case r == nil:
		return standing{stale: lost != nil || b.stored}, nil
	case runs.Finished(r):
		return standing{stale: r.GetEpoch() != b.Epoch, indexed: r.GetActivated(), recorded: true}, nil
	}
	return standing{stale: lost != nil, recorded: true}, nil
}

func markers(bs []store.Batch) []store.Marker {
	var out []store.Marker
	for _, b := range bs {
		m := store.Marker{Asset: b.Asset, Run: b.Run, Epoch: b.Epoch, First: b.First}
		if n := len(b.Annotations); n > 0 {
			m.Part, m.Count = store.PartAnnotations, int64(n)
			out = append(out, m)
		}
		if n := len(b.Embeddings); n > 0 {
			m.Part, m.Count = store.PartEmbeddings, int64(n)
			out = append(out, m)
		}
	}
	return out
}
