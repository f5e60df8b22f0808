package operating

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// verifyKind holds the search engine and the buckets against the store.
func verifyKind(deps Deps) jobs.Kind {
	k := verifying(deps, false)
	k.Name, k.Summary = "verify", "hold the search engine, the buckets and the log against the store, and change nothing"
	k.Options = []jobs.Option{
		{Name: "log", Type: jobs.Flag, Help: "hold the store against the log as well"},
		{Name: "deep", Type: jobs.Flag, Help: "hash the bytes of every asset"},
	}
	return k
}

// repairKind mends in the search engine what differs from the store.
func repairKind(deps Deps) jobs.Kind {
	k := verifying(deps, true)
	k.Name, k.Summary = "repair", "mend in the search engine what differs from the store"
	return k
}

func verifying(deps Deps, repair bool) jobs.Kind {
	of := func() *verifier {
		v := newVerifier(deps.Store, deps.Engine, deps.Events)
		if deps.Blobs != nil {
			v.blobs = deps.Blobs
		}
		return v
	}
	return jobs.Kind{
		Role: authz.Operator, Selects: true, Field: "verify", Fixed: map[string]bool{"repair": repair},
		Plan: func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) { return of().plan(ctx, j.GetVerify()) },
		Do: func(ctx context.Context, w *jobs.Work) error {
			j := w.Job()
			return of().do(ctx, j.GetVerify(), activatorOf(deps, j), w.Tell)
		},
	}
}

// A verifier compares the store with a search engine, and can mend the engine.
//
// Both sides are read once. The dump of the engine comes in the order of runs; the hashes of the lines are kept for a run at a time. The items of the
// same run in the store are compared with the hashes, in the form in which the engine would keep the items. Runs that may still change are left out:
// runs that were not whole before the dump began, and runs that ended again by the time of a difference.
type verifier struct {
	store   store.Store
	engine  search.Engine
	auditor search.Auditor // nil where the engine does not tell the form of items: then the presence of items is compared, not the content
	log     logReader      // nil where the log is not asked for
	blobs   verifiedBytes  // nil where no bucket is known: then bytes are not looked at
}

// logReader is the part of the log that verifying needs.
type logReader interface {
	ReadAll(ctx context.Context, topic events.Topic) iter.Seq2[events.Delivery, error]
	Lag(ctx context.Context, group string, topics ...events.Topic) ([]events.PartitionLag, error)
}

func newVerifier(s store.Store, e search.Engine, log logReader) *verifier {
	v := &verifier{store: s, engine: e, log: log}
	v.auditor, _ = search.As[search.Auditor](e)
	return v
}

// An itemKey names an item of a run: an annotation, where space is empty, or an embedding.
type itemKey struct {
	space   string
	ordinal int64
}

func (k itemKey) of(run string) string {
	if k.space == "" {
		return fmt.Sprintf("annotation %s/%d", run, k.ordinal)
	}
	return fmt.Sprintf("embedding %s/%d of %s", run, k.ordinal, k.space)
}

// A difference lists the items of a run that store and engine hold differently.
type difference struct {
	run, asset string
	record     *pb.Run // nil: the store knows nothing of the run
	missing    []itemKey
	different  []itemKey
	extra      []itemKey
}

func (d *difference) none() bool { return len(d.missing)+len(d.different)+len(d.extra) == 0 }

// A tally counts differences.
type tally struct {
	runs, items               int64 // looked at
	missing, extra, different int64
	orphans                   int64 // runs
	examples                  []string
}

func (f *tally) differences() int64 { return f.missing + f.extra + f.different }

func (f *tally) add(d *difference) {
	f.missing += int64(len(d.missing))
	f.different += int64(len(d.different))
	f.extra += int64(len(d.extra))
	if d.record == nil {
		f.orphans++
	}
	for _, kind := range []struct {
		what string
		keys []itemKey
	}{{"missing in the search engine", d.missing}, {"different", d.different}, {"not in the store", d.extra}} {
		if len(kind.keys) > 0 && len(f.examples) < fewExamples {
			f.examples = append(f.examples, fmt.Sprintf("%s: %s and %d more of its run (%s)", kind.what, kind.keys[0].of(d.run), len(kind.keys)-1, d.asset))
		}
	}
}

