package gateway_test

import (
	"fmt"
	"image/color"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// told gives the lines of a hit: "8-12 es Un café" each, with a star for the line that matched.
func told(h *pb.Hit) (out []string) {
	for _, l := range h.GetLines() {
		star := ""
		if l.GetMatched() {
			star = "*"
		}
		out = append(out, fmt.Sprintf("%g-%g %s%s %s", schema.Time(l.GetStart()).Seconds(), schema.Time(l.GetEnd()).Seconds(), l.GetLanguage(), star, l.GetText()))
	}
	return out
}

// A hit is told in the language of the person who asks, and the line that matched comes beneath.
func TestLinesInTheAskersLanguage(t *testing.T) {
	film := clockwork()
	film.Lines = append(film.Lines, apitest.Line{From: 271, To: 275, Language: "fr-CA", Text: "La machine est une horloge."}, apitest.Line{From: 401, To: 404, Language: "fr-CA", Text: "Rouge."})
	g := withProfiles(t, map[string]string{"swedish": "languages: [sv]"}, film, harbour())
	english := "270-274 en* The machine is like a clockwork."
	for _, c := range []struct {
		name string
		req  *pb.SearchRequest
		want []string
	}{
		{"no language", &pb.SearchRequest{Q: "dialogue.words:clockwork"}, []string{english}},
		{"the language of the line", &pb.SearchRequest{Q: "dialogue.words:clockwork", Languages: []string{"en-GB", "fr"}}, []string{english}},
		{"another language", &pb.SearchRequest{Q: "dialogue.words:clockwork", Languages: []string{"fr", "en"}}, []string{"271-275 fr-CA La machine est une horloge.", english}},
		{"the first that is said", &pb.SearchRequest{Q: "dialogue.words:clockwork", Languages: []string{"fi", "sv", "fr"}}, []string{"269-276 sv Maskinen är som ett urverk. The machine!", english}},
		{"a language that is not said", &pb.SearchRequest{Q: "dialogue.words:clockwork", Languages: []string{"fi"}}, []string{english}},
		{"the profile's", &pb.SearchRequest{Q: "dialogue.words:clockwork", Profile: "swedish"}, []string{"269-276 sv Maskinen är som ett urverk. The machine!", english}},
		{"the request's before the profile's", &pb.SearchRequest{Q: "dialogue.words:clockwork", Profile: "swedish", Languages: []string{"fr"}}, []string{"271-275 fr-CA La machine est une horloge.", english}},
		{"a line of half the time", &pb.SearchRequest{Q: "dialogue.words:light", Languages: []string{"fr"}}, []string{"401-404 fr-CA Rouge.", "400-402 en* Red light, and no machine."}},
		{"a moment of two sides", &pb.SearchRequest{Q: "dialogue.words:coffee AND label:lighthouse title:harbour", Languages: []string{"es"}}, []string{"8-12 es Un café solo, capitán.", "8-12 en-GB* A black coffee, captain."}},
		{"what is seen", &pb.SearchRequest{Q: `label:"sailing boat"`, Languages: []string{"es"}}, nil},
	} {
		h := ask(t, g, c.req).GetHits()[0]
		if got := told(h); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		if len(c.want) == 0 {
			continue
		}
		first := h.GetLines()[0]
		if h.GetText() != first.GetText() || h.GetLanguage() != first.GetLanguage() || h.GetCharacter() != first.GetCharacter() {
			t.Errorf("%s: the hit is told otherwise than its first line: %v", c.name, h)
		}
		own := h.GetStart() == first.GetStart() && h.GetEnd() == first.GetEnd() && h.GetStartMs() == schema.Time(first.GetStart()).Millis()
		if and := strings.Contains(c.req.GetQ(), "AND"); own == and {
			t.Errorf("%s: a hit of %d to %d, and its first line of %d to %d", c.name, h.GetStart(), h.GetEnd(), first.GetStart(), first.GetEnd())
		}
		for _, l := range h.GetLines() {
			if marked := len(l.GetMarks()) > 0; l.GetMatched() && !marked {
				t.Errorf("%s: no word of the line that matched is marked", c.name)
			}
		}
	}
	for _, bad := range [][]string{{"klingon!"}, slices.Repeat([]string{"en"}, 17)} {
		if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "clockwork", Languages: bad}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "languages") {
			t.Errorf("languages %v: %v, want Invalid", bad, err)
		}
	}
}

