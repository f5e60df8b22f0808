package searchapi_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// filmOf is a film with lines of two seconds each, at 10 s, 20 s and so on.
func filmOf(title string, lines ...string) apitest.Film {
	f := apitest.Film{Title: title, Name: "The " + title, Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Red}}}
	for i, text := range lines {
		f.Lines = append(f.Lines, apitest.Line{From: int64(10 * (i + 1)), To: int64(10*(i+1) + 2), Language: "en", Text: text})
	}
	return f
}

// A watcher follows a saved search over one or several connections.
type watcher struct {
	t      *testing.T
	who    string
	name   string
	token  string
	told   map[string]int // by title and second, without the moments that are gone
	gone   []string       // by title, second and text
	cancel context.CancelFunc
	in     chan *pb.WatchSearchResponse
	ended  chan error
}

func saved(s *apitest.Server) cinedexv1connect.SavedSearchServiceClient {
	return cinedexv1connect.NewSavedSearchServiceClient(http.DefaultClient, s.URL)
}

func as[T any](who string, m *T) *connect.Request[T] {
	req := connect.NewRequest(m)
	req.Header().Set("Authorization", "Bearer "+who)
	return req
}

func save(t *testing.T, s *apitest.Server, who, name, q string) {
	t.Helper()
	if _, err := saved(s).SaveSearch(t.Context(), as(who, &pb.SaveSearchRequest{Saved: &pb.SavedSearch{Name: name, Search: &pb.SearchRequest{Q: q}}})); err != nil {
		t.Fatal(err)
	}
}

// connect opens a stream behind the last token, and waits for the first message.
func (w *watcher) connect(s *apitest.Server) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	stream, err := saved(s).WatchSearch(ctx, as(w.who, &pb.WatchSearchRequest{Name: w.name, Since: w.token}))
	if err != nil {
		w.t.Fatal(err)
	}
	in, ended := make(chan *pb.WatchSearchResponse, 100), make(chan error, 1)
	w.cancel, w.in, w.ended = cancel, in, ended
	go func() {
		for stream.Receive() {
			in <- stream.Msg()
		}
		ended <- stream.Err()
		_ = stream.Close()
	}()
	w.next()
}

// next handles a message.
func (w *watcher) next() {
	w.t.Helper()
	select {
	case m := <-w.in:
		w.token = m.GetToken()
		for _, h := range m.GetHits() {
			hit := fmt.Sprintf("%s@%d", h.GetTitle(), h.GetStartMs()/1000)
			if w.told[hit]++; w.told[hit] > 1 {
				w.t.Fatalf("%s is told twice", hit)
			}
		}
		for _, h := range m.GetGone() {
			hit := fmt.Sprintf("%s@%d", h.GetTitle(), h.GetStartMs()/1000)
			w.gone = append(w.gone, strings.TrimSpace(hit+" "+h.GetText()))
			delete(w.told, hit)
		}
	case err := <-w.ended:
		w.t.Fatalf("the stream ended: %v", err)
	case <-time.After(time.Minute):
		w.t.Fatal("no message")
	}
}

// once counts each hit as told once.
func once(hits []string) map[string]int {
	want := map[string]int{}
	for _, h := range hits {
		want[h] = 1
	}
	return want
}

// wants handles messages until the wanted hits are told, and fails if another hit is told or a hit is told twice.
func (w *watcher) wants(hits ...string) {
	w.t.Helper()
	want := once(hits)
	for !maps.Equal(w.told, want) {
		for h, n := range w.told {
			if want[h] != n {
				w.t.Fatalf("%s was told %d times; all told: %v, wanted %v", h, n, w.told, hits)
			}
		}
		w.next()
	}
}

// becomes handles messages until the hits that are told and not gone are the wanted hits.
func (w *watcher) becomes(hits ...string) {
	w.t.Helper()
	want := once(hits)
	for !maps.Equal(w.told, want) {
		w.next()
	}
}

func (w *watcher) disconnect() {
	w.cancel()
	<-w.ended
}

var lampReaders = map[string][]string{"reader": {"harbour", "orchard", "station", "mountain", "mill", "last"}, "all": {"*"}}

