package opensearch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// Deps are the collaborators built by main. The zero Deps logs nothing and measures nothing.
type Deps struct {
	// Spaces are the spaces of embeddings, beside the spaces of the cluster. A space missing from the cluster is added.
	Spaces  []*pb.Space
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Belongs, if given, is called with the identity of the cluster's indices before any index is created or used. Open returns the error
	// of Belongs.
	Belongs func(ctx context.Context, id string) error
	// Filled, if given, is called once by Open with the identity of the indices. Filled returns the identity of the indices that were
	// filled from the store. If the two differ, the engine lacks until a Rebuild commits. empty: the indices hold no text and
	// had no identity before: the Filled of a store with items must return another identity then.
	Filled func(ctx context.Context, id string, empty bool) (string, error)
}

// Engine is a search.Engine on a cluster. Any number of processes may have the indices open.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	client    *client
	languages *words.Languages
	text      part
	// spaces are by name. A map is never changed: AddSpace makes another map. adding is held while a space is added.
	spaces atomic.Pointer[map[string]part]
	adding sync.Mutex
	scopes scopes
	closed atomic.Bool
	// These are the constants of the same names; smaller in tests.
	exactBelow, setPage int
	countOnce, frequent uint64

	// next has the aliases of a rebuild of any process under way, and as of when.
	next struct {
		sync.Mutex
		underway nextParts
		asOf     time.Time
	}
	// mark is the required identity of every index. lack is the result of the last look at the marks.
	mark string
	lack struct {
		sync.Mutex
		asOf time.Time
		why  *search.Lack
	}
	// outdated: an index may have the mapping of an earlier version: see withoutAssets.
	outdated atomic.Bool
	// rebuilding is held while a rebuild of this process begins or ends. fresh is the rebuild under way.
	rebuilding sync.Mutex
	fresh      *rebuild

	took  *prometheus.HistogramVec // by operation
	items *prometheus.CounterVec   // by kind of item
	fails *prometheus.CounterVec   // by operation and kind of error
	again prometheus.Counter
}

var (
	_ search.Engine    = (*Engine)(nil)
	_ search.Rebuilder = (*Engine)(nil)
	_ search.Lacker    = (*Engine)(nil)
)

var errClosed = errkind.New(errkind.Unavailable, "the search engine is closed")

// Open opens the engine on the cluster, and creates missing indices.
//
// Errors:
//   - Invalid: a space has another dimension or metric than its index, or an index has another format.
//   - Denied: the cluster refuses the credentials.
//   - Unavailable: the cluster does not answer.
func Open(ctx context.Context, cfg Config, deps Deps) (_ *Engine, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring OpenSearch: %w", err)
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg: cfg, log: log, exactBelow: exactBelow, setPage: setPage, countOnce: countOnce, frequent: frequent,
		text: part{name: cfg.Prefix + ".text", mapping: textMapping()},
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cinedex_search_seconds", Help: "How long operations of the search engine took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"operation"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_items_total", Help: "Items that the search engine was told, those that it had already included.",
		}, []string{"item"}),
		fails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cinedex_search_errors_total", Help: "Operations of the search engine that failed.",
		}, []string{"operation", "kind"}),
		again: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cinedex_search_retries_total", Help: "Bulk requests that were sent again, since the cluster pushed back or was away.",
		}),
	}
	if e.languages, err = words.NewLanguages(); err != nil {
		return nil, fmt.Errorf("preparing the analysis of languages: %w", err)
	}
	spaces := map[string]part{}
	for _, s := range deps.Spaces {
		if err := checkSpace(s); err != nil {
			return nil, err
		}
		if _, twice := spaces[schema.SpaceID(s)]; twice {
			return nil, errkind.New(errkind.Invalid, "space %s is given twice", schema.SpaceID(s))
		}
		spaces[schema.SpaceID(s)] = partOf(cfg.Prefix, s)
	}
	e.spaces.Store(&spaces)
	if e.client, err = newClient(cfg); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.client.close()
		}
	}()
	if err := e.begin(ctx, deps); err != nil {
		return nil, err
	}
	if deps.Metrics != nil {
		for _, c := range []prometheus.Collector{e.took, e.items, e.fails, e.again} {
			if err := deps.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("registering metrics of the search engine: %w", err)
			}
		}
	}
	return e, nil
}

// begin checks the cluster, creates missing indices, and finds out whether the indices hold every item of the store.
func (e *Engine) begin(ctx context.Context, deps Deps) error {
	_, cluster, err := e.checkServer(ctx)
	if err != nil {
		return err
	}
	if deps.Belongs != nil {
		if err := deps.Belongs(ctx, cluster+"/"+e.cfg.Prefix); err != nil {
			return err
		}
	}
	if err := e.findAdded(ctx); err != nil {
		return err
	}
	for _, p := range e.parts() {
		if err := e.ensure(ctx, p); err != nil {
			return err
		}
	}
	e.outdated.Store(true) // until lacking has looked
	return e.recognise(ctx, deps.Filled)
}