func (f *tally) lines() []string {
	lines := []string{fmt.Sprintf("looked at %d runs with %d items: %d items missing in the search engine, %d different, %d there that the store does not have (%d runs are unknown to it)",
		f.runs, f.items, f.missing, f.different, f.extra, f.orphans)}
	return append(lines, f.examples...)
}

// wholeRuns returns the whole runs of a selection: every item of these runs must be in the engine.
func (v *verifier) wholeRuns(ctx context.Context, sel *pb.Selection) (map[string]*pb.Run, error) {
	out := map[string]*pb.Run{}
	for asset, err := range jobs.Assets(ctx, v.store, sel, "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		all, err := runs.Of(ctx, v.store, asset.GetId())
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if !jobs.SelectsRun(sel, r.GetAlgorithm(), r.GetVersion()) {
				continue
			}
			whole, err := runs.Whole(ctx, v.store, r)
			if err != nil {
				return nil, err
			}
			if whole {
				out[r.GetId()] = &pb.Run{Id: r.GetId(), Asset: r.GetAsset(), Epoch: r.GetEpoch(), Annotations: r.GetAnnotations(), Embeddings: r.GetEmbeddings()}
			}
		}
	}
	return out, nil
}

// compare calls each with every run that differs. progress is called with the number of compared runs.
func (v *verifier) compare(ctx context.Context, sel *pb.Selection, progress func(done, total int64), each func(*difference) error) (*tally, error) {
	wholeRuns, err := v.wholeRuns(ctx, sel)
	if err != nil {
		return nil, err
	}
	f, total := &tally{}, int64(len(wholeRuns))
	look := func(run string, held map[itemKey]uint64, asset string) error {
		d, items, err := v.run(ctx, sel, wholeRuns[run], run, asset, held)
		if err != nil {
			return err
		}
		f.items += items
		if wholeRuns[run] != nil {
			f.runs++
			delete(wholeRuns, run)
			progress(f.runs, total)
		}
		if d == nil || d.none() {
			return nil
		}
		f.add(d)
		return each(d)
	}
	for group, err := range v.held(ctx) {
		if err != nil {
			return nil, err
		}
		if err := look(group.run, group.items, group.asset); err != nil {
			return nil, err
		}
	}
	for _, run := range slices.Sorted(maps.Keys(wholeRuns)) {
		if err := look(run, nil, wholeRuns[run].GetAsset()); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// A heldRun is the content of the engine for a run.
type heldRun struct {
	run, asset string
	items      map[itemKey]uint64
}

// held yields the content of the engine, a run at a time.
func (v *verifier) held(ctx context.Context) iter.Seq2[heldRun, error] {
	return func(yield func(heldRun, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r, w := io.Pipe()
		dumped := make(chan struct{})
		go func() {
			defer close(dumped)
			w.CloseWithError(v.engine.Dump(ctx, w))
		}()
		defer func() { <-dumped }()
		defer r.CloseWithError(errLeft)

		var now heldRun
		lines := bufio.NewReaderSize(r, 1<<16)
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				break
			}
			if err != nil {
				yield(heldRun{}, fmt.Errorf("reading the search engine's dump: %w", err))
				return
			}
			var l struct {
				Run        string `json:"run"`
				Asset      string `json:"asset"`
				Space      string `json:"space"`
				Annotation int64  `json:"annotation"`
				Embedding  int64  `json:"embedding"`
			}
			if err := json.Unmarshal(line, &l); err != nil {
				yield(heldRun{}, fmt.Errorf("reading a line of the search engine's dump: %w", err))
				return
			}
			if l.Run != now.run {
				if now.items != nil && !yield(now, nil) {
					return
				}
				now = heldRun{l.Run, l.Asset, map[itemKey]uint64{}}
			}
			key := itemKey{"", l.Annotation}
			if l.Space != "" {
				key = itemKey{l.Space, l.Embedding}
			}
			now.items[key] = xxhash.Sum64(line)
		}
		if now.items != nil {
			yield(now, nil)
		}
	}
}

var errLeft = errors.New("the reader has left")

// run compares a run of the store with the items that the engine held, and returns the difference and the number of items. record is nil for a run
// that may still change. The difference is nil for a run that may still change, or is not of the selection.
func (v *verifier) run(ctx context.Context, sel *pb.Selection, record *pb.Run, id, asset string, held map[itemKey]uint64) (*difference, int64, error) {
	if record == nil {
		return v.orphan(ctx, sel, id, asset, held)
	}
	d := &difference{run: id, asset: record.GetAsset(), record: record}
	items, err := v.items(ctx, d, held)
	if err != nil {
		return nil, 0, err
	}
	d.extra = sortedKeys(held)
	if d.none() {
		return d, items, nil
	}
	// The run may have been collected, or executed again, since the dump was begun.
	same, err := v.same(ctx, record)
	if err != nil || !same {
		return nil, items, err
	}
	return d, items, nil
}

// orphan is the difference of a run that the engine holds and the store does not know: every item is extra.
func (v *verifier) orphan(ctx context.Context, sel *pb.Selection, id, asset string, held map[itemKey]uint64) (*difference, int64, error) {
	known, err := v.known(ctx, asset, id)
	if err != nil || known {
		return nil, 0, err // under way, failed, or not of the selection
	}
	a, err := v.store.Asset(ctx, asset)
	if errkind.Is(err, errkind.NotFound) {
		a, err = &pb.Asset{Id: asset}, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading asset %s: %w", asset, err)
	}
	if !jobs.Selects(sel, a) || len(sel.GetAlgorithms()) > 0 {
		return nil, 0, nil
	}
	return &difference{run: id, asset: asset, extra: sortedKeys(held)}, int64(len(held)), nil
}

// items compares every item that the store has of a run with the held items, notes what is missing or different in d, and takes the compared items
// out of held.
func (v *verifier) items(ctx context.Context, d *difference, held map[itemKey]uint64) (items int64, err error) {
	look := func(key itemKey, line any, kept bool) error {
		if !kept {
			return nil
		}
		items++
		have, ok := held[key]
		delete(held, key)
		if !ok {
			d.missing = append(d.missing, key)
			return nil
		}
		if v.auditor == nil {
			return nil
		}
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if xxhash.Sum64(append(b, '\n')) != have {
			d.different = append(d.different, key)
		}
		return nil
	}
	for a, err := range v.store.AnnotationsOf(ctx, d.asset, d.run, store.Span{}) {
		if err == nil {
			line, kept := v.keptAnnotation(a)
			err = look(itemKey{"", a.GetOrdinal()}, line, kept)
		}
		if err != nil {
			return 0, fmt.Errorf("reading annotations of run %s: %w", d.run, err)
		}
	}
	for e, err := range v.store.EmbeddingsOf(ctx, d.asset, d.run, store.Span{}) {
		if err == nil {
			line, kept := v.keptEmbedding(e)
			err = look(itemKey{e.GetSpace(), e.GetOrdinal()}, line, kept)
		}
		if err != nil {
			return 0, fmt.Errorf("reading embeddings of run %s: %w", d.run, err)
		}
	}
	return items, nil
}

func (v *verifier) keptAnnotation(a *pb.Annotation) (any, bool) {
	if v.auditor != nil {
		return v.auditor.KeptAnnotation(a)
	}
	return nil, a.GetText() != "" || a.GetLabel() != ""
}

func (v *verifier) keptEmbedding(e *pb.Embedding) (any, bool) {
	if v.auditor != nil {
		return v.auditor.KeptEmbedding(e)
	}
	return nil, true
}

func sortedKeys(held map[itemKey]uint64) []itemKey {
	return slices.SortedFunc(maps.Keys(held), func(a, b itemKey) int {
		return cmp.Or(cmp.Compare(a.space, b.space), cmp.Compare(a.ordinal, b.ordinal))
	})
}

// same reports whether a run has not ended again.
func (v *verifier) same(ctx context.Context, was *pb.Run) (bool, error) {
	r, err := runs.Lookup(ctx, v.store, was.GetAsset(), was.GetId())
	return err == nil && runs.Finished(r) && r.GetEpoch() == was.GetEpoch(), err
}

// known reports whether the store has the record or an item of a run. Items may come before the record.
func (v *verifier) known(ctx context.Context, asset, id string) (bool, error) {
	r, err := runs.Lookup(ctx, v.store, asset, id)
	if err != nil || r != nil {
		return r != nil, err
	}
	for _, err := range v.store.AnnotationsOf(ctx, asset, id, store.Span{}) {
		return err == nil, err
	}
	for _, err := range v.store.EmbeddingsOf(ctx, asset, id, store.Span{}) {
		return err == nil, err
	}
	return false, nil
}

// mend writes the differing items of a run into the engine as the store has the items. mend reports whether the run is mended: extra items in the
// midst of an active run cannot be taken away without the rest of the run.
func (v *verifier) mend(ctx context.Context, d *difference, holder string, a *activator) (bool, error) {
	// Neither switched nor collected meanwhile.
	release, err := a.lease(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if d.record == nil {
		known, err := v.known(ctx, d.asset, d.run)
		if err != nil || known {
			return true, err
		}
		return true, v.engine.DeleteRun(ctx, d.run)
	}
	if same, err := v.same(ctx, d.record); err != nil || !same {
		return true, err
	}
	want := map[itemKey]bool{}
	for _, k := range slices.Concat(d.missing, d.different) {
		want[k] = true
	}
	whole := true
	if len(d.extra) > 0 {
		beyond := !slices.ContainsFunc(d.extra, func(k itemKey) bool {
			return k.space == "" && k.ordinal < d.record.GetAnnotations() || k.space != "" && k.ordinal < d.record.GetEmbeddings()
		})
		seen, err := v.seen(ctx, d.record)
		switch {
		case err != nil:
			return false, err
		case beyond:
			err = v.engine.TrimRun(ctx, d.run, d.record.GetAnnotations(), d.record.GetEmbeddings())
		case seen:
			whole = false
		default:
			want = nil // every item
			err = v.engine.DeleteRun(ctx, d.run)
		}
		if err != nil {
			return false, fmt.Errorf("taking what is too much of run %s from the search engine: %w", d.run, err)
		}
	}
	if want != nil && len(want) == 0 {
		return whole, nil
	}
	kept := func(e *pb.Embedding) bool { _, kept := v.keptEmbedding(e); return kept }
	err = copyRun(ctx, v.store, v.engine, d.record, func(k itemKey) bool { return want == nil || want[k] }, kept, func(int) error { return nil })
	return whole, err
}

func (v *verifier) seen(ctx context.Context, r *pb.Run) (bool, error) {
	active, err := runs.Active(ctx, v.store, r.GetAsset())
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(active, func(a *pb.ActiveRun) bool { return a.GetRun() == r.GetId() }), nil
}

// copyBatch is the number of items of a write into an engine.
const copyBatch = 1000

// copyRun writes the wanted items of a run from the store into an engine. kept says whether the engine takes an embedding. paced is called with the
// number of items before each write.
func copyRun(ctx context.Context, s store.Annotations, to search.Writer, r *pb.Run, want func(itemKey) bool, kept func(*pb.Embedding) bool, paced func(int) error) error {
	var b search.Batch
	flush := func(least int) error {
		n := len(b.Annotations) + len(b.Embeddings)
		if n < least || n == 0 {
			return nil
		}
		if err := paced(n); err != nil {
			return err
		}
		if err := to.Write(ctx, b); err != nil {
			return fmt.Errorf("writing run %s to the search engine: %w", r.GetId(), err)
		}
		b = search.Batch{}
		return nil
	}
	for a, err := range s.AnnotationsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
		if err != nil {
			return fmt.Errorf("reading annotations of run %s: %w", r.GetId(), err)
		}
		if want(itemKey{"", a.GetOrdinal()}) {
			b.Annotations = append(b.Annotations, a)
		}
		if err := flush(copyBatch); err != nil {
			return err
		}
	}
	for e, err := range s.EmbeddingsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
		if err != nil {
			return fmt.Errorf("reading embeddings of run %s: %w", r.GetId(), err)
		}
		if want(itemKey{e.GetSpace(), e.GetOrdinal()}) && kept(e) {
			b.Embeddings = append(b.Embeddings, e)
		}
		if err := flush(copyBatch); err != nil {
			return err
		}
	}
	return flush(0)
}

