package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

var everybody = authz.NewCaller("everybody", []string{"*"})

// harbour is the film that most tests ask about: three shots of ten seconds, said in two languages.
func harbour() apitest.Film {
	return apitest.Film{
		Title: "harbour", Name: "The Harbour", Series: "coast", Credit: "(c) nobody", StartTimecode: "01:00:00:00",
		Shots: []apitest.Shot{
			{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9},
			{Seconds: 10, Colour: apitest.Green, Label: "sailing boat", LabelConfidence: 0.4},
			{Seconds: 10, Colour: apitest.Blue, Label: "lighthouse", LabelConfidence: 0.3},
		},
		Lines: []apitest.Line{
			{From: 1, To: 3, Language: "en-GB", Character: "Mara", Text: "The keeper lit the lamp."},
			{From: 8, To: 12, Language: "en-GB", Character: "Tobias", Text: "A black coffee, captain."},
			{From: 8, To: 12, Language: "es", Character: "Tobias", Text: "Un café solo, capitán."},
			{From: 25, To: 27, Language: "en-GB", Character: "Mara", Text: "The lamp went dark, captain."},
		},
	}
}

func mountain(title string) apitest.Film {
	return apitest.Film{Title: title, Name: "The Mountain",
		Shots: []apitest.Shot{{Seconds: 5, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.8}},
		Lines: []apitest.Line{{From: 0, To: 2, Language: "en", Text: "Captain of the coffee, lamp and mountain."}}}
}