// parts returns the texts, and then the spaces by name.
func (e *Engine) parts() []part {
	all, spaces := []part{e.text}, *e.spaces.Load()
	for _, name := range slices.Sorted(maps.Keys(spaces)) {
		all = append(all, spaces[name])
	}
	return all
}

// Close ends the engine, and gives up a rebuild under way. Calls under way go on.
func (e *Engine) Close() error {
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if e.closed.Load() {
		return nil
	}
	var err error
	if e.fresh != nil {
		ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Timeout)
		defer cancel()
		err = e.fresh.giveUp(ctx)
	}
	e.closed.Store(true)
	e.client.close()
	return err
}

// Ready returns the reason why the engine cannot be used now; nil if the engine can.
func (e *Engine) Ready(ctx context.Context) error {
	if e.closed.Load() {
		return errClosed
	}
	for _, p := range e.parts() {
		var health struct {
			Status string `json:"status"`
		}
		if err := e.client.do(ctx, http.MethodGet, "/_cluster/health/"+p.name+"?timeout=1s", nil, &health); err != nil {
			return fmt.Errorf("asking for the health of %s: %w", p.name, err)
		}
		if health.Status == "red" {
			return errkind.New(errkind.Unavailable, "index %s has shards that no node holds", p.name)
		}
	}
	return nil
}

func (e *Engine) measure(operation string, begun time.Time, err error) {
	e.took.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if err != nil {
		e.fails.WithLabelValues(operation, errkind.Of(err).String()).Inc()
	}
}

func (e *Engine) space(name string) (part, error) {
	spaces := *e.spaces.Load()
	p, ok := spaces[name]
	if !ok {
		return part{}, errkind.New(errkind.Invalid, "unknown space %q: there are %v", name, slices.Sorted(maps.Keys(spaces)))
	}
	return p, nil
}

// live returns the live alias of a part.
func live(p part) string { return p.name }

// Text implements search.Searcher.
func (e *Engine) Text(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("text", begun, err) }(time.Now())
	err = e.reading(ctx, func() (bool, error) { hits, err = e.findText(ctx, live, q); return len(hits) > 0, err })
	return hits, err
}

// Vector implements search.Searcher.
func (e *Engine) Vector(ctx context.Context, q search.VectorQuery) (hits []search.Hit, err error) {
	defer func(begun time.Time) { e.measure("vector", begun, err) }(time.Now())
	err = e.reading(ctx, func() (bool, error) { hits, err = e.findVector(ctx, live, q); return len(hits) > 0, err })
	return hits, err
}

// Languages implements search.Searcher.
func (e *Engine) Languages(ctx context.Context, s *search.Scope) (tags []string, err error) {
	err = e.reading(ctx, func() (bool, error) { tags, err = e.languagesWithin(ctx, live, s); return len(tags) > 0, err })
	return tags, err
}

// Characters implements search.Searcher.
func (e *Engine) Characters(ctx context.Context, s *search.Scope, prefix string, limit int) (names []string, err error) {
	err = e.reading(ctx, func() (bool, error) {
		names, err = e.charactersWithin(ctx, live, s, prefix, limit)
		return len(names) > 0, err
	})
	return names, err
}

// Spellings implements search.Searcher.
func (e *Engine) Spellings(ctx context.Context, q search.TextQuery) (out []search.Spelling, err error) {
	err = e.reading(ctx, func() (bool, error) { out, err = e.spellings(ctx, live, q); return len(out) > 0, err })
	return out, err
}

// reading asks a question. If an index was swapped and deleted between two requests, reading asks once more. An engine lacking items and
// does not answer is not asked. An empty answer counts only after a look has found the engine whole.
func (e *Engine) reading(ctx context.Context, ask func() (found bool, err error)) error {
	if e.closed.Load() {
		return errClosed
	}
	if lack, _ := e.lacking(ctx, resolveEvery); lack != nil && !lack.Serves { // a cluster that does not answer fails the question
		return lack.Error()
	}
	found, err := ask()
	if isFailure(err, indexNotFound, "search_context_missing_exception", "no_shard_available_action_exception", "index_closed_exception", "shard_not_found_exception") {
		found, err = ask()
	}
	if found || err != nil && !isFailure(err, indexNotFound) {
		return err
	}
	lack, lookErr := e.lacking(ctx, 0)
	if lack != nil && !lack.Serves {
		return lack.Error()
	}
	return errors.Join(err, lookErr)
}

// Marks implements search.Searcher.
func (e *Engine) Marks(q search.TextQuery, text, language string) [][2]int {
	return e.languages.Marks(q, text, language)
}

// TrimRun implements search.Writer.
func (e *Engine) TrimRun(ctx context.Context, run string, annotations, embeddings int64) (err error) {
	defer func(begun time.Time) { e.measure("trim", begun, err) }(time.Now())
	if err := errors.Join(checkItem(run, annotations), checkItem(run, embeddings)); err != nil {
		return err
	}
	return e.trimBoth(ctx, run, annotations, embeddings)
}

// DeleteRun implements search.Writer.
func (e *Engine) DeleteRun(ctx context.Context, run string) error { return e.TrimRun(ctx, run, 0, 0) }