func checkVerify(w *pb.Verify) error {
	if w.GetDeep() && w.GetRepair() {
		return errkind.New(errkind.Invalid, "verify.repair: mends the search engine alone; leave out deep, and run `cinedex verify --deep` for damaged bytes")
	}
	if w.GetLog() && w.GetRepair() {
		return errkind.New(errkind.Invalid, "verify.repair: mends the search engine alone; leave out log, and run `cinedex replay --source log` for rows that the store lacks")
	}
	return nil
}

// plan says how much there is to be looked at.
func (v *verifier) plan(ctx context.Context, w *pb.Verify) (*jobs.Plan, error) {
	if err := checkVerify(w); err != nil {
		return nil, err
	}
	wholeRuns, err := v.wholeRuns(ctx, w.GetSelection())
	if err != nil {
		return nil, err
	}
	var items int64
	for _, r := range wholeRuns {
		items += r.GetAnnotations() + r.GetEmbeddings()
	}
	lines := []string{fmt.Sprintf("reads %d runs with %d items from the store, and all that the search engine holds", len(wholeRuns), items)}
	if w.GetLog() {
		lines = append(lines, "reads the library, the ends of runs and what they wrote from the log, as far as it reaches back")
	}
	total := int64(len(wholeRuns))
	if v.looksAtBytes(w) {
		assets, line, err := v.planBytes(ctx, w)
		if err != nil {
			return nil, err
		}
		total, lines = total+assets, append(lines, line)
	}
	if w.GetRepair() {
		lines = append(lines, "writes into the search engine what differs, and deletes from it what the store does not have")
	}
	if v.auditor == nil {
		lines = append(lines, "this search engine does not tell how it keeps items: what is there is compared, not what it says")
	}
	return &jobs.Plan{Total: total, Unit: "runs and assets", Lines: lines}, nil
}