// The film's own language comes beneath, too.
func TestTheFilmsOwnLanguage(t *testing.T) {
	l := apitest.New(t)
	a := l.Add(clockwork())
	a.Audio = []*pb.AudioTrack{{Language: "sv"}}
	a.Revision++
	if err := l.Store.PutAsset(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	runs := l.Said(a, "2", append(clockwork().Lines, apitest.Line{From: 270, To: 274, Language: "de", Text: "Die Maschine ist ein Uhrwerk."}))
	for _, r := range runs {
		active, err := l.Store.Active(t.Context(), a.GetId())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(active, func(x *pb.ActiveRun) bool { return x.GetAlgorithm() == r.GetAlgorithm() })
		l.Switch(r, active[i].GetRun())
	}
	g := open(t, l, nil, gateway.Default())
	h := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:clockwork", Languages: []string{"de"}}).GetHits()[0]
	want := []string{"270-274 de Die Maschine ist ein Uhrwerk.", "270-274 en* The machine is like a clockwork.", "269-276 sv Maskinen är som ett urverk. The machine!"}
	if got := told(h); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// chatter is a film of random lines in four languages, cut at other places in each, over random shots.
func chatter(r *rand.Rand, title string) apitest.Film {
	f := apitest.Film{Title: title, Name: title}
	words := strings.Fields("captain coffee lamp keeper harbour winter letter engine mirror doctor")
	for left := int64(120); left > 0; {
		n := 1 + r.Int64N(80)
		f.Shots = append(f.Shots, apitest.Shot{Seconds: n, Colour: []color.RGBA{apitest.Red, apitest.Green, apitest.Blue}[r.IntN(3)], Label: words[r.IntN(4)], LabelConfidence: r.Float32()})
		left -= n
	}
	for _, tag := range []string{"en", "en-GB", "de", "fr", "ja"} {
		for at := r.Int64N(4); at < 110; {
			n := 1 + r.Int64N(7)
			var text []string
			for range 1 + r.IntN(4) {
				text = append(text, words[r.IntN(len(words))])
			}
			f.Lines = append(f.Lines, apitest.Line{From: at, To: at + n, Language: tag, Character: []string{"", "Mara"}[r.IntN(2)], Text: strings.Join(append(text, tag), " ")})
			at += n + r.Int64N(3) - r.Int64N(2)
		}
	}
	return f
}

// The text and the interval of every kind of hit come from one annotation of the store, in random libraries of lines that several languages say
// at the same time: words, meaning, bare words, pictures, labels, and every way to combine them.
func TestEveryHitIsToldByOneAnnotation(t *testing.T) {
	const seeds = 4
	texts := 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 7))
		l := apitest.New(t)
		for i := range 3 {
			l.Add(chatter(r, fmt.Sprint("chatter-", i)))
		}
		g := open(t, l, nil, gateway.Default())
		for range 60 {
			q := anyQuery(r)
			languages := [][]string{nil, {"fr"}, {"en-US", "ja"}, {"ja", "de"}, {"fi"}}[r.IntN(5)]
			for _, h := range ask(t, g, &pb.SearchRequest{Q: q, Languages: languages, Limit: 60, Order: []string{"score", "time"}[r.IntN(2)]}).GetHits() {
				if h.GetText() != "" {
					texts++
				}
				if why := faultOfLines(t, l.Store, h, q, languages); why != "" {
					t.Fatalf("seed %d, %s in %v: %s: %v", seed, q, languages, why, h)
				}
			}
		}
	}
	if texts < 1000 {
		t.Errorf("only %d texts were judged", texts)
	}
}

