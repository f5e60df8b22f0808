package searchapi_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// mostRefusal is the processor time that a refusal may take. refusalWait bounds the same on a clock that runs on while other programs work.
const (
	mostRefusal = 10 * time.Millisecond
	refusalWait = 30 * time.Second
)

const megabyte = 1 << 20

// A bomb is a request that would cost much if the request were answered.
type bomb struct {
	name string
	send *http.Request
	body []byte
	want string // in the refusal
}

// fill repeats a text up to a number of bytes.
func fill(text string, n int) string { return strings.Repeat(text, n/len(text)) }

func jsonBomb(name, path, want string, fields map[string]any) bomb {
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings, and JSON that is valid
	}
	return rawBomb(name, path, "application/json", want, body)
}

func rawBomb(name, path, contentType, want string, body []byte) bomb {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer calm")
	return bomb{name, r, body, want}
}

// lineBombs are queries in the one-line form.
func lineBombs() (out []bomb) {
	leaves := func(op string) string { return strings.TrimSuffix(fill(`label:dog`+op, megabyte), op) }
	for name, line := range map[string]string{
		"a megabyte of nested NOT":         fill("NOT ", megabyte) + "a",
		"a megabyte of minus signs":        "a " + fill("-", megabyte) + "b",
		"a megabyte of parentheses":        fill("(", megabyte/2) + "a" + fill(")", megabyte/2),
		"a megabyte of AND":                leaves(" AND "),
		"a megabyte of OR":                 leaves(" OR "),
		"a megabyte of THEN":               "a" + fill(" THEN b WITHIN 1s", megabyte),
		"a megabyte of WITHIN":             "a" + fill(" WITHIN 1s", megabyte),
		"a megabyte of one word":           fill("a", megabyte),
		"a megabyte of a phrase":           `"` + fill("a ", megabyte) + `"`,
		"a megabyte of quotes":             fill(`"`, megabyte),
		"a megabyte of narrowings":         "label[" + fill("a=b,", megabyte) + "c=d]:dog",
		"a megabyte of spaces":             fill(" ", megabyte),
		"a megabyte of AT LEAST":           fill("AT LEAST 2 OF (", megabyte) + "a",
		"an AT LEAST of a huge count":      "AT LEAST 999999999999 OF (a, b)",
		"an AT LEAST of a megabyte":        "AT LEAST 1 OF (" + fill("a, ", megabyte) + "b)",
		"a filter of two megabytes":        "a title:" + fill("harbour,", 2*megabyte) + "x",
		"sixteen kilobytes of nested NOT":  fill("NOT ", query.MaxLength-8) + "a",
		"sixteen kilobytes of parentheses": fill("(", query.MaxLength/2-8) + "a" + fill(")", query.MaxLength/2-8),
		"sixteen kilobytes of OR":          strings.TrimSuffix(fill("a OR ", query.MaxLength-8), " OR "),
		"sixteen kilobytes of brackets":    fill("a[b=", query.MaxLength-8),
		"sixteen kilobytes of minus signs": "a " + fill("-(", query.MaxLength-8) + "b",
	} {
		out = append(out, jsonBomb("line/"+name, searchPath, "query", map[string]any{"q": line}))
	}
	return out
}

// wire nests a message in fields of protobuf.
func wire(inner []byte, fields ...protowire.Number) []byte {
	for _, f := range fields {
		inner = protowire.AppendBytes(protowire.AppendTag(nil, f, protowire.BytesType), inner)
	}
	return inner
}

// numberOf is the number of a field.
func numberOf(m proto.Message, field string) protowire.Number {
	return m.ProtoReflect().Descriptor().Fields().ByTextName(field).Number()
}

