package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// withProfiles is a gateway over films, with profiles of these files.
func withProfiles(t *testing.T, files map[string]string, films ...apitest.Film) *gateway.Gateway {
	t.Helper()
	dir := t.TempDir()
	for name, keys := range files {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte("name: "+name+"\nversion: 1\n"+keys), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := apitest.New(t)
	for _, f := range films {
		l.Add(f)
	}
	return openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		var err error
		if d.Profiles, err = profile.Load(dir, d.Log); err != nil {
			t.Fatal(err)
		}
	})
}

func TestProfiles(t *testing.T) {
	g := withProfiles(t, map[string]string{
		"english": "filter: {languages: [en]}",
		"labels":  "leaves: {label: 1}",
		"late":    "scoring: start_ms",
		"early":   "scoring: 0.0 - start_ms",
		"once":    "variety: {per_title: 1}",
		"apart":   "variety: {apart: 15s}",
		"timed":   "order: time\nlimit: 1",
		"small":   "max_limit: 2",
		"short":   "fields: [title, text]",
		"seen":    "algorithms: [labels]",
		"halves":  "split: {profile: once, share: 0.5}",
	}, harbour(), mountain("mountain"))
	for _, c := range []struct {
		profile, q string
		want       []string
	}{
		{"late", "label:lighthouse title:harbour", []string{"harbour 20-30", "harbour 0-10"}},
		{"early", "label:lighthouse title:harbour", []string{"harbour 0-10", "harbour 20-30"}},
		{"timed", "label:lighthouse title:harbour", []string{"harbour 0-10"}},
	} {
		resp := ask(t, g, &pb.SearchRequest{Q: c.q, Profile: c.profile})
		if got := where(resp); !slices.Equal(got, c.want) || resp.GetProfile() != c.profile+"@1" {
			t.Errorf("%s %s: %v of %s, want %v", c.profile, c.q, got, resp.GetProfile(), c.want)
		}
	}

	for _, h := range ask(t, g, &pb.SearchRequest{Q: "dialogue:coffee", Profile: "english"}).GetHits() {
		if !strings.HasPrefix(h.GetLanguage(), "en") {
			t.Errorf("english: a hit in %s", h.GetLanguage())
		}
	}
	once := ask(t, g, &pb.SearchRequest{Q: "label:lighthouse", Profile: "once"})
	folded := map[string]int32{}
	for _, h := range once.GetHits() {
		folded[h.GetTitle()] = h.GetFolded()
	}
	if len(once.GetHits()) != 2 || folded["harbour"] != 1 || folded["mountain"] != 0 {
		t.Errorf("once: %v, folded %v", where(once), folded)
	}
	if got := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain title:harbour", Profile: "apart"}); len(got.GetHits()) != 2 {
		t.Errorf("apart: %v", where(got))
	}
	for _, h := range ask(t, g, &pb.SearchRequest{Q: "dialogue.words:coffee", Profile: "short"}).GetHits() {
		if h.GetTitle() == "" || h.GetText() == "" || h.GetAsset() == "" || h.GetTitleName() != "" || h.GetEvidence() != nil || h.GetStartTimecode() != "" {
			t.Errorf("short: %v", h)
		}
	}
	for _, h := range ask(t, g, &pb.SearchRequest{Q: "lighthouse", Profile: "seen"}).GetHits() {
		for _, e := range h.GetEvidence() {
			if e.GetAlgorithm() != "labels" {
				t.Errorf("seen: evidence of %s", e.GetAlgorithm())
			}
		}
	}
	for _, c := range []struct {
		profile, q, want string
		limit            int32
	}{
		{"labels", "dialogue:coffee", "the profile labels leaves nothing to look for dialogue in; it asks label", 0},
		{"small", "dialogue:coffee", "at most 2", 3},
		{"none", "dialogue:coffee", "there is no profile \"none\"", 0},
		{"english", "dialogue:coffee lang:es", "none in common", 0},
	} {
		_, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: c.q, Profile: c.profile, Limit: c.limit})
		if err == nil || !strings.Contains(err.Error(), c.want) || errkind.Of(err) != errkind.Invalid && errkind.Of(err) != errkind.NotFound {
			t.Errorf("%s %s: %v, want %q", c.profile, c.q, err, c.want)
		}
	}

	given := map[string]int{}
	for i := range 40 {
		resp, err := g.Search(t.Context(), authz.NewCaller(fmt.Sprint("caller-", i), []string{"*"}), &pb.SearchRequest{Q: "label:lighthouse", Profile: "halves"})
		if err != nil {
			t.Fatal(err)
		}
		given[resp.GetProfile()]++
	}
	if given["halves@1"] < 8 || given["once@1"] < 8 {
		t.Errorf("halves: %v", given)
	}
}