// anyQuery draws a query.
func anyQuery(r *rand.Rand) string {
	word := func() string {
		return strings.Fields("captain coffee lamp keeper harbour winter letter engine")[r.IntN(8)]
	}
	leaf := func() string {
		return fmt.Sprintf([]string{"%s", "dialogue:%s", "dialogue.words:%s", "dialogue.prefix:%.3s", "dialogue.meaning:%s", "label:%s", "dialogue[lang=de].words:%s"}[r.IntN(6)], word())
	}
	a, b := leaf(), leaf()
	return []string{a, a + " OR " + b, a + " AND " + b, a + " AND " + b + " WITHIN 4s", a + " AND NOT " + b, "(" + a + " OR " + b + ") AND " + leaf(),
		a + " OVERLAPS " + b, "look:red OR " + a, "look:green AND " + a, a + " THEN " + b + " WITHIN 9s", a + " AND (" + b + " OR look:blue)"}[r.IntN(11)]
}

// faultOfLines says in what a hit is not told by one annotation; "" for nothing.
func faultOfLines(t *testing.T, s store.Store, h *pb.Hit, q string, languages []string) string {
	t.Helper()
	if (h.GetText() == "") != (len(h.GetLines()) == 0) {
		return "a text and no line, or a line and no text"
	}
	if len(h.GetLines()) == 0 {
		return ""
	}
	matched := 0
	for _, l := range h.GetLines() {
		a, err := s.Annotation(t.Context(), h.GetAsset(), l.GetRun(), l.GetOrdinal())
		if err != nil {
			t.Fatal(err)
		}
		if a.GetText() != l.GetText() || a.GetLanguage() != l.GetLanguage() || a.GetCharacter() != l.GetCharacter() || a.GetStart() != l.GetStart() || a.GetEnd() != l.GetEnd() {
			return fmt.Sprintf("the line %v is not the annotation %v", l, a)
		}
		if l.GetMatched() {
			matched++
		}
	}
	first, at := h.GetLines()[0], schema.IntervalOf(h)
	iv := schema.Interval{Start: schema.Time(first.GetStart()), End: schema.Time(first.GetEnd())}
	simple := !strings.Contains(q, "AND") && !strings.Contains(q, "THEN")
	switch {
	case matched != 1:
		return fmt.Sprintf("%d lines matched", matched)
	case h.GetText() != first.GetText() || h.GetLanguage() != first.GetLanguage() || h.GetCharacter() != first.GetCharacter():
		return "the hit is told otherwise than its first line"
	case simple && iv != at:
		return "the interval is not that of the text"
	case !iv.Overlaps(at):
		return "the text is of another time"
	}
	return faultOfLanguages(t, s, h, languages)
}

// faultOfLanguages says where a line in a language that the person likes better was left out. Languages are told by their first part.
func faultOfLanguages(t *testing.T, s store.Store, h *pb.Hit, languages []string) string {
	t.Helper()
	base := func(tag string) string { return tag[:2] }
	m := h.GetLines()[slices.IndexFunc(h.GetLines(), (*pb.HitLine).GetMatched)]
	iv := schema.Interval{Start: schema.Time(m.GetStart()), End: schema.Time(m.GetEnd())}
	said := map[string]bool{base(m.GetLanguage()): true}
	hit := schema.IntervalOf(h)
	for a, err := range s.AnnotationsOf(t.Context(), h.GetAsset(), m.GetRun(), iv) {
		if err != nil {
			t.Fatal(err)
		}
		o := schema.IntervalOf(a)
		if 2*iv.Intersect(o).Duration() >= min(iv.Duration(), o.Duration()) && hit.Overlaps(o) {
			said[base(a.GetLanguage())] = true
		}
	}
	for _, l := range languages {
		if said[base(l)] {
			if got := h.GetLines()[0].GetLanguage(); base(got) != base(l) {
				return fmt.Sprintf("told in %s, and %s is said", got, l)
			}
			return ""
		}
	}
	if len(h.GetLines()) != 1 {
		return "told in a language that nobody asked for"
	}
	return ""
}

