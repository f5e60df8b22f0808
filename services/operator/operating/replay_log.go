package operating

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// replayable maps the topics that a replay reads to the lanes that the replay writes. media.ready is the library: the last event of each asset goes
// into the store where the store lacks the asset. An older event must not take the place of a newer event.
var replayable = map[events.Topic]events.Topic{
	events.MediaReady:  "",
	events.Annotations: events.AnnotationsBackfill,
	events.Embeddings:  events.EmbeddingsBackfill,
}

// logTopicsOf returns the topics of a selection in the order in which they are replayed.
func logTopicsOf(sel *pb.Selection) ([]events.Topic, error) {
	order := []events.Topic{events.MediaReady, events.Annotations, events.Embeddings}
	if len(sel.GetTopics()) == 0 {
		return order, nil
	}
	for i, t := range sel.GetTopics() {
		if _, ok := replayable[events.Topic(t)]; !ok {
			return nil, errkind.New(errkind.Invalid, "selection.topics[%d]: %.40q is none of %q", i, t, order)
		}
	}
	return slices.DeleteFunc(order, func(t events.Topic) bool { return !slices.Contains(sel.GetTopics(), string(t)) }), nil
}

// logCursor is the cursor of a replay from the log. Events that came after the start are live, and are not replayed.
type logCursor struct {
	Bounds    map[events.Topic][]events.Bound
	Topic     int
	Partition int
	Offset    int64
	Done      int64
}

func (r *replay) bounds(ctx context.Context, topics []events.Topic) (map[events.Topic][]events.Bound, error) {
	out := map[events.Topic][]events.Bound{}
	for _, t := range topics {
		b, err := r.deps.Events.Bounds(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("asking for the bounds of %s: %w", t, err)
		}
		out[t] = b
	}
	return out, nil
}

func (r *replay) planLog(ctx context.Context, m *pb.Replay) (*jobs.Plan, error) {
	topics, err := logTopicsOf(m.GetSelection())
	if err != nil {
		return nil, err
	}
	bounds, err := r.bounds(ctx, topics)
	if err != nil {
		return nil, err
	}
	p := &jobs.Plan{Unit: "events"}
	for _, t := range topics {
		var n int64
		for _, b := range bounds[t] {
			n += b.End - b.First
		}
		p.Total += n
		p.Lines = append(p.Lines, fmt.Sprintf("%s: at most %d events are read; those of the selection are folded again", t, n))
		gaps, err := r.gaps(ctx, m, t, bounds[t])
		if err != nil {
			return nil, err
		}
		p.Lines = append(p.Lines, gaps...)
	}
	return p, nil
}

// gaps tells which events of the selection retention has removed from the log.
func (r *replay) gaps(ctx context.Context, m *pb.Replay, t events.Topic, bounds []events.Bound) ([]string, error) {
	if t == events.MediaReady {
		return nil, nil // compacted: the last of each asset is there
	}
	var lines []string
	for _, b := range bounds {
		if b.First == 0 {
			continue
		}
		begins := "now"
		for d, err := range r.deps.Events.ReadPartition(ctx, t, b.Partition, b.First, min(b.First+1, b.End), func(int64) {}) {
			if err != nil && !errkind.Is(err, errkind.Invalid) {
				return nil, fmt.Errorf("reading the first event of %s/%d: %w", t, b.Partition, err)
			}
			if d.Logged.UnixMilli() <= m.GetSelection().GetFromMs() {
				begins = ""
				break
			}
			begins = d.Logged.UTC().Format(time.RFC3339)
		}
		if begins != "" {
			lines = append(lines, fmt.Sprintf("%s/%d: the log begins at %s; the %d events before that are gone by retention. A replay from the store has what runs wrote", t, b.Partition, begins, b.First))
		}
	}
	return lines, nil
}

// doLog publishes events of the log into the backfill's lanes, byte for byte.
func (r *replay) doLog(ctx context.Context, w *jobs.Work, m *pb.Replay) error {
	topics, err := logTopicsOf(m.GetSelection())
	if err != nil {
		return err
	}
	j := w.Job()
	var c logCursor
	if err := readCursor(j.GetCursor(), &c); err != nil {
		return err
	}
	if c.Bounds == nil {
		if c.Bounds, err = r.bounds(ctx, topics); err != nil {
			return err
		}
		for _, t := range topics {
			gaps, err := r.gaps(ctx, m, t, c.Bounds[t])
			if err != nil {
				return err
			}
			for _, g := range gaps {
				w.Note("%s", g)
			}
		}
		w.Progress(0, j.GetTotal(), writeCursor(c))
	}
	out := &lanesOut{r: r, w: w, total: j.GetTotal(), limit: newPace(m.GetRate())}
	f := &logFilter{r: r, sel: m.GetSelection(), assets: map[string]bool{}, runs: map[string]*pb.Run{}}
	for ; c.Topic < len(topics); c.Topic, c.Partition, c.Offset = c.Topic+1, 0, 0 {
		t := topics[c.Topic]
		if t == events.MediaReady {
			n, err := r.restoreAssets(ctx, f)
			if err != nil {
				return err
			}
			if n > 0 {
				w.Note("%d assets were missing in the library and are there again", n)
			}
			for _, b := range c.Bounds[t] {
				c.Done += b.End - b.First
			}
			continue
		}
		for ; c.Partition < len(c.Bounds[t]); c.Partition, c.Offset = c.Partition+1, 0 {
			if err := r.replayPartition(ctx, w, t, &c, f, out); err != nil {
				return err
			}
		}
	}
	if err := out.flush(ctx, c.Done, writeCursor(c)); err != nil {
		return err
	}
	if f.unkept > 0 {
		w.Note("%d events are of runs that are not kept any more, or that another execution has taken the place of: left out", f.unkept)
	}
	return r.keepUp(ctx, 0)
}