// a picture of one colour.
func picture(c color.RGBA) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 8, 8))
	for i := range 64 {
		img.SetRGBA(i%8, i/8, c)
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

func open(t testing.TB, l *apitest.Library, engine search.Searcher, cfg gateway.Config) *gateway.Gateway {
	t.Helper()
	return openWith(t, l, cfg, func(d *gateway.Deps) {
		if engine != nil {
			d.Engine = engine
		}
	})
}

// openWith is open with what the gateway stands on changed.
func openWith(t testing.TB, l *apitest.Library, cfg gateway.Config, change func(*gateway.Deps)) *gateway.Gateway {
	t.Helper()
	deps := gateway.Deps{
		Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(),
		ImageMemory: func([]byte) (int64, error) { return 0, nil },
		Image: func(b []byte) (image.Image, error) {
			img, err := png.Decode(bytes.NewReader(b))
			return img, errkind.Wrap(errkind.Invalid, err)
		},
		Frame: func(_ context.Context, _ *pb.Asset, clock schema.Clock, n int64) (image.Image, error) {
			c := []color.RGBA{apitest.Red, apitest.Green, apitest.Blue}[clock.FrameStart(n)/(10*schema.Second)]
			return png.Decode(bytes.NewReader(picture(c)))
		},
		Blob: func(_ context.Context, ref *pb.MediaRef) ([]byte, error) {
			return nil, errkind.New(errkind.NotFound, "no blob %s", ref.GetKey())
		},
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
	change(&deps)
	g, err := gateway.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func opened(t testing.TB, films ...apitest.Film) (*apitest.Library, *gateway.Gateway) {
	l := apitest.New(t)
	for _, f := range films {
		l.Add(f)
	}
	return l, open(t, l, nil, gateway.Default())
}

func ask(t testing.TB, g *gateway.Gateway, req *pb.SearchRequest) *pb.SearchResponse {
	t.Helper()
	resp, err := g.Search(t.Context(), everybody, req)
	if err != nil {
		t.Fatalf("%v: %v", req, err)
	}
	return resp
}

func line(q string) *pb.SearchRequest { return &pb.SearchRequest{Q: q} }

// where gives the seconds of each hit, "title 8-12".
func where(resp *pb.SearchResponse) []string {
	out := []string{}
	for _, h := range resp.GetHits() {
		out = append(out, fmt.Sprintf("%s %g-%g", h.GetTitle(), schema.Time(h.GetStart()).Seconds(), schema.Time(h.GetEnd()).Seconds()))
	}
	return out
}

func TestAnswers(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	image := func(c color.RGBA) *pb.Query {
		return query.Leaf(&pb.Leaf{Kind: "like_image", Image: picture(c)})
	}
	asset := apitest.AssetOf("harbour")
	for _, test := range []struct {
		name string
		req  *pb.SearchRequest
		want []string
	}{
		{"words", line(`dialogue.words:"black coffee"`), []string{"harbour 8-12"}},
		{"words in another language", line(`dialogue.words:"café"`), []string{"harbour 8-12"}},
		{"a phrase", line(`dialogue.phrase:"lamp went dark"`), []string{"harbour 25-27"}},
		{"a phrase with two words in between", line(`dialogue:"lamp captain"~2`), []string{"harbour 25-27"}},
		{"a phrase with one word in between", line(`dialogue:"lamp captain"~1`), []string{}},
		{"a phrase with words in between, and a part", line(`dialogue.phrase[slop=2]:"lamp captain" AND NOT dialogue:"lamp captain"~1`), []string{"harbour 25-27"}},
		{"a beginning", line(`dialogue.prefix:"mount"`), []string{"mountain 0-2"}},
		{"a slip of the pen", line(`dialogue.fuzzy:"cofee" title:harbour`), []string{"harbour 8-12"}},
		{"a label", line(`label:"sailing boat"`), []string{"harbour 10-20"}},
		{"pictures by words", line(`look:green title:harbour asset:` + asset), []string{"harbour 10-20"}},
		{"pictures by a picture", &pb.SearchRequest{Query: image(apitest.Blue)}, []string{"harbour 20-30"}},
		{"pictures by a frame", line(`frame:"` + asset + `@01:00:12:00"`), []string{"harbour 10-20"}},
		{"pictures by a shot", line(`shot:"` + asset + `@25s"`), []string{"harbour 20-30"}},
		{"and: the same moment", line(`dialogue.words:coffee AND label:lighthouse`), []string{"harbour 8-10", "mountain 0-2"}},
		{"and not", line(`dialogue.words:captain AND NOT label:"sailing boat" AND NOT dialogue.words:mountain`), []string{"harbour 25-27"}},
		{"not in meaning takes away what matches", line(`label:lighthouse AND NOT dialogue.meaning:"The lamp went dark, captain."`), []string{"harbour 0-10", "mountain 0-5"}},
		{"within", line(`dialogue.words:keeper AND dialogue.words:coffee WITHIN 5s`), []string{"harbour 1-12"}},
		{"within less", line(`dialogue.words:keeper AND dialogue.words:coffee WITHIN 4s`), []string{}},
		{"or", line(`dialogue.words:keeper OR dialogue.words:dark`), []string{"harbour 1-3", "harbour 25-27"}},
		{"by title", line(`label:lighthouse title:mountain`), []string{"mountain 0-5"}},
		{"by series", line(`label:lighthouse series:coast confidence>=0.5`), []string{"harbour 0-10"}},
		{"by language", line(`dialogue.words:"captain capitán" lang:es`), []string{}},
		{"by the language's parent", line(`dialogue.words:coffee lang:en title:harbour`), []string{"harbour 8-12"}},
		{"what is seen has no language", line(`label:"sailing boat" lang:es`), []string{"harbour 10-20"}},
		{"by character", line(`dialogue.words:captain character:mara`), []string{"harbour 25-27"}},
		{"by kind", line(`lighthouse kind:label title:mountain`), []string{"mountain 0-5"}},
		{"by time", line(`dialogue.words:captain time:20s..30s`), []string{"harbour 25-27"}},
		{"by time from", line(`dialogue.words:captain title:harbour time:20s..`), []string{"harbour 25-27"}},
		{"a title that is not there", line(`label:lighthouse title:nowhere`), []string{}},
		{"in the order of time", &pb.SearchRequest{Q: `label:lighthouse title:harbour`, Order: "time"}, []string{"harbour 0-10", "harbour 20-30"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp := ask(t, g, test.req)
			got := where(resp)
			if test.req.GetOrder() == "" { // which of them is first is for the engine
				slices.Sort(got)
			}
			if strings.HasPrefix(test.name, "pictures by words") {
				got = where(resp)[:1] // nothing is cut off: words are near every picture
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if len(resp.GetPartial()) > 0 {
				t.Errorf("partial: %v", resp.GetPartial())
			}
		})
	}
}

// A hit says everything about its moment.
func TestHit(t *testing.T) {
	_, g := opened(t, harbour())
	resp := ask(t, g, &pb.SearchRequest{Q: `dialogue:"black coffee"`, Limit: 1})
	h := resp.GetHits()[0]
	got := proto.CloneOf(h)
	got.Evidence, got.Score, got.Marks = nil, 0, nil
	asset := apitest.AssetOf("harbour")
	want := &pb.Hit{Title: "harbour", TitleName: "The Harbour", Asset: asset, StartFrame: 200, EndFrame: 300,
		StartTimecode: "01:00:08:00", EndTimecode: "01:00:12:00", StartMs: 8000, EndMs: 12000,
		Start: 8 * int64(schema.Second), End: 12 * int64(schema.Second), Confidence: 1,
		Text: "A black coffee, captain.", Language: "en-GB", Character: "Tobias", Media: "/media/" + asset,
		Thumbnail: h.GetThumbnail(), Credit: "(c) nobody",
		Lines: []*pb.HitLine{{Text: "A black coffee, captain.", Language: "en-GB", Character: "Tobias", Start: 8 * int64(schema.Second), End: 12 * int64(schema.Second),
			Run: h.GetEvidence()[0].GetRun(), Ordinal: 1, Marks: h.GetMarks(), Matched: true}}}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !strings.HasPrefix(h.GetThumbnail(), "/thumbnails/"+asset+"/") || !strings.HasSuffix(h.GetThumbnail(), "/0.jpg") {
		t.Errorf("thumbnail %q", h.GetThumbnail())
	}
	marked := ""
	for _, m := range h.GetMarks() {
		marked += h.GetText()[m.GetStart():m.GetEnd()] + "|"
	}
	if marked != "black|coffee|" {
		t.Errorf("marked %q", marked)
	}
	by := map[string]bool{}
	for _, e := range h.GetEvidence() {
		if k := e.GetBy() + " " + e.GetLanguage(); by[k] {
			t.Errorf("evidence %q twice", k)
		} else {
			by[k] = true
		}
		if e.GetRun() == "" || e.GetAlgorithm() == "" || e.GetText() == "" || e.GetRank() < 1 {
			t.Errorf("evidence says too little: %v", e)
		}
	}
	if !by["words en-GB"] || !by["meaning en-GB"] {
		t.Errorf("evidence: %v", by)
	}
	// Each leaf's words are marked.
	h = ask(t, g, line(`dialogue.words:captain AND dialogue.words:coffee`)).GetHits()[0]
	if len(h.GetMarks()) != 2 {
		t.Errorf("two leaves: %v", h.GetMarks())
	}
	// A label is as sure as the annotation.
	if h = ask(t, g, line(`label:"sailing boat"`)).GetHits()[0]; h.GetConfidence() != 0.4 {
		t.Errorf("a label's confidence: %v", h.GetConfidence())
	}
}

func TestNoGoodMatch(t *testing.T) {
	_, g := opened(t, harbour())
	white := &pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: picture(color.RGBA{R: 255, G: 255, B: 255, A: 255})})}
	if r := ask(t, g, white); !r.GetNoGoodMatch() || len(r.GetHits()) != 0 {
		t.Errorf("a picture that is not there: %v", where(r))
	}
	if r := ask(t, g, line(`dialogue:"xylophone zebra"`)); !r.GetNoGoodMatch() {
		t.Error("words that mean nothing here are a good match")
	}
	if r := ask(t, g, line(`dialogue:"coffee"`)); r.GetNoGoodMatch() {
		t.Error("words that are there are no good match")
	}
}

func TestRefusals(t *testing.T) {
	_, g := opened(t, harbour())
	asset := apitest.AssetOf("harbour")
	leaf := func(l *pb.Leaf) *pb.SearchRequest { return &pb.SearchRequest{Query: query.Leaf(l)} }
	for _, test := range []struct {
		name string
		req  *pb.SearchRequest
		kind errkind.Kind
		says string
	}{
		{"nothing", &pb.SearchRequest{}, errkind.Invalid, "query"},
		{"a filter alone", line("title:harbour"), errkind.Invalid, "query"},
		{"both forms", &pb.SearchRequest{Q: "a", Query: query.Leaf(&pb.Leaf{Kind: "any", Text: "a"})}, errkind.Invalid, "q, query"},
		{"an unknown leaf", line(`smell:coffee`), errkind.Invalid, `"smell"`},
		{"an unknown leaf in a line has a column and a suggestion", line(`coffee AND dialog:coffee`), errkind.Invalid, `column 12: nothing serves "dialog"; there are any, beat, blank,`},
		{"a filter's name with a slip", line(`coffee titel:harbour`), errkind.Invalid, "did you mean title?"},
		{"a region where there is none", line(`dialogue[region left of 0.5]:coffee`), errkind.Invalid, "has no region"},
		{"an attribute that nothing reads", line(`dialogue[loud=true]:coffee`), errkind.Invalid, `takes no attributes, and "loud" is given`},
		{"a range of an attribute that nothing reads", line(`dialogue[count>=2]:coffee`), errkind.Invalid, `takes no attributes, and "count" is given`},
		{"a language of what is seen", line(`label[lang=en]:lighthouse`), errkind.Invalid, "which is in no language"},
		{"languages with nothing in common", line(`dialogue[lang=es]:coffee lang:en`), errkind.Invalid, "wanted in es, and the filter wants only lang:en"},
		{"a language of a leaf that is none", line(`dialogue[lang=x]:coffee`), errkind.Invalid, "dialogue[lang=x]"},
		{"100 kB", line(strings.Repeat("coffee ", 15000)), errkind.Invalid, "allowed"},
		{"too many hits", &pb.SearchRequest{Q: "a", Limit: gateway.MaxLimit + 1}, errkind.Invalid, "limit"},
		{"fewer than none", &pb.SearchRequest{Q: "a", Limit: -1}, errkind.Invalid, "limit"},
		{"less than no time", &pb.SearchRequest{Q: "a", TimeoutMs: -1}, errkind.Invalid, "timeout_ms"},
		{"an order", &pb.SearchRequest{Q: "a", Order: "beauty"}, errkind.Invalid, "order"},
		{"a cursor", &pb.SearchRequest{Q: "a", Cursor: "AAAA"}, errkind.Invalid, "cursor"},
		{"a confidence", &pb.SearchRequest{Q: "a", Filter: &pb.Filter{MinConfidence: 2}}, errkind.Invalid, "onfidence"},
		{"a span", &pb.SearchRequest{Q: "a", Filter: &pb.Filter{Start: 9, End: 3}}, errkind.Invalid, "start"},
		{"a language", &pb.SearchRequest{Q: "a", Filter: &pb.Filter{Languages: []string{"not a language"}}}, errkind.Invalid, "languages[0]"},
		{"filters with nothing in common", &pb.SearchRequest{Q: "a title:harbour", Filter: &pb.Filter{Titles: []string{"mountain"}}}, errkind.Invalid, "titles"},
		{"an asset that is not there", leaf(&pb.Leaf{Kind: "like_shot", Asset: "nowhere"}), errkind.NotFound, "asset"},
		{"a frame past the end", line(`frame:"` + asset + `@01:00:30:00"`), errkind.Invalid, "01:00:29:24"},
		{"a timecode that is none", line(`frame:"` + asset + `@01:00:12:77"`), errkind.Invalid, "timecode"},
		{"a corrupt picture", leaf(&pb.Leaf{Kind: "like_image", Image: []byte("GIF89a")}), errkind.Invalid, ""},
		{"a picture too large", leaf(&pb.Leaf{Kind: "like_image", Image: make([]byte, gateway.MaxImageBytes+1)}), errkind.Invalid, "smaller"},
		{"a bad place beside a good leaf", line(`coffee OR frame:"` + asset + `@02:00:00:00"`), errkind.Invalid, "outside"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, err := g.Search(t.Context(), everybody, test.req)
			if errkind.Of(err) != test.kind || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, %v (%v); want %v that says %q", resp, err, errkind.Of(err), test.kind, test.says)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Search(ctx, everybody, line("coffee")); !errkind.Is(err, errkind.Cancelled) {
		t.Errorf("a cancelled request: %v", err)
	}
}

func TestTypedFiltersNarrow(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	req := &pb.SearchRequest{Q: "label:lighthouse title:harbour,mountain time:5s..25s", Filter: &pb.Filter{Titles: []string{"harbour"}, Start: 12 * int64(schema.Second)}}
	if got := where(ask(t, g, req)); !slices.Equal(got, []string{"harbour 20-30"}) {
		t.Errorf("got %q", got)
	}
	if len(req.GetFilter().GetTitles()) != 1 || req.GetFilter().GetEnd() != 0 {
		t.Errorf("the caller's request was changed: %v", req)
	}
}

// Languages and confidence of a leaf narrow the leaf alone.
func TestLeavesNarrow(t *testing.T) {
	_, g := opened(t, harbour())
	for line, want := range map[string][]string{
		`dialogue.words:captain`:                                {"harbour 8-12", "harbour 25-27"},
		`dialogue.words[lang=es]:capitán`:                       {"harbour 8-12"},
		`dialogue.words[lang=en-GB]:coffee`:                     {"harbour 8-12"},
		`dialogue.words[lang=es]:coffee`:                        nil,
		`dialogue.words[lang=es]:coffee OR dialogue.words:lamp`: {"harbour 1-3", "harbour 25-27"},
		`any.words[lang=en]:lighthouse`:                         nil, // labels are in no language
		`label.words:lighthouse`:                                {"harbour 0-10", "harbour 20-30"},
		`label.words[confidence>=0.8]:lighthouse`:               {"harbour 0-10"},
		`label.words[confidence>=0.99]:lighthouse`:              nil,
	} {
		got := where(ask(t, g, &pb.SearchRequest{Q: line, Order: "time"}))
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// A title is given by its id or by its name. The name of a title that the caller may not see is the name of nothing.
func TestTitlesByName(t *testing.T) {
	named := mountain("harbour-2")
	named.Name = "the HARBOUR"
	_, g := opened(t, harbour(), mountain("mountain"), named)
	for line, want := range map[string][]string{
		`dialogue.words:coffee title:mountain`:                               {"mountain 0-2"},
		`dialogue.words:coffee title:"the mountain"`:                         {"mountain 0-2"},
		`dialogue.words:coffee title:"The Harbour"`:                          {"harbour 8-12", "harbour-2 0-2"},
		`dialogue.words:coffee title:"The Harbour",mountain`:                 {"harbour 8-12", "harbour-2 0-2", "mountain 0-2"},
		`dialogue.words:coffee title:"The Mountains"`:                        nil,
		`dialogue.words:coffee AND dialogue.words:lamp title:"the mountain"`: {"mountain 0-2"},
	} {
		got := where(ask(t, g, &pb.SearchRequest{Q: line}))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	few := authz.NewCaller("few", []string{"mountain"})
	resp, err := g.Search(t.Context(), few, &pb.SearchRequest{Q: `dialogue.words:coffee title:"The Harbour"`})
	if err != nil || len(resp.GetHits()) > 0 {
		t.Errorf("a name of a hidden title: %v, %v", where(resp), err)
	}
	page := &pb.SearchRequest{Q: `dialogue.words:coffee title:"The Harbour"`, Limit: 1}
	first := ask(t, g, page)
	page.Cursor = first.GetCursor()
	if second := ask(t, g, page); first.GetCursor() == "" || len(second.GetHits()) != 1 || second.GetHits()[0].GetTitle() == first.GetHits()[0].GetTitle() {
		t.Errorf("the second page: %q after %q", where(second), where(first))
	}
}

func TestNobody(t *testing.T) {
	_, g := opened(t, harbour())
	ctx, asset := t.Context(), apitest.AssetOf("harbour")
	_, search := g.Search(ctx, nil, line("coffee"))
	_, _, one := g.Asset(ctx, nil, asset)
	all := g.List(ctx, nil, nil, gateway.Place{}, nil)
	_, _, annotations := g.Annotations(ctx, nil, asset, nil, schema.Interval{}, "", 10)
	_, thumbnail := g.Thumbnail(ctx, nil, asset, "run", 0)
	for name, err := range map[string]error{"Search": search, "Asset": one, "Assets": all, "Annotations": annotations, "Thumbnail": thumbnail} {
		if !errkind.Is(err, errkind.Unauthenticated) {
			t.Errorf("%s answers nobody: %v", name, err)
		}
	}
}

// Two libraries differ only in a title that the caller may not see: every answer is the
// same, byte for byte, and what is asked of the title by name is answered as of one that is not there.
func TestForbiddenTitleDoesNotExist(t *testing.T) {
	_, without := opened(t, harbour())
	hidden := harbour()
	hidden.Title = "hidden"
	lib, with := opened(t, harbour(), hidden, mountain("mountain"))
	caller := authz.NewCaller("trailer-team", []string{"harbour"})
	secret := apitest.AssetOf("hidden")
	var thumbnails string
	for r, err := range lib.Store.AllActive(t.Context()) {
		if err == nil && r.GetAsset() == secret && r.GetAlgorithm() == "thumbnails" {
			thumbnails = r.GetRun()
		}
	}
	image := picture(apitest.Red)
	for _, req := range []*pb.SearchRequest{
		line("coffee"), line("captain"), line(`dialogue:lamp OR label:lighthouse`), line("look:red"), line("lighthouse title:hidden"),
		line(`dialogue:lamp title:hidden,harbour`), line(`dialogue.prefix:cap`), line(`dialogue.fuzzy:captian`), line(`coffee asset:` + secret),
		line(`shot:"` + secret + `@5s"`), line(`frame:"` + secret + `@01:00:00:00"`), line(`nothing AND NOT coffee`),
		{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: image})}, {Q: "captain", Limit: 1},
	} {
		a, errA := without.Search(t.Context(), caller, req)
		b, errB := with.Search(t.Context(), caller, req)
		if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
			t.Errorf("%s: %v without, %v with", req.GetQ(), errA, errB)
			continue
		}
		if errA != nil {
			continue
		}
		a.TookMs, b.TookMs = 0, 0
		a.Search, b.Search = "", "" // drawn anew for each answer
		wire := proto.MarshalOptions{Deterministic: true}
		bytesA, _ := wire.Marshal(a)
		bytesB, _ := wire.Marshal(b)
		if !bytes.Equal(bytesA, bytesB) {
			t.Errorf("%q differs:\nwithout %v\nwith    %v", req.GetQ(), a, b)
		}
	}
	type answer struct {
		what string
		err  error
	}
	for _, id := range []string{secret, "nowhere"} {
		_, _, err := with.Asset(t.Context(), caller, id)
		_, _, annotations := with.Annotations(t.Context(), caller, id, nil, schema.Interval{}, "", 10)
		_, thumbnail := with.Thumbnail(t.Context(), caller, id, thumbnails, 0)
		for _, a := range []answer{{"asset", err}, {"annotations", annotations}, {"thumbnail", thumbnail}} {
			if want := fmt.Sprintf("there is no asset %q", id); a.err == nil || a.err.Error() != want {
				t.Errorf("%s of %s: %v, want %s", a.what, id, a.err, want)
			}
		}
	}
	// A run of a hidden asset is not opened through a visible one either.
	if _, err := with.Thumbnail(t.Context(), caller, apitest.AssetOf("harbour"), thumbnails, 0); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("a hidden thumbnail through a visible asset: %v", err)
	}
	for _, titles := range [][]string{nil, {"hidden", "harbour", "*"}} {
		var listed []string
		err := with.List(t.Context(), caller, titles, gateway.Place{}, func(l gateway.Listed) bool {
			listed = append(listed, l.Asset.GetTitle().GetId())
			return true
		})
		if err != nil || !slices.Equal(listed, []string{"harbour"}) {
			t.Errorf("of %q, listed: %v, %v", titles, listed, err)
		}
	}
}

// TestSwitches: readers ask while the dialogue is switched 200 times between two runs that share no
// line and differ in how many they have; every answer is one of them, whole.
func TestSwitches(t *testing.T) {
	const switches, readers = 200, 4
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "film", Shots: []apitest.Shot{{Seconds: 200, Colour: apitest.Red}}})
	var runs [2][]*pb.Run
	for v, n := range []int{30, 50} {
		var lines []apitest.Line
		for i := range n {
			lines = append(lines, apitest.Line{From: int64(3*i + v), To: int64(3*i + v + 1), Language: "en", Text: fmt.Sprintf("storm number %d of take %d", i, v)})
		}
		runs[v] = l.Said(a, fmt.Sprint("take", v), lines)
	}
	// Add gave the film empty runs of its own.
	active, err := l.Store.Active(t.Context(), a.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range active {
		for _, next := range runs[0] {
			if next.GetAlgorithm() == r.GetAlgorithm() {
				l.Switch(next, r.GetRun())
			}
		}
	}
	g := open(t, l, nil, gateway.Default())
	req := &pb.SearchRequest{Q: `dialogue.words:storm`, Limit: 200}
	var (
		wg                          sync.WaitGroup
		done                        atomic.Bool
		reads, mixed, empty, failed atomic.Int64
		seen                        [2]atomic.Int64
	)
	for range readers {
		wg.Go(func() {
			for !done.Load() {
				resp, err := g.Search(t.Context(), everybody, req)
				reads.Add(1)
				if err != nil || len(resp.GetPartial()) > 0 {
					failed.Add(1)
					t.Errorf("reading: %v, %v", err, resp.GetPartial())
					return
				}
				found := map[string]int{}
				for _, h := range resp.GetHits() {
					found[h.GetEvidence()[0].GetRun()]++
				}
				switch first, second := found[runs[0][0].GetId()], found[runs[1][0].GetId()]; {
				case first == 30 && second == 0:
					seen[0].Add(1)
				case first == 0 && second == 50:
					seen[1].Add(1)
				case len(found) == 0:
					empty.Add(1)
				default:
					mixed.Add(1)
				}
			}
		})
	}
	for i := range switches {
		from, to := runs[i%2][0], runs[(i+1)%2][0]
		l.Switch(to, from.GetId())
		// Each side of a switch is read before the next, so that all of them are under reading.
		for before := reads.Load(); reads.Load() < before+readers && failed.Load() == 0; {
			time.Sleep(50 * time.Microsecond)
		}
	}
	done.Store(true)
	wg.Wait()
	t.Logf("%d reads by %d readers during %d switches: %d mixed, %d empty; %d saw one run, %d the other",
		reads.Load(), readers, switches, mixed.Load(), empty.Load(), seen[0].Load(), seen[1].Load())
	if mixed.Load()+empty.Load()+failed.Load() > 0 || seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Error("an answer was not one whole run")
	}
}