// Groups: the first hit of each title, with the matches of the title, in pages that are stable.
func TestGroups(t *testing.T) {
	films := []apitest.Film{harbour()}
	for i := range 6 {
		films = append(films, mountain(fmt.Sprint("mountain-", i)))
	}
	g := withProfiles(t, map[string]string{"titles": "group: title"}, films...)
	const q = "dialogue.words:captain OR label:lighthouse"
	flat := ask(t, g, &pb.SearchRequest{Q: q, Limit: 200})
	matches, best := map[string]int64{}, map[string]float64{}
	for _, h := range flat.GetHits() {
		matches[h.GetTitle()]++
		best[h.GetTitle()] = max(best[h.GetTitle()], h.GetScore())
	}
	for _, order := range []string{"score", "time"} {
		for _, limit := range []int32{1, 3, 20} {
			var titles, heads []string
			req := &pb.SearchRequest{Q: q, Group: "title", Order: order, Limit: limit}
			for {
				r := ask(t, g, req)
				if len(r.GetGroups()) != len(r.GetHits()) || len(r.GetHits()) == 0 || len(r.GetHits()) > int(limit) || r.GetTotal().GetCount() != int64(len(flat.GetHits())) {
					t.Fatalf("%d groups, %d hits: %v", len(r.GetGroups()), len(r.GetHits()), r)
				}
				for i, of := range r.GetGroups() {
					h := r.GetHits()[i]
					if of.GetTitle() != h.GetTitle() || of.GetTitleName() != h.GetTitleName() || of.GetScore() != best[h.GetTitle()] || of.GetMatches().GetCount() != matches[h.GetTitle()] || !of.GetMatches().GetExact() || of.GetNear() != 0 {
						t.Errorf("the group %v of the hit %v; want %d matches, best %v", of, h, matches[h.GetTitle()], best[h.GetTitle()])
					}
				}
				titles, heads = append(titles, slices.Collect(func(yield func(string) bool) {
					for _, of := range r.GetGroups() {
						if !yield(of.GetTitle()) {
							return
						}
					}
				})...), append(heads, where(r)...)
				if req.Cursor = r.GetCursor(); req.Cursor == "" {
					break
				}
			}
			var want []string
			inOrder := ask(t, g, &pb.SearchRequest{Q: q, Limit: 200, Order: order})
			for _, title := range titles {
				i := slices.IndexFunc(inOrder.GetHits(), func(h *pb.Hit) bool { return h.GetTitle() == title })
				want = append(want, where(inOrder)[i])
			}
			if len(titles) != 7 || len(matches) != 7 || !slices.IsSortedFunc(titles, func(a, b string) int {
				if best[a] != best[b] {
					return map[bool]int{true: -1, false: 1}[best[a] > best[b]]
				}
				return strings.Compare(a, b)
			}) || !slices.Equal(heads, want) {
				t.Errorf("by %s in pages of %d: %v, heads %v, want %v", order, limit, titles, heads, want)
			}
		}
	}
	if r := ask(t, g, &pb.SearchRequest{Q: q, Profile: "titles"}); len(r.GetGroups()) != 7 {
		t.Errorf("the profile's groups: %d", len(r.GetGroups()))
	}
	if r := ask(t, g, &pb.SearchRequest{Q: q, Profile: "titles", Group: "none"}); len(r.GetGroups()) != 0 || len(r.GetHits()) != len(flat.GetHits()) {
		t.Errorf("no groups against the profile: %v", r)
	}
	one, err := g.Search(t.Context(), authz.NewCaller("one", []string{"mountain-3"}), &pb.SearchRequest{Q: q, Group: "title"})
	if err != nil || len(one.GetGroups()) != 1 || one.GetGroups()[0].GetTitle() != "mountain-3" {
		t.Errorf("a caller of one title: %v, %v", one.GetGroups(), err)
	}
	if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: q, Group: "colour"}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a group of no kind: %v, want Invalid", err)
	}
	// Near moments are no matches of a group.
	near := ask(t, g, &pb.SearchRequest{Q: `dialogue:"xylophone captain zebra"`, Group: "title"})
	if !near.GetNoGoodMatch() || len(near.GetGroups()) == 0 || near.GetGroups()[0].GetMatches().GetCount() != 0 || near.GetGroups()[0].GetNear() == 0 {
		t.Errorf("groups of what is near: %v", near.GetGroups())
	}
}

