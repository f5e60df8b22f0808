package graphqlapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/graphqlapi"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

func harbour(title string) apitest.Film {
	return apitest.Film{
		Title: title, Name: "The Harbour", Series: "coast", Credit: "(c) nobody", StartTimecode: "01:00:00:00",
		Shots: []apitest.Shot{
			{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9},
			{Seconds: 10, Colour: apitest.Green, Label: "sailing boat", LabelConfidence: 0.4},
			{Seconds: 10, Colour: apitest.Blue, Label: "lighthouse", LabelConfidence: 0.3},
		},
		Lines: []apitest.Line{
			{From: 1, To: 3, Language: "en-GB", Character: "Mara", Text: "The keeper lit the lamp."},
			{From: 8, To: 12, Language: "en-GB", Character: "Tobias", Text: "A black coffee, captain."},
			{From: 8, To: 12, Language: "es", Character: "Tobias", Text: "Un café solo, capitán."},
		},
		Text: []*pb.TextTrack{{Language: "en-GB", Format: "srt", Role: "subtitles", Index: -1, Cues: 2}, {Language: "es", Format: "webvtt", Index: 3, Cues: 1}},
	}
}

// The tokens: the first sees everything, the second a single title.
var tokens = map[string][]string{"all": {"*"}, "harbour-only": {"harbour"}}

func serve(t *testing.T, change ...func(*gateway.Config, *searchapi.Deps)) *apitest.Server {
	l := apitest.New(t)
	l.Add(harbour("harbour"))
	l.Add(harbour("hidden"))
	return l.Serve(tokens, change...)
}

type answer struct {
	status int
	Data   map[string]json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Locations  []struct{ Line, Column int }
		Extensions struct{ Code, Field, Column string }
	}
}

func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// post sends a body unchanged.
func post(t *testing.T, s *apitest.Server, token, body string, header ...string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json, application/json;q=0.9")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.status = resp.StatusCode
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("%d: %v: %.300s", resp.StatusCode, err, b)
	}
	return a
}

// request is a body with a document and its variables.
func request(document string, variables map[string]any) string {
	b, _ := json.Marshal(map[string]any{"query": document, "variables": variables})
	return string(b)
}

func ask(t *testing.T, s *apitest.Server, token, document string, variables map[string]any) answer {
	t.Helper()
	return post(t, s, token, request(document, variables))
}

// theSchema is the schema that clients read.
func theSchema(t *testing.T) *ast.Schema {
	t.Helper()
	var sources []*ast.Source
	for _, name := range []string{"schema.graphql", "answer.graphql"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: name, Input: string(b)})
	}
	s, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everything selects all fields of a type, however deep.
func everything(s *ast.Schema, name string) string {
	def := s.Types[name]
	if def.Kind != ast.Object {
		return ""
	}
	var fields []string
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			fields = append(fields, f.Name+everything(s, f.Type.Name()))
		}
	}
	return " { " + strings.Join(fields, " ") + " }"
}

// message reads an answer as the protobuf message behind the answer: every field has the same name in the message.
func message(t *testing.T, raw json.RawMessage, m proto.Message) {
	t.Helper()
	text := string(raw)
	for state, name := range map[string]string{"WAITING": "RUN_STATE_UNSPECIFIED", "FINISHED": "RUN_STATE_FINISHED"} {
		text = strings.ReplaceAll(text, `"state":"`+state+`"`, `"state":"`+name+`"`)
	}
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
}

func picture(t *testing.T) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, apitest.Still(apitest.Blue)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const searching = `query($q: String, $query: QueryInput, $filter: FilterInput, $limit: Int! = 20, $cursor: String, $order: Order! = SCORE) {
  search(q: $q, query: $query, filter: $filter, limit: $limit, cursor: $cursor, order: $order)`

