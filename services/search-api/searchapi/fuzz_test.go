package searchapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/cinedex/cinedex/pkg/fair"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// secret is a word of the film that the reader may not see.
const secret = "quuxberry"

// fuzzed is the search API over two films. The reader may see the film of the title harbour alone.
func fuzzed(f *testing.F) http.Handler {
	f.Helper()
	l := apitest.New(f)
	film := func(title, word string) {
		var lines []apitest.Line
		for i := range int64(12) {
			lines = append(lines, apitest.Line{From: i, To: i + 1, Language: []string{"en", "de"}[i%2], Character: "Mara", Text: fmt.Sprintf("The keeper lit the lamp %d times beside the %s.", i, word)})
		}
		l.Add(apitest.Film{Title: title, Name: "The " + word, Series: "coast", Lines: lines, Shots: []apitest.Shot{
			{Seconds: 4, Colour: apitest.Red, Label: "dog", LabelConfidence: 0.9}, {Seconds: 4, Colour: apitest.Green, Label: word, LabelConfidence: 0.8}, {Seconds: 4, Colour: apitest.Blue},
		}})
	}
	film("harbour", "violin")
	film("hidden-"+secret, secret)
	s := l.Serve(map[string][]string{"reader": {"harbour"}, "all": {"*"}}, func(c *gateway.Config, d *searchapi.Deps) {
		c.Limits, c.Timeout = fair.Limits{}, time.Hour
		d.Log = slog.New(slog.DiscardHandler)
	})
	return s.Service.Handler
}

// Bounds of one request, far above the cost of any request of a small library: processor time, memory allocated, bytes of the answer.
const (
	mostWork   = 3 * time.Second
	mostMemory = 256 << 20
	mostAnswer = 16 << 20
)

// bounded sends a request to the handler and returns the answer. The request MUST stay within the bounds.
func bounded(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	w := httptest.NewRecorder()
	workedBefore, allocatedBefore := worked(t), allocated()
	h.ServeHTTP(w, r.WithContext(ctx))
	if took := worked(t) - workedBefore; took > mostWork {
		t.Errorf("the request took %s of the processor", took)
	}
	if memory := allocated() - allocatedBefore; memory > mostMemory {
		t.Errorf("the request allocated %d MiB", memory>>20)
	}
	if w.Body.Len() > mostAnswer {
		t.Errorf("the answer has %d MiB", w.Body.Len()>>20)
	}
	if ctx.Err() != nil {
		t.Error("the request was not answered in a minute")
	}
	return w
}

