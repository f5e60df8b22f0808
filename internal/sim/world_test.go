package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

// A world is the whole state of a plan.
type world struct {
	plan    Plan
	bug     bug
	rnd     *rand.Rand
	step    int
	failing map[FaultKind]int
	half    bool
	version string

	gate    *gate
	log     *simlog
	fold    *fold
	disk    *disk
	engine  search.Engine
	procs   []*process
	running sync.WaitGroup

	executions, panics int
	writers            map[string]*process      // of runs, the last of each
	active             map[string]*pb.ActiveRun // by asset and algorithm, as the switches say
	operated           map[string]bool          // switched by an operator last
	look               bool
	before             []*pb.ActiveRun // the active runs that a reader saw earlier and continues to read
	trace              *strings.Builder
}

// A process is a service from its start to its end.
type process struct {
	world   *world
	name    string
	indexer bool
	ctx     context.Context
	cancel  context.CancelFunc
	dead    bool
	paused  bool
	since   time.Time // of the pause
	until   int       // the step at which the process comes back or continues
	soon    int       // of LoseLease: the number of steps between the other worker's write and the waking
	armed   bool      // of LoseLease: the worker stands still at its next write

	ids     map[string]int64 // of the bug countedIDs
	counted search.Batch
}

// session is how long a group waits for a silent member.
const session = 6 * time.Second

func (p *process) expelled() bool {
	return p.paused && time.Since(p.since) >= session && !(p.indexer && p.world.plan.Unsteady)
}

// outcome is the result of a plan.
type outcome struct {
	err        error
	steps      int
	trace      string
	executions int            // of lines
	failed     map[string]int // runs that failed, by kind of error
}

// run carries a plan out.
func run(t *testing.T, plan Plan, b bug, open func(*outside) (search.Engine, error)) (o outcome) {
	out := newOutside()
	defer out.stop()
	d, err := newDisk(out)
	if err != nil {
		return outcome{err: err}
	}
	defer d.close()
	var engine search.Engine = newModel()
	if open != nil {
		if engine, err = open(out); err != nil {
			return outcome{err: err}
		}
		defer out.do(func() { _ = engine.Close() })
	}
	synctest.Test(t, func(*testing.T) {
		w := &world{
			plan: plan, bug: b, rnd: rand.New(rand.NewPCG(plan.Seed, 0)), failing: map[FaultKind]int{}, version: "1",
			gate: &gate{}, fold: newFold(), disk: d, engine: engine,
			writers: map[string]*process{}, active: map[string]*pb.ActiveRun{}, operated: map[string]bool{}, trace: &strings.Builder{},
		}
		w.log = newLog(w)
		o.err = w.live()
		o.steps, o.trace, o.executions, o.failed = w.step, w.trace.String(), w.executions, map[string]int{}
		for _, ends := range w.fold.ends {
			for _, e := range ends {
				if e.GetState() == pb.RunState_RUN_STATE_FAILED {
					o.failed[e.GetErrorKind()]++
				}
			}
		}
		w.end()
	})
	return o
}

// tell adds a line to the trace, for the reader of a failed plan.
func (w *world) tell(format string, args ...any) {
	fmt.Fprintf(w.trace, "%5d %s ", w.step, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	fmt.Fprintf(w.trace, format+"\n", args...)
}

// live lets things happen until all faults have, and everything has come to rest.
func (w *world) live() error {
	for _, name := range []string{"worker-1", "worker-2", "indexer-1", "indexer-2"} {
		if err := w.start(name); err != nil {
			return err
		}
	}
	for i := range w.plan.Assets {
		a := asset(i)
		w.log.land(events.MediaReady, events.Event{Subject: a.GetId(), Data: &pb.MediaReady{Asset: a}}, "")
	}
	faults := slices.Clone(w.plan.Faults)
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Step - b.Step })
	healed := false
	for w.step = 1; ; w.step++ {
		synctest.Wait()
		w.log.settle()
		w.log.landLate(healed)
		for len(faults) > 0 && faults[0].Step <= w.step {
			if err := w.strike(faults[0]); err != nil {
				return err
			}
			faults = faults[1:]
		}
		if err := w.recover(healed); err != nil {
			return err
		}
		synctest.Wait() // who was started takes part in the groups
		w.log.share()
		if w.look || w.rnd.IntN(16) == 0 {
			w.look = false
			if err := w.read(); err != nil {
				return fmt.Errorf("at step %d: %w", w.step, err)
			}
		}
		if w.step > 10_000 {
			return errors.New("it does not come to rest")
		}
		calls := w.gate.ready()
		deliveries := w.log.deliverable()
		switch n := len(calls) + len(deliveries); {
		case n == 0 && w.idle() && len(faults) > 0:
			w.step = faults[0].Step - 1
		case n == 0 && w.idle() && !healed:
			healed = true
			clear(w.failing)
			w.panics = 0
		case n == 0 && w.idle():
			return w.judge()
		case n == 0 || w.rnd.IntN(w.haste()) == 0:
			time.Sleep(time.Duration(1+w.rnd.IntN(3000)) * time.Millisecond)
		default:
			if i := w.rnd.IntN(n); i < len(calls) {
				w.let(calls[i])
			} else {
				deliveries[i-len(calls)]()
			}
		}
	}
}

