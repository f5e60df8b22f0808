package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// Config holds the settings of an operator.
type Config struct {
	// Mend moves a damaged engine to a folder beside the engine's folder and begins an empty engine. Lacking then tells the damage.
	// Without Mend, damage is an error of Open.
	Mend bool

	// Spaces are the spaces of embeddings, beside the spaces that AddSpace added. A space that the folder does not hold is added. A space of the
	// folder that was listed before, and is not listed now, stays on disk and cannot be asked.
	Spaces []*pb.Space
}

// Deps are the collaborators that main builds. The zero Deps logs nothing and measures nothing.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Engine is a search.Engine in one folder. One process at a time may have the folder open.
type Engine struct {
	dir  string
	cfg  Config
	log  *slog.Logger
	lock *os.File

	// self guards record and lack. made says that Open created the folder.
	self   sync.Mutex
	record record
	made   bool
	lack   atomic.Pointer[search.Lack]
	whole  func(context.Context) error
	sets   atomic.Bool // the record says that sets are asked for

	// spaces are open in every generation: the spaces of the configuration, and the added spaces. rebuilding guards changes.
	spaces atomic.Pointer[[]*pb.Space]

	runs   *runTable // of all generations
	live   atomic.Pointer[generation]
	closed atomic.Bool

	// rebuilding is held while a rebuild begins or ends. Each write holds writing for reading, so that a rebuild begins and ends
	// between writes. fresh is the rebuild under way; nil mostly.
	rebuilding sync.Mutex
	writing    sync.RWMutex
	fresh      *rebuild

	took  *prometheus.HistogramVec // by operation
	items *prometheus.CounterVec   // by kind of item
	read  prometheus.Histogram     // bytes of vectors of a question
	fails *prometheus.CounterVec   // by operation and kind of error
}

var _ search.Engine = (*Engine)(nil)

// Open opens the engine in dir, and creates the engine if the folder is missing. Every file is compared with its checksums first.
//
// Errors:
//   - Invalid: a space has another dimension or metric than in the folder.
//   - Unavailable: another process has the folder open.
//   - Internal: a file is damaged. The error names the file. With Config.Mend, the engine is set aside instead.
func Open(dir string, cfg Config, deps Deps) (_ *Engine, err error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		dir: dir, cfg: cfg, log: log, runs: newRunTable(),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cinedex_search_seconds", Help: "How long operations of the embedded search engine took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"operation"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_items_total", Help: "Items that the embedded search engine was told, those that it had already included.",
		}, []string{"item"}),
		read: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cinedex_search_vector_bytes", Help: "Bytes of vectors that a question of the embedded search engine read, most of them of mapped files.",
			Buckets: prometheus.ExponentialBuckets(1<<14, 4, 10),
		}),
		fails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_errors_total", Help: "Operations of the embedded search engine that failed.",
		}, []string{"operation", "kind"}),
	}
	if err := e.open(); err != nil {
		return nil, err
	}
	gen := e.live.Load()
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if err := removeOthers(dir, gen.name); err != nil {
		return nil, err
	}
	if torn := gen.torn(); torn != "" {
		log.Warn("a record at the end of a log of the search engine was cut off: whatever it was, the engine is filled anew beside the live one", "where", torn)
		if err := e.doubt(search.Lack{Reason: torn, Serves: true}); err != nil {
			return nil, err
		}
	}
	if deps.Metrics != nil {
		for _, c := range []prometheus.Collector{e.took, e.items, e.read, e.fails} {
			if err := deps.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("registering metrics of the search engine: %w", err)
			}
		}
	}
	return e, nil
}

