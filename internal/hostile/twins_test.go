package hostile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/cedar"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// TestTwins: two libraries differ only in titles that the callers may not see. Every answer of both is the same, byte
// for byte.
func TestTwins(t *testing.T) {
	if testing.Short() {
		t.Skip("opens two libraries")
	}
	r := twins(t, 1, 300)
	if r.different > 0 || r.searches < 50 || r.shown < 100 || r.recommended < 5 {
		t.Errorf("%+v", r)
	}
}

func TestFigureTwins(t *testing.T) {
	figure.Begin(t, "hostile/twins")
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TWINS_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatalf("TWINS_SEED: %v", err)
		}
	}
	t.Logf("TWINS_SEED=%d", seed)
	const calls = 10_000
	r := twins(t, seed, calls)
	d, p := figure.KolmogorovSmirnov(r.took[0], r.took[1])
	at := figure.Quantile
	figure.Report(t, true, figure.Result{Name: "hostile/twins/bytes",
		Claim:    "two libraries, identical but for forbidden titles in one: 10,000 seeded calls at every door and of every RPC of search and operators are answered with the same bytes, but for took_ms",
		Measured: fmt.Sprintf("%d of %d answers the same (seed %d): %d kinds of call, %d answered with something, %d refused", calls-r.different, calls, seed, len(r.kinds), r.shown, calls-r.shown),
		Pass:     r.different == 0})
	figure.Report(t, false, figure.Result{Name: "hostile/twins/took",
		Claim: "took_ms of the two does not differ: Kolmogorov-Smirnov, p > 0.01",
		Measured: fmt.Sprintf("p %.3f, distance %.4f over %d answers of each; p50 %.3f and %.3f ms, p90 %.3f and %.3f, p99 %.3f and %.3f",
			p, d, r.searches, at(r.took[0], 0.5), at(r.took[1], 0.5), at(r.took[0], 0.9), at(r.took[1], 0.9), at(r.took[0], 0.99), at(r.took[1], 0.99)),
		Pass: p > 0.01, Note: fmt.Sprintf("the reader sees %d titles of %d; each call goes to both libraries, one behind the other, in an order that is drawn", len(visible), len(visible)+len(hidden))})
}

var (
	visible = []string{"harbour", "mountain", "orchard", "station"}
	hidden  = []string{"hidden-one", "hidden-two"}
	// everything is of the people whose picks recommendations are made of. They are no callers of the comparison.
	everything = append(slices.Clone(visible), hidden...)
)

// A twin is a library with its doors.
type twin struct {
	search, operators string // addresses
	run               map[string]string
}

// film uses the words of every title, so that hidden lines would change weights if hidden lines were counted.
func film(title string, n int) apitest.Film {
	rnd := rand.New(rand.NewPCG(uint64(n), 5))
	f := apitest.Film{Title: title, Name: "The " + title, Series: []string{"coast", "inland"}[n%2], StartTimecode: "01:00:00:00"}
	colours := []color.RGBA{apitest.Red, apitest.Green, apitest.Blue}
	labels := []string{"lighthouse", "sailing boat", "steam engine", "teapot"}
	for i := range 4 {
		f.Shots = append(f.Shots, apitest.Shot{Seconds: 3, Colour: colours[(n+i)%3], Label: labels[(n+i)%4], LabelConfidence: 0.4 + float32(i)/8})
	}
	if slices.Contains(hidden, title) {
		for i, text := range secrets {
			f.Lines = append(f.Lines, apitest.Line{From: int64(i), To: int64(i + 1), Language: "en", Text: text})
		}
	}
	for i := range 12 { // two languages at a time
		var line []string
		for range 4 + rnd.IntN(5) {
			line = append(line, words[rnd.IntN(len(words))])
		}
		f.Lines = append(f.Lines, apitest.Line{From: int64(2 * (i / 2)), To: int64(2*(i/2) + 2), Language: []string{"en", "de", "fr"}[i%3], Character: []string{"Mara", "Tom"}[i%2], Text: strings.Join(line, " ")})
	}
	return f
}

var words = strings.Fields("captain coffee lamp keeper harbour winter letter engine mirror doctor island window bridge thunder summer river dark morning train the of and by")

// misspelt are near words of visible titles alone, of hidden titles alone, of both, and of none.
var misspelt = []string{"captian", "harbuor", "thundre", "mountian", "lighthuose", "secretive", "contrabnad", "moonligth", "thunde", "contrab", "keepeer", "zeppelins"}

