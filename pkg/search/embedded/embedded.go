package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

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
	text   *text
	spaces map[string]*vectors

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
		spaces: map[string]*vectors{},
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cinedex_search_seconds", Help: "How long operations of the embedded search engine took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"operation"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_items_total", Help: "Items written to the embedded search engine.",
		}, []string{"item"}),
		fails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_errors_total", Help: "Operations of the embedded search engine that failed.",
		}, []string{"operation", "kind"}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.text, err = openText(filepath.Join(dir, "text"), log); err != nil {
		return e, err
	}
	for _, s := range cfg.Spaces {
		if e.spaces[spaceName(s)] != nil {
			return e, errkind.New(errkind.Invalid, "space %s is given twice", spaceName(s))
		}
		v, err := openVectors(filepath.Join(dir, "vectors"), s, log)
		if err != nil {
			return e, err
		}
		e.spaces[v.name] = v
	}
	if deps.Metrics != nil {
		for _, c := range []prometheus.Collector{e.took, e.items, e.fails} {
			if err := deps.Metrics.Register(c); err != nil {
				return e, fmt.Errorf("registering metrics of the search engine: %w", err)
			}
		}
	}
	return e, nil
}

// Close ends the engine. What Write returned nil for is kept; writes under way fail.
func (e *Engine) Close() error {
	var errs []error
	for _, v := range e.spaces {
		errs = append(errs, v.index.Close())
	}
	if e.text != nil {
		errs = append(errs, e.text.close())
	}
	return errors.Join(errs...)
}

// Ready reports why the engine cannot be written, if so. It may still be searched.
func (e *Engine) Ready(ctx context.Context) error {
	return errors.Join(ctx.Err(), e.text.ready())
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
	bySpace := map[string][]*pb.Embedding{}
	for _, m := range b.Embeddings {
		if _, err := e.space(m.GetSpace()); err != nil {
			return fmt.Errorf("writing embedding %d of run %s: %w", m.GetOrdinal(), m.GetRun(), err)
		}
		bySpace[m.GetSpace()] = append(bySpace[m.GetSpace()], m)
	}
	// Each part waits for its own sync: together they take as long as the slowest.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.text.write(gctx, b.Annotations) })
	for space, embeddings := range bySpace {
		g.Go(func() error { return e.spaces[space].write(gctx, embeddings) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	e.items.WithLabelValues("annotation").Add(float64(len(b.Annotations)))
	e.items.WithLabelValues("embedding").Add(float64(len(b.Embeddings)))
	return nil
}

func (e *Engine) space(name string) (*vectors, error) {
	v, ok := e.spaces[name]
	if !ok {
		return nil, errkind.New(errkind.Invalid, "unknown space %q: there are %v", name, slices.Sorted(maps.Keys(e.spaces)))
	}
	return v, nil
}

// TrimRun implements search.Writer.
func (e *Engine) TrimRun(ctx context.Context, run string, annotations, embeddings int64) (err error) {
	defer func(begun time.Time) { e.measure("trim", begun, err) }(time.Now())
	if err := errors.Join(checkIdentity(run, annotations), checkIdentity(run, embeddings)); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.text.remove(ctx, run, annotations) })
	for _, v := range e.spaces {
		g.Go(func() error { return v.remove(ctx, run, embeddings) })
	}
	return g.Wait()
}

// DeleteRun implements search.Writer.
func (e *Engine) DeleteRun(ctx context.Context, run string) error {
	return e.TrimRun(ctx, run, 0, 0)
}

// Text implements search.Searcher.
func (e *Engine) Text(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("text", begun, err) }(time.Now())
	if err := checkText(q); err != nil {
		return nil, err
	}
	return e.text.find(ctx, q)
}

// Vector implements search.Searcher.
func (e *Engine) Vector(ctx context.Context, q search.VectorQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("vector", begun, err) }(time.Now())
	if q.Scope == nil {
		return nil, errNoScope
	}
	v, err := e.space(q.Space)
	if err != nil {
		return nil, err
	}
	return v.find(ctx, q)
}

var errNoScope = errkind.New(errkind.Internal, "a question without a scope")

// Languages implements search.Searcher.
func (e *Engine) Languages(ctx context.Context, s *search.Scope) ([]string, error) {
	if s == nil {
		return nil, errNoScope
	}
	return e.text.languagesWithin(ctx, s)
}

// Marks implements search.Searcher.
func (e *Engine) Marks(q search.TextQuery, text, language string) [][2]int {
	return e.text.marks(q, text, language)
}