// worked is the processor time of the process so far.
func worked(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// allocated is how many bytes the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// methods are the methods that the handler serves.
func methods(h http.Handler) (out []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("cinedex.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if m := s.Methods().Get(j); !m.IsStreamingServer() && !m.IsStreamingClient() && served(h, m) {
					out = append(out, m)
				}
			}
		}
		return true
	})
	slices.SortFunc(out, func(a, b protoreflect.MethodDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return out
}

func served(h http.Handler, m protoreflect.MethodDescriptor) bool {
	r := request(doorJSON, m, []byte(`{}`))
	r.Header.Set("Authorization", "Bearer reader")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Header().Get("Content-Type") == "application/json" // and not the text of an unknown path
}

func pathOf(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// The doors of FuzzDoors: how the bytes become a request.
const (
	doorJSON      = iota // the JSON message of a method
	doorProto            // the binary message of a method
	doorGRPCWeb          // the binary message of a method, in a frame of gRPC-Web
	doorFrames           // anything as frames of gRPC-Web
	doorLine             // a query in the one-line form
	doorTyped            // the beginning of a query, for suggestions
	doorTree             // the JSON of a tree, with the filter of a search
	doorGraphQL          // a document of GraphQL
	doorVariables        // the variables of a document that searches
	doorBody             // anything as the body of GraphQL
	doorPath             // the path of a file, a picture or a film
	doorLogin            // the form of the login
	doors
)

// searching is a document that asks GraphQL for a part of everything.
const searching = `query ($q: String, $query: QueryInput, $filter: FilterInput, $limit: Int, $cursor: String, $order: Order, $profile: String, $facets: [String!], $explain: Boolean) {
	search(q: $q, query: $query, filter: $filter, limit: $limit, cursor: $cursor, order: $order, profile: $profile, facets: $facets, explain: $explain) {
		query cursor noGoodMatch partial { part kind error } total { count exact }
		hits { asset title startMs endMs text confidence evidence { leaf by score } } } }`

// request makes a request of the bytes.
func request(door uint8, method protoreflect.MethodDescriptor, in []byte) *http.Request {
	post := func(path, contentType string, body []byte) *http.Request {
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	object := func(path string, fields map[string]any) *http.Request {
		body, err := json.Marshal(fields)
		if err != nil {
			panic(err) // the fields are strings and valid JSON
		}
		return post(path, "application/json", body)
	}
	raw := func() json.RawMessage {
		if json.Valid(in) {
			return in
		}
		return json.RawMessage(`{}`)
	}
	switch door {
	case doorProto:
		return post(pathOf(method), "application/proto", in)
	case doorGRPCWeb:
		frame := append([]byte{0, 0, 0, byte(len(in) >> 8), byte(len(in))}, in...)
		return post(pathOf(method), "application/grpc-web+proto", frame)
	case doorFrames:
		return post(pathOf(method), "application/grpc-web+proto", in)
	case doorLine:
		return object(searchPath, map[string]any{"q": string(in), "explain": true, "facets": []string{"title", "language", "kind"}})
	case doorTyped:
		return object("/cinedex.v1.SearchService/Suggest", map[string]any{"typed": string(in)})
	case doorTree:
		return object(searchPath, map[string]any{"query": raw(), "explain": true})
	case doorGraphQL:
		return object("/graphql", map[string]any{"query": string(in)})
	case doorVariables:
		return object("/graphql", map[string]any{"query": searching, "variables": raw()})
	case doorBody:
		return post("/graphql", "application/json", in)
	case doorPath:
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		path, query, _ := strings.Cut(string(in), "?")
		r.URL = &url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		return r
	case doorLogin:
		return post("/login", "application/x-www-form-urlencoded", in)
	}
	return post(pathOf(method), "application/json", in)
}

// FuzzDoors sends requests to the real handlers. Each is answered within bounds, in the form of its door, without a fault of the server, and
// without a word of the film that the reader may not see.
func FuzzDoors(f *testing.F) {
	h := fuzzed(f)
	every := methods(h)
	for i, m := range every {
		f.Add(uint8(doorJSON), uint8(i), []byte(`{"limit":1}`))
		if m.Name() == "Search" {
			seedSearches(f, uint8(i))
		}
	}
	r := request(doorVariables, every[0], []byte(`{"q":"lamp"}`))
	r.Header.Set("Authorization", "Bearer reader")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); len(every) < 8 || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The keeper") {
		f.Fatalf("%d methods are served; a search: status %d: %s", len(every), w.Code, w.Body)
	}
	for door, seeds := range map[uint8][]string{
		doorLine: {`lamp AND keeper`, `dialogue.words:lamp THEN label:dog WITHIN 5s`, `like_text:red NEAR CUT WITHIN 1s`, `AT LEAST 2 OF (lamp, keeper, label:dog) lang:en`,
			`frame:` + apitest.AssetOf("harbour") + `@00:00:01:00`, `look:red -label:violin`, `"lit the lamp"~2 keep*`, `label:dog OVERLAPS dialogue.meaning:"a keeper"`},
		doorTyped:     {"kee", "dialogue.wo", `label:dog AND `, "title:"},
		doorTree:      {`{"leaf":{"kind":"dialogue","text":"lamp"}}`, `{"and":{"queries":[{"leaf":{"kind":"label","text":"dog"}},{"not":{"query":{"leaf":{"kind":"any","text":"lamp"}}}}]}}`},
		doorGraphQL:   {`{ titles { titles { title { id } } cursor } }`, `query A { search(q: "lamp") { ...F } } fragment F on SearchAnswer { hits { text } }`, `{ __schema { types { name } } }`},
		doorVariables: {`{"q":"lamp","limit":3,"explain":true}`, `{"query":{"not":{"leaf":{"kind":"label","text":"dog"}}},"facets":["title"]}`},
		doorBody:      {`{"query":"{ titles { cursor } }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}`, `[]`, `{"query":"{","variables":{"a":1e999}}`},
		doorPath:      {"app/main.js", "media/" + apitest.AssetOf("harbour"), "thumbnails/" + apitest.AssetOf("harbour") + "/x/0.jpg", "?q=lamp", "grpc.health.v1.Health/Check", "../login"},
		doorLogin:     {"token=reader", "token=%zz", "token=a&q=b"},
		doorGRPCWeb:   {"\x0a\x04lamp"}, doorFrames: {"\x00\x00\x00\x00\x06\x0a\x04lamp"}, doorProto: {"\x0a\x04lamp"},
	} {
		for _, s := range seeds {
			f.Add(door, uint8(0), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, door, method uint8, in []byte) {
		m := every[int(method)%len(every)]
		r := request(door%doors, m, in)
		r.Header.Set("Authorization", "Bearer reader")
		answered(t, bounded(t, h, r), m, in)
	})
}

// seedSearches adds messages of Search in the binary form.
func seedSearches(f *testing.F, method uint8) {
	f.Helper()
	for _, text := range []string{
		`{"q":"lamp","limit":3,"cursor":"AAAA","explain":true,"facets":["title"],"fields":["text"]}`, `{"query":{"leaf":{"kind":"like_text","text":"red"}},"filter":{"titles":["harbour"]},"order":"time"}`,
		`{"query":{"atLeast":{"count":2,"queries":[{"leaf":{"kind":"label","text":"dog"}},{"leaf":{"kind":"any","text":"lamp"}}]}},"preview":[{"algorithm":"pictures","version":"2"}]}`,
	} {
		m := &pb.SearchRequest{}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), m); err != nil {
			continue // a field of another type than the seed has
		}
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(doorProto), method, b)
		f.Add(uint8(doorGRPCWeb), method, b)
		f.Add(uint8(doorJSON), method, []byte(text))
	}
}