func (r *replay) replayPartition(ctx context.Context, w *jobs.Work, t events.Topic, c *logCursor, f *logFilter, out *lanesOut) error {
	b := c.Bounds[t][c.Partition]
	from := max(c.Offset, b.First)
	lost := func(n int64) {
		w.Note("%s/%d: the log removed %d events before they were read; a replay from the store has what runs wrote", t, b.Partition, n)
	}
	for d, err := range r.deps.Events.ReadPartition(ctx, t, b.Partition, from, b.End, lost) {
		if err != nil && !(errkind.Is(err, errkind.Invalid) && d.Topic != "") {
			return fmt.Errorf("reading %s/%d: %w", t, b.Partition, err)
		}
		c.Done += d.Offset + 1 - from // offsets that compaction or transactions took count as read
		from, c.Offset = d.Offset+1, d.Offset+1
		if err != nil {
			w.Note("%s/%d@%d cannot be read: %s", t, b.Partition, d.Offset, jobs.Clip(err.Error()))
			continue
		}
		items, wanted, err := f.wants(ctx, d)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if err := out.addAgain(ctx, replayable[t], d, items, c.Done, writeCursor(c)); err != nil {
			return err
		}
	}
	c.Done += b.End - from
	return nil
}

// logFilter picks the events of the selection. A logFilter remembers the answers of the store.
type logFilter struct {
	r      *replay
	sel    *pb.Selection
	assets map[string]bool
	runs   map[string]*pb.Run
	unkept int64
}

// wants reports whether an event is of the selection, and of a finished run under the epoch of the event.
func (f *logFilter) wants(ctx context.Context, d events.Delivery) (items int, wanted bool, err error) {
	if ms := d.Logged.UnixMilli(); ms < f.sel.GetFromMs() || f.sel.GetToMs() > 0 && ms >= f.sel.GetToMs() {
		return 0, false, nil
	}
	var b interface {
		GetAsset() string
		GetRun() string
		GetEpoch() int64
		GetAlgorithm() string
		GetVersion() string
	}
	switch m := d.Data.(type) {
	case *pb.AnnotationBatch:
		b, items = m, len(m.GetAnnotations())
	case *pb.EmbeddingBatch:
		b, items = m, len(m.GetEmbeddings())
	default:
		return 0, false, nil
	}
	if !jobs.SelectsRun(f.sel, b.GetAlgorithm(), b.GetVersion()) {
		return 0, false, nil
	}
	in, known := f.assets[b.GetAsset()]
	if !known {
		a, err := f.r.deps.Store.Asset(ctx, b.GetAsset())
		if err != nil && !errkind.Is(err, errkind.NotFound) {
			return 0, false, fmt.Errorf("reading asset %s: %w", b.GetAsset(), err)
		}
		in = err == nil && jobs.Selects(f.sel, a)
		f.assets[b.GetAsset()] = in
	}
	if !in {
		return 0, false, nil
	}
	run, known := f.runs[b.GetRun()]
	if !known {
		if run, err = runs.Lookup(ctx, f.r.deps.Store, b.GetAsset(), b.GetRun()); err != nil {
			return 0, false, err
		}
		f.runs[b.GetRun()] = run
	}
	if !runs.Finished(run) || run.GetEpoch() != b.GetEpoch() {
		f.unkept++
		return 0, false, nil
	}
	return items, true, nil
}

// restoreAssets puts assets into the library that the log has and the store lacks.
func (r *replay) restoreAssets(ctx context.Context, f *logFilter) (n int, err error) {
	last, err := r.deps.Events.Snapshot(ctx, events.MediaReady)
	if err != nil {
		return 0, fmt.Errorf("reading the library from the log: %w", err)
	}
	for id, d := range last {
		m, ok := d.Data.(*pb.MediaReady)
		if !ok || !jobs.Selects(f.sel, m.GetAsset()) {
			continue
		}
		if ms := d.Logged.UnixMilli(); ms < f.sel.GetFromMs() || f.sel.GetToMs() > 0 && ms >= f.sel.GetToMs() {
			continue
		}
		_, err := r.deps.Store.Asset(ctx, id)
		if err == nil {
			continue
		}
		if !errkind.Is(err, errkind.NotFound) {
			return n, fmt.Errorf("reading asset %s: %w", id, err)
		}
		if err := r.deps.Store.PutAsset(ctx, m.GetAsset()); err != nil && !errkind.Is(err, errkind.Conflict) {
			return n, fmt.Errorf("putting asset %s into the library: %w", id, err)
		}
		n++
	}
	return n, nil
}