// treeBombs are queries as trees, and filters, in the JSON and in the binary form.
func treeBombs(t *testing.T) (out []bomb) {
	t.Helper()
	nested := func(n int) []byte {
		return []byte(`{"query":` + strings.Repeat(`{"not":{"query":`, n) + `{}` + strings.Repeat(`}}`, n) + `}`)
	}
	const leaf = `{"leaf":{"kind":"label","text":"dog"}}`
	list := strings.TrimSuffix(fill(leaf+",", megabyte), ",")
	asJSON := func(name, want, body string) {
		out = append(out, rawBomb("json/"+name, searchPath, "application/json", want, []byte(body)))
	}
	asJSON("a megabyte of nested NOT", "nested", string(nested(megabyte/18)))
	asJSON("a NOT as deep as JSON may be", "", string(nested(45)))
	asJSON("a megabyte of AND", "more than", `{"query":{"and":{"queries":[`+list+`]}}}`)
	asJSON("a megabyte of OR", "more than", `{"query":{"or":{"queries":[`+list+`]}}}`)
	asJSON("a huge AT LEAST", "", `{"query":{"atLeast":{"count":2147483647,"queries":[`+leaf+`,`+leaf+`]}}}`)
	asJSON("an AT LEAST of a megabyte", "more than", `{"query":{"atLeast":{"count":1,"queries":[`+list+`]}}}`)
	asJSON("a filter of two megabytes", "", `{"q":"a","filter":{"titles":[`+strings.TrimSuffix(fill(`"harbour",`, 2*megabyte), ",")+`]}}`)
	asJSON("a title of two megabytes", "", `{"q":"a","filter":{"titles":["`+fill("a", 2*megabyte)+`"]}}`)
	asJSON("a text of two megabytes", "", `{"query":{"leaf":{"kind":"label","text":"`+fill("a", 2*megabyte)+`"}}}`)
	asJSON("a cursor of a megabyte", "cursor", `{"q":"a","cursor":"`+fill("a", megabyte)+`"}`)
	asJSON("an unknown field of a megabyte", "", `{"q":"a","`+fill("b", megabyte)+`":1}`)
	asJSON("a megabyte of open lists", "nested", fill("[", megabyte))
	asJSON("a megabyte of escapes", "", `{"q":"`+fill(`\u0000`, megabyte)+`"}`)

	request, tree := &pb.SearchRequest{}, &pb.Query{}
	not, and, or := numberOf(tree, "not"), numberOf(tree, "and"), numberOf(tree, "or")
	inside, lists := numberOf(&pb.Not{}, "query"), numberOf(&pb.And{}, "queries")
	in := numberOf(request, "query")
	deep := []byte{}
	for len(deep) < 64<<10 { // each level copies the levels below
		deep = wire(deep, inside, not)
	}
	dog, err := proto.Marshal(query.Leaf(&pb.Leaf{Kind: "label", Text: "dog"}))
	if err != nil {
		t.Fatal(err)
	}
	one := wire(dog, lists)
	many := bytes.Repeat(one, megabyte/len(one))
	asProto := func(name, want string, body []byte) {
		out = append(out, rawBomb("protobuf/"+name, searchPath, "application/proto", want, body))
	}
	asProto("many nested NOT", "nested", wire(deep, in))
	asProto("a megabyte of AND", "more than", wire(many, and, in))
	asProto("a megabyte of OR", "more than", wire(many, or, in))
	asProto("a megabyte of merged trees", "more than", bytes.Repeat(wire(one, and, in), megabyte/len(wire(one, and, in))))
	asProto("a megabyte of groups", "", bytes.Repeat(protowire.AppendTag(nil, 1000, protowire.StartGroupType), megabyte/2))
	asProto("a filter of two megabytes", "more than", wire(bytes.Repeat(wire([]byte("harbour"), numberOf(&pb.Filter{}, "titles")), 2*megabyte/9), numberOf(request, "filter")))
	return out
}

