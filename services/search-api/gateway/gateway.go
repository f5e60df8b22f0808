// Package gateway answers one generic query from whichever engines hold its parts.
//
// It reads top down, by the names that the architecture gives its four parts:
//
//	process.go       parse, check, resolve what the caller may see, encode
//	hear.go          the language of the words, and their translation for sources of one language
//	route.go         which parts of the query go to which searcher
//	proxies.go       ask each searcher in its own terms, in parallel, under one deadline
//	widen.go         words that nothing says are asked in another way
//	postprocess.go   interval algebra, fusion, calibration, paging, hits
//
// A query of several leaves is evaluated over everything that the leaves find, and not over the best candidates: see whole.go.
//
// What holds: an answer is computed from one snapshot of the library (library.go), so
// it shows one whole run of each algorithm, never a mix; nothing that the caller may
// not see has any influence on it; a part that fails or is late is named in
// `partial`, and the rest is answered; the same question over the same snapshot
// gives the same bytes, apart from the time it took.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"image"
	"iter"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/budget"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/profile"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/recommend"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/pkg/translate"
	"github.com/cinedex/cinedex/pkg/translate/cldr"
)

// Config is what an operator sets.
type Config struct {
	// Timeout bounds a whole answer; parts that are late are left out and named.
	Timeout time.Duration `mapstructure:"timeout"`
	// Candidates is how many results each searcher is asked for.
	Candidates int `mapstructure:"candidates"`
	// PictureMemory is how many bytes the pictures and frames of all requests may take at once while they are decoded.
	PictureMemory int64 `mapstructure:"picture_memory"`
	// Searches is how many questions the engine is asked at once, which callers share fairly. 0 is for the embedded
	// engine, which shares the processors with the encoders; of a cluster, it is what the cluster answers at once.
	Searches int `mapstructure:"searches"`
	// Profiles is the folder of the applications' profiles: a file NAME.yaml each. Empty is for none.
	Profiles string `mapstructure:"profiles"`
	// Recommend is of the log of picks and of the recommendations made from the log.
	Recommend recommend.Config `mapstructure:"recommend"`
	// Translate says who translates words for sources that understand one language alone.
	Translate TranslateConfig `mapstructure:"translate"`
	// Limits are what each caller may ask.
	Limits fair.Limits `mapstructure:"limits"`
	// Proxies are films for browsers that callers ask for.
	Proxies ProxyConfig `mapstructure:"proxies"`
}

// Default returns two seconds, five hundred candidates, and limits that no editor meets who types and looks at pages of
// thumbnails: four processors' time, and as much as forty seconds of it at once. There is memory for a photograph of 50
// megapixels.
func Default() Config {
	return Config{Timeout: 2 * time.Second, Candidates: 500, PictureMemory: 192 << 20, Recommend: recommend.Default(), Translate: TranslateConfig{Timeout: time.Second}, Limits: fair.Limits{Concurrent: 128, PerSecond: 4000, Burst: 40_000}, Proxies: ProxyConfig{Waiting: 100}}
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Timeout < time.Millisecond || c.Timeout > time.Hour:
		return errkind.New(errkind.Invalid, "timeout: %s is not from 1ms to 1h", c.Timeout)
	case c.Candidates < MaxLimit || c.Candidates > 10_000:
		return errkind.New(errkind.Invalid, "candidates: %d is not from %d to 10000", c.Candidates, MaxLimit)
	case c.PictureMemory < frameMemory || c.PictureMemory > 1<<40:
		return errkind.New(errkind.Invalid, "picture_memory: %d is not from %d bytes, which a frame of a film takes, to 1 TiB", c.PictureMemory, frameMemory)
	case c.Searches < 0 || c.Searches > 100_000:
		return errkind.New(errkind.Invalid, "searches: %d is not from 0 to 100000", c.Searches)
	}
	if err := c.Recommend.Validate(); err != nil {
		return fmt.Errorf("recommend.%w", err)
	}
	if err := c.Translate.Validate(); err != nil {
		return fmt.Errorf("translate.%w", err)
	}
	if err := c.Limits.Validate(); err != nil {
		return fmt.Errorf("limits.%w", err)
	}
	if err := c.Proxies.Validate(); err != nil {
		return fmt.Errorf("proxies.%w", err)
	}
	return nil
}

// What one picture takes of the budget beside the memory for decoding it, and one frame of a film altogether.
// A frame has a process of its own, which the frame's claim bounds, too.
const (
	encoderMemory = 16 << 20
	frameMemory   = 48 << 20
)

