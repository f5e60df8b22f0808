package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Config is what an operator sets.
type Config struct {
	// Spaces are those that embeddings may be of. One that the folder does not hold is added; one
	// that is left out is kept on disk, and not to be asked.
	Spaces []*pb.Space
}

// Deps is what main builds. The zero Deps logs nothing and measures nothing.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Engine is a search.Engine in one folder, which one process may have open at a time.
type Engine struct {
	dir string
	cfg Config
	log *slog.Logger

	live   atomic.Pointer[generation]
	closed atomic.Bool

	// rebuilding is held while a rebuild begins or ends; writing, by each write for reading, so that one begins
	// and ends between writes. fresh is the rebuild under way, nil mostly.
	rebuilding sync.Mutex
	writing    sync.RWMutex
	fresh      *rebuild

	took  *prometheus.HistogramVec // by operation
	items *prometheus.CounterVec   // by kind of item
	fails *prometheus.CounterVec   // by operation and kind of error
}

var _ search.Engine = (*Engine)(nil)

// Open opens the engine in dir, and makes it if there is none. A space of another dimension or
// metric than it was made with is an error of kind Invalid; a folder that another process has
// open is one of kind Unavailable.
func Open(dir string, cfg Config, deps Deps) (_ *Engine, err error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		dir: dir, cfg: cfg, log: log,
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cinedex_search_seconds", Help: "How long operations of the embedded search engine took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"operation"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_items_total", Help: "Items that the embedded search engine was told, those that it had already included.",
		}, []string{"item"}),
		fails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_errors_total", Help: "Operations of the embedded search engine that failed.",
		}, []string{"operation", "kind"}),
	}
	gen, err := e.openLive()
	if err != nil {
		return nil, err
	}
	e.live.Store(gen)
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if err := removeOthers(dir, gen.name); err != nil {
		return nil, err
	}
	if deps.Metrics != nil {
		for _, c := range []prometheus.Collector{e.took, e.items, e.fails} {
			if err := deps.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("registering metrics of the search engine: %w", err)
			}
		}
	}
	return e, nil
}

// openLive opens the generation that is live, as long as it is.
func (e *Engine) openLive() (*generation, error) {
	for {
		name, err := currentGeneration(e.dir)
		if err != nil {
			return nil, err
		}
		gen, err := openGeneration(e.dir, name, e.cfg.Spaces, e.log)
		if err != nil {
			return nil, err
		}
		// Another process may have swapped it before it let go of it. Who has the live one open is the one that swaps.
		now, err := currentGeneration(e.dir)
		if err == nil && now == name {
			return gen, nil
		}
		if err := errors.Join(err, gen.close()); err != nil {
			return nil, err
		}
	}
}

// Close ends the engine. What Write returned nil for is kept; writes under way fail, and a rebuild under
// way is given up.
func (e *Engine) Close() error {
	e.closed.Store(true)
	err := e.live.Load().close() // first, so that writes under way end
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if r := e.underway(); r != nil {
		err = errors.Join(err, r.giveUp())
	}
	return errors.Join(err, e.live.Load().close()) // again, if it was swapped meanwhile
}

// reading calls f with the live generation, which stays open meanwhile.
func (e *Engine) reading(f func(*generation) error) error {
	for {
		// One that was retired is live no more.
		if g := e.live.Load(); g.enter() {
			defer g.leave()
			return f(g)
		}
	}
}

// Ready reports why the engine cannot be written, if so. It may still be searched.
func (e *Engine) Ready(ctx context.Context) error {
	return errors.Join(ctx.Err(), e.live.Load().text.ready())
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
	err = e.reading(func(g *generation) (err error) { hits, err = g.vector(ctx, q); return err })
	return hits, err
}

// Languages implements search.Searcher.
func (e *Engine) Languages(ctx context.Context, s *search.Scope) (tags []string, err error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	err = e.reading(func(g *generation) (err error) { tags, err = g.text.languagesWithin(ctx, s); return err })
	return tags, err
}

// Marks implements search.Searcher.
func (e *Engine) Marks(q search.TextQuery, text, language string) [][2]int {
	return e.live.Load().text.languages.Marks(q, text, language)
}

// Dump implements search.Engine.
func (e *Engine) Dump(ctx context.Context, w io.Writer) error {
	return e.reading(func(g *generation) error { return g.dump(ctx, w) })
}