// TestWatch: hits that become searchable are told once, over a disconnection, a restart of the server and a switch of runs.
func TestWatch(t *testing.T) {
	l := apitest.New(t)
	harbour := l.Add(filmOf("harbour", "the lamp is lit"))
	s := l.Serve(lampReaders)
	save(t, s, "reader", "lamps", "dialogue.words:lamp")
	w := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{}}
	w.connect(s)
	l.Add(filmOf("orchard", "no light", "a lamp, and another lamp"))
	w.wants("orchard@20")
	l.Add(filmOf("hidden", "a lamp that the reader may not see"))
	l.Add(filmOf("station", "nothing here"))
	l.Add(filmOf("mountain", "lamp one", "lamp two"))
	w.wants("orchard@20", "mountain@10", "mountain@20")

	// A switch to a new run of the same algorithm: the same moments are not new. The moment that the run before had not found is new.
	again := func(version string, lines ...string) {
		for _, r := range l.Said(harbour, version, filmOf("", lines...).Lines) {
			active, err := l.Store.Active(t.Context(), harbour.GetId())
			if err != nil {
				t.Fatal(err)
			}
			l.Switch(r, runs.Seen(active, r.GetAlgorithm()).GetRun())
		}
	}
	again("2", "the lamp is lit", "a lamp goes out")
	w.wants("orchard@20", "mountain@10", "mountain@20", "harbour@20")

	// Away, the library changes; the stream goes on behind the token.
	w.disconnect()
	again("3", "the lamp is lit", "a lamp goes out", "and a lamp a third time")
	l.Add(filmOf("mill", "the miller's lamp"))
	w.connect(s)
	w.wants("orchard@20", "mountain@10", "mountain@20", "harbour@20", "harbour@30", "mill@10")

	// The server is another; the library has changed in between.
	w.disconnect()
	l.Add(filmOf("last", "the last lamp"))
	other := l.Serve(lampReaders)
	w.connect(other)
	w.wants("orchard@20", "mountain@10", "mountain@20", "harbour@20", "harbour@30", "mill@10", "last@10")
	again("4", "the lamp is lit", "a lamp goes out", "and a lamp a third time", "and a lamp a fourth time")
	w.wants("orchard@20", "mountain@10", "mountain@20", "harbour@20", "harbour@30", "mill@10", "last@10", "harbour@40")
	w.disconnect()

	// A stream without a token begins now.
	fresh := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{}}
	fresh.connect(other)
	again("5", "the lamp is lit", "a lamp goes out", "and a lamp a third time", "and a lamp a fourth time", "and a lamp a fifth time")
	fresh.wants("harbour@50")
	fresh.disconnect()
}

// TestWatchGone: a hit that a new run does not find is told once as gone, with the text of then, and is new again when a later run finds the hit; also for a
// client who was away.
func TestWatchGone(t *testing.T) {
	l := apitest.New(t)
	harbour := l.Add(filmOf("harbour", "the lamp is lit", "a lamp goes out"))
	s := l.Serve(lampReaders)
	save(t, s, "reader", "lamps", "dialogue.words:lamp")
	w := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{"harbour@10": 1, "harbour@20": 1}}
	w.connect(s)
	version := 1
	again := func(lines ...string) {
		version++
		for _, r := range l.Said(harbour, fmt.Sprint(version), filmOf("", lines...).Lines) {
			active, err := l.Store.Active(t.Context(), harbour.GetId())
			if err != nil {
				t.Fatal(err)
			}
			l.Switch(r, runs.Seen(active, r.GetAlgorithm()).GetRun())
		}
	}
	gone := func(hits ...string) {
		t.Helper()
		if !slices.Equal(w.gone, hits) {
			t.Fatalf("gone are %q, wanted %q", w.gone, hits)
		}
		w.gone = nil
	}
	again("the lamp is lit", "a light goes out")
	w.becomes("harbour@10")
	gone("harbour@20 a lamp goes out")
	again("the lamp is lit", "a lamp goes out again", "a third lamp")
	w.becomes("harbour@10", "harbour@20", "harbour@30")
	gone()

	// Away, two moments go, and one of them comes back.
	w.disconnect()
	again("nothing", "nothing", "a third lamp")
	again("nothing", "one more lamp", "a third lamp")
	w.connect(s)
	w.becomes("harbour@20", "harbour@30")
	gone("harbour@10") // within a minute of the switches, the runs of then are not known: the place is told alone

	// A moment that was new and is gone while the client is away is told, although neither run of the stream's horizon had found the moment.
	w.disconnect()
	again("nothing", "one more lamp")
	w.connect(s)
	w.becomes("harbour@20")
	gone("harbour@30")

	// A stream that begins now tells nothing of what went before.
	fresh := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{"harbour@20": 1}}
	fresh.connect(s)
	again("nothing", "one more lamp", "nothing", "a fourth lamp")
	fresh.becomes("harbour@20", "harbour@40")
	if len(fresh.gone) > 0 {
		t.Errorf("gone are %q", fresh.gone)
	}
	fresh.disconnect()
	w.disconnect()
}