// Limits of one request.
const (
	DefaultLimit = 20
	MaxLimit     = 200
	MaxOffset    = maxMatches // how deep pages go
	MaxEvidence  = 32         // of one hit
	// MaxResponseBytes bounds the hits of one page; the cursor leads to the others.
	MaxResponseBytes = 2 << 20
	MaxImageBytes    = query.MaxImageBytes // of a picture that is asked with
)

// Deps is what main builds.
type Deps struct {
	Store  store.Store
	Engine search.Searcher
	// Catalog says which leaves there are and what answers them. A query keeps the view that it began with.
	Catalog *catalog.Catalog
	// Encoders make the vectors that spaces are asked with.
	Encoders encode.Encoders
	// Secret hashes the people of picks; nil keeps a secret in the store.
	Secret recommend.Secret
	// Profiles shape the queries and answers of applications; nil is none.
	Profiles *profile.Profiles
	// ImageMemory returns how many bytes Image takes at most for a picture from outside, and refuses what Image would.
	ImageMemory func(data []byte) (int64, error)
	// Image decodes a picture from outside, within limits.
	Image func(data []byte) (image.Image, error)
	// Names are names of things in many languages: words of a query that are names are spelt right, and are translated by the names. nil is none.
	Names *cldr.Names
	// Translators translate what Names do not.
	Translators translate.Chain
	// Languages tell in which of some languages a text is, and "" where that is not sure; nil tells nothing.
	Languages func(text string, among []string) string
	// Charge refuses a query that costs more than its caller may ask now; nil refuses none.
	Charge func(c *authz.Caller, cost float64) error
	// Frame returns exactly one frame of an asset.
	Frame func(ctx context.Context, a *pb.Asset, clock schema.Clock, n int64) (image.Image, error)
	// Blob returns a frame table. Callers are told the kind of its errors, and not their text.
	Blob func(ctx context.Context, ref *pb.MediaRef) ([]byte, error)
	// Blobs yields the keys of Cinedex's own blobs under a prefix; nil tells no progress of proxies.
	Blobs func(ctx context.Context, prefix string) iter.Seq2[string, error]
	// Request publishes the request of a run behind live work; nil refuses requests of proxies.
	Request    func(ctx context.Context, run *pb.Run) error
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Metrics are of the queues; nil counts nothing.
	Metrics *fair.Metrics
}

// Gateway answers queries.
type Gateway struct {
	cfg   Config
	deps  Deps
	lib   library
	picks *picks

	watching watchers
	binLooks binLooks

	shares
	encoded  *vectorCache
	encoding flights
	spans    *lru.Cache[store.Point, span] // shots and thumbnails: what everybody who may see the run may know
	// pictures bounds the memory of pictures and frames: one may take hundreds of megabytes, and one query may
	// ask for many. A claim is made by whoever has a slot already, so that the order is the queue's.
	pictures *budget.Budget
	proxies  *proxies
	shots    *shotCache // of finished runs: what everybody who may see the run may know

	comings    *lru.Cache[string, toCome]       // by asset and the asset's runs
	spokenIn   *lru.Cache[scopePrint, []string] // the languages of a scope, by the print of the scope
	translated *lru.Cache[translation, string]  // by caller: see vectorCache

	mostMatches int // maxMatches, and fewer in tests
	besideFrom  int // besideFrom, and fewer in tests
	mostItems   int // mostItems, and fewer in tests
	paidAtOnce  int // paidAtOnce, and fewer in tests

	seconds *prometheus.HistogramVec
	parts   *prometheus.HistogramVec
	failed  *prometheus.CounterVec
}