// Facets of characters and labels are counted from the store, and say whether they are exact.
func TestFacetsOfTheStore(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	counts := func(req *pb.SearchRequest) (out []string) {
		for _, f := range ask(t, g, req).GetFacets() {
			for _, v := range f.GetValues() {
				out = append(out, fmt.Sprintf("%s %s=%d", f.GetName(), v.GetValue(), v.GetCount()))
			}
			out = append(out, fmt.Sprintf("%d exact=%t", f.GetDistinct(), f.GetExact()))
		}
		return out
	}
	for _, c := range []struct {
		q    string
		want []string
	}{
		{"dialogue.words:captain", []string{"character =1", "character Mara=1", "character Tobias=1", "3 exact=true", "label =3", "1 exact=true"}},
		{"label:lighthouse", []string{"character =3", "1 exact=true", "label lighthouse=3", "1 exact=true"}},
		{"dialogue.words:captain AND label.words:lighthouse", []string{"character =1", "character Mara=1", "character Tobias=1", "3 exact=true", "label lighthouse=3", "1 exact=true"}},
		{"dialogue.meaning:\"The keeper lit the lamp.\" title:harbour", []string{"character Mara=1", "1 exact=true", "label =1", "1 exact=true"}},
		{`dialogue:"xylophone captain zebra" title:mountain`, []string{"character =1", "1 exact=false", "label =1", "1 exact=false"}}, // near: no match
	} {
		if got := counts(&pb.SearchRequest{Q: c.q, Facets: []string{"character", "label"}}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.q, got, c.want)
		}
	}
	// The counts are of every match, also where the answer is ranked over the best candidates. Where more matches are than are kept, the counts say so.
	l := apitest.New(t)
	film := apitest.Film{Title: "long"}
	for i := range int64(700) {
		film.Lines = append(film.Lines, apitest.Line{From: 3 * i, To: 3*i + 2, Language: "en", Character: "Ann", Text: "captain"})
	}
	l.Add(film)
	for most, want := range map[int]int64{250_000: 700, 600: 600} {
		g := open(t, l, nil, gateway.Default())
		g.KeepMatches(most)
		r := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain", Facets: []string{"title", "character"}, Group: []string{"", "title"}[most%2]})
		for _, f := range r.GetFacets() {
			if f.GetExact() != (want == 700) || r.GetTotal().GetExact() != (want == 700) || f.GetValues()[0].GetCount() != want {
				t.Errorf("%d kept: %v of %v", most, f, r.GetTotal())
			}
		}
	}
}

// Nonsense finds no good match, whichever way is asked.
func TestNonsenseIsNoGoodMatch(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"), clockwork())
	leaves := []string{"xylophone", "qwrtzp", "zebra giraffe", "xylophone zebra quantum"}
	for _, form := range []string{"%q", "dialogue:%q", "dialogue.words:%q", "dialogue.phrase:%q", "dialogue.fuzzy:%q", "dialogue.prefix:%q", "dialogue.meaning:%q",
		"label:%q", "label.words:%q", "label.phrase:%q", "label.fuzzy:%q", "label.prefix:%q", "look:%q", "dialogue:%q OR label:%[1]q", "dialogue:%q AND label:%[1]q", "%q AND look:red",
		"dialogue:%q AND NOT label:lighthouse", "dialogue:%q AND dialogue:%[1]q WITHIN 5s"} {
		for _, text := range leaves {
			for _, req := range []*pb.SearchRequest{{Q: fmt.Sprintf(form, text)}, {Q: fmt.Sprintf(form, text), Order: "time"}, {Q: fmt.Sprintf(form, text), Group: "title"}} {
				r := ask(t, g, req)
				if r.GetTotal().GetCount() != 0 || len(r.GetHits()) > 0 && !r.GetNoGoodMatch() {
					t.Errorf("%v: %d matches, no good match %t, %q", req, r.GetTotal().GetCount(), r.GetNoGoodMatch(), where(r))
				}
			}
		}
	}
	for name, leaf := range map[string]*pb.Leaf{"a picture": {Kind: "like_image", Image: picture(color.RGBA{R: 255, G: 255, B: 255, A: 255})}} {
		if r := ask(t, g, &pb.SearchRequest{Query: query.Leaf(leaf)}); r.GetTotal().GetCount() != 0 || len(r.GetHits()) > 0 && !r.GetNoGoodMatch() {
			t.Errorf("%s: %v", name, r)
		}
	}
}