func TestCursorSurvivesASwitch(t *testing.T) {
	l := apitest.New(t)
	lines := func(take string) (out []apitest.Line) {
		for i := range 10 {
			out = append(out, apitest.Line{From: int64(3 * i), To: int64(3*i + 1), Language: "en", Text: fmt.Sprintf("storm %s number %d", take, i)})
		}
		return out
	}
	film := apitest.Film{Title: "film", Shots: []apitest.Shot{{Seconds: 60, Colour: apitest.Red}}, Lines: lines("first")}
	a := l.Add(film)
	g := open(t, l, nil, gateway.Default())
	req := &pb.SearchRequest{Q: `dialogue.words:storm`, Limit: 4}
	all := ask(t, g, &pb.SearchRequest{Q: req.GetQ(), Limit: 100})
	var got []string
	page := ask(t, g, req)
	for n := 0; ; n++ {
		for _, h := range page.GetHits() {
			got = append(got, h.GetText())
		}
		if page.GetCursor() == "" {
			break
		}
		if n == 0 { // between the first page and the second
			next := l.Said(a, "2", lines("second"))[0]
			active, err := l.Store.Active(t.Context(), a.GetId())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range active {
				if r.GetAlgorithm() == "dialogue" {
					l.Switch(next, r.GetRun())
				}
			}
			l.Add(mountain("another"))
		}
		next := proto.CloneOf(req)
		next.Cursor = page.GetCursor()
		page = ask(t, g, next)
	}
	var want []string
	for _, h := range all.GetHits() {
		want = append(want, h.GetText())
	}
	if !slices.Equal(got, want) || len(got) != 10 {
		t.Errorf("pages: %q\nat once: %q", got, want)
	}
	if fresh := ask(t, g, req).GetHits()[0].GetText(); !strings.Contains(fresh, "second") {
		t.Errorf("a new search reads %q", fresh)
	}
	cursor := ask(t, g, req).GetCursor()
	if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: `dialogue.words:other`, Cursor: cursor}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a cursor taken to another question: %v", err)
	}
	if _, err := g.Search(t.Context(), authz.NewCaller("other", []string{"another"}), &pb.SearchRequest{Q: req.GetQ(), Limit: 4, Cursor: cursor}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a cursor taken by somebody who sees less: %v", err)
	}
}