// New makes a gateway; it opens nothing and asks nothing.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the gateway: %w", err)
	}
	g := &Gateway{cfg: cfg, deps: deps}
	if deps.Profiles == nil {
		g.deps.Profiles = profile.None()
	}
	g.picks = newPicks(cfg.Recommend, deps.Store, deps.Secret)
	g.shares = newShares(cfg, deps.Metrics)
	g.encoded = newVectorCache()
	g.spans, _ = lru.New[store.Point, span](rememberedSpans)
	g.shots, g.mostMatches, g.besideFrom = newShotCache(), maxMatches, besideFrom
	g.mostItems, g.paidAtOnce = mostItems, paidAtOnce
	g.comings, _ = lru.New[string, toCome](rememberedUnseen)
	g.spokenIn, _ = lru.New[scopePrint, []string](rememberedScopes)
	g.translated, _ = lru.New[translation, string](rememberedTranslations)
	g.pictures, g.proxies = budget.New(cfg.PictureMemory), newProxies()
	f := promauto.With(deps.Registerer)
	g.watching.library = &g.lib
	g.lib.deps, g.lib.now, g.lib.turn, g.lib.lineups = &g.deps, time.Now, newTurn(), lineups{}
	g.lib.rebuilt = newRebuilt()
	g.lib.recent, _ = lru.New[string, *scoped](rememberedScopes)
	g.lib.losses = f.NewGauge(prometheus.GaugeOpts{Name: "cinedex_assets_without_frames", Help: "Assets that are told without frames and timecodes, since their frame tables could not be read."})
	buckets := prometheus.ExponentialBuckets(0.0005, 2, 14)
	g.seconds = f.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_query_seconds", Help: "Time of whole answers, by outcome.", Buckets: buckets}, []string{"result"})
	g.parts = f.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_query_part_seconds", Help: "Time of the parts of queries, by part.", Buckets: buckets}, []string{"part"})
	g.failed = f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_query_part_errors_total", Help: "Parts of queries that failed or were late, by kind of error."}, []string{"part", "kind"})
	return g, nil
}

// Ready reports whether queries can be answered now.
func (g *Gateway) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(g.deps.Store.Ready(ctx), search.Whole(g.deps.Engine))
}

// Search answers one query of one caller.
func (g *Gateway) Search(ctx context.Context, caller *authz.Caller, req *pb.SearchRequest) (*pb.SearchResponse, error) {
	return g.answer(ctx, ctx, g.prepare(ctx, caller, req))
}

// A pending search is understood, and not answered yet.
type pending struct {
	req   *pb.SearchRequest
	began time.Time
	q     *processed // nil where the query was not understood
	parts []*part
	err   error // why the search is refused
}

// prepare understands a search, and counts the cost.
func (g *Gateway) prepare(ctx context.Context, caller *authz.Caller, req *pb.SearchRequest) *pending {
	a := &pending{req: req, began: time.Now()}
	if a.q, a.err = g.process(ctx, caller, req); a.err != nil {
		return a
	}
	a.parts = g.route(a.q)
	if g.deps.Charge != nil {
		a.err = g.deps.Charge(caller, g.cost(a.parts))
	}
	if a.err == nil {
		g.hear(ctx, a.q, a.parts)
	}
	return a
}

// answer answers a search until late ends; ctx ends with the caller.
func (g *Gateway) answer(ctx, late context.Context, a *pending) (resp *pb.SearchResponse, err error) {
	ctx, end := telemetry.Span(ctx, "search")
	defer func() {
		end(err)
		g.observe(resp, err, time.Since(a.began))
		note(ctx, a.req, a.q, resp, err)
	}()
	if a.err != nil {
		return nil, a.err
	}
	partsCtx, cancel := context.WithTimeoutCause(late, g.within(a.req.GetTimeoutMs()), errLate)
	defer cancel()
	r, err := g.evaluate(ctx, partsCtx, a.q, a.parts)
	if err != nil {
		return nil, err
	}
	if r, err = g.widen(ctx, partsCtx, a.q, a.parts, r); err != nil {
		return nil, err
	}
	resp, err = g.postprocess(ctx, a.q, a.parts, r)
	if err != nil {
		return nil, err
	}
	if a.q.offset > 0 {
		if err := a.q.checkRuns(ctx, g); err != nil {
			return nil, err
		}
	}
	if a.q.offset == 0 {
		resp.UnseenTitles = g.unseen(ctx, a.q)
	}
	if len(a.req.GetPreview()) == 0 {
		resp.Search = g.picks.name(ctx, a.q, resp.GetHits())
	}
	if a.req.GetExplain() {
		for _, s := range r.steps {
			resp.Explain = append(resp.Explain, s.message())
		}
	}
	resp.TookMs = float64(time.Since(a.began).Microseconds()) / 1000
	return resp, nil
}

var errLate = errors.New("not answered in time")

// observe measures an answer.
func (g *Gateway) observe(resp *pb.SearchResponse, err error, took time.Duration) {
	result := "ok"
	switch {
	case err != nil:
		result = errkind.Of(err).String()
	case len(resp.GetPartial()) > 0:
		result = "partial"
	}
	g.seconds.WithLabelValues(result).Observe(took.Seconds())
}