// answered checks an answer: no fault of the server, well-formed, nothing of the hidden film.
func answered(t *testing.T, w *httptest.ResponseRecorder, m protoreflect.MethodDescriptor, in []byte) {
	t.Helper()
	body := w.Body.Bytes()
	// An encoding that nobody knows is 501. A caller's own timeout is 503.
	late := w.Code == http.StatusServiceUnavailable && bytes.Contains(body, []byte("not answered in time"))
	if w.Code >= 500 && w.Code != http.StatusNotImplemented && !late {
		t.Fatalf("status %d: %.500s", w.Code, body)
	}
	if bytes.Contains(body, []byte(secret)) && !bytes.Contains(in, []byte(secret)) {
		t.Fatalf("the answer has a word of the hidden film: %.500s", body)
	}
	contentType, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	switch contentType {
	case "application/json":
		wellFormed(t, body)
	case "application/proto":
		if err := proto.Unmarshal(body, messageOf(t, m.Output())); err != nil {
			t.Fatalf("the answer is no %s: %v", m.Output().Name(), err)
		}
	case "application/grpc-web+proto":
		framed(t, body, w.Header(), m)
	}
}

func messageOf(t *testing.T, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

// wellFormed checks an answer in JSON: one value, and no error of kind internal.
func wellFormed(t *testing.T, body []byte) {
	t.Helper()
	var answer struct {
		Code    string
		Partial []struct{ Kind string }
		Errors  []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("the answer is no JSON object: %v: %.500s", err, body)
	}
	if answer.Code == "internal" || answer.Code == "unknown" {
		t.Fatalf("an error inside: %.500s", body)
	}
	for _, p := range answer.Partial {
		if p.Kind == "internal" {
			t.Fatalf("a part failed inside: %.500s", body)
		}
	}
	for _, e := range answer.Errors {
		if e.Extensions.Code == "internal" || e.Extensions.Code == "" || e.Message == "" {
			t.Fatalf("an error without a kind, or inside: %.500s", body)
		}
	}
}

// framed checks an answer of gRPC-Web: whole frames, the message of the method, and trailers without a fault of the server.
func framed(t *testing.T, body []byte, header http.Header, m protoreflect.MethodDescriptor) {
	t.Helper()
	status, message := header.Get("Grpc-Status"), header.Get("Grpc-Message")
	for len(body) > 0 {
		if len(body) < 5 {
			t.Fatalf("%d bytes are no frame", len(body))
		}
		flags, n := body[0], int(body[1])<<24|int(body[2])<<16|int(body[3])<<8|int(body[4])
		if len(body) < 5+n {
			t.Fatalf("a frame of %d bytes has %d", n, len(body)-5)
		}
		frame := body[5 : 5+n]
		body = body[5+n:]
		if flags&0x80 == 0 {
			if err := proto.Unmarshal(frame, messageOf(t, m.Output())); err != nil {
				t.Fatalf("the answer is no %s: %v", m.Output().Name(), err)
			}
			continue
		}
		for line := range strings.Lines(string(frame)) {
			switch k, v, _ := strings.Cut(strings.TrimSpace(line), ":"); strings.ToLower(k) {
			case "grpc-status":
				status = strings.TrimSpace(v)
			case "grpc-message":
				message = v
			}
		}
	}
	switch status {
	case "2", "13", "15": // unknown, internal, data loss
		// gRPC has no other status for broken frames.
		if !strings.Contains(message, "protocol error") && !strings.Contains(message, "extra bytes after end of stream") {
			t.Fatalf("grpc-status %s: %s", status, message)
		}
	case "":
		t.Fatal("an answer without a grpc-status")
	}
}

// A paged is a door with pages.
type paged struct {
	path   string
	fields string // of the request's object, without the cursor
	token  string
}

func (p paged) request(cursor string) *http.Request {
	quoted, err := json.Marshal(cursor)
	if err != nil {
		panic(err) // a string
	}
	r := httptest.NewRequest(http.MethodPost, p.path, strings.NewReader(fmt.Sprintf(`{%s,"cursor":%s}`, p.fields, quoted)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+p.token)
	return r
}

// readersPages are what the reader asks for; the caller who may see everything asks for the same.
func readersPages() (out []paged) {
	for _, p := range []struct{ path, fields string }{
		{searchPath, `"q":"dialogue.words:lamp","limit":2`},
		{searchPath, `"q":"dialogue.words:lamp AND dialogue.words:keeper","limit":2`},
		{"/cinedex.v1.SearchService/ListTitles", `"limit":1`},
		{"/cinedex.v1.SearchService/GetStatus", `"limit":1`},
		{"/cinedex.v1.SearchService/ListAnnotations", `"asset":"` + apitest.AssetOf("harbour") + `","limit":2`},
	} {
		out = append(out, paged{p.path, p.fields, "reader"})
	}
	return out
}

// FuzzCursors asks for pages by cursors that were given out to somebody and changed. A cursor is refused as Invalid, or leads to a page of
// what the reader may see.
func FuzzCursors(f *testing.F) {
	h := fuzzed(f)
	pages := readersPages()
	var given [][]byte // decoded, of the reader and of the caller who may see everything
	for _, p := range pages {
		for _, token := range []string{"reader", "all"} {
			p.token = token
			for _, c := range follow(f, h, p) {
				b, err := base64.RawURLEncoding.DecodeString(c)
				if err != nil {
					b = []byte(c)
				}
				given = append(given, b)
			}
		}
	}
	if len(given) < 2*len(pages) {
		f.Fatalf("%d pages gave %d cursors", len(pages), len(given))
	}
	for i := range given {
		for p := range pages {
			f.Add(uint8(p), uint8(i), uint8(0), []byte{}, false)
		}
		f.Add(uint8(i), uint8(i), uint8(1), []byte{1}, false)
	}
	f.Add(uint8(0), uint8(0), uint8(0), []byte("AAAA"), true)
	f.Fuzz(func(t *testing.T, page, which, at uint8, change []byte, plain bool) {
		p := pages[int(page)%len(pages)]
		cursor := string(change)
		if !plain {
			b := bytes.Clone(given[int(which)%len(given)])
			for i, c := range change { // XOR, and longer where the change goes beyond the end
				if j := int(at) + i; j < len(b) {
					b[j] ^= c
				} else {
					b = append(b, c)
				}
			}
			cursor = base64.RawURLEncoding.EncodeToString(b)
		}
		w := bounded(t, h, p.request(cursor))
		wellFormed(t, w.Body.Bytes())
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d: %.500s", w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), secret) && !strings.Contains(cursor, secret) {
			t.Fatalf("a page with a word of the hidden film: %.500s", w.Body)
		}
	})
}

// follow returns the cursors of every page.
func follow(f *testing.F, h http.Handler, p paged) (cursors []string) {
	f.Helper()
	for cursor := ""; ; {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, p.request(cursor))
		var answer struct{ Cursor string }
		body, err := io.ReadAll(w.Body)
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err != nil || w.Code != http.StatusOK {
			f.Fatalf("%s: status %d, %v: %.500s", p.path, w.Code, err, body)
		}
		if answer.Cursor == "" {
			return cursors
		}
		cursor = answer.Cursor
		cursors = append(cursors, cursor)
	}
}