// secrets are lines of hidden titles. They have words that no visible title has, and make words frequent that visible titles have rarely.
var secrets = []string{"contraband under the moonlight", "moonlight over the contraband", "keepers thunders captains", "the harbours the mountains"}

// openTwin makes a library of titles, and serves search and operators over the library.
func openTwin(t *testing.T, titles ...string) *twin {
	t.Helper()
	lib := apitest.New(t)
	tw := &twin{run: map[string]string{}}
	for i, title := range titles {
		a := lib.Add(lib.Shoot(film(title, i)))
		active, err := lib.Store.Active(t.Context(), a.GetId())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range active {
			if r.GetAlgorithm() == "thumbnails" {
				tw.run[title] = r.GetRun()
			}
		}
	}
	authoriser := callers(t, titles)
	served := lib.Serve(nil, func(cfg *gateway.Config, d *searchapi.Deps) {
		cfg.Profiles = "../../config/profiles"
		cfg.Recommend.People, cfg.Recommend.KeyFile = 2, secret(t) // the twins know people by the same hashes
		d.Authoriser = authoriser
	})
	tw.search = served.URL
	tw.picked(t, titles)

	b, err := broker.Open(broker.Config{Dir: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	log, err := events.New(cfg, events.Deps{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	if _, err := log.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	// Jobs are taken in and not done: how far they are would be a matter of luck.
	jobs, err := operating.New(operating.Default(), operating.Deps{Events: log, Store: lib.Store, Engine: lib.Engine, Catalog: apitest.Catalog(), Blobs: lib.Blobs, Log: quiet, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	api, err := operatorapi.New(operatorapi.Deps{Operating: jobs, Events: log, Authoriser: authoriser, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	tw.operators = server.URL
	return tw
}

// secret is a file with the secret of picks.
func secret(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recommend.key")
	if err := os.WriteFile(path, []byte(strings.Repeat("twins", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// people see every title, and pick moments of every title of a twin: the log of the twin with hidden titles has further picks, of the same people and
// of people of the hidden titles alone.
var people = []string{"ann", "ben", "cho", "dev"}

func (tw *twin) picked(t *testing.T, titles []string) {
	t.Helper()
	for _, title := range titles {
		who := people[:3]
		if slices.Contains(hidden, title) {
			who = people
		}
		for _, name := range who {
			for _, q := range picked {
				var a struct {
					Search string
					Hits   []map[string]any
				}
				b, _ := json.Marshal(map[string]any{"q": q, "filter": map[string]any{"titles": []string{title}}})
				found := tw.ask(t, http.DefaultClient, call{method: http.MethodPost, path: service + "Search", who: name, contentType: "application/json", body: b})
				if err := json.Unmarshal(found.body, &a); err != nil || found.status != http.StatusOK {
					t.Fatalf("%s of %s: %d, %v: %s", q, name, found.status, err, found.body)
				}
				if len(a.Hits) == 0 {
					continue
				}
				b, _ = json.Marshal(map[string]any{"search": a.Search, "moments": []any{placeOf(a.Hits[0])}})
				if kept := tw.ask(t, http.DefaultClient, call{method: http.MethodPost, path: recommendations + "Picked", who: name, contentType: "application/json", body: b}); kept.status != http.StatusOK {
					t.Fatalf("a pick of %s: %d: %s", name, kept.status, kept.body)
				}
			}
		}
	}
}

// picked are the queries that the people search.
var picked = []string{"dialogue:coffee", "dialogue:captain", "dialogue.words:lamp", `label:"lighthouse"`, "look:red", "dialogue:coffee OR dialogue:hidden", "coffee AND NOT captain"}

func placeOf(hit map[string]any) map[string]any {
	out := map[string]any{}
	for _, k := range []string{"asset", "start", "end"} {
		if hit[k] != nil {
			out[k] = hit[k]
		}
	}
	return out
}

const recommendations = "/cinedex.v1.RecommendService/"

// The callers' tokens are their names: each caller sees all or some of the visible titles. Policies narrow the titles of "one", who has every title in
// the file of tokens, and the policies of a twin describe the titles of that twin.
func callers(t *testing.T, titles []string) authz.Authoriser {
	t.Helper()
	var b strings.Builder
	b.WriteString("tokens:\n")
	for name, of := range map[string]struct {
		titles []string
		roles  string
	}{"reader": {visible, ""}, "one": {[]string{`"*"`}, ""}, "batch": {visible, "batch"}, "ann": {everything, ""}, "ben": {everything, ""}, "cho": {everything, ""}, "dev": {everything, ""}} {
		fmt.Fprintf(&b, "  - name: %s\n    sha256: %x\n    titles: [%s]\n    roles: [%s]\n", name, sha256.Sum256([]byte(name)), strings.Join(of.titles, ", "), of.roles)
	}
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := cedar.Config{Policies: filepath.Join(t.TempDir(), "policies.cedar"), Entities: filepath.Join(t.TempDir(), "entities.json")}
	described := make([]string, len(titles))
	for i, title := range titles {
		described[i] = fmt.Sprintf(`{"uid": {"type": "Title", "id": %q}, "parents": [], "attrs": {"open": %v}}`, title, title == visible[0])
	}
	for path, content := range map[string]string{cfg.Policies: "permit (principal, action == Action::\"see\", resource);\nforbid (principal == Caller::\"one\", action, resource) unless { resource.open };\n",
		cfg.Entities: "[" + strings.Join(described, ",\n") + "]"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	narrowed, err := cedar.Open(cfg, a, cedar.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return narrowed
}

// A call is one request, to the search API or to the operators' API.
type call struct {
	kind              string
	operators         bool
	method, path, who string
	contentType       string
	body              []byte
	headers           map[string]string
	// leave is when the caller leaves a stream that does not end; 0 reads to the end.
	leave time.Duration
	// answer is the message into which a protobuf body is decoded.
	answer proto.Message
}

type compared struct {
	different, shown, searches int
	recommended                int // answers with queries of other people
	kinds                      map[string]int
	took                       [2][]float64
}

// twins sends the same calls to both libraries and compares the answers.
func twins(t *testing.T, seed uint64, calls int) compared {
	t.Helper()
	with := openTwin(t, append(slices.Clone(visible), hidden...)...)
	without := openTwin(t, visible...)
	both := [2]*twin{without, with}
	g := &caller{rnd: rand.New(rand.NewPCG(seed, 11)), runs: with.run}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
	ask := func(i int, c call) answer {
		a := both[i].ask(t, client, c)
		// A limit of requests is a matter of when they come. A limit of jobs has no time to wait for.
		for n := 0; a.status == http.StatusTooManyRequests && a.wait > 0 && n < 10; n++ {
			time.Sleep(a.wait)
			a = both[i].ask(t, client, c)
		}
		return a
	}
	for range 100 { // the first read comes from disk
		c := g.next()
		ask(0, c)
		ask(1, c)
	}
	spent := map[string]time.Duration{}
	r := compared{kinds: map[string]int{}}
	for n := range calls {
		c := g.next()
		first := g.rnd.IntN(2)
		var as [2]answer
		began := time.Now()
		as[first] = ask(first, c)
		as[1-first] = ask(1-first, c)
		r.kinds[c.kind]++
		spent[c.kind] += time.Since(began)
		if as[0].status < 300 {
			r.shown++
		}
		if c.kind == "Recommend" && strings.Contains(as[0].said, `"also"`) {
			r.recommended++
		}
		if as[0].said != as[1].said {
			r.different++
			if r.different <= 10 {
				t.Errorf("call %d, %s %s %s of %s: %.500s\nwithout %.1500s\nwith    %.1500s", n, c.kind, c.method, c.path, c.who, c.body, as[0].said, as[1].said)
			}
			continue
		}
		if as[0].took > 0 && as[1].took > 0 {
			r.searches++
			r.took[0], r.took[1] = append(r.took[0], as[0].took), append(r.took[1], as[1].took)
		}
		g.learn(c, as[0])
	}
	t.Logf("%d calls, %v, %v", calls, r.kinds, spent)
	return r
}

// An answer is the part of a response that a caller can observe.
type answer struct {
	status int
	said   string // status, headers and body, without the elapsed time
	body   []byte
	took   float64 // ms
	wait   time.Duration
}

var (
	took  = regexp.MustCompile(`"tookMs":\s?([0-9.eE+-]+)`)
	times = regexp.MustCompile(`"(createdMs|startedMs|endedMs|workedMs)":\s?"[0-9]+"`)
	spent = regexp.MustCompile(`,?\s?"ms":\s?[0-9.eE+-]+`) // in a step of a plan
	// White space in the JSON of protobuf differs between builds, not between answers.
)

func (tw *twin) ask(t *testing.T, client *http.Client, c call) answer {
	t.Helper()
	at := tw.search
	if c.operators {
		at = tw.operators
	}
	ctx, cancel := t.Context(), func() {}
	if c.leave > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.leave)
	}
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, at+c.path, bytes.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.who != "" {
		req.Header.Set("Authorization", "Bearer "+c.who)
	}
	if c.contentType != "" {
		req.Header.Set("Content-Type", c.contentType)
	}
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil && (c.leave == 0 || !errors.Is(err, context.DeadlineExceeded)) {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, body: body}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		a.wait = time.Duration(s) * time.Second
	}
	shown := string(body)
	if m := took.FindStringSubmatch(shown); m != nil {
		a.took, _ = strconv.ParseFloat(m[1], 64)
	}
	shown = spent.ReplaceAllString(shown, "")
	shown = times.ReplaceAllString(took.ReplaceAllString(shown, `"tookMs":0`), `"$1":0`)
	switch c.kind {
	case "watch":
		shown = string(tokens.ReplaceAll(body, []byte("token")))
	case "watch over GraphQL":
		shown = string(eventTokens.ReplaceAll(body, []byte(`"token":"token"`)))
	}
	if c.answer != nil {
		shown = a.decode(c, resp)
	}
	var b strings.Builder
	fmt.Fprintln(&b, resp.StatusCode)
	// Dates differ from second to second, and the length differs with the digits of the elapsed time.
	for _, k := range slices.Sorted(headerNames(resp.Header, resp.Trailer)) {
		if k != "Date" && (k != "Content-Length" || a.took == 0) {
			fmt.Fprintf(&b, "%s: %q\n", k, append(resp.Header[k], resp.Trailer[k]...))
		}
	}
	b.WriteString(shown)
	a.said = b.String()
	return a
}

func headerNames(hs ...http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, h := range hs {
			for k := range h {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// decode reads an answer in protobuf, bare or in a frame of gRPC-Web, and returns the answer without the elapsed time.
func (a *answer) decode(c call, resp *http.Response) string {
	b, rest := a.body, []byte(nil)
	if strings.Contains(c.contentType, "grpc-web") && len(b) >= 5 {
		n := 5 + int(binary.BigEndian.Uint32(b[1:5]))
		if b[0]&0x80 == 0 && n <= len(b) {
			b, rest = b[5:n], b[n:]
		}
	}
	m := proto.Clone(c.answer)
	if resp.StatusCode != http.StatusOK || proto.Unmarshal(b, m) != nil {
		return string(a.body)
	}
	if s, ok := m.(*pb.SearchResponse); ok {
		a.took, s.TookMs = s.GetTookMs(), 0
	}
	same, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(same) + string(rest)
}

// A caller draws calls, and goes on from the cursors and jobs of earlier answers.
type caller struct {
	rnd     *rand.Rand
	runs    map[string]string // of thumbnails, by title, the hidden titles among them
	pages   []call            // the next pages of earlier searches
	jobs    []string
	cursors []string
	answers []call // picks of hits of earlier answers
}

func pick[T any](g *caller, from ...T) T { return from[g.rnd.IntN(len(from))] }

// learn keeps the identities in an answer for later calls.
func (g *caller) learn(c call, a answer) {
	var r struct {
		Cursor string
		Search string
		Hits   []map[string]any
		Job    struct{ ID string }
	}
	if json.Unmarshal(a.body, &r) != nil {
		return
	}
	if r.Cursor != "" && c.contentType == "application/json" {
		var req map[string]any
		if json.Unmarshal(c.body, &req) == nil && c.path != "/graphql" {
			req["cursor"] = r.Cursor
			c.body, _ = json.Marshal(req)
			c.kind = "next page"
			g.pages = append(g.pages, c)
			g.cursors = append(g.cursors, r.Cursor)
		}
	}
	if r.Search != "" && len(r.Hits) > 0 {
		b, _ := json.Marshal(map[string]any{"search": r.Search, "moments": []any{placeOf(r.Hits[g.rnd.IntN(len(r.Hits))])}})
		g.answers = append(g.answers[max(len(g.answers)-20, 0):], call{kind: "Picked", method: http.MethodPost, path: recommendations + "Picked", who: c.who, contentType: "application/json", body: b})
	}
	if r.Job.ID != "" {
		g.jobs = append(g.jobs, r.Job.ID)
	}
	if len(g.pages) > 50 {
		g.pages = g.pages[25:]
	}
	if len(g.jobs) > 20 {
		g.jobs = g.jobs[10:]
	}
}

// title, asset and word are as often hidden or not there as they are visible.
func (g *caller) title() string {
	return pick(g, pick(g, visible...), pick(g, visible...), pick(g, hidden...), "nowhere")
}

func (g *caller) asset() string { return apitest.AssetOf(g.title()) }

func (g *caller) words() string {
	n := 1 + g.rnd.IntN(3)
	var ws []string
	for range n {
		ws = append(ws, pick(g, words...))
	}
	return strings.Join(ws, " ")
}

func (g *caller) leaf() string {
	place := fmt.Sprintf(`"%s@%ds"`, g.asset(), g.rnd.IntN(14))
	return pick(g,
		pick(g, words...), `"`+g.words()+`"`,
		`dialogue:"`+g.words()+`"`, `dialogue.words:"`+g.words()+`"`, `dialogue.phrase:"`+g.words()+`"`,
		`dialogue.fuzzy:`+pick(g, "captian", "cofee", "harbuor", "brigde"), pick(g, misspelt...), `dialogue.words:`+pick(g, misspelt...), `dialogue:"`+pick(g, misspelt...)+`"`, `dialogue.prefix:`+pick(g, "c", "ca", "h", "win", "th"),
		`dialogue.meaning:"`+g.words()+`"`, `look:`+pick(g, "red", "green", "blue", "captain"), `label:"`+pick(g, "lighthouse", "sailing boat", "steam engine", "teapot", "boat")+`"`,
		"shot:"+place, "frame:"+place)
}

func (g *caller) line() string {
	q := g.leaf()
	for range g.rnd.IntN(3) {
		switch g.rnd.IntN(6) {
		case 4:
			q = fmt.Sprintf(pick(g, "(%s) THEN %s WITHIN 5s", "(%s) OVERLAPS %s", "(%s) DURING %s", "(%s) STARTS NEAR %s WITHIN 2s"), q, g.leaf())
		case 5:
			q = fmt.Sprintf("AT LEAST 2 OF (%s, %s, %s)", g.leaf(), g.leaf(), g.leaf())
		case 0:
			q += " AND " + g.leaf()
		case 1:
			q += " OR " + g.leaf()
		case 2:
			q += " AND NOT " + g.leaf()
		default:
			q = fmt.Sprintf("(%s) AND %s WITHIN %ds", q, g.leaf(), g.rnd.IntN(6))
		}
	}
	if g.rnd.IntN(3) == 0 {
		q = "(" + q + ")" + pick(g, " title:"+g.title(), " title:"+g.title()+","+g.title(), " series:"+pick(g, "coast", "inland", "secret"), " asset:"+g.asset(),
			" lang:"+pick(g, "en", "de", "es"), " character:Mara", " kind:"+pick(g, "shot", "label", "dialogue"), " confidence>=0.5", " time:2s..8s")
	}
	return q
}

func (g *caller) filter() map[string]any {
	return pick(g, map[string]any{"titles": []string{g.title(), g.title()}}, map[string]any{"series": []string{"inland"}}, map[string]any{"assets": []string{g.asset()}},
		map[string]any{"languages": []string{"de"}, "minConfidence": 0.3}, map[string]any{"kinds": []string{"label"}}, map[string]any{"characters": []string{"Tom"}})
}

func (g *caller) next() call {
	if len(g.pages) > 0 && g.rnd.IntN(8) == 0 {
		i := g.rnd.IntN(len(g.pages))
		c := g.pages[i]
		g.pages = slices.Delete(g.pages, i, i+1)
		if g.rnd.IntN(10) == 0 {
			c.who = pick(g, "one", "batch") // a cursor of somebody else's
		}
		return c
	}
	switch n := g.rnd.IntN(100); {
	case n < 42:
		return g.search()
	case n < 45:
		return g.saved()
	case n < 55:
		return g.tree()
	case n < 60:
		return g.binary()
	case n < 67:
		return g.recommend()
	case n < 74:
		return g.read()
	case n < 82:
		return g.graphql()
	case n < 90:
		return g.file()
	default:
		return g.operate()
	}
}

func (g *caller) who() string { return pick(g, "reader", "reader", "reader", "one", "batch") }

const service = "/cinedex.v1.SearchService/"

func (g *caller) rpc(kind, method string, body map[string]any) call {
	b, _ := json.Marshal(body)
	return call{kind: kind, method: http.MethodPost, path: service + method, who: g.who(), contentType: "application/json", body: b}
}

// saved draws several searches in one call, a saved search, or the beginning of a stream of new hits.
func (g *caller) saved() call {
	const service = "/cinedex.v1.SavedSearchService/"
	name := pick(g, "one", "two")
	var c call
	switch g.rnd.IntN(6) {
	case 5:
		b, _ := json.Marshal(map[string]any{"query": fmt.Sprintf(`subscription { watchSearch(name: %q) { hits { title start text } token } }`, name)})
		return call{kind: "watch over GraphQL", method: http.MethodPost, path: "/graphql", who: g.who(), contentType: "application/json", body: b,
			headers: map[string]string{"Accept": "text/event-stream"}, leave: time.Second}
	case 0, 1:
		return g.rpc("several", "SearchBatch", map[string]any{"searches": []map[string]any{{"q": g.line()}, {"q": g.line(), "facets": []string{"title"}}, {"q": g.leaf()}}})
	case 2:
		c = g.rpc("save", "", map[string]any{"saved": map[string]any{"name": name, "search": map[string]any{"q": g.leaf()}}})
		c.path = service + "SaveSearch"
	case 3:
		c = g.rpc("saved", "", map[string]any{})
		c.path = service + "ListSavedSearches"
	default:
		body := `{"name":"` + name + `"}`
		c = call{kind: "watch", method: http.MethodPost, path: service + "WatchSearch", who: g.who(), contentType: "application/connect+json",
			body: append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...), headers: map[string]string{"Connect-Timeout-Ms": "1500"}}
	}
	return c
}

// tokens hold the times of switches, which differ. The number before a message is its length.
var tokens = regexp.MustCompile(`(?s).{4}\{"token":\s?"[^"]*"\}`)

var eventTokens = regexp.MustCompile(`"token":\s?"[^"]*"`)

func (g *caller) search() call {
	body := map[string]any{"q": g.line(), "limit": pick(g, 1, 2, 3, 20, 20, 200)}
	if g.rnd.IntN(4) == 0 {
		body["filter"] = g.filter()
	}
	if g.rnd.IntN(6) == 0 {
		body["order"] = pick(g, "time", "score", "random")
	}
	if g.rnd.IntN(20) == 0 {
		body["preview"] = map[string]any{"dialogue": "2"}
	}
	if g.rnd.IntN(20) == 0 && len(g.cursors) > 0 {
		body["cursor"] = pick(g, g.cursors...)
	}
	if g.rnd.IntN(3) == 0 {
		body["facets"] = pick(g, []string{"title"}, []string{"title", "language", "kind"}, []string{"character", "label"}, []string{"colour"})
	}
	if g.rnd.IntN(3) == 0 {
		body["languages"] = pick(g, []string{"de"}, []string{"fr", "en"}, []string{"es"}, []string{"en-GB", "de"}, []string{"!"})
	}
	if g.rnd.IntN(4) == 0 {
		body["group"] = pick(g, "title", "title", "title", "none", "colour")
	}
	if g.rnd.IntN(4) == 0 {
		body["profile"] = pick(g, "editor", "trailer", "trailer", "nobody")
	}
	if g.rnd.IntN(4) == 0 {
		body["explain"] = true
	}
	if g.rnd.IntN(6) == 0 {
		body["asWritten"] = true
	}
	if g.rnd.IntN(8) == 0 {
		body["fields"] = []string{"title", "text", "folded"}
	}
	if g.rnd.IntN(30) == 0 {
		body["q"] = pick(g, "(", "smell:rain", "NOT captain", "captain WITHIN 5s", "", strings.Repeat("a", 20_000))
	}
	return g.rpc("search", "Search", body)
}

func (g *caller) tree() call {
	colour := func() string {
		return base64.StdEncoding.EncodeToString(still(pick(g, apitest.Red, apitest.Green, apitest.Blue)))
	}
	example := func() map[string]any {
		return pick(g, map[string]any{"image": colour()}, map[string]any{"image": colour(), "weight": -1}, map[string]any{"text": pick(g, "red", "blue", "captain"), "weight": pick(g, 0.5, -1.0)},
			map[string]any{"asset": g.asset(), "time": "705600000"}, map[string]any{"asset": g.asset(), "timecode": "01:00:03:00", "shot": true, "weight": -0.5},
			map[string]any{"image": colour(), "crop": map[string]any{"x": 0.25, "y": 0.25, "w": 0.5, "h": 0.5}})
	}
	like := func() map[string]any {
		l := pick(g, map[string]any{"kind": "like_shot", "asset": g.asset(), "time": "705600000"}, map[string]any{"kind": "like_frame", "asset": g.asset(), "timecode": "01:00:03:00"},
			map[string]any{"kind": "like_image", "image": colour()}, map[string]any{"kind": "like_text", "text": "red"})
		for range 1 + g.rnd.IntN(2) {
			some, _ := l["examples"].([]any)
			l["examples"] = append(some, example())
		}
		if g.rnd.IntN(4) == 0 {
			l["same"] = true
		}
		if g.rnd.IntN(4) == 0 {
			l["crop"] = map[string]any{"x": 0.1, "y": 0.1, "w": 0.6, "h": 0.6}
		}
		return l
	}
	leaf := func() map[string]any {
		l := pick(g, like(), map[string]any{"kind": "dialogue", "text": g.words(), "weight": pick(g, 0.5, 1.0, 3.0)}, map[string]any{"kind": "label", "text": "lighthouse"},
			map[string]any{"kind": "like_shot", "asset": g.asset(), "time": "705600000"}, map[string]any{"kind": "like_frame", "asset": g.asset(), "timecode": "01:00:03:00"},
			map[string]any{"kind": "like_image", "image": colour()})
		return map[string]any{"leaf": l}
	}
	q := leaf()
	switch g.rnd.IntN(4) {
	case 0:
		q = map[string]any{"or": map[string]any{"queries": []any{q, leaf(), leaf()}}}
	case 1:
		q = map[string]any{"and": map[string]any{"queries": []any{q, leaf()}}}
	case 2:
		q = map[string]any{"within": map[string]any{"left": q, "right": leaf(), "gap": "3528000000"}}
	}
	return g.rpc("search by a tree", "Search", map[string]any{"query": q, "limit": pick(g, 2, 20)})
}

func still(c color.RGBA) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, apitest.Still(c))
	return b.Bytes()
}

// binary searches in protobuf, in the forms of Connect and of gRPC-Web.
func (g *caller) binary() call {
	b, _ := proto.Marshal(&pb.SearchRequest{Q: g.line(), Limit: pick(g, int32(2), 20)})
	c := call{kind: "search in protobuf", method: http.MethodPost, path: service + "Search", who: g.who(), contentType: "application/proto", body: b, answer: &pb.SearchResponse{}}
	if g.rnd.IntN(2) == 0 {
		c.kind, c.contentType = "search over gRPC-Web", "application/grpc-web+proto"
		c.body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
	}
	return c
}

func (g *caller) read() call {
	switch g.rnd.IntN(6) {
	case 5:
		typed := pick(g, g.words(), "the "+g.title(), pick(g, "l", "ca", "hid", "dial"))
		return g.rpc("Suggest", "Suggest", map[string]any{"typed": typed[:1+g.rnd.IntN(len(typed))], "filter": pick(g, nil, map[string]any{"titles": []string{g.title()}})})
	case 0:
		return g.rpc("ListTitles", "ListTitles", map[string]any{"limit": pick(g, 1, 2, 100)})
	case 1:
		return g.rpc("GetAsset", "GetAsset", map[string]any{"asset": g.asset()})
	case 2:
		return g.rpc("ListAnnotations", "ListAnnotations", map[string]any{"asset": g.asset(), "limit": pick(g, 3, 100), "kinds": pick(g, nil, []string{"shot"}, []string{"dialogue", "label"})})
	case 3:
		return g.rpc("GetStatus", "GetStatus", map[string]any{})
	}
	return g.rpc("CompareVersions", "CompareVersions", map[string]any{"algorithm": "dialogue", "from": "1", "to": "2", "queries": []any{map[string]any{"q": g.line()}}})
}

// recommend asks for recommendations, picks a hit of an earlier answer, and forgets.
func (g *caller) recommend() call {
	var c call
	switch n := g.rnd.IntN(10); {
	case n < 6:
		c = g.rpc("Recommend", "Recommend", map[string]any{"q": pick(g, pick(g, picked...), pick(g, picked...), g.leaf()), "limit": pick(g, 1, 5, 20)})
	case n < 9 && len(g.answers) > 0:
		c = pick(g, g.answers...)
		if g.rnd.IntN(10) == 0 {
			c.who = g.who()
		}
		return c
	case n < 9:
		c = g.rpc("Picked", "Picked", map[string]any{"search": "AAAA", "moments": []any{map[string]any{"asset": g.asset()}}})
	default:
		c = g.rpc("Forget", "Forget", pick(g, map[string]any{}, map[string]any{"name": pick(g, people...)}))
	}
	c.path = strings.Replace(c.path, service, recommendations, 1)
	return c
}

func (g *caller) graphql() call {
	q := pick(g,
		fmt.Sprintf(`{search(q:%q,limit:%d){query tookMs hits{title asset start score confidence text evidence{run rank score}} cursor noGoodMatch partial{part error} ran{leaf text way language asked translator} didYouMean}}`, g.line(), pick(g, 2, 20)),
		`{titles(limit:2){titles{title{id name series} assets{id}} cursor}}`,
		fmt.Sprintf(`{asset(id:%q){asset{id title{name}} active{run version generation}}}`, g.asset()),
		fmt.Sprintf(`{annotations(asset:%q,limit:5){annotations{kind start text} cursor}}`, g.asset()),
		fmt.Sprintf(`{recommend(q:%q){query also like moments{title start} partial{part}}}`, pick(g, picked...)),
		`{status{title runs{algorithm state} active{run}}}`, `{nothing}`)
	b, _ := json.Marshal(map[string]any{"query": q})
	return call{kind: "GraphQL", method: http.MethodPost, path: "/graphql", who: g.who(), contentType: "application/json", body: b}
}

func (g *caller) file() call {
	c := call{kind: "thumbnail", method: http.MethodGet, who: g.who(), headers: map[string]string{}}
	if g.rnd.IntN(2) == 0 {
		run := pick(g, slices.Sorted(func(yield func(string) bool) {
			for _, r := range g.runs {
				if !yield(r) {
					return
				}
			}
		})...)
		c.path = fmt.Sprintf("/thumbnails/%s/%s/%d.jpg", g.asset(), run, g.rnd.IntN(6))
	} else {
		c.kind, c.path = "media", "/media/"+g.asset()
		c.headers["Range"] = pick(g, "bytes=0-99", "bytes=100-", "bytes=-50", "bytes=99999999-", "bytes=0-9,20-29")
		if strings.Contains(c.headers["Range"], ",") {
			c.headers["Range"] = "bytes=7-7" // a random boundary divides the parts
		}
	}
	if g.rnd.IntN(10) == 0 {
		c.who = ""
	}
	return c
}

func (g *caller) operate() call {
	selection := pick(g, map[string]any{}, map[string]any{"titles": []string{g.title()}}, map[string]any{"assets": []string{g.asset(), g.asset()}}, map[string]any{"series": []string{pick(g, "coast", "inland", "secret")}})
	selection["algorithms"] = pick(g, []string{"dialogue"}, []string{"labels", "shots"}, []string{"dialogue@2"}, []string{"nothing"})
	job := map[string]any{"kind": "batch", "key": pick(g, "", "a", "b"), "batch": map[string]any{"selection": selection}}
	id := pick(g, append(slices.Clone(g.jobs), "nothing")...)
	var m string
	var body map[string]any
	switch m = pick(g, "PlanJob", "PlanJob", "SubmitJob", "GetJob", "ListJobs", "ListJobKinds", "SteerJob", "GetResult", "ListRuns", "GetLag", "ListDeadLetters", "RetryDeadLetters", "DropDeadLetters"); m {
	case "PlanJob", "SubmitJob":
		if g.rnd.IntN(6) == 0 {
			job = map[string]any{"kind": "batch", "key": pick(g, "", "a", "b"), "task": map[string]any{"selection": selection}}
		}
		if g.rnd.IntN(6) == 0 {
			job = map[string]any{"kind": "replay", "replay": map[string]any{"source": "store", "selection": selection}}
		}
		body = map[string]any{"job": job}
	case "GetJob", "GetResult":
		body = map[string]any{"id": id}
	case "SteerJob":
		body = map[string]any{"id": id, "wish": pick(g, "pause", "resume", "cancel", "explode")}
	case "ListJobs":
		body = map[string]any{"all": pick(g, true, false)}
	case "ListRuns":
		body = map[string]any{"selection": selection, "limit": 10}
	default:
		body = map[string]any{}
	}
	b, _ := json.Marshal(body)
	return call{kind: m, operators: true, method: http.MethodPost, path: "/cinedex.v1.OperatorService/" + m, who: pick(g, "batch", "batch", "batch", "reader", ""), contentType: "application/json", body: b}
}