// Every answer over GraphQL equals the answer over RPC, in every field.
func TestSameAnswers(t *testing.T) {
	s, sdl := serve(t), theSchema(t)
	rpc := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL, connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			r.Header().Set("Authorization", "Bearer all")
			return next(ctx, r)
		}
	})))
	asset, image := apitest.AssetOf("harbour"), picture(t)
	second := int64(schema.Second)
	leaf := func(fields map[string]any) map[string]any { return map[string]any{"leaf": fields} }
	for _, test := range []struct {
		name string
		vars map[string]any
		req  *pb.SearchRequest
	}{
		{"a line", map[string]any{"q": "dialogue:coffee"}, &pb.SearchRequest{Q: "dialogue:coffee"}},
		{"a leaf", map[string]any{"query": leaf(map[string]any{"kind": "dialogue", "text": "coffee", "mode": "WORDS", "weight": 2})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee", Mode: pb.TextMode_TEXT_MODE_WORDS, Weight: 2})}},
		{"a picture", map[string]any{"query": leaf(map[string]any{"kind": "like_image", "image": base64.StdEncoding.EncodeToString(image)})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: image})}},
		{"a picture in the other alphabet, without padding", map[string]any{"query": leaf(map[string]any{"kind": "like_image", "image": base64.RawURLEncoding.EncodeToString(image)})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: image})}},
		{"a shot", map[string]any{"query": leaf(map[string]any{"kind": "like_shot", "asset": asset, "time": fmt.Sprint(12 * second)})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_shot", Asset: asset, Time: 12 * second})}},
		{"a shot by its timecode", map[string]any{"query": leaf(map[string]any{"kind": "like_shot", "asset": asset, "timecode": "01:00:25:00"})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_shot", Asset: asset, Timecode: "01:00:25:00"})}},
		{"a tree", map[string]any{"query": map[string]any{"or": []any{
			map[string]any{"and": []any{leaf(map[string]any{"kind": "dialogue", "text": "captain"}), map[string]any{"not": leaf(map[string]any{"kind": "label", "text": "sailing boat"})}}},
			map[string]any{"within": map[string]any{"left": leaf(map[string]any{"kind": "dialogue", "text": "keeper"}), "right": leaf(map[string]any{"kind": "dialogue", "text": "coffee"}), "gap": fmt.Sprint(5 * second)}}}}},
			&pb.SearchRequest{Query: query.Or(
				query.And(query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "captain"}), query.Not(query.Leaf(&pb.Leaf{Kind: "label", Text: "sailing boat"}))),
				query.Within(query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "keeper"}), query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee"}), 5*second))}},
		{"a leaf in a language", map[string]any{"query": leaf(map[string]any{"kind": "dialogue", "text": "coffee", "languages": []any{"en"}, "minConfidence": 0.5})},
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "dialogue", Text: "coffee", Languages: []string{"en"}, MinConfidence: 0.5})}},
		{"a filter", map[string]any{"q": "label:lighthouse", "order": "TIME", "filter": map[string]any{"titles": []any{"hidden"}, "series": []any{"coast"}, "kinds": []any{"label"},
			"minConfidence": 0.2, "start": fmt.Sprint(5 * second), "end": 29 * second}},
			&pb.SearchRequest{Q: "label:lighthouse", Order: "time", Filter: &pb.Filter{Titles: []string{"hidden"}, Series: []string{"coast"}, Kinds: []string{"label"}, MinConfidence: 0.2, Start: 5 * second, End: 29 * second}}},
		{"languages and characters", map[string]any{"q": "captain capitán", "limit": 1, "filter": map[string]any{"languages": []any{"es"}, "characters": []any{"Tobias"}, "assets": []any{asset}}},
			&pb.SearchRequest{Q: "captain capitán", Limit: 1, Filter: &pb.Filter{Languages: []string{"es"}, Characters: []string{"Tobias"}, Assets: []string{asset}}}},
		{"nothing that matches", map[string]any{"q": `dialogue:"xylophone zebra"`}, &pb.SearchRequest{Q: `dialogue:"xylophone zebra"`}},
	} {
		t.Run("search/"+test.name, func(t *testing.T) {
			want, err := rpc.Search(t.Context(), connect.NewRequest(test.req))
			if err != nil {
				t.Fatal(err)
			}
			if len(want.Msg.GetHits()) == 0 && !want.Msg.GetNoGoodMatch() {
				t.Fatal("a search that finds nothing shows nothing")
			}
			a := ask(t, s, "all", searching+everything(sdl, "SearchAnswer")+"}", test.vars)
			if a.status != http.StatusOK || len(a.Errors) > 0 {
				t.Fatalf("%d: %v", a.status, a.Errors)
			}
			got := &pb.SearchResponse{}
			message(t, a.Data["search"], got)
			got.TookMs, want.Msg.TookMs = 0, 0
			same(t, got, want.Msg)
		})
	}
	t.Run("pages", func(t *testing.T) {
		first, err := rpc.Search(t.Context(), connect.NewRequest(&pb.SearchRequest{Q: "captain", Limit: 2}))
		if err != nil || first.Msg.GetCursor() == "" {
			t.Fatal(first, err)
		}
		want, err := rpc.Search(t.Context(), connect.NewRequest(&pb.SearchRequest{Q: "captain", Limit: 2, Cursor: first.Msg.GetCursor()}))
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t, s, "all", searching+everything(sdl, "SearchAnswer")+"}", map[string]any{"q": "captain", "limit": 2, "cursor": first.Msg.GetCursor()})
		got := &pb.SearchResponse{}
		message(t, a.Data["search"], got)
		got.TookMs, want.Msg.TookMs = 0, 0
		same(t, got, want.Msg)
	})
	titles, err := rpc.ListTitles(t.Context(), connect.NewRequest(&pb.ListTitlesRequest{Limit: 1}))
	if err != nil {
		t.Fatal(err)
	}
	one, err := rpc.GetAsset(t.Context(), connect.NewRequest(&pb.GetAssetRequest{Asset: asset}))
	if err != nil {
		t.Fatal(err)
	}
	annotations, err := rpc.ListAnnotations(t.Context(), connect.NewRequest(&pb.ListAnnotationsRequest{Asset: asset, Kinds: []string{"dialogue", "thumbnail"}, Start: 2 * second, End: 25 * second, Limit: 3}))
	if err != nil || len(annotations.Msg.GetAnnotations()) != 3 || annotations.Msg.GetCursor() == "" {
		t.Fatal(annotations, err)
	}
	status, err := rpc.GetStatus(t.Context(), connect.NewRequest(&pb.GetStatusRequest{}))
	if err != nil || len(status.Msg.GetAssets()) != 2 {
		t.Fatal(status, err)
	}
	known, err := rpc.GetCatalog(t.Context(), connect.NewRequest(&pb.GetCatalogRequest{}))
	if err != nil || len(known.Msg.GetLeaves()) == 0 {
		t.Fatal(known, err)
	}
	// The filter takes the second film away.
	suggested, err := rpc.Suggest(t.Context(), connect.NewRequest(&pb.SuggestRequest{Typed: "lighth", Limit: 2, Filter: &pb.Filter{Titles: []string{"harbour"}}}))
	if err != nil || len(suggested.Msg.GetSuggestions()) != 1 || suggested.Msg.GetSuggestions()[0].GetCount() != 2 {
		t.Fatal(suggested, err)
	}
	for _, test := range []struct {
		field, selection string
		got, want        proto.Message
	}{
		{"suggest", `suggest(typed: "lighth", limit: 2, filter: {titles: ["harbour"]})` + everything(sdl, "SuggestAnswer"), &pb.SuggestResponse{}, suggested.Msg},
		{"catalog", "catalog" + everything(sdl, "Catalog"), &pb.GetCatalogResponse{}, known.Msg},
		{"titles", "titles(limit: 1)" + everything(sdl, "TitlePage"), &pb.ListTitlesResponse{}, titles.Msg},
		{"asset", fmt.Sprintf("asset(id: %q)", asset) + everything(sdl, "AssetAnswer"), &pb.GetAssetResponse{}, one.Msg},
		{"annotations", fmt.Sprintf(`annotations(asset: %q, kinds: ["dialogue", "thumbnail"], start: %d, end: "%d", limit: 3)`, asset, 2*second, 25*second) + everything(sdl, "AnnotationPage"),
			&pb.ListAnnotationsResponse{}, annotations.Msg},
		{"status", "status" + everything(sdl, "AssetStatus"), &pb.GetStatusResponse{}, status.Msg},
	} {
		t.Run(test.field, func(t *testing.T) {
			a := ask(t, s, "all", "{"+test.selection+"}", nil)
			if len(a.Errors) > 0 {
				t.Fatalf("%v", a.Errors)
			}
			raw := a.Data[test.field]
			if test.field == "status" {
				raw = json.RawMessage(`{"assets":` + string(raw) + `}`)
			}
			message(t, raw, test.got)
			same(t, test.got, test.want)
		})
	}
}