// What a caller may see is judged by the titles that assets have now, whatever snapshot a cursor names.
func TestCursorAfterAMove(t *testing.T) {
	storm := func(title string) apitest.Film {
		f := apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 60, Colour: apitest.Red}}}
		for i := range 10 {
			f.Lines = append(f.Lines, apitest.Line{From: int64(3 * i), To: int64(3*i + 1), Language: "en", Text: fmt.Sprintf("storm of %s number %d", title, i)})
		}
		return f
	}
	l := apitest.New(t)
	moving := proto.CloneOf(l.Add(storm("moving")))
	elsewhere := proto.CloneOf(l.Add(storm("elsewhere")))
	l.Add(storm("staying"))
	g := open(t, l, nil, gateway.Default())
	move := func(a *pb.Asset, title string) {
		t.Helper()
		a.Title, a.Revision = &pb.Title{Id: title, Name: title}, a.GetRevision()+1
		if err := l.Store.PutAsset(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	reader := authz.NewCaller("reader", []string{"moving", "staying"})
	both := authz.NewCaller("both", []string{"moving", "staying", "secret"})
	stayer := authz.NewCaller("stayer", []string{"staying"})
	page := func(c *authz.Caller, q, cursor string) (*pb.SearchResponse, error) {
		return g.Search(t.Context(), c, &pb.SearchRequest{Q: q, Limit: 4, Cursor: cursor})
	}
	const words = `dialogue.words:storm`
	place := fmt.Sprintf(`shot:"%s@5s" OR dialogue.words:storm`, moving.GetId())
	type held struct {
		name   string
		caller *authz.Caller
		q      string
		cursor string
	}
	var cursors []held
	hold := func(name string, c *authz.Caller, q string) {
		t.Helper()
		r, err := page(c, q, "")
		if err != nil || r.GetCursor() == "" {
			t.Fatalf("%s: no first page with a cursor: %v, %v", name, r, err)
		}
		cursors = append(cursors, held{name, c, q, r.GetCursor()})
	}
	hold("words", reader, words)
	hold("a place", reader, place)
	hold("one title", reader, words+" title:moving")
	hold("one asset", reader, words+" asset:"+moving.GetId())

	still, err := page(stayer, words, "")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := page(both, words, "")
	if err != nil {
		t.Fatal(err)
	}
	const refused = "the library has changed too much since; search again"
	refuse := func(when string) {
		t.Helper()
		for _, h := range cursors {
			r, err := page(h.caller, h.q, h.cursor)
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), refused) {
				t.Errorf("%s, a cursor of %s: %d hits, %v, want %q", when, h.name, len(r.GetHits()), err, refused)
			}
		}
	}
	move(moving, "secret")
	refuse("after the move")
	// Later versions of the library change nothing about it.
	l.Add(mountain("mountain"))
	refuse("after another film")
	// Who sees both titles goes on, and reads the title of now.
	r, err := page(both, words, whole.GetCursor())
	if err != nil {
		t.Fatalf("a cursor of somebody who sees both titles: %v", err)
	}
	for _, h := range r.GetHits() {
		if h.GetTitle() == "moving" {
			t.Errorf("a hit under the title of before: %v", h)
		}
	}
	// Nor does somebody go on whose runs are those of a kept snapshot alone.
	var dialogue *pb.ActiveRun
	active, err := l.Store.Active(t.Context(), moving.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range active {
		if a.GetAlgorithm() == "dialogue" {
			dialogue = a
		}
	}
	l.Switch(l.Said(moving, "2", storm("another").Lines)[0], dialogue.GetRun())
	move(moving, "moving")
	refuse("after a switch and the way back")
	// A cursor of somebody to whom no move is visible goes on: a refusal would tell of the moves.
	move(elsewhere, "secret")
	if r, err := page(stayer, words, still.GetCursor()); err != nil || len(r.GetHits()) != 4 {
		t.Errorf("a cursor of somebody who sees none of it: %d hits, %v", len(r.GetHits()), err)
	}
}