// do verifies, and repairs where the job says so. After a kill, do begins anew: verifying only reads, and a mended item does not differ any more.
func (v *verifier) do(ctx context.Context, w *pb.Verify, a *activator, tell jobs.Teller) error {
	var mended, left int64
	var leftExamples []string
	f, err := v.compare(ctx, w.GetSelection(), func(done, _ int64) { _ = tell(ctx, jobs.Step{Done: done}) }, func(d *difference) error {
		if !w.GetRepair() {
			return nil
		}
		whole, err := v.mend(ctx, d, a.holder, a)
		if err != nil {
			return err
		}
		if whole {
			mended++
			return nil
		}
		if left++; left <= fewExamples {
			leftExamples = append(leftExamples, fmt.Sprintf("left: run %s of %s is seen by readers and has items too many in its midst; `cinedex rebuild` mends that without their seeing half of it", d.run, d.asset))
		}
		return nil
	})
	if err != nil {
		return err
	}
	leftOut, err := v.unfinished(ctx, w.GetSelection())
	if err != nil {
		return err
	}
	lines := append(f.lines(), leftOut)
	if w.GetRepair() {
		lines = append(lines, fmt.Sprintf("mended %d runs, left %d", mended, left))
		lines = append(lines, leftExamples...)
	}
	differs := f.differences()
	if w.GetLog() {
		l, err := v.againstLog(ctx, w.GetSelection())
		if err != nil {
			return err
		}
		lines = append(lines, l.lines()...)
		differs += l.differences()
	}
	done := f.runs
	if v.looksAtBytes(w) {
		b, err := v.bytesOf(ctx, w.GetSelection(), w.GetDeep(), func(assets int64) error { return tell(ctx, jobs.Step{Done: f.runs + assets}) })
		if err != nil {
			return err
		}
		lines, differs, done = append(lines, b.lines()...), differs+b.differences(), done+b.assets
	}
	if err := tell(ctx, jobs.Step{Done: done, Lines: lines}); err != nil {
		return err
	}
	switch {
	case left > 0:
		return errkind.New(errkind.Conflict, "%d runs could not be mended; the notes say which", left)
	case differs > 0 && !w.GetRepair():
		return errkind.New(errkind.Conflict, "%d items, assets or artefacts differ; the notes say which, and `cinedex repair` mends the search engine", differs)
	}
	return nil
}