func same(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Stores alone read and write these fields: no door tells them.
var ofStores = map[protoreflect.FullName]bool{"cinedex.v1.ActiveRun.activated_ms": true, "cinedex.v1.ActiveRun.earlier": true, "cinedex.v1.Bin.deleted": true, "cinedex.v1.Share.secret": true}

// Answers alone have these fields of a clip and of a marker: no editor writes them.
var ofAnswers = map[protoreflect.FullName]bool{
	"cinedex.v1.Clip.added_by": true, "cinedex.v1.Clip.added_ms": true, "cinedex.v1.Clip.added": true, "cinedex.v1.Clip.trimmed": true, "cinedex.v1.Clip.noted": true, "cinedex.v1.Clip.unmarked": true,
	"cinedex.v1.Clip.title": true, "cinedex.v1.Clip.title_name": true, "cinedex.v1.Clip.start_frame": true, "cinedex.v1.Clip.end_frame": true, "cinedex.v1.Clip.start_timecode": true,
	"cinedex.v1.Clip.end_timecode": true, "cinedex.v1.Clip.thumbnail": true, "cinedex.v1.ClipMarker.revision": true, "cinedex.v1.BinEdit.was_after": true, "cinedex.v1.NameBin.was": true,
}

// Every field of every answer has a field in GraphQL, so a new field of a noun needs a field here.
func TestNothingIsLeftOut(t *testing.T) {
	sdl := theSchema(t)
	seen := map[protoreflect.FullName]bool{}
	var compare func(m protoreflect.MessageDescriptor, name string)
	compare = func(m protoreflect.MessageDescriptor, name string) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if sdl.Types[name] == nil {
				t.Fatalf("no type %s", name)
			}
			field := sdl.Types[name].Fields.ForName(f.JSONName())
			if field == nil && (ofStores[f.FullName()] || strings.HasSuffix(name, "Input") && ofAnswers[f.FullName()]) {
				continue
			}
			if field == nil {
				t.Errorf("%s has %s, but the type %s has not", m.FullName(), f.JSONName(), name)
				continue
			}
			if f.Message() != nil && !f.IsMap() {
				compare(f.Message(), field.Type.Name())
			}
		}
	}
	compare((&pb.SearchResponse{}).ProtoReflect().Descriptor(), "SearchAnswer")
	compare((&pb.SuggestResponse{}).ProtoReflect().Descriptor(), "SuggestAnswer")
	compare((&pb.ListTitlesResponse{}).ProtoReflect().Descriptor(), "TitlePage")
	compare((&pb.GetAssetResponse{}).ProtoReflect().Descriptor(), "AssetAnswer")
	compare((&pb.ListAnnotationsResponse{}).ProtoReflect().Descriptor(), "AnnotationPage")
	compare((&pb.AssetStatus{}).ProtoReflect().Descriptor(), "AssetStatus")
	compare((&pb.WatchSearchResponse{}).ProtoReflect().Descriptor(), "NewHits")
	compare((&pb.ListBinsResponse{}).ProtoReflect().Descriptor(), "BinPage")
	compare((&pb.EditBinResponse{}).ProtoReflect().Descriptor(), "BinEdited")
	compare((&pb.RestoreBinResponse{}).ProtoReflect().Descriptor(), "BinRestored")
	compare((&pb.GetBinHistoryResponse{}).ProtoReflect().Descriptor(), "BinHistory")
	compare((&pb.RerunBinResponse{}).ProtoReflect().Descriptor(), "BinRerun")
	looked := len(seen)
	clear(seen) // what is answered is also taken, in other types
	compare((&pb.BinEdit{}).ProtoReflect().Descriptor(), "BinEditInput")
	compare((&pb.Filter{}).ProtoReflect().Descriptor(), "FilterInput")
	compare((&pb.Leaf{}).ProtoReflect().Descriptor(), "LeafInput")
	if looked+len(seen) < 30 {
		t.Errorf("looked at %d messages only", looked+len(seen))
	}
	modes := (pb.TextMode(0)).Descriptor().Values()
	if got, want := len(sdl.Types["TextMode"].EnumValues), modes.Len()-1; got != want {
		t.Errorf("%d modes, want %d", got, want)
	}
}