// TestWatchMany: of a film with more new hits than a page has, every hit is told.
func TestWatchMany(t *testing.T) {
	l := apitest.New(t)
	s := l.Serve(lampReaders)
	save(t, s, "all", "lamps", "dialogue.words:lamp AND dialogue.words:lit")
	w := &watcher{t: t, who: "all", name: "lamps", told: map[string]int{}}
	w.connect(s)
	const lines = 2*gateway.DefaultLimit + 10
	var hits []string
	for i := range lines {
		hits = append(hits, fmt.Sprintf("long@%d", 10*(i+1)))
	}
	l.Add(filmOf("long", slices.Repeat([]string{"a lamp is lit"}, lines)...))
	w.wants(hits...)
	w.disconnect()
}

// TestWatchOften: a client who loses the connection behind every message gets each hit once, while films arrive.
func TestWatchOften(t *testing.T) {
	const films = 24
	l := apitest.New(t)
	s := l.Serve(map[string][]string{"reader": {"*"}})
	save(t, s, "reader", "lamps", "dialogue.words:lamp OR look:red")
	w := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{}}
	w.connect(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range films {
			l.Add(filmOf(fmt.Sprintf("film%d", i), "a lamp"))
		}
	}()
	for len(w.told) < 2*films { // the line, and the red shot
		w.disconnect()
		w.connect(s)
	}
	<-done
	w.disconnect()
	w.connect(s)
	w.disconnect()
	for h, n := range w.told {
		if n != 1 {
			t.Errorf("%s was told %d times", h, n)
		}
	}
	if len(w.told) != 2*films {
		t.Errorf("%d hits were told of %d", len(w.told), 2*films)
	}
}

// TestWatchEnds: a stream ends when the search is deleted or replaced, when the token is revoked and when the server stops, and begins for
// nobody beyond the bounds.
func TestWatchEnds(t *testing.T) {
	l := apitest.New(t)
	l.Add(filmOf("harbour", "the lamp is lit"))
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	write := func(titles string) {
		file := fmt.Sprintf("tokens:\n  - {name: reader, sha256: %x, titles: [%s]}\n", sha256.Sum256([]byte("reader")), titles)
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("harbour, secret")
	file, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	s := l.Serve(nil, func(_ *gateway.Config, d *searchapi.Deps) { d.Authoriser = file })
	start := func(name string) *watcher {
		save(t, s, "reader", name, "dialogue.words:lamp")
		w := &watcher{t: t, who: "reader", name: name, told: map[string]int{}}
		w.connect(s)
		return w
	}
	ends := func(what string, w *watcher, code connect.Code) {
		t.Helper()
		for {
			select {
			case m := <-w.in:
				if len(m.GetHits()) > 0 {
					t.Errorf("%s: hits are told: %v", what, m.GetHits())
				}
				continue
			case err := <-w.ended:
				if connect.CodeOf(err) != code {
					t.Errorf("%s: the stream ended with %v, not with %v", what, err, code)
				}
			case <-time.After(time.Minute):
				t.Errorf("%s: the stream did not end", what)
			}
			return
		}
	}
	deleted, replaced := start("deleted"), start("replaced")
	if _, err := saved(s).DeleteSavedSearch(t.Context(), as("reader", &pb.DeleteSavedSearchRequest{Name: "deleted"})); err != nil {
		t.Fatal(err)
	}
	save(t, s, "reader", "replaced", "dialogue.words:lantern")
	l.Add(filmOf("unseen", "a lamp")) // a change of the library wakes the streams
	ends("deleted", deleted, connect.CodeNotFound)
	ends("replaced", replaced, connect.CodeAborted)
	if _, err := saved(s).WatchSearch(t.Context(), as("reader", &pb.WatchSearchRequest{Name: "replaced", Since: replaced.token})); err != nil {
		t.Fatal(err)
	}
	for name, since := range map[string]string{"a token of the search before": replaced.token, "no token": "x", "half a token": replaced.token[:5]} {
		stream, err := saved(s).WatchSearch(t.Context(), as("reader", &pb.WatchSearchRequest{Name: "replaced", Since: since}))
		if err == nil {
			for stream.Receive() {
				t.Errorf("%s is taken", name)
			}
			err = stream.Err()
		}
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}

	var many []*watcher
	for i := range gateway.MaxWatchesOfOne {
		many = append(many, start(fmt.Sprint("many", i)))
	}
	stream, err := saved(s).WatchSearch(t.Context(), as("reader", &pb.WatchSearchRequest{Name: "many0"}))
	if err == nil && !stream.Receive() {
		err = stream.Err()
	}
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("stream %d of a caller: %v", gateway.MaxWatchesOfOne+1, err)
	}
	write("harbour")
	for { // the file of tokens is read anew now and then
		if c, err := file.Authorise(t.Context(), "reader"); err != nil || !c.MaySee("secret") {
			break
		}
		runtime.Gosched()
	}
	l.Add(filmOf("secret", "a lamp"))
	for _, w := range many {
		select {
		case err := <-w.ended:
			if err == nil {
				t.Error("a stream ended without error when the rights changed")
			}
		case <-time.After(time.Minute):
			t.Fatal("a stream of a caller whose rights changed goes on")
		}
		for len(w.in) > 0 {
			if m := <-w.in; len(m.GetHits()) > 0 {
				t.Errorf("hits are told of a title whose right is taken away: %v", m.GetHits())
			}
		}
	}
}