// A logTally counts the content of the log that the store lacks.
type logTally struct {
	events                         int64
	assets, ends, items, unhandled int64
	examples                       []string
}

func (f *logTally) differences() int64 { return f.assets + f.ends + f.items }

func (f *logTally) lines() []string {
	lines := []string{fmt.Sprintf("looked at %d events of the log: %d assets, %d ends of runs and %d items are in it and not in the store; %d events wait to be handled, which is no difference",
		f.events, f.assets, f.ends, f.items, f.unhandled)}
	return append(lines, f.examples...)
}

func (f *logTally) example(format string, args ...any) {
	if len(f.examples) < fewExamples {
		f.examples = append(f.examples, fmt.Sprintf(format, args...))
	}
}

// logTopics are the topics that are folded into the store, by the group that folds the topics.
var logTopics = []struct {
	group  string
	topics []events.Topic
}{
	{"indexer", []events.Topic{events.MediaReady, events.RunsFinished, events.Annotations, events.Embeddings}},
}

// againstLog compares the store with the events of the log that the indexer has handled. A run that the store lacks was collected, and batches of a
// lost lease were refused: neither is a difference.
func (v *verifier) againstLog(ctx context.Context, sel *pb.Selection) (*logTally, error) {
	f := &logTally{}
	for _, g := range logTopics {
		for _, topic := range g.topics {
			lag, err := v.log.Lag(ctx, g.group, topic)
			if err != nil {
				return nil, fmt.Errorf("asking how far the indexer is: %w", err)
			}
			handled := map[int]int64{}
			for _, l := range lag {
				handled[l.Partition] = l.Committed
			}
			// Of a compacted topic only the last event of each key counts.
			last := map[string]events.Delivery{}
			for d, err := range v.log.ReadAll(ctx, topic) {
				if errkind.Is(err, errkind.Invalid) {
					continue // the event is in the dead letters
				}
				if err != nil {
					return nil, fmt.Errorf("reading %s: %w", topic, err)
				}
				f.events++
				if d.Offset >= handled[d.Partition] {
					f.unhandled++
					continue
				}
				if topic == events.MediaReady {
					last[d.Subject] = d
					continue
				}
				if err := v.inStore(ctx, sel, d, f); err != nil {
					return nil, err
				}
			}
			for _, d := range last {
				if err := v.inStore(ctx, sel, d, f); err != nil {
					return nil, err
				}
			}
		}
	}
	return f, nil
}