// A time keeps its length, whichever way the time comes and goes.
func TestFlicks(t *testing.T) {
	s := serve(t)
	const large = int64(1<<62 + 1) // no float64 holds this number
	for name, end := range map[string]any{"a string": fmt.Sprint(large), "an integer": large} {
		a := ask(t, s, "all", `query($end: Flicks) { search(q: "dialogue.words:coffee", filter: {end: $end}) { query hits { start end } } }`, map[string]any{"end": end})
		var got struct {
			Query string
			Hits  []struct{ Start, End string }
		}
		if err := json.Unmarshal(a.Data["search"], &got); err != nil || len(got.Hits) == 0 {
			t.Fatalf("%s: %v %v", name, err, a.Errors)
		}
		if want := fmt.Sprint(8 * int64(schema.Second)); got.Hits[0].Start != want {
			t.Errorf("%s: starts at %s, want %s", name, got.Hits[0].Start, want)
		}
	}
	for _, bad := range []any{"1.5", 1.5, "soon", true, "9223372036854775808"} {
		a := ask(t, s, "all", `query($end: Flicks) { search(q: "coffee", filter: {end: $end}) { query } }`, map[string]any{"end": bad})
		if a.code() != "invalid" || !strings.Contains(a.Errors[0].Message, "whole number") {
			t.Errorf("%v: %+v", bad, a.Errors)
		}
	}
}

