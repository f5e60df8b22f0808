package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

func line(run string, ordinal int64, text string) *pb.Annotation {
	return &pb.Annotation{Run: run, Ordinal: ordinal, Asset: "asset", Kind: schema.KindDialogue, Text: text, Language: "en", Confidence: 1, End: int64(schema.Second)}
}

// faults stands between an engine and the cluster, and answers instead of it where it is told to.
type faults struct {
	*httptest.Server
	answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	asked  atomic.Int64
}

func newFaults(t testing.TB, cfg Config, start func(*httptest.Server)) *faults {
	t.Helper()
	target, err := url.Parse(cfg.URLs[0])
	if err != nil {
		t.Fatal(err)
	}
	f := &faults{}
	transport := &http.Transport{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if answer := f.answer.Load(); answer != nil && (*answer)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	start(f.Server)
	t.Cleanup(func() { f.Close(); transport.CloseIdleConnections() })
	return f
}

func (f *faults) set(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.answer.Store(&answer)
}

func refuse(w http.ResponseWriter, status int, kind, reason string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"type":%q,"reason":%q},"status":%d}`, kind, reason, status)
	return true
}

func count(t testing.TB, e search.Searcher, run, word string) int {
	t.Helper()
	hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{run}), Words: word, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(hits)
}

// A cluster that pushes back, or goes away for a moment, is waited for, and only what it pushed back is sent again.
func TestPushedBack(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	f := newFaults(t, cfg, (*httptest.Server).Start)
	through := cfg
	through.URLs = []string{f.URL}
	metrics := prometheus.NewRegistry()
	e, err := Open(t.Context(), through, Deps{Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()

	var all []*pb.Annotation
	for i := range int64(30) {
		all = append(all, line("run", i, "lighthouse"))
	}
	bulks, resent := 0, 0
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/_bulk" {
			return false
		}
		bulks++
		switch bulks {
		case 1:
			return refuse(w, http.StatusTooManyRequests, "rejected_execution_exception", "the queue is full")
		case 2:
			return refuse(w, http.StatusServiceUnavailable, "cluster_manager_not_discovered_exception", "no manager")
		case 3: // the cluster takes all but ten of them
			b, _ := io.ReadAll(r.Body)
			lines := bytes.SplitAfter(b, []byte("\n"))
			taken := bytes.Join(lines[:2*20], nil)
			resp, err := http.Post(cfg.URLs[0]+r.URL.RequestURI(), "application/x-ndjson", bytes.NewReader(taken))
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			var answer struct {
				Errors bool             `json:"errors"`
				Items  []map[string]any `json:"items"`
			}
			var items []map[string]any
			if json.NewDecoder(resp.Body).Decode(&answer) != nil || answer.Errors {
				return false
			}
			for range 20 {
				items = append(items, map[string]any{"index": map[string]any{"status": 201}})
			}
			for range 10 {
				items = append(items, map[string]any{"index": map[string]any{"status": 429, "error": map[string]any{"type": "rejected_execution_exception", "reason": "full"}}})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": true, "items": items})
			return true
		}
		b, _ := io.ReadAll(r.Body)
		resent += bytes.Count(b, []byte("\n")) / 2
		r.Body = io.NopCloser(bytes.NewReader(b))
		return false
	})
	if err := e.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
		t.Fatalf("writing to a cluster that pushes back: %v", err)
	}
	if got := count(t, e, "run", "lighthouse"); got != 30 || bulks != 4 || resent != 10 {
		t.Errorf("%d of 30 are found after %d requests, and %d were sent again", got, bulks, resent)
	}

	// One that does not end is given up when the caller does.
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/_bulk" && refuse(w, http.StatusTooManyRequests, "rejected_execution_exception", "the queue is full")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := e.Write(ctx, search.Batch{Annotations: all}); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("a caller who left: %v", err)
	}

	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/_bulk" && refuse(w, http.StatusUnauthorized, "security_exception", "no such user")
	})
	if err := e.Write(t.Context(), search.Batch{Annotations: all}); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("credentials that are refused later must not put messages aside: %v", err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/_search") && refuse(w, http.StatusTooManyRequests, "circuit_breaking_exception", "too much data")
	})
	if _, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lighthouse", Limit: 1}); errkind.Of(err) != errkind.Exhausted {
		t.Errorf("a search that is pushed back: %v", err)
	}
	f.set(func(http.ResponseWriter, *http.Request) bool { return false })
	if got := count(t, e, "run", "lighthouse"); got != 30 {
		t.Errorf("afterwards %d are found", got)
	}
	if families, err := metrics.Gather(); err != nil || len(families) < 4 {
		t.Errorf("metrics: %d, %v", len(families), err)
	}
}

// What a replay writes again is not indexed again.
func TestReplayedIsLeftAlone(t *testing.T) {
	space := &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"}
	e := openEngine(t, t.Name(), space)
	indexed := func() (n int) {
		t.Helper()
		for _, p := range e.parts() {
			var stats struct {
				All struct {
					Primaries struct {
						Indexing struct {
							Total int `json:"index_total"`
						} `json:"indexing"`
					} `json:"primaries"`
				} `json:"_all"`
			}
			if err := e.client.do(t.Context(), http.MethodGet, "/"+p.name+"/_stats/indexing", nil, &stats); err != nil {
				t.Fatal(err)
			}
			n += stats.All.Primaries.Indexing.Total
		}
		return n
	}
	marks := indexed()
	b := search.Batch{Again: true}
	for i := range int64(2500) { // more than one request reads
		b.Annotations = append(b.Annotations, line("run", i, fmt.Sprintf("line %d of the harbour", i)))
	}
	for i := range int64(10) {
		b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: "run", Ordinal: i, Space: "small@1", Vector: []float32{1, 2, 3, float32(i) / 7}})
	}
	for _, want := range []int{2510, 2510} {
		if err := e.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if n := indexed() - marks; n != want {
			t.Errorf("%d documents were indexed, want %d", n, want)
		}
	}
	b.Annotations[1700].Text, b.Embeddings[3].Vector[3] = "another line", 9
	if err := e.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := indexed() - marks; n != 2512 {
		t.Errorf("%d documents were indexed, want the two that changed as well", n)
	}
}

func TestBulksAreSizedByBytes(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	f := newFaults(t, cfg, (*httptest.Server).Start)
	through := cfg
	through.URLs = []string{f.URL}
	e, err := Open(t.Context(), through, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var bulks, largest atomic.Int64
	f.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/_bulk" {
			bulks.Add(1)
			for {
				was := largest.Load()
				if r.ContentLength <= was || largest.CompareAndSwap(was, r.ContentLength) {
					break
				}
			}
		}
		return false
	})
	var all []*pb.Annotation
	for i := range int64(200) {
		all = append(all, line("run", i, "lighthouse "+strings.Repeat("storm harbour ", 4000)))
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
		t.Fatal(err)
	}
	if n, b := bulks.Load(), largest.Load(); n < 2 || b > bulkBytes {
		t.Errorf("%d requests, of which one has %d bytes", n, b)
	}
	if got := count(t, e, "run", "lighthouse"); got != 200 {
		t.Errorf("%d of 200 are found", got)
	}
}

// Each is refused at start in a sentence that says what to do.
func TestRefusedAtStart(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	space := func(dimension int32, metric string) *pb.Space {
		return &pb.Space{Name: "small", Version: "1", Dimension: dimension, Metric: metric}
	}
	e, err := Open(t.Context(), cfg, Deps{Spaces: []*pb.Space{space(4, cosine)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	_ = e.Close()
	if err := e.Ready(t.Context()); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("closed, and ready: %v", err)
	}
	f := newFaults(t, cfg, (*httptest.Server).Start)
	for _, c := range []struct {
		name   string
		spaces []*pb.Space
		change func(*Config)
		fault  func(w http.ResponseWriter, r *http.Request) bool
		kind   errkind.Kind
		says   string
	}{
		{name: "another dimension", spaces: []*pb.Space{space(5, cosine)}, kind: errkind.Invalid, says: "give the encoder's space a new version"},
		{name: "another metric", spaces: []*pb.Space{space(4, l2)}, kind: errkind.Invalid, says: "give the encoder's space a new version"},
		{name: "no metric", spaces: []*pb.Space{{Name: "new", Version: "1", Dimension: 4}}, kind: errkind.Invalid, says: "cosine, dot, l2"},
		{name: "no dimension", spaces: []*pb.Space{{Name: "new", Version: "1", Metric: cosine}}, kind: errkind.Invalid, says: "dimension 0"},
		{name: "no name", spaces: []*pb.Space{{Version: "1", Dimension: 4, Metric: cosine}}, kind: errkind.Invalid, says: "no name of a space"},
		{name: "twice", spaces: []*pb.Space{space(4, cosine), space(4, cosine)}, kind: errkind.Invalid, says: "twice"},
		{name: "nobody there", change: func(c *Config) { c.URLs = []string{"http://127.0.0.1:1"} }, kind: errkind.Unavailable, says: "127.0.0.1:1"},
		{name: "wrong password", fault: func(w http.ResponseWriter, _ *http.Request) bool {
			return refuse(w, http.StatusUnauthorized, "security_exception", "no")
		}, kind: errkind.Denied, says: "check username and password"},
		{name: "no role", fault: func(w http.ResponseWriter, _ *http.Request) bool {
			return refuse(w, http.StatusForbidden, "security_exception", "no permissions")
		}, kind: errkind.Denied, says: "role"},
		{name: "an old server", fault: func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"version":{"distribution":"opensearch","number":"2.11.0"}}`)
			return true
		}, kind: errkind.Invalid, says: "2.19 or later"},
		{name: "another server", fault: func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"version":{"number":"8.15.0"}}`)
			return true
		}, kind: errkind.Invalid, says: "2.19 or later"},
		{name: "no k-NN", spaces: []*pb.Space{{Name: "new", Version: "1", Dimension: 4, Metric: cosine}}, fault: func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPut && refuse(w, http.StatusBadRequest, "illegal_argument_exception", "unknown setting [index.knn]")
		}, kind: errkind.Invalid, says: "install the k-NN plugin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.set(func(w http.ResponseWriter, r *http.Request) bool { return c.fault != nil && c.fault(w, r) })
			through := cfg
			through.URLs = []string{f.URL}
			if c.change != nil {
				c.change(&through)
			}
			e, err := Open(t.Context(), through, Deps{Spaces: c.spaces})
			if err == nil {
				_ = e.Close()
			}
			if errkind.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s: %v", errkind.Of(err), err)
			}
		})
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/_mapping") && func() bool {
			fmt.Fprintf(w, `{%q:{"mappings":{"_meta":{"format":99}}}}`, cfg.Prefix+".text."+firstGeneration)
			return true
		}()
	})
	through := cfg
	through.URLs = []string{f.URL}
	if _, err := Open(t.Context(), through, Deps{}); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("another format: %v", err)
	}
}

// Credentials go over TLS, to a server whose authority is known.
func TestTLS(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	f := newFaults(t, cfg, (*httptest.Server).StartTLS)
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, _ := r.BasicAuth(); user != "cinedex" || password != "secret" {
			return refuse(w, http.StatusUnauthorized, "security_exception", "no")
		}
		r.Header.Del("Authorization")
		return false
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := cfg
	secure.URLs, secure.Username, secure.Password, secure.CAFile = []string{f.URL}, "cinedex", "secret", ca
	e, err := Open(t.Context(), secure, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{line("run", 0, "lighthouse")}}); err != nil {
		t.Error(err)
	}
	if got := count(t, e, "run", "lighthouse"); got != 1 {
		t.Errorf("%d found", got)
	}
	_ = e.Close()

	wrong := secure
	wrong.Password = "guess"
	if _, err := Open(t.Context(), wrong, Deps{}); errkind.Of(err) != errkind.Denied {
		t.Errorf("a wrong password: %v", err)
	}
	strange := secure
	strange.CAFile = ""
	if _, err := Open(t.Context(), strange, Deps{}); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an authority that nobody knows: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no node":               {func(c *Config) { c.URLs = nil }, "urls"},
		"no URL":                {func(c *Config) { c.URLs = []string{"127.0.0.1:9200"} }, "urls"},
		"credentials in it":     {func(c *Config) { c.URLs = []string{"https://a:b@host"} }, "set username and password"},
		"password in the clear": {func(c *Config) { c.Username, c.Password = "a", "b" }, "use https"},
		"half a credential":     {func(c *Config) { c.URLs, c.Username = []string{"https://host"}, "a" }, "go together"},
		"no use of a CA":        {func(c *Config) { c.CAFile = "ca.pem" }, "use https"},
		"prefix":                {func(c *Config) { c.Prefix = "Cine.dex" }, "prefix"},
		"shards":                {func(c *Config) { c.Shards = 0 }, "shards"},
		"replicas":              {func(c *Config) { c.Replicas = -1 }, "replicas"},
		"timeout":               {func(c *Config) { c.Timeout = 0 }, "timeout"},
	} {
		cfg := Default()
		c.change(&cfg)
		if err := cfg.Validate(); errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

// The graph finds what comparing all would, with and without a narrow filter. It is approximate, and how much it finds differs
// from one building of the graph to the next: a figure, and no test.
func TestFigureGraph(t *testing.T) {
	figure.Begin(t, "opensearch/graph")
	for _, metric := range []string{cosine, dot, l2} {
		t.Run(metric, func(t *testing.T) {
			s := &pb.Space{Name: "graph", Version: metric, Dimension: 32, Metric: metric}
			e := openEngine(t, t.Name(), s)
			rnd := rand.New(rand.NewPCG(8, 8))
			random := func() []float32 {
				v := make([]float32, s.Dimension)
				for i := range v {
					v[i] = float32(rnd.NormFloat64())
				}
				return v
			}
			var all []*pb.Embedding
			for i := range 4000 {
				all = append(all, &pb.Embedding{Run: fmt.Sprintf("run-%d", i%40), Ordinal: int64(i / 40), Asset: "x", Space: schema.SpaceID(s), Vector: random(), End: 9})
			}
			for range 50 { // and some that are equal
				all = append(all, &pb.Embedding{Run: "run-0", Ordinal: int64(len(all)), Asset: "x", Space: schema.SpaceID(s), Vector: all[0].Vector, End: 9})
			}
			if err := e.Write(t.Context(), search.Batch{Embeddings: all}); err != nil {
				t.Fatal(err)
			}
			var runs []string
			for i := range 40 {
				runs = append(runs, fmt.Sprintf("run-%d", i))
			}
			for name, scope := range map[string]*search.Scope{"all": search.NewScope(runs), "one in twenty": search.NewScope(runs[:2])} {
				found, wanted := 0, 0
				for range 30 {
					q := search.VectorQuery{Scope: scope, Space: schema.SpaceID(s), Vector: random(), Limit: 10}
					e.exactBelow = exactBelow
					exact, err := e.Vector(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					e.exactBelow = 0
					graph, err := e.Vector(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.IsSortedFunc(graph, search.CompareHits) || len(graph) != 10 {
						t.Fatalf("%s: %v", name, graph)
					}
					for _, h := range exact {
						wanted++
						if slices.ContainsFunc(graph, func(g search.Hit) bool { return g.Run == h.Run && g.Ordinal == h.Ordinal }) {
							found++
						}
					}
				}
				figure.Report(t, false, figure.Result{Name: "opensearch/graph", Claim: "recall@10 ≥ 0.99 of comparing all, " + metric + ", runs in scope: " + name,
					Measured: fmt.Sprintf("%d of %d", found, wanted), Pass: float64(found) >= 0.99*float64(wanted)})
			}
			q := search.VectorQuery{Scope: search.NewScope(runs), Space: schema.SpaceID(s), Vector: all[0].Vector, Limit: 51}
			e.exactBelow = 0
			whole, err := e.Vector(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if metric == cosine {
				figure.Report(t, false, figure.Result{Name: "opensearch/graph-equals", Claim: "51 equal vectors are the first 51 that the graph finds",
					Measured: fmt.Sprintf("scores from %v to %v", whole[0].Score, whole[50].Score), Pass: whole[50].Score == whole[0].Score})
			}
			for _, limit := range []int{1, 7, 50} {
				q.Limit = limit
				if got, err := e.Vector(t.Context(), q); err != nil || !slices.Equal(got, whole[:limit]) {
					t.Errorf("the first %d are not the first of all: %v", limit, err)
				}
			}
		})
	}
}

// Two processes share a cluster: what the one writes while the other rebuilds is in the rebuilt engine, and what it
// trims stays away.
func TestTwoProcesses(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	open := func() *Engine {
		e, err := Open(t.Context(), cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	indexer, operator := open(), open()
	write := func(e search.Writer, all ...*pb.Annotation) {
		t.Helper()
		if err := e.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
			t.Fatal(err)
		}
	}
	stored := []*pb.Annotation{line("run", 0, "amber"), line("run", 1, "amber"), line("run", 2, "amber"), line("other", 0, "amber")}
	write(indexer, stored...)
	r, err := operator.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(indexer, line("run", 1, "cobalt"), line("new", 0, "amber"))
	if err := indexer.TrimRun(t.Context(), "run", 2, 0); err != nil {
		t.Fatal(err)
	}
	write(indexer, line("run", 3, "amber"))
	write(r, stored...) // as it was read before all that
	if err := r.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(indexer, line("after", 0, "amber"))
	for _, e := range []*Engine{indexer, operator, open()} {
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{"run", "other", "new", "after"}), Words: "amber", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, schema.ItemID(h.Run, h.Ordinal))
		}
		if diff := cmp.Diff([]string{"after/0", "new/0", "other/0", "run/0", "run/3"}, got); diff != "" {
			t.Errorf("after the rebuild (-want +got):\n%s", diff)
		}
		if n := count(t, e, "run", "cobalt"); n != 1 {
			t.Errorf("what was written meanwhile is found %d times", n)
		}
	}
	// An operator whose process has died is taken over from.
	left, err := operator.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := open()
	r, err = second.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Write(t.Context(), search.Batch{Annotations: stored}); errkind.Of(err) != errkind.Conflict {
		t.Errorf("writing to a rebuild that another process took over: %v", err)
	}
	if err := left.Commit(t.Context()); errkind.Of(err) != errkind.Conflict {
		t.Errorf("committing it: %v", err)
	}
	write(indexer, line("after", 1, "amber"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	write(indexer, line("after", 2, "amber"))
	if n := count(t, indexer, "after", "amber"); n != 3 {
		t.Errorf("%d of 3 are found after a rebuild was given up", n)
	}
}

// A scope of more runs than one filter takes.
func TestLargeScope(t *testing.T) {
	e := openEngine(t, t.Name())
	if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{line("run-1", 0, "amber"), line("run-69999", 0, "amber"), line("run-70001", 0, "amber")}}); err != nil {
		t.Fatal(err)
	}
	runs := make([]string, 70_000)
	for i := range runs {
		runs[i] = fmt.Sprintf("run-%d", i)
	}
	hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope(runs), Words: "amber", Limit: 10})
	if err != nil || len(hits) != 2 {
		t.Errorf("%v, %v", hits, err)
	}
}