// numbered repeats a text with numbers from 0 on.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// graphqlBombs are documents and bodies of GraphQL.
func graphqlBombs() (out []bomb) {
	document := func(name, want, text string) {
		out = append(out, jsonBomb("graphql/"+name, "/graphql", want, map[string]any{"query": text}))
	}
	var doubling, cycle strings.Builder
	for i := range 40 {
		fmt.Fprintf(&doubling, "fragment F%d on SearchAnswer { ...F%d ...F%d } ", i, i+1, i+1)
		fmt.Fprintf(&cycle, "fragment C%d on SearchAnswer { ...C%d } ", i, (i+1)%40)
	}
	document("a bomb of fragments", "", `{ search(q: "a") { ...F0 } } `+doubling.String()+`fragment F40 on SearchAnswer { hits { text } }`)
	document("fragments in a circle", "", `{ search(q: "a") { ...C0 } } `+cycle.String())
	document("a fragment of itself", "", `{ search(q: "a") { ...A } } fragment A on SearchAnswer { ...A hits { text } ...A }`)
	document("aliases", "", "{ "+fill(`a: search(q: "a") { cursor } `, 6000)+"}")
	document("many aliases", "", "{ "+numbered(`a%d: search(q: "a", limit: 200) { hits { text } } `, 60)+"}")
	document("a megabyte of aliases", "", "{ "+fill(`a: search(q: "a") { cursor } `, megabyte)+"}")
	document("a megabyte of open braces", "", fill("{ a ", megabyte))
	document("a megabyte of nested lists", "", `{ search(query: `+fill("[", megabyte)+` ) { cursor } }`)
	document("a megabyte of nested NOT", "", `{ search(query: `+fill("{not: ", megabyte)+` ) { cursor } }`)
	document("a megabyte of directives", "", "{ titles "+fill("@skip(if: false) ", megabyte)+"{ cursor } }")
	document("directives", "", "{ titles "+fill("@skip(if: false) ", 6000)+"{ cursor } }")
	document("a megabyte of operations", "", fill("query A { titles { cursor } } ", megabyte))
	document("a megabyte of variables", "", "query A("+fill("$a: String ", megabyte)+") { titles { cursor } }")
	document("a megabyte of comments", "", fill("#\n", megabyte))
	document("a megabyte in a string", "", `{ search(q: "`+fill("NOT ", megabyte)+`a") { cursor } }`)
	document("a megabyte in a block string", "", `{ search(q: """`+fill("\n ", megabyte)+`a""") { cursor } }`)
	document("wrong words", "", "{ "+fill("wrong ", 6000)+"}")
	document("wrong words with suggestions", "", "{ search(q: \"a\") { hits { "+fill("titleNam ", 9000)+"} } }")
	document("wrong words of the longest document with suggestions", "", "{ search(q: \"a\") { hits { "+numbered("titleNam%d ", 330)+"} } }")
	document("many wrong words", "", "{ search(q: \"a\") { hits { "+numbered("titleNam%d ", 1150)+"} } }")
	document("a deep introspection", "", "{ __schema { types { fields { type { "+strings.Repeat("ofType { ", 100)+" name "+strings.Repeat("} ", 100)+" } } } } }")
	document("fields of one name", "", `{ search(q: "a") { hits { `+strings.Repeat("text ", 1900)+`} } }`)
	document("parents of one name", "", `{ search(q: "a") { hits { `+strings.Repeat("evidence { leaf by } ", 330)+`} } }`)
	document("fragments with fields of one name", "", `{ search(q: "a") { hits { `+numbered("...E%d ", 120)+"} } }"+numbered(" fragment E%d on Hit { evidence { leaf by } wrong }", 120))
	var chain strings.Builder
	for i := range 180 {
		fmt.Fprintf(&chain, " fragment E%d on Hit { text wrong%d ...E%d }", i, i, i+1)
	}
	document("a chain of fragments", "", `{ search(q: "a") { hits { ...E0 } } }`+chain.String()+" fragment E180 on Hit { text }")

	const searches = `query ($q: QueryInput) { search(query: $q) { cursor } }`
	variables := func(name, want, q string) {
		out = append(out, rawBomb("graphql/"+name, "/graphql", "application/json", want, []byte(`{"query":"`+searches+`","variables":{"q":`+q+`}}`)))
	}
	variables("variables of a megabyte of nested NOT", "nested", fill(`{"not":`, megabyte))
	variables("variables of nested NOT", "", strings.Repeat(`{"not":`, 90)+`{}`+strings.Repeat(`}`, 90))
	variables("variables of a megabyte of AND", "more than", `{"and":[`+strings.TrimSuffix(fill(`{"leaf":{"kind":"label","text":"dog"}},`, megabyte), ",")+`]}`)

	persisted := func(name, want string, fields map[string]any) {
		out = append(out, jsonBomb("graphql/"+name, "/graphql", want, fields))
	}
	long := fill("{ titles { cursor } } ", megabyte)
	extension := func(hash any) map[string]any {
		return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}
	}
	persisted("a persisted query of another hash", "", map[string]any{"query": long, "extensions": extension(strings.Repeat("0", 64))})
	persisted("a persisted query of a megabyte", "", map[string]any{"query": long, "extensions": extension(fmt.Sprintf("%x", sha256.Sum256([]byte(long))))})
	persisted("a persisted query of a hash of a megabyte", "", map[string]any{"extensions": extension(fill("a", megabyte))})
	persisted("a persisted query whose hash is a list", "", map[string]any{"extensions": extension([]int{1})})
	persisted("a persisted query of no version", "", map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"sha256Hash": "00"}}})
	return out
}