// haste is the average number of steps until time passes. While a process stands still, time passes quickly, so that
// leases and sessions run out.
func (w *world) haste() int {
	if slices.ContainsFunc(w.procs, func(p *process) bool { return p.paused }) {
		return 8
	}
	return 50
}

// idle reports whether nothing will happen by itself any more.
func (w *world) idle() bool {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	return len(w.gate.waiting) == 0 && w.log.atRest() && !slices.ContainsFunc(w.procs, func(p *process) bool { return p.paused || p.dead })
}

// let does a call. A call whose caller has gone takes effect, or does not.
func (w *world) let(c *call) {
	if c.by.armed && c.writes != "" {
		w.tell("%s stands still before %s", c.by.name, c.what)
		c.by.armed, c.by.paused, c.by.since, c.by.until = false, true, time.Now(), w.step+steps
		w.writers[c.writes] = c.by
		return
	}
	w.gate.take(c)
	w.gate.mu.Lock()
	left := c.left
	w.gate.mu.Unlock()
	if left && w.rnd.IntN(2) == 0 {
		return
	}
	err := c.effect()
	w.tell("%s: %s: %v", c.by.name, c.what, err)
	c.done <- err
}

// fails reports whether a call fails now, and counts the failure against the calls that are to fail.
func (w *world) fails(k FaultKind) bool {
	if w.failing[k] == 0 {
		return false
	}
	w.failing[k]--
	return true
}

// faulty does f, as the faults say.
func (w *world) faulty(before, after FaultKind, f func() error) error {
	switch {
	case w.fails(before):
		return errkind.New(errkind.Unavailable, "it is away")
	case w.fails(after):
		w.half = w.rnd.IntN(2) == 0
		err := f()
		w.half = false
		return errors.Join(errkind.New(errkind.Unavailable, "it has not answered"), err)
	}
	return f()
}