// TestWeights: the weights of a profile decide which of two answers comes first.
func TestWeights(t *testing.T) {
	g := withProfiles(t, map[string]string{"lines": "leaves: {dialogue: 9, label: 1}", "pictures": "leaves: {dialogue: 1, label: 9}"}, harbour())
	q := `dialogue.words:dark OR label.words:"sailing boat"`
	for name, want := range map[string][]string{"lines": {"harbour 25-27", "harbour 10-20"}, "pictures": {"harbour 10-20", "harbour 25-27"}} {
		if got := where(ask(t, g, &pb.SearchRequest{Q: q, Profile: name})); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestPagesOfVariety: the pages of a varied answer are the answer, whatever their size.
func TestPagesOfVariety(t *testing.T) {
	films := []apitest.Film{harbour()}
	for i := range 5 {
		films = append(films, mountain(fmt.Sprint("mountain-", i)))
	}
	g := withProfiles(t, map[string]string{"once": "variety: {per_title: 1}\nscoring: \"title == 'harbour' ? 9.0 : score\""}, films...)
	whole := where(ask(t, g, &pb.SearchRequest{Q: "label:lighthouse", Profile: "once"}))
	if len(whole) != 6 {
		t.Fatalf("%v", whole)
	}
	var pages []string
	cursor := ""
	for {
		r := ask(t, g, &pb.SearchRequest{Q: "label:lighthouse", Profile: "once", Limit: 1, Cursor: cursor})
		pages = append(pages, where(r)...)
		if cursor = r.GetCursor(); cursor == "" {
			break
		}
	}
	if !slices.Equal(pages, whole) {
		t.Errorf("by pages %v, whole %v", pages, whole)
	}
	r := ask(t, g, &pb.SearchRequest{Q: "label:lighthouse", Profile: "once", Limit: 1})
	if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "label:lighthouse", Limit: 1, Cursor: r.GetCursor()}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("the cursor of a profile without the profile: %v, want Invalid", err)
	}
}

func TestScoringFailures(t *testing.T) {
	g := withProfiles(t, map[string]string{"look": "scoring: leaves['look']"}, harbour())
	resp := ask(t, g, &pb.SearchRequest{Q: "label:lighthouse", Profile: "look"})
	if p := resp.GetPartial(); len(p) != 1 || p[0].GetPart() != "scoring" || !strings.Contains(p[0].GetError(), "2 of 2 moments") || len(resp.GetHits()) != 2 {
		t.Errorf("%v", resp)
	}
}

func TestTryProfile(t *testing.T) {
	g := withProfiles(t, nil, harbour())
	req := &pb.SearchRequest{Q: "label:lighthouse", TryProfile: []byte("name: new\nversion: 4\nscoring: start_ms")}
	if _, err := g.Search(t.Context(), everybody, req); errkind.Of(err) != errkind.Denied {
		t.Errorf("a caller who is no operator: %v", err)
	}
	operator := authz.NewCaller("op", []string{"*"}, authz.Operator)
	resp, err := g.Search(t.Context(), operator, req)
	if err != nil || resp.GetProfile() != "new@4" || where(resp)[0] != "harbour 20-30" {
		t.Errorf("%v, %v", resp, err)
	}
	req.TryProfile = []byte("name: new\nversion: 4\nscoring: colour")
	if _, err := g.Search(t.Context(), operator, req); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("an invalid file: %v", err)
	}
}

func TestFacets(t *testing.T) {
	g := withProfiles(t, nil, harbour(), mountain("mountain"))
	resp := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain OR label:lighthouse", Limit: 1, Facets: []string{"title", "language", "kind"}})
	var got []string
	for _, f := range resp.GetFacets() {
		for _, v := range f.GetValues() {
			got = append(got, fmt.Sprintf("%s %s=%d", f.GetName(), v.GetValue(), v.GetCount()))
		}
	}
	whole := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:captain OR label:lighthouse", Limit: 200})
	titles := map[string]int{}
	for _, h := range whole.GetHits() {
		titles[h.GetTitle()]++
	}
	if !slices.Contains(got, fmt.Sprintf("title harbour=%d", titles["harbour"])) || !slices.Contains(got, fmt.Sprintf("title mountain=%d", titles["mountain"])) {
		t.Errorf("%v, want %v", got, titles)
	}
	// A caller who may see one of the titles counts that title alone.
	one, err := g.Search(t.Context(), authz.NewCaller("one", []string{"mountain"}), &pb.SearchRequest{Q: "label:lighthouse", Facets: []string{"title"}})
	if err != nil || len(one.GetFacets()[0].GetValues()) != 1 || one.GetFacets()[0].GetValues()[0].GetValue() != "mountain" {
		t.Errorf("%v, %v", one.GetFacets(), err)
	}
	for _, bad := range [][]string{{"colour"}, {"title", "title"}} {
		if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "label:lighthouse", Facets: bad}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("facets %v: %v, want Invalid", bad, err)
		}
	}
}