// open opens the live generation. Where that is damaged and Config.Mend is set, open sets the engine aside and opens an empty engine.
func (e *Engine) open() error {
	if err := e.openLive(); err == nil || damageIn(err) == nil || !e.cfg.Mend {
		if damageIn(err) != nil {
			err = fmt.Errorf("%w; the store has all that the search engine holds, and `cinedex rebuild` fills it anew", err)
		}
		return err
	} else {
		aside, err2 := setAside(e.dir, time.Now().UTC().Format("20060102T150405"))
		if err2 != nil {
			return errors.Join(err, err2)
		}
		e.log.Error("the search engine is damaged: it was set aside, and is filled anew from the store", "error", err, "aside", aside)
		if err2 := e.openLive(); err2 != nil {
			return errors.Join(err, err2)
		}
		return e.doubt(search.Lack{Reason: fmt.Sprintf("%v; it was set aside in %s", err, aside)})
	}
}

// openLive opens the live generation.
func (e *Engine) openLive() (err error) {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return fmt.Errorf("making the search engine's folder: %w", err)
	}
	lock, err := lockFolder(e.dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	rec, known, err := readRecord(e.dir)
	if err != nil {
		return err
	}
	name, err := currentGeneration(e.dir)
	if err != nil {
		return err
	}
	at := filepath.Join(e.dir, name)
	_, missing := os.Stat(filepath.Join(at, textDir))
	if known && missing != nil {
		return damage(filepath.Join(at, textDir), "it is missing")
	}
	for _, s := range rec.Spaces {
		if _, err := os.Stat(filepath.Join(at, vectorsDir, s)); err != nil {
			return damage(filepath.Join(at, vectorsDir, s), "it is missing")
		}
	}
	spaces := rec.spacesBeside(e.cfg.Spaces)
	e.spaces.Store(&spaces)
	gen, err := openGeneration(e.dir, name, e.runs, spaces, e.log)
	if d := damageIn(err); d != nil {
		// Opening the other files may have removed the traces of the damage: the record keeps the reason.
		rec.Lacking, rec.Serves = d.Error(), false
		return errors.Join(err, rec.write(e.dir))
	}
	if err != nil {
		return err
	}
	if err := e.complete(&rec, known, missing != nil, gen); err != nil {
		return errors.Join(err, gen.close())
	}
	e.lock, e.record, e.made = lock, rec, missing != nil
	if rec.Sets {
		e.sets.Store(true)
		gen.text.placing.Store(true)
		gen.text.refresh()
	}
	if rec.Lacking != "" {
		e.lack.Store(&search.Lack{Reason: rec.Lacking, Serves: rec.Serves})
	}
	e.live.Store(gen)
	return nil
}

// complete notes new spaces and the format of the words in the record. complete writes the record if the record changed.
func (e *Engine) complete(rec *record, known, made bool, gen *generation) error {
	for s := range gen.all() {
		if !slices.Contains(rec.Spaces, s) {
			rec.Spaces = append(rec.Spaces, s)
			known = false
		}
	}
	if made {
		rec.Format = words.Format
	} else if rec.Format != words.Format && rec.Lacking == "" {
		rec.Lacking, rec.Serves = fmt.Sprintf("its words are of format %d, and this version looks for those of format %d", rec.Format, words.Format), false
		known = false
		e.log.Warn("the search engine is of an earlier format: it is filled anew from the store", "format", rec.Format, "wanted", words.Format)
	}
	if known {
		return nil
	}
	slices.Sort(rec.Spaces)
	return rec.write(e.dir)
}

// ID returns the identity of the folder. A folder that is created anew in its place has another identity.
func (e *Engine) ID() string { return e.record.ID }

// Made reports whether Open created the folder.
func (e *Engine) Made() bool { return e.made }

// Lacking implements search.Lacker.
func (e *Engine) Lacking() *search.Lack { return e.lack.Load() }

// Doubt notes that the engine may hold less than the store, for a reason that the engine cannot see. The note stays until a Rebuild
// commits.
func (e *Engine) Doubt(reason string) error { return e.doubt(search.Lack{Reason: reason}) }