// start starts a process under a name, in place of the earlier process.
func (w *world) start(name string) error {
	p := &process{world: w, name: name, indexer: strings.HasPrefix(name, "indexer"), ids: map[string]int64{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	serve, err := w.service(p)
	if err != nil {
		return err
	}
	w.procs = append(slices.DeleteFunc(w.procs, func(o *process) bool { return o.name == name }), p)
	w.running.Go(func() { _ = serve(p.ctx) })
	return nil
}

func (w *world) service(p *process) (func(context.Context) error, error) {
	discard := slog.New(slog.DiscardHandler)
	if p.indexer {
		s, err := indexing.New(indexing.Default(), indexing.Deps{
			Events: logged{p}, Store: gated{p}, Engine: writer{p}, Log: discard, Registerer: prometheus.NewRegistry()})
		if err != nil {
			return nil, err
		}
		return s.Serve, nil
	}
	registry, err := registryOf(p, w.version)
	if err != nil {
		return nil, err
	}
	cfg := runner.Default()
	cfg.Worker, cfg.LeaseTTL = p.name, 10*time.Second
	s, err := runner.New(cfg, runner.Deps{Events: logged{p}, Store: gated{p}, Registry: registry, Log: discard, Registerer: prometheus.NewRegistry(),
		Model: func(string) error { return nil }})
	if err != nil {
		return nil, err
	}
	return s.Serve, nil
}

// kill ends a process. Calls sent before take effect, or do not.
func (w *world) kill(p *process) {
	w.gate.mu.Lock()
	p.dead, p.paused = true, false
	w.gate.mu.Unlock()
	for _, c := range w.gate.of(p) {
		if w.rnd.IntN(2) == 0 {
			_ = c.effect()
		}
		c.done <- errDead
	}
	w.log.late = slices.DeleteFunc(w.log.late, func(m lateMessage) bool { return m.held == p })
	p.cancel()
}

// end kills the living processes, and waits until all of them have ended.
func (w *world) end() {
	for _, p := range w.procs {
		if !p.dead {
			w.kill(p)
		}
	}
	w.running.Wait()
}

func (w *world) pick(indexer bool, who int) *process {
	name := fmt.Sprintf("%s-%d", map[bool]string{true: "indexer", false: "worker"}[indexer], 1+who%2)
	return w.procs[slices.IndexFunc(w.procs, func(p *process) bool { return p.name == name })]
}

func (w *world) strike(f Fault) error {
	w.tell("fault %s", f)
	switch f.Kind {
	case KillWorker, KillIndexer:
		if p := w.pick(f.Kind == KillIndexer, f.Who); !p.dead {
			w.kill(p)
			p.until = w.step + f.For
		}
	case PauseWorker, PauseIndexer:
		if p := w.pick(f.Kind == PauseIndexer, f.Who); !p.dead && !p.paused {
			p.paused, p.since, p.until = true, time.Now(), w.step+2*f.For
		}
	case LoseLease:
		w.pick(false, f.Who).armed = true
		w.pick(false, f.Who).soon = 1 + f.For/4
	case StoreCrash:
		return w.disk.crash(w.rnd)
	case StoreBefore, StoreAfter, EngineBefore, EngineAfter, LogBefore, LogLate, LogTwice:
		w.failing[f.Kind] += 1 + f.For/8
	case CrashAlgorithm:
		w.panics += 1 + f.For/20
	case WorkerDies, WorkerHangs, WorkerLies:
		w.failing[f.Kind] += 1 + f.For/30
	case Replay:
		groups := w.log.inOrder()
		if len(groups) > 0 {
			g := groups[f.Who%len(groups)]
			w.log.replay(g, g.lanes[f.For%len(g.lanes)].topic)
		}
	case Poison:
		w.poison(f)
	case Switch:
		return w.operate(f)
	case Upgrade:
		w.version = "2"
		for who := range 2 {
			p := w.pick(false, who)
			if !p.dead {
				w.kill(p)
			}
			p.until = w.step + f.For
		}
		if g := w.log.groups["planner"]; g != nil {
			w.log.replay(g, events.MediaReady)
		}
	case Hours:
		time.Sleep(time.Duration(f.For) * time.Second)
	}
	return nil
}

// recover restarts killed processes and wakes paused processes, when their time has come or at the end.
func (w *world) recover(all bool) error {
	for _, name := range []string{"indexer-1", "indexer-2", "worker-1", "worker-2"} {
		p := w.procs[slices.IndexFunc(w.procs, func(p *process) bool { return p.name == name })]
		// Where nothing else is left to happen, steps pass with the time.
		if !all && w.step < p.until {
			continue
		}
		switch {
		case p.dead:
			w.tell("%s is back", name)
			if err := w.start(name); err != nil {
				return err
			}
		case p.paused:
			w.tell("%s goes on", name)
			p.paused = false
		}
	}
	return nil
}

// poison puts an event into the log that every handler MUST refuse for good.
func (w *world) poison(f Fault) {
	a := asset(f.Who % w.plan.Assets)
	r := &pb.Run{Id: fmt.Sprintf("poison-%d", f.Step), Asset: a.GetId()}
	switch f.For % 4 {
	case 0:
		w.log.land(events.Annotations, events.Event{Subject: a.GetId(), Data: &pb.AnnotationBatch{Asset: a.GetId(), Run: r.GetId(), Epoch: 1, First: 0,
			Annotations: []*pb.Annotation{{Run: r.GetId(), Asset: a.GetId(), Ordinal: 7, Kind: "line", Text: everyWord}}}}, "indexer")
	case 1:
		w.log.land(events.RunsFinished, events.Event{Subject: a.GetId(), Data: &pb.RunFinished{}}, "indexer")
	case 2:
		w.log.land(events.Embeddings, events.Event{Subject: a.GetId(), Data: &pb.EmbeddingBatch{Asset: "another", Run: r.GetId(), Epoch: 1, Space: space}}, "indexer")
	case 3:
		w.log.land(events.RunsRequested, events.Event{Subject: a.GetId(), Data: &pb.RunsRequested{Asset: "another"}}, "algo-runner")
	}
}

// operate switches an asset to another run that readers have seen before.
func (w *world) operate(f Fault) (err error) {
	w.disk.do(func(ctx context.Context, s *pebblestore.Store) {
		id := asset(f.Who % w.plan.Assets).GetId()
		var runs []*pb.Run
		if runs, err = s.RunsOf(ctx, id); err != nil {
			return
		}
		for _, r := range runs {
			now := w.active[id+"/"+r.GetAlgorithm()]
			if r.GetActivated() && now != nil && now.GetRun() != r.GetId() {
				var a *pb.ActiveRun
				if a, err = s.Activate(ctx, r, now.GetRun()); err == nil {
					w.switched(a, nil)
				}
				return
			}
		}
	})
	return err
}

// written hears of each batch that a worker publishes, and wakes the worker that waits for another's write of the run.
func (w *world) written(run string, by *process) {
	was := w.writers[run]
	if was != nil && was != by && was.paused && was.soon > 0 {
		was.until, was.soon = w.step+was.soon, 0
	}
	w.writers[run] = by
}

// switched records the switches, and checks that each switch follows the switch before.
func (w *world) switched(a *pb.ActiveRun, by *process) {
	key := a.GetAsset() + "/" + a.GetAlgorithm()
	if now := w.active[key]; now.GetRun() == a.GetRun() && now.GetGeneration() == a.GetGeneration() {
		return
	}
	w.active[key] = proto.CloneOf(a)
	w.operated[key] = by == nil
	w.look = true
}

// read is a reader. The reader checks that whatever is active is whole, of a single execution, and found by searching.
func (w *world) read() (err error) {
	var active []*pb.ActiveRun
	w.disk.do(func(ctx context.Context, s *pebblestore.Store) {
		if active, err = collect(s.AllActive(ctx)); err != nil {
			return
		}
		if err = w.seen(ctx, s, active); err != nil {
			return
		}
		// A second reader continues with the active runs of a while ago.
		if err = w.seen(ctx, s, w.before); err != nil {
			err = fmt.Errorf("a reader with an older view: %w", err)
		}
	})
	if err != nil {
		return err
	}
	for _, a := range active {
		if want := w.active[a.GetAsset()+"/"+a.GetAlgorithm()]; want.GetRun() != a.GetRun() || want.GetGeneration() != a.GetGeneration() {
			return fmt.Errorf("readers see %v, the last switch was to %v", a, want)
		}
	}
	if len(active) != len(w.active) {
		return fmt.Errorf("readers see %d runs, %d were switched to", len(active), len(w.active))
	}
	if w.rnd.IntN(3) == 0 {
		w.before = active
	}
	return nil
}

func (w *world) seen(ctx context.Context, s *pebblestore.Store, active []*pb.ActiveRun) error {
	var ids []string
	for _, a := range active {
		ids = append(ids, a.GetRun())
	}
	all, err := find(ctx, w.engine, search.NewScope(ids), everyWord)
	if err != nil {
		return err
	}
	want := found{map[item]bool{}, map[item]bool{}}
	for _, a := range active {
		r, err := s.Run(ctx, a.GetAsset(), a.GetRun())
		if err != nil {
			return fmt.Errorf("reading the active run: %w", err)
		}
		annotations, embeddings, err := w.fold.whole(r)
		if err != nil {
			return err
		}
		// An execution cannot have written items beyond the counts of its end.
		gotA, gotE := map[int64]string{}, map[int64]float32{}
		for x, err := range s.AnnotationsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
			if err != nil {
				return err
			}
			gotA[x.GetOrdinal()] = x.GetText()
		}
		for x, err := range s.EmbeddingsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
			if err != nil {
				return err
			}
			gotE[x.GetOrdinal()] = x.GetVector()[1]
		}
		if !maps.Equal(gotA, annotations) {
			return fmt.Errorf("run %s (%s@%s, epoch %d): the store has %v, the log %v", r.GetId(), r.GetAlgorithm(), r.GetVersion(), r.GetEpoch(), gotA, annotations)
		}
		if !maps.Equal(gotE, embeddings) {
			return fmt.Errorf("run %s (%s@%s, epoch %d): the store has vectors %v, the log %v", r.GetId(), r.GetAlgorithm(), r.GetVersion(), r.GetEpoch(), gotE, embeddings)
		}
		words := map[string]map[item]bool{}
		for i, text := range annotations {
			k := item{r.GetId(), i}
			want.annotations[k] = true
			word := strings.Fields(text)[1]
			if words[word] == nil {
				words[word] = map[item]bool{}
			}
			words[word][k] = true
		}
		for i := range embeddings {
			want.embeddings[item{r.GetId(), i}] = true
		}
		for word, items := range words {
			f, err := find(ctx, w.engine, search.NewScope([]string{r.GetId()}), word)
			if err != nil {
				return err
			}
			if !maps.Equal(f.annotations, items) {
				return fmt.Errorf("run %s: %q is found in %v, and is in %v", r.GetId(), word, f.annotations, items)
			}
		}
	}
	if !maps.Equal(all.annotations, want.annotations) || !maps.Equal(all.embeddings, want.embeddings) {
		return fmt.Errorf("a search finds %v, the log has %v", all, want)
	}
	return nil
}