// TestWatchStops: a server that stops ends its streams without an error, and does not wait for the clients.
func TestWatchStops(t *testing.T) {
	l := apitest.New(t)
	s := l.Serve(lampReaders)
	save(t, s, "reader", "lamps", "dialogue.words:lamp")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stopped := make(chan error, 1)
	go func() { stopped <- telemetry.ServeListener(ctx, listener, s.Service.Handler) }()
	w := &watcher{t: t, who: "reader", name: "lamps", told: map[string]int{}}
	w.connect(&apitest.Server{URL: "http://" + listener.Addr().String()})
	began := time.Now()
	stop()
	for _, end := range []chan error{w.ended, stopped} {
		select {
		case err := <-end:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("the server waits for a stream")
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// TestSavedSearches: a caller keeps, lists and deletes searches; the searches of one caller are not those of another.
func TestSavedSearches(t *testing.T) {
	l := apitest.New(t)
	l.Add(filmOf("harbour", "the lamp is lit"))
	s := l.Serve(lampReaders)
	c := saved(s)
	list := func(who string) (names []string) {
		resp, err := c.ListSavedSearches(t.Context(), as(who, &pb.ListSavedSearchesRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.Msg.GetSaved() {
			names = append(names, s.GetName()+" "+s.GetSearch().GetQ())
		}
		return names
	}
	save(t, s, "reader", "b", "dialogue.words:lamp")
	save(t, s, "reader", "a", "lamp")
	save(t, s, "reader", "b", "lantern")
	save(t, s, "all", "c", "lamp")
	if got := list("reader"); !slices.Equal(got, []string{"a lamp", "b lantern"}) {
		t.Errorf("listed %q", got)
	}
	for name, refused := range map[string]*pb.SavedSearch{
		"no name":       {Search: &pb.SearchRequest{Q: "lamp"}},
		"a long name":   {Name: strings.Repeat("n", 101), Search: &pb.SearchRequest{Q: "lamp"}},
		"no query":      {Name: "x"},
		"a cursor":      {Name: "x", Search: &pb.SearchRequest{Q: "lamp", Cursor: "x"}},
		"no such leaf":  {Name: "x", Search: &pb.SearchRequest{Q: "smell:smoke"}},
		"a big picture": {Name: "x", Search: &pb.SearchRequest{Query: &pb.Query{Node: &pb.Query_Leaf{Leaf: &pb.Leaf{Kind: "image", Image: make([]byte, 200_000)}}}}},
	} {
		if _, err := c.SaveSearch(t.Context(), as("reader", &pb.SaveSearchRequest{Saved: refused})); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.DeleteSavedSearch(t.Context(), as("reader", &pb.DeleteSavedSearchRequest{Name: "c"})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("deleting the search of another caller: %v", err)
	}
	if _, err := c.DeleteSavedSearch(t.Context(), as("reader", &pb.DeleteSavedSearchRequest{Name: "a"})); err != nil {
		t.Error(err)
	}
	for i := range gateway.MaxSaved - 1 {
		save(t, s, "reader", fmt.Sprint("more", i), "lamp")
	}
	if _, err := c.SaveSearch(t.Context(), as("reader", &pb.SaveSearchRequest{Saved: &pb.SavedSearch{Name: "x", Search: &pb.SearchRequest{Q: "lamp"}}})); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("one search too many: %v", err)
	}
	save(t, s, "reader", "b", "lamp") // a search that is there is replaced
	if got := list("all"); !slices.Equal(got, []string{"c lamp"}) {
		t.Errorf("the other caller's: %q", got)
	}
}

// TestWatchOverGraphQL: a subscription tells the hits of the stream as events.
func TestWatchOverGraphQL(t *testing.T) {
	l := apitest.New(t)
	l.Add(filmOf("harbour", "the lamp is lit"))
	s := l.Serve(lampReaders)
	ask := func(document string) (*bufio.Scanner, func()) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"query": document})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Authorization": "Bearer reader", "Content-Type": "application/json", "Accept": "text/event-stream"} {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			resp.Body.Close()
		})
		return bufio.NewScanner(resp.Body), cancel
	}
	type event struct {
		Data struct {
			WatchSearch struct {
				Hits  []struct{ Title string }
				Token string
			}
		}
		Errors []struct{ Extensions struct{ Code string } }
	}
	next := func(lines *bufio.Scanner) (e event) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Fatalf("%s: %v", data, err)
				}
				return e
			}
		}
		t.Fatalf("the events ended: %v", lines.Err())
		return e
	}
	saving, done := ask(`mutation { saveSearch(name: "lamps", q: "dialogue.words:lamp") }`)
	next(saving)
	done()
	const watch = `subscription { watchSearch(name: "lamps"%s) { hits { title startTimecode } token } }`
	events, leave := ask(fmt.Sprintf(watch, ""))
	if e := next(events); len(e.Data.WatchSearch.Hits) != 0 || e.Data.WatchSearch.Token == "" {
		t.Errorf("the first event is %+v", e)
	}
	l.Add(filmOf("hidden", "a lamp that the reader may not see"))
	l.Add(filmOf("orchard", "a lamp"))
	e := next(events)
	if hits := e.Data.WatchSearch.Hits; len(hits) != 1 || hits[0].Title != "orchard" {
		t.Errorf("the event is %+v", e)
	}
	leave()
	l.Add(filmOf("mill", "a lamp"))
	events, leave = ask(fmt.Sprintf(watch, `, since: "`+e.Data.WatchSearch.Token+`"`))
	if hits := next(events).Data.WatchSearch.Hits; len(hits) != 1 || hits[0].Title != "mill" {
		t.Errorf("behind the token: %+v", hits)
	}
	leave()
	events, leave = ask(`subscription { watchSearch(name: "none") { token } }`)
	if e := next(events); len(e.Errors) != 1 || e.Errors[0].Extensions.Code != "not_found" {
		t.Errorf("a search that is not there: %+v", e)
	}
	leave()
	events, leave = ask(fmt.Sprintf(watch, ""))
	defer leave()
	next(events)
	deleting, done := ask(`mutation { deleteSavedSearch(name: "lamps") }`)
	next(deleting)
	done()
	var last string
	for events.Scan() {
		if line := events.Text(); line != "" {
			last = line
		}
	}
	if err := events.Err(); err != nil || last != "event: complete" {
		t.Errorf("the stream of a deleted search ends with %q, %v", last, err)
	}
}