func (e *Engine) doubt(l search.Lack) error {
	e.self.Lock()
	defer e.self.Unlock()
	if e.lack.Load() != nil {
		return nil
	}
	e.record.Lacking, e.record.Serves = l.Reason, l.Serves
	if err := e.record.write(e.dir); err != nil {
		return fmt.Errorf("noting that the search engine is to be filled anew: %w", err)
	}
	e.lack.Store(&l)
	return nil
}

// OnWhole sets a function that is called each time after the engine was filled anew.
func (e *Engine) OnWhole(f func(context.Context) error) { e.whole = f }

// filled notes that the engine holds every item of the store.
func (e *Engine) filled(ctx context.Context) error {
	e.self.Lock()
	defer e.self.Unlock()
	if e.record.Lacking != "" {
		e.record.Lacking, e.record.Serves, e.record.Format = "", false, words.Format
		if err := e.record.write(e.dir); err != nil {
			return err
		}
	}
	e.lack.Store(nil)
	if e.whole != nil {
		return e.whole(ctx)
	}
	return nil
}

// Close ends the engine. Items of a Write that returned nil stay. Writes under way fail, and a rebuild under way is given up.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	defer e.lock.Close()
	err := e.live.Load().close() // first, so that writes under way end
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if r := e.underway(); r != nil {
		err = errors.Join(err, r.giveUp())
	}
	return errors.Join(err, e.live.Load().close()) // a rebuild may have swapped the generation meanwhile
}

// reading calls f with the live generation, and keeps the generation open until f returns.
func (e *Engine) reading(f func(*generation) error) error {
	for {
		if l := e.lack.Load(); l != nil && !l.Serves {
			return l.Error()
		}
		// A generation that was retired meanwhile is no longer live.
		if g := e.live.Load(); g.enter() {
			defer g.leave()
			return e.noticed(readable(g.dir, func() error { return f(g) }))
		}
	}
}

// noticed passes an error on. If the error is damage that was found while reading, noticed has the engine filled anew.
func (e *Engine) noticed(err error) error {
	d := damageIn(err)
	if d == nil || e.closed.Load() {
		return err
	}
	if e.lack.Load() == nil {
		e.log.Error("the search engine is damaged: it is filled anew from the store beside the live one", "error", err)
	}
	if doubtErr := e.doubt(search.Lack{Reason: d.Error()}); doubtErr != nil {
		return errors.Join(err, doubtErr)
	}
	return e.lack.Load().Error()
}

// Ready returns the reason why the engine cannot be written or searched now; nil if the engine can.
func (e *Engine) Ready(ctx context.Context) error {
	err := errors.Join(ctx.Err(), e.live.Load().text.ready())
	if l := e.lack.Load(); l != nil && !l.Serves {
		err = errors.Join(err, l.Error())
	}
	return err
}

func (e *Engine) measure(operation string, begun time.Time, err error) {
	e.took.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if err != nil {
		e.fails.WithLabelValues(operation, errkind.Of(err).String()).Inc()
	}
}

// Write implements search.Writer.
func (e *Engine) Write(ctx context.Context, b search.Batch) (err error) {
	defer func(begun time.Time) { e.measure("write", begun, err) }(time.Now())
	if err := e.writeBoth(ctx, b); err != nil {
		return err
	}
	e.items.WithLabelValues("annotation").Add(float64(len(b.Annotations)))
	e.items.WithLabelValues("embedding").Add(float64(len(b.Embeddings)))
	return nil
}

// TrimRun implements search.Writer.
func (e *Engine) TrimRun(ctx context.Context, run string, annotations, embeddings int64) (err error) {
	defer func(begun time.Time) { e.measure("trim", begun, err) }(time.Now())
	if err := errors.Join(search.CheckItem(run, annotations), search.CheckItem(run, embeddings)); err != nil {
		return err
	}
	return e.trimBoth(ctx, run, annotations, embeddings)
}

// DeleteRun implements search.Writer.
func (e *Engine) DeleteRun(ctx context.Context, run string) error {
	return e.TrimRun(ctx, run, 0, 0)
}