// packedBombs are bodies that are small until they are unpacked.
func packedBombs(t *testing.T) (out []bomb) {
	t.Helper()
	for name, body := range map[string]string{
		"a megabyte of nested NOT": `{"q":"` + fill("NOT ", megabyte) + `a"}`,
		"a megabyte of nulls":      fill("\x00", megabyte),
	} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b := rawBomb("gzip/"+name, searchPath, "application/json", "", packed.Bytes())
		b.send.Header.Set("Content-Encoding", "gzip")
		out = append(out, b)
	}
	return out
}

// TestBombsAreRefusedQuickly: a GraphQL bomb, a megabyte of nested NOT, and their relatives cost ten milliseconds of the processor at most,
// at every door and in every form.
func TestBombsAreRefusedQuickly(t *testing.T) {
	s := serve(t, fair.Limits{}, func(d *searchapi.Deps) { d.Log = slog.New(slog.DiscardHandler) })
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, b := range append(append(append(lineBombs(), treeBombs(t)...), graphqlBombs()...), packedBombs(t)...) {
		least, waited := time.Hour, time.Hour
		var w *httptest.ResponseRecorder
		for range 20 { // the collector of memory helps itself to a thread now and then
			r := b.send.Clone(t.Context())
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b.body)), int64(len(b.body))
			w = httptest.NewRecorder()
			began, before := time.Now(), figure.ThreadTime(t)
			s.Service.Handler.ServeHTTP(w, r)
			least, waited = min(least, figure.ThreadTime(t)-before), min(waited, time.Since(began))
			if least <= mostRefusal {
				break
			}
		}
		refused := w.Code >= 400 && w.Code < 500 || w.Code == http.StatusOK && strings.HasPrefix(b.send.URL.Path, "/graphql") && strings.Contains(w.Body.String(), `"errors":[`)
		if !refused || !strings.Contains(w.Body.String(), b.want) {
			t.Errorf("%s: status %d, want a refusal with %q: %.300s", b.name, w.Code, b.want, w.Body)
		}
		if least > mostRefusal || waited > refusalWait {
			t.Errorf("%s: refused after %s of the processor and %s in all, more than %s and %s: %.100s", b.name, least, waited, mostRefusal, refusalWait, w.Body)
		}
		if w.Body.Len() > 16<<10 {
			t.Errorf("%s: the refusal has %d bytes", b.name, w.Body.Len())
		}
		t.Logf("%-60s %8s %d %.150s", b.name, least, w.Code, w.Body)
	}
}