// everyProcedure are the procedures of the services of the API.
func everyProcedure(t *testing.T) (names []string) {
	t.Helper()
	for _, service := range rpcapi.Services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Fatal(err)
		}
		methods := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			names = append(names, "/"+service+"/"+string(methods.Get(i).Name()))
		}
	}
	return names
}

// TestEveryProcedureIsAudited: a call of every procedure, whether answered or refused, leaves one line with the caller and the outcome.
func TestEveryProcedureIsAudited(t *testing.T) {
	out := &lines{}
	record, err := audit.Open(audit.Default(), audit.Deps{Output: out, Service: "search-api", Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	l := apitest.New(t)
	l.Add(filmOf("harbour", "the lamp is lit"))
	s := l.Serve(lampReaders, func(_ *gateway.Config, d *searchapi.Deps) { d.Audit = record })
	procedures := everyProcedure(t)
	if len(procedures) < 12 {
		t.Fatalf("%d procedures: %q", len(procedures), procedures)
	}
	for _, name := range procedures {
		before := out.count()
		contentType, body := "application/json", `{}`
		if strings.HasSuffix(name, "/WatchSearch") || strings.HasSuffix(name, "/Export") {
			contentType, body = "application/connect+json", "\x00\x00\x00\x00\x02{}"
		}
		ask(t, s.URL, http.MethodPost, name, body, "reader", contentType)
		got := out.wait(t, before)
		if len(got) != 1 || got[0].Call != name || got[0].Caller != "reader" || got[0].Outcome == "" {
			t.Errorf("%s leaves %+v", name, got)
		}
	}
}