// TestErrorsHavePlaces: a client reads the field and the column of an error without the text.
func TestErrorsHavePlaces(t *testing.T) {
	s := serve(t)
	for _, test := range []struct{ name, document, field, column string }{
		{"a slip in a query", `{ search(q: "dialogue:\"coffee") { query } }`, "query", "10"},
		{"a node of a tree", `{ search(query: {and: []}) { query } }`, "query.and", ""},
		{"a limit", `{ search(q: "a", limit: 201) { query } }`, "limit", ""},
		{"no place", `{ asset(id: "none") { asset { id } } }`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := post(t, s, "all", request(test.document, nil))
			if len(a.Errors) != 1 || a.Errors[0].Extensions.Field != test.field || a.Errors[0].Extensions.Column != test.column {
				t.Errorf("the errors are %+v, wanted the field %q and the column %q", a.Errors, test.field, test.column)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	s := serve(t)
	hidden, nowhere := apitest.AssetOf("hidden"), apitest.AssetOf("nowhere")
	var bomb strings.Builder // twice as many fields with each fragment
	bomb.WriteString("{ titles { ...F0 } } ")
	for i := range 60 {
		fmt.Fprintf(&bomb, "fragment F%d on TitlePage { cursor ...F%d ...F%d } ", i, i+1, i+1)
	}
	bomb.WriteString("fragment F60 on TitlePage { cursor }")
	for _, test := range []struct {
		name, token, body string
		status            int
		code, says, at    string // at is line:column
	}{
		{"no token", "", request("{ status { asset } }", nil), 401, "unauthenticated", "no token", ""},
		{"a wrong token", "wrong", request("{ status { asset } }", nil), 401, "unauthenticated", "not known", ""},
		{"introspection without a token", "", request("{ __schema { types { name } } }", nil), 401, "unauthenticated", "", ""},
		{"no JSON", "all", "query { status }", 400, "invalid", "JSON", ""},
		{"nothing", "all", "{}", 400, "invalid", "query", ""},
		{"a batch", "all", `[{"query": "{ status { asset } }"}]`, 400, "invalid", "a single JSON object", ""},
		{"variables that are none", "all", `{"query": "{ status { asset } }", "variables": []}`, 400, "invalid", "variables", ""},
		{"a slip", "all", request("{\n  search(q: \"a\" {", nil), 400, "invalid", "Expected", "2:17"},
		{"an unknown field", "all", request("{\n  search(q: \"a\") { hits { smell } }\n}", nil), 400, "invalid", "smell", "2:27"},
		{"a field of the wrong type", "all", request("{ search(q: 3) { query } }", nil), 400, "invalid", "String", "1:13"},
		{"two operations", "all", `{"query": "query A { status { asset } } query B { status { asset } }", "operationName": "A"}`, 400, "invalid", "2 operations", "1:30"},
		{"an unknown mutation", "all", request("mutation { erase }", nil), 400, "invalid", "erase", "1:12"},
		{"an error of the query's own", "all", request("query($q: String) {\n  a: search(q: $q) { query } }", map[string]any{"q": `dialogue:"coffee`}), 200, "invalid", "column 10", "2:3"},
		{"both forms", "all", request(`{ search(q: "a", query: {leaf: {kind: "any", text: "a"}}) { query } }`, nil), 200, "invalid", "q, query", "1:3"},
		{"an empty node", "all", request(`{ search(query: {and: []}) { query } }`, nil), 200, "invalid", "query.and", "1:3"},
		{"two in one node", "all", request(`{ search(query: {and: [], or: []}) { query } }`, nil), 400, "invalid", "xactly one", "1:17"},
		{"two in one node of a variable", "all", request(`query($query: QueryInput) { search(query: $query) { query } }`, map[string]any{"query": map[string]any{"or": []any{}, "and": []any{}}}), 0, "invalid", "xactly one", ""},
		{"an order", "all", request(`{ search(q: "a", order: BEAUTY) { query } }`, nil), 400, "invalid", "BEAUTY", "1:25"},
		{"too many hits", "all", request(`{ search(q: "a", limit: 201) { query } }`, nil), 200, "invalid", "200", "1:3"},
		{"a limit that is none", "all", request(`query($n: Int!) { search(q: "a", limit: $n) { query } }`, map[string]any{"n": 1e12}), 0, "invalid", "", ""},
		{"an image that is no base64", "all", request(`query($i: Base64) { search(query: {leaf: {kind: "like_image", image: $i}}) { query } }`, map[string]any{"i": "not base64!"}), 200, "invalid", "base64", "1:21"},
		{"an image that is no picture", "all", request(`{ search(query: {leaf: {kind: "like_image", image: "AAAA"}}) { query } }`, nil), 200, "invalid", "picture", "1:3"},
		{"an unknown kind", "all", request(`{ search(q: "smell:coffee") { query } }`, nil), 200, "invalid", "smell", "1:3"},
		{"attributes of no type", "all", request(`{ search(query: {leaf: {kind: "label", text: "a", attributes: {colour: "red"}}}) { query } }`, nil), 200, "invalid", "colour", ""},
		{"a cursor", "all", request(`{ titles(cursor: "-") { cursor } }`, nil), 200, "invalid", "cursor", "1:3"},
		{"a forbidden asset", "harbour-only", request(fmt.Sprintf("{ asset(id: %q) { asset { id } } }", hidden), nil), 200, "not_found", hidden, "1:3"},
		{"a missing asset", "harbour-only", request(fmt.Sprintf("{ asset(id: %q) { asset { id } } }", nowhere), nil), 200, "not_found", nowhere, "1:3"},
		{"a forbidden asset's annotations", "harbour-only", request(fmt.Sprintf("{ annotations(asset: %q) { cursor } }", hidden), nil), 200, "not_found", hidden, "1:3"},

		{"too many tokens", "all", request("{ status {"+strings.Repeat(" asset", 3000)+" } }", nil), 400, "invalid", "token limit", ""},
		{"too deep", "all", request("{ __type(name: \"Hit\") { "+strings.Repeat("ofType { ", 20)+"name"+strings.Repeat(" }", 20)+" } }", nil), 400, "invalid", "deep", "1:1"},
		{"introspection that multiplies", "all", request("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }", nil), 400, "invalid", "depth", ""},
		{"fragments that double", "all", request(bomb.String(), nil), 400, "invalid", "fields allowed", "1:1"},
		{"too complex", "all", request(`{ titles(limit: 500) { titles { title { id name } assets { id sha256 container duration text { language format cues } audio { language codec } video { codec width height } } } } }`, nil), 200, "invalid", "complexity", ""},
		{"many searches", "all", request("{"+strings.Join(aliases(30, `search(q: "a", limit: 1) { query }`), " ")+"}", nil), 200, "invalid", "complexity", ""},
		{"too complex by a variable", "all", request(`query($n: Int!) { titles(limit: $n) { titles { title { id name } assets { id sha256 container duration text { language format cues } audio { language codec } video { codec width height } } } } }`, map[string]any{"n": 500}), 200, "invalid", "complexity", ""},
		{"many directives", "all", request("{ status { asset "+strings.Repeat("@include(if: true) ", 101)+"} }", nil), 400, "invalid", "", ""},
		{"many directives, one a field", "all", request("{ status { "+strings.Join(aliases(101, "asset @include(if: true)"), " ")+" } }", nil), 400, "invalid", "101 directives", "1:1"},
		{"many values", "all", request("{ status { asset } }", map[string]any{"x": make([]int, 100_001)}), 400, "invalid", "100000 values", ""},
		{"deep variables", "all", `{"query": "{ status { asset } }", "variables": {"x": ` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}`, 400, "invalid", "100 levels", ""},
		{"many mistakes", "all", request("{ status { "+strings.Join(aliases(300, "smell"), " ")+" } }", nil), 400, "invalid", "smell", ""},
		{"too large", "all", request("{ status { asset } }", map[string]any{"x": strings.Repeat("a", rpcapi.MaxRequestBytes)}), 413, "invalid", "bytes allowed", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := post(t, s, test.token, test.body)
			if len(a.Errors) == 0 {
				t.Fatalf("no error: %d %s", a.status, a.Data)
			}
			e := a.Errors[0]
			if test.status != 0 && a.status != test.status || e.Extensions.Code != test.code || !strings.Contains(e.Message, test.says) {
				t.Errorf("got %d %s: %s; want %d %s that says %q", a.status, e.Extensions.Code, e.Message, test.status, test.code, test.says)
			}
			if test.at != "" && (len(e.Locations) == 0 || fmt.Sprintf("%d:%d", e.Locations[0].Line, e.Locations[0].Column) != test.at) {
				t.Errorf("%s: at %v, want %s", e.Message, e.Locations, test.at)
			}
			if len(a.Errors) > graphqlapi.MaxErrors+1 {
				t.Errorf("%d errors are told", len(a.Errors))
			}
			if len(e.Message) > 600 {
				t.Errorf("the request is given back: %.100s…", e.Message)
			}
		})
	}
	// Hidden and absent assets get the same answer, except for the id.
	a := ask(t, s, "harbour-only", fmt.Sprintf("{ asset(id: %q) { asset { id } } }", hidden), nil).Errors[0]
	b := ask(t, s, "harbour-only", fmt.Sprintf("{ asset(id: %q) { asset { id } } }", nowhere), nil).Errors[0]
	a.Message, b.Message = strings.ReplaceAll(a.Message, hidden, "ID"), strings.ReplaceAll(b.Message, nowhere, "ID")
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("forbidden: %+v\nmissing:   %+v", a, b)
	}
	if a := post(t, s, "all", "query=%7B__typename%7D", "Content-Type", "application/x-www-form-urlencoded"); a.status != 415 || a.code() != "invalid" {
		t.Errorf("a form: %d %v", a.status, a.Errors)
	}
	resp, err := http.Get(s.URL + "/graphql?query={__typename}")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
}

func aliases(n int, field string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("a%d: %s", i, field))
	}
	return out
}

// The caller with a single title finds only the title; explorers' introspection is within the limits.
func TestCallers(t *testing.T) {
	s := serve(t)
	for token, want := range map[string][]string{"all": {"harbour", "hidden"}, "harbour-only": {"harbour"}} {
		a := ask(t, s, token, `{ titles { titles { title { id } } } search(q: "dialogue.words:coffee") { hits { title } } }`, nil)
		var titles struct {
			Titles []struct{ Title struct{ ID string } }
		}
		var found struct{ Hits []struct{ Title string } }
		if err := errors.Join(json.Unmarshal(a.Data["titles"], &titles), json.Unmarshal(a.Data["search"], &found)); err != nil {
			t.Fatal(err, a.Errors)
		}
		var got, hits []string
		for _, e := range titles.Titles {
			got = append(got, e.Title.ID)
		}
		for _, h := range found.Hits {
			hits = append(hits, h.Title)
		}
		slices.Sort(hits)
		if !slices.Equal(got, want) || !slices.Equal(hits, want) {
			t.Errorf("%s: titles %q, hits in %q; want %q", token, got, hits, want)
		}
	}
	if a := ask(t, s, "harbour-only", introspection.Query, nil); len(a.Errors) > 0 || len(a.Data["__schema"]) < 1000 {
		t.Errorf("introspection: %v", a.Errors)
	}
}

// broken is a searcher whose calls fail.
type broken struct{ search.Searcher }

func (broken) Text(context.Context, search.TextQuery) ([]search.Hit, error) {
	return nil, errors.New("a secret of the inside")
}

// An internal fault is reported as internal, without details, beside the parts that succeeded.
func TestInside(t *testing.T) {
	s := serve(t, func(_ *gateway.Config, d *searchapi.Deps) { d.Engine = broken{d.Engine} })
	a := ask(t, s, "all", `{ search(q: "label:lighthouse") { query } titles { cursor } }`, nil)
	if a.code() != "internal" || strings.Contains(a.Errors[0].Message, "secret") || len(a.Errors[0].Locations) != 1 {
		t.Errorf("got %+v", a.Errors)
	}
	a = ask(t, s, "all", `{ search(q: "dialogue:coffee") { partial { part kind error } hits { title } } }`, nil)
	if len(a.Errors) > 0 || !strings.Contains(string(a.Data["search"]), `"partial":[{"part":"dialogue/words","kind":"internal"`) {
		t.Errorf("a partial answer: %s %v", a.Data["search"], a.Errors)
	}
}