// Text implements search.Searcher.
func (e *Engine) Text(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("text", begun, err) }(time.Now())
	if err := q.Check(); err != nil {
		return nil, err
	}
	err = e.reading(func(g *generation) (err error) { hits, err = g.text.find(ctx, q); return err })
	return hits, err
}

// Vector implements search.Searcher.
func (e *Engine) Vector(ctx context.Context, q search.VectorQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("vector", begun, err) }(time.Now())
	if q.Told == nil {
		q.Told = &search.VectorTold{}
	}
	defer func() { e.read.Observe(float64(q.Told.Read)) }()
	err = e.reading(func(g *generation) (err error) { hits, err = g.vector(ctx, q); return err })
	return hits, err
}

// Set implements search.Searcher. The set is read before the first item comes. Of each item, a few bytes are held.
func (e *Engine) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.HitsOf(e.Items(ctx, q))
}

// Items implements search.ItemReader.
func (e *Engine) Items(ctx context.Context, q search.SetQuery) iter.Seq2[search.Items, error] {
	return setItems(ctx, q, func() (all *reading, err error) {
		defer func(begun time.Time) { e.measure("set", begun, err) }(time.Now())
		e.noteSets()
		err = e.reading(func(g *generation) (err error) { all, err = g.set(ctx, q); return err })
		return all, err
	})
}

// noteSets notes in the record that sets are asked for. Without the note, only the next start of the engine is slower.
func (e *Engine) noteSets() {
	if e.sets.Swap(true) {
		return
	}
	e.self.Lock()
	defer e.self.Unlock()
	if e.record.Sets || e.closed.Load() {
		return
	}
	e.record.Sets = true
	if err := e.record.write(e.dir); err != nil {
		e.log.Warn("the search engine could not note that sets are asked for", "error", err)
	}
}

// Placed reports whether the places of every document are read, so that a set of words reads no stored row. The first set of a folder has
// the engine read the places in the background, and so has each later start of the engine.
func (e *Engine) Placed() bool {
	placed := false
	err := e.reading(func(g *generation) (err error) { placed, err = g.text.placed(); return err })
	return err == nil && placed
}

// setItems returns a set as the sequence of its items.
func setItems(ctx context.Context, q search.SetQuery, read func() (*reading, error)) iter.Seq2[search.Items, error] {
	return func(yield func(search.Items, error) bool) {
		err := q.Check()
		var all *reading
		if err == nil {
			all, err = read()
		}
		if err != nil {
			yield(search.Items{}, err)
			return
		}
		all.give(ctx, yield)
	}
}

// Size implements search.Searcher.
func (e *Engine) Size(ctx context.Context, q search.SetQuery) (n int, err error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	err = e.reading(func(g *generation) (err error) { n, err = g.size(ctx, q); return err })
	return n, err
}

// Languages implements search.Searcher.
func (e *Engine) Languages(ctx context.Context, s *search.Scope) (tags []string, err error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	err = e.reading(func(g *generation) (err error) { tags, err = g.text.languagesWithin(ctx, s); return err })
	return tags, err
}

// Characters implements search.Searcher.
func (e *Engine) Characters(ctx context.Context, s *search.Scope, prefix string, limit int) (names []string, err error) {
	err = e.reading(func(g *generation) (err error) {
		names, err = g.text.charactersWithin(ctx, s, prefix, limit)
		return err
	})
	return names, err
}

// Spellings implements search.Searcher.
func (e *Engine) Spellings(ctx context.Context, q search.TextQuery) (out []search.Spelling, err error) {
	err = e.reading(func(g *generation) (err error) { out, err = g.text.spellings(ctx, q); return err })
	return out, err
}

// Marks implements search.Searcher.
func (e *Engine) Marks(q search.TextQuery, text, language string) [][2]int {
	return e.live.Load().text.languages.Marks(q, text, language)
}

// Dump implements search.Engine.
func (e *Engine) Dump(ctx context.Context, w io.Writer) error {
	return e.reading(func(g *generation) error { return g.dump(ctx, w) })
}