// A question that is asked twice is answered alike, whatever comes back first.
func TestSameQuestionSameBytes(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	var first []byte
	for range 20 {
		resp := ask(t, g, line("captain OR look:red OR (label:lighthouse AND dialogue:lamp)"))
		resp.TookMs = 0
		b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(resp)
		if first == nil {
			first = b
		}
		if !bytes.Equal(b, first) {
			t.Fatal("two answers differ")
		}
	}
}

// failing is a searcher of which one kind does not work.
type failing struct {
	search.Searcher
	text, vector func(context.Context) error
}

func (f failing) Text(ctx context.Context, q search.TextQuery) ([]search.Hit, error) {
	if f.text != nil {
		return nil, f.text(ctx)
	}
	return f.Searcher.Text(ctx, q)
}

func (f failing) Vector(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	if f.vector != nil {
		return nil, f.vector(ctx)
	}
	return f.Searcher.Vector(ctx, q)
}

func TestPartialAnswers(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	late := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	broken := func(context.Context) error { return errors.New("a secret of the inside") }
	cfg := gateway.Default()
	cfg.Timeout = 300 * time.Millisecond
	for _, test := range []struct {
		name   string
		engine failing
		want   []string // part and kind
		err    errkind.Kind
		hits   bool
	}{
		{"vectors are late", failing{vector: late}, []string{"dialogue/meaning unavailable"}, 0, true},
		{"vectors are broken", failing{vector: broken}, []string{"dialogue/meaning internal"}, 0, true},
		{"words are late", failing{text: late}, []string{"dialogue/words unavailable"}, 0, true},
		{"all are late", failing{text: late, vector: late}, nil, errkind.Unavailable, false},
		{"all are broken", failing{text: broken, vector: broken}, nil, errkind.Internal, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.engine.Searcher = l.Engine
			g := open(t, l, test.engine, cfg)
			resp, err := g.Search(t.Context(), everybody, line("dialogue:coffee"))
			if test.want == nil {
				if err == nil || errkind.Of(err) != test.err {
					t.Errorf("got %v, %v", resp, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range resp.GetPartial() {
				got = append(got, p.GetPart()+" "+p.GetKind())
				if strings.Contains(p.GetError(), "secret") {
					t.Errorf("the inside is told: %q", p.GetError())
				}
			}
			if !slices.Equal(got, test.want) || len(resp.GetHits()) == 0 {
				t.Errorf("got %q with %d hits, want %q", got, len(resp.GetHits()), test.want)
			}
		})
	}
	// A caller that goes away gets no half answer.
	ctx, cancel := context.WithCancel(t.Context())
	g := open(t, l, failing{Searcher: l.Engine, vector: func(ctx context.Context) error { cancel(); return late(ctx) }}, cfg)
	if resp, err := g.Search(ctx, everybody, line("dialogue:coffee")); !errkind.Is(err, errkind.Cancelled) {
		t.Errorf("got %v, %v", resp, err)
	}
	// The request's own deadline is shorter than the service's.
	patient := gateway.Default()
	patient.Timeout = time.Hour
	g = open(t, l, failing{Searcher: l.Engine, vector: late}, patient)
	resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "dialogue:coffee", TimeoutMs: 200})
	if err != nil || len(resp.GetPartial()) != 1 || len(resp.GetHits()) == 0 {
		t.Errorf("got %v, %v", resp, err)
	}
}