// inStore compares an event with the store.
func (v *verifier) inStore(ctx context.Context, sel *pb.Selection, d events.Delivery, f *logTally) error {
	asset, err := v.store.Asset(ctx, d.Subject)
	if errkind.Is(err, errkind.NotFound) {
		asset, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("reading asset %s: %w", d.Subject, err)
	}
	if m, ok := d.Data.(*pb.MediaReady); ok {
		if asset == nil && jobs.Selects(sel, m.GetAsset()) {
			f.assets++
			f.example("in the log and not in the store: asset %s (%s)", d.Subject, m.GetAsset().GetTitle().GetId())
		}
		return nil
	}
	if asset != nil && !jobs.Selects(sel, asset) {
		return nil
	}
	record := func(run string) (*pb.Run, error) { return runs.Lookup(ctx, v.store, d.Subject, run) }
	switch m := d.Data.(type) {
	case *pb.RunFinished:
		r, err := record(m.GetRun().GetId())
		if err != nil || r == nil || !jobs.SelectsRun(sel, r.GetAlgorithm(), r.GetVersion()) {
			return err
		}
		if runs.Underway(r) && m.GetRun().GetEpoch() >= r.GetEpoch() {
			f.ends++
			f.example("in the log and not in the store: the end of run %s (%s)", r.GetId(), runs.StateName(m.GetRun().GetState()))
		}
	case *pb.AnnotationBatch:
		return v.batchInStore(ctx, sel, m.GetAsset(), m.GetRun(), m.GetEpoch(), m.GetFirst(), int64(len(m.GetAnnotations())), record, f, func(n int64) error {
			_, err := v.store.Annotation(ctx, m.GetAsset(), m.GetRun(), n)
			return err
		})
	case *pb.EmbeddingBatch:
		return v.batchInStore(ctx, sel, m.GetAsset(), m.GetRun(), m.GetEpoch(), m.GetFirst(), int64(len(m.GetEmbeddings())), record, f, func(n int64) error {
			_, err := v.store.Embedding(ctx, m.GetAsset(), m.GetRun(), n)
			return err
		})
	}
	return nil
}

func (v *verifier) batchInStore(ctx context.Context, sel *pb.Selection, asset, run string, epoch, first, n int64,
	record func(string) (*pb.Run, error), f *logTally, item func(int64) error,
) error {
	r, err := record(run)
	if err != nil || r == nil || r.GetEpoch() != epoch || !runs.Finished(r) || !jobs.SelectsRun(sel, r.GetAlgorithm(), r.GetVersion()) {
		return err
	}
	for i := range n {
		err := item(first + i)
		if errkind.Is(err, errkind.NotFound) {
			f.items++
			f.example("in the log and not in the store: item %d of run %s", first+i, run)
			continue
		}
		if err != nil {
			return fmt.Errorf("reading item %d of run %s: %w", first+i, run, err)
		}
	}
	return nil
}