// judge looks at the whole, once everything has come to rest.
func (w *world) judge() (err error) {
	if err := w.read(); err != nil {
		return fmt.Errorf("at rest: %w", err)
	}
	registry, err := registryOf(nil, w.version)
	if err != nil {
		return err
	}
	w.disk.do(func(ctx context.Context, s *pebblestore.Store) {
		for id, a := range w.fold.assets {
			if _, err = s.Asset(ctx, id); err != nil {
				err = fmt.Errorf("an asset is lost: %w", err)
				return
			}
			var runs []*pb.Run
			if runs, err = registry.Runs(a); err != nil {
				return
			}
			for _, want := range runs {
				if err = w.done(ctx, s, want); err != nil {
					return
				}
			}
			var all []*pb.Run
			if all, err = s.RunsOf(ctx, id); err == nil && len(all) > 2*len(runs) {
				err = fmt.Errorf("asset %s has %d runs, of %d algorithms in two versions", id, len(all), len(runs))
			}
			if err != nil {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return w.buried()
}

// done checks that a wanted run was made, and that readers see the run unless an operator chose another.
func (w *world) done(ctx context.Context, s *pebblestore.Store, want *pb.Run) error {
	r, err := s.Run(ctx, want.GetAsset(), want.GetId())
	if err != nil {
		return fmt.Errorf("a run of %s@%s is lost: %w", want.GetAlgorithm(), want.GetVersion(), err)
	}
	switch r.GetState() {
	case pb.RunState_RUN_STATE_FAILED:
		if !slices.ContainsFunc(w.fold.ends[execution{r.GetId(), r.GetEpoch()}], func(e *pb.Run) bool { return e.GetState() == r.GetState() }) {
			return fmt.Errorf("run %s failed, which the log does not say", r.GetId())
		}
		return nil
	case pb.RunState_RUN_STATE_FINISHED:
	default:
		return fmt.Errorf("a run of %s@%s never ended: %s", r.GetAlgorithm(), r.GetVersion(), r.GetState())
	}
	key := r.GetAsset() + "/" + r.GetAlgorithm()
	if now := w.active[key]; now.GetRun() != r.GetId() && !w.operated[key] {
		return fmt.Errorf("run %s of %s@%s has finished, and readers see %v", r.GetId(), r.GetAlgorithm(), r.GetVersion(), now)
	}
	return nil
}

// buried checks that the dead letters hold exactly the messages that could not be handled.
func (w *world) buried() error {
	for _, messages := range w.log.lanes {
		for _, m := range messages {
			if m.poison != "" && !w.log.letters[letter{m, m.poison}] {
				return fmt.Errorf("poison at %v/%d was not put aside by %s", m.lane, m.offset, m.poison)
			}
		}
	}
	for l := range w.log.letters {
		if l.m.poison == l.group {
			continue
		}
		// A worker of a version lacks the algorithm of the other version.
		if req, ok := l.m.event.Data.(*pb.RunsRequested); ok && slices.ContainsFunc(req.GetRuns(), func(r *pb.Run) bool { return r.GetVersion() != w.version }) {
			continue
		}
		return fmt.Errorf("%s put aside %v/%d, which is sound: %v", l.group, l.m.lane, l.m.offset, l.m.event.Data)
	}
	return nil
}

func asset(i int) *pb.Asset {
	return &pb.Asset{Id: schema.AssetID(fmt.Sprintf("%032x%032x", i+1, i+1)), Title: &pb.Title{Id: fmt.Sprintf("title-%d", i), Name: "A title"},
		Sha256: fmt.Sprintf("%032x%032x", i+1, i+1), Duration: int64(schema.Second) * 100, Container: "matroska", Media: &pb.MediaRef{Bucket: "b", Key: "k"}}
}

var space = &pb.Space{Name: "sim", Version: "1", Dimension: 4, Metric: "dot"}

// lines writes some annotations and vectors. No two executions write the same, so a mix of executions shows.
type lines struct {
	p       *process
	version string
}

func (l lines) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "lines", Version: l.version, Summary: "says something", Kinds: []string{"line"}, Spaces: []*pb.Space{space}}
}

func (l lines) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	return l.write(ctx, out)
}

// errHangs has a worker stand still, and errDies has the worker die.
var errHangs, errDies = errors.New("the worker stands still"), errors.New("the worker dies")

func (l lines) write(ctx context.Context, out algo.Output) error {
	n, number, crash := 0, 0, false
	var fault FaultKind = -1
	err := l.p.pass(ctx, "think", func() error {
		w := l.p.world
		w.executions++
		n = w.plan.Items
		if w.plan.Unsteady {
			number, n = w.executions, n+w.rnd.IntN(3)
		}
		if crash = w.panics > 0; crash {
			w.panics--
		}
		for _, k := range []FaultKind{WorkerDies, WorkerHangs, WorkerLies} {
			if w.plan.Remote && fault < 0 && w.fails(k) {
				fault = k
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range n {
		if i == n-1 {
			switch {
			case crash && l.p.world.plan.Remote, fault == WorkerDies:
				return errDies
			case crash:
				panic("as planned")
			case fault == WorkerHangs:
				return errHangs
			case fault == WorkerLies:
				_, err := out.Annotation(ctx, &pb.Annotation{Kind: "line", Start: -1, End: 1 << 60, Confidence: 1})
				return errors.Join(err, errHangs)
			}
		}
		if _, err := out.Annotation(ctx, &pb.Annotation{Kind: "line", Start: int64(i) * int64(schema.Second), End: int64(i+1) * int64(schema.Second),
			Text: fmt.Sprintf("%s x%d", everyWord, number), Language: "en", Confidence: 1}); err != nil {
			return err
		}
		if i%2 == 0 {
			if err := out.Embedding(ctx, &pb.Embedding{Space: schema.SpaceID(space), Start: int64(i) * int64(schema.Second), End: int64(i+1) * int64(schema.Second),
				Vector: []float32{1, float32(number), float32(i), 0}, Kind: "line"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// echo reads the output of lines, and writes the same again.
type echo struct{ version string }

func (e echo) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "echo", Version: e.version, Summary: "says it again", Needs: []string{"line"}, Kinds: []string{"echo"}}
}

func (e echo) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for a, err := range in.Annotations(ctx, "line") {
		if err != nil {
			return err
		}
		if _, err := out.Annotation(ctx, &pb.Annotation{Kind: "echo", Start: a.GetStart(), End: a.GetEnd(), Text: a.GetText(), Language: "en", Confidence: 1}); err != nil {
			return err
		}
	}
	return nil
}

func registryOf(p *process, version string) (*algo.Registry, error) {
	if p == nil || !p.world.plan.Remote {
		return algo.NewRegistry(lines{p, version}, echo{version})
	}
	f, err := newFarLines(lines{p, version})
	if err != nil {
		return nil, err
	}
	p.world.running.Go(func() { _ = f.host.Serve(p.ctx) })
	return algo.NewRegistry(f, echo{version})
}