// A picture that a decoder panics over costs the part that it was for, and nothing else.
func TestPanickingDecoder(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g, err := gateway.New(gateway.Default(), gateway.Deps{
		Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(),
		ImageMemory: func([]byte) (int64, error) { return 0, nil },
		Image:       func([]byte) (image.Image, error) { panic("a decoder's mistake") },
		Log:         slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	alike := &pb.Query{Node: &pb.Query_Leaf{Leaf: &pb.Leaf{Kind: "like_image", Image: picture(apitest.Red)}}}
	if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: alike}); !errkind.Is(err, errkind.Internal) {
		t.Errorf("the picture alone: %v", err)
	}
	spoken := &pb.Query{Node: &pb.Query_Leaf{Leaf: &pb.Leaf{Kind: "dialogue", Text: "coffee", Mode: pb.TextMode_TEXT_MODE_WORDS}}}
	r, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: &pb.Query{Node: &pb.Query_Or{Or: &pb.Or{Queries: []*pb.Query{alike, spoken}}}}})
	if err != nil || len(r.GetHits()) == 0 || len(r.GetPartial()) != 1 || strings.Contains(r.GetPartial()[0].GetError(), "mistake") {
		t.Errorf("beside words: %v, %v", r, err)
	}
}

// While a switch to a version with a space of its own goes through the library, both generations are asked, each with its own encoder.
func TestBothGenerations(t *testing.T) {
	l := apitest.New(t)
	first := l.Add(harbour())
	second := mountain("mountain")
	a := l.Add(second)
	g := open(t, l, nil, gateway.Default())
	ask := func(what string) []string {
		t.Helper()
		r, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: picture(apitest.Red)})})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.GetPartial()) > 0 {
			t.Errorf("%s: partial: %v", what, r.GetPartial())
		}
		var out []string
		for _, h := range r.GetHits() {
			for _, e := range h.GetEvidence() {
				if e.GetScore() > 0.9 {
					out = append(out, h.GetTitle()+" by pictures@"+e.GetVersion())
				}
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	if got := ask("before"); !slices.Equal(got, []string{"harbour by pictures@1", "mountain by pictures@1"}) {
		t.Errorf("before the switch: %v", got)
	}
	previous := func(asset string) string {
		active, err := l.Store.Active(t.Context(), asset)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range active {
			if r.GetAlgorithm() == "pictures" {
				return r.GetRun()
			}
		}
		return ""
	}
	l.Switch(l.Seen(a, second.Shots), previous(a.GetId()))
	if got := ask("between"); !slices.Equal(got, []string{"harbour by pictures@1", "mountain by pictures@2"}) {
		t.Errorf("in the midst of the switch: %v", got)
	}
	l.Switch(l.Seen(first, harbour().Shots), previous(first.GetId()))
	if got := ask("after"); !slices.Equal(got, []string{"harbour by pictures@2", "mountain by pictures@2"}) {
		t.Errorf("after the switch: %v", got)
	}
}
