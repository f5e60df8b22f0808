package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// photographsShown are the artefacts of the list photographs.yaml, in the order in which they are shown, for photographTime each.
var photographsShown = []string{"photo-astronaut", "judged-brick", "photo-camera", "photo-cat", "photo-coffee", "judged-coins", "photo-flower", "judged-grass",
	"judged-horse", "judged-gravel", "judged-galaxies", "photo-china", "judged-moon", "judged-motorcycle", "judged-page", "judged-retina", "photo-rocket", "judged-text", "judged-tissue"}

// withheldShown are the photographs of the list withheld.yaml.
var withheldShown = []string{"photo-group-1", "judged-field", "photo-group-2", "judged-quokka", "photo-group-3", "judged-mountain", "photo-group-4", "judged-desert",
	"photo-group-5", "photo-group-6"}

const photographTime = 2 // seconds

// slides makes a film of photographs.
func (w *world) slides(dir, title string, artefacts []string) *pb.MediaArrived {
	w.t.Helper()
	ffmpeg, err := w.Cache.Tool("ffmpeg")
	need(w.t, "ffmpeg", err)
	args := []string{"-v", "error"}
	var each, all strings.Builder
	for i, a := range artefacts {
		path, err := w.Cache.Require(a)
		need(w.t, a, err)
		args = append(args, "-loop", "1", "-framerate", "25", "-t", strconv.Itoa(photographTime), "-i", path)
		fmt.Fprintf(&each, "[%d:v]format=rgb24,scale=640:480:force_original_aspect_ratio=increase,crop=640:480,setsar=1[p%d];", i, i)
		fmt.Fprintf(&all, "[p%d]", i)
	}
	file := filepath.Join(dir, title+".mp4")
	args = append(args, "-filter_complex", fmt.Sprintf("%s%sconcat=n=%d,format=yuv420p[v]", each.String(), all.String(), len(artefacts)), "-map", "[v]", "-c:v", "libx264", "-crf", "16", file)
	if out, err := exec.CommandContext(context.Background(), ffmpeg, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("making %s: %v: %s", file, err, out)
	}
	return arrival(w.t, file, title)
}

func arrival(t testing.TB, file, title string) *pb.MediaArrived {
	t.Helper()
	u, err := mediaURL(file)
	if err != nil {
		t.Fatal(err)
	}
	return &pb.MediaArrived{Url: u, Title: &pb.Title{Id: title, Name: title}}
}

// A lookList is a list of judged queries for what is seen, over some titles of a library.
type lookList struct {
	name, file string
	titles     []string
	store      store.Store
	gateway    *gateway.Gateway
}

// precision is the mean over the queries of a list in one language.
type precision struct {
	queries int
	// ofRight is the share of right hits among as many as there are right items: R-precision. ofFive is the share among the first five.
	ofRight, ofFive float64
	// chance is the share of right items: the mean precision of items drawn blindly. most is the share of right hits among the first five, if the
	// first hits are all right.
	chance, most float64
}

func (p precision) String() string {
	return fmt.Sprintf("%.3f and %.3f (%d queries, chance %.3f, p@5 at most %.2f)", p.ofRight, p.ofFive, p.queries, p.chance, p.most)
}

// measure asks the queries of the list for what is seen. The languages are in the order of the file.
func (l lookList) measure(t testing.TB) (languages []string, by map[string]precision) {
	t.Helper()
	var shots []judged.Span
	for a, err := range l.store.AllAssets(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if len(l.titles) == 0 || slices.Contains(l.titles, a.GetTitle().GetId()) {
			shots = append(shots, shotsOf(t, l.store, a.GetId())...)
		}
	}
	return l.measureOf(t, "look", shots)
}

// measureOf asks the queries of a kind. An answer may show any of the items: shots, lines or signs.
func (l lookList) measureOf(t testing.TB, kind string, items []judged.Span) (languages []string, by map[string]precision) {
	t.Helper()
	by = map[string]precision{}
	for _, q := range judgedQueries(t, l.file, l.store) {
		if q.Kind != kind {
			continue
		}
		right := shownIn(q.right)
		r := 0
		for _, s := range items {
			if right(s) {
				r++
			}
		}
		if r == 0 {
			t.Fatalf("%s: %s: no item is right", l.file, q.Q)
		}
		resp, err := l.gateway.Search(t.Context(), operator, &pb.SearchRequest{Q: q.Q, Limit: int32(max(5, r)), TimeoutMs: 60_000, Filter: &pb.Filter{Titles: l.titles}})
		if err != nil || len(resp.GetPartial()) > 0 {
			t.Fatalf("%s: %v %v", q.Q, err, resp.GetPartial())
		}
		p := by[q.Language]
		for i, h := range spansOf(resp.GetHits()) {
			if right(h) {
				if i < r {
					p.ofRight += 1 / float64(r)
				}
				if i < 5 {
					p.ofFive += 1. / 5
				}
			}
		}
		if p.queries == 0 {
			languages = append(languages, q.Language)
		}
		p.queries++
		p.chance += float64(r) / float64(len(items))
		p.most += float64(min(r, 5)) / 5
		by[q.Language] = p
	}
	for language, p := range by {
		n := float64(p.queries)
		by[language] = precision{p.queries, p.ofRight / n, p.ofFive / n, p.chance / n, p.most / n}
	}
	return languages, by
}

// shownIn reports whether a shot, or a hit, shows one of the right moments: a second of the shot, or half of the shot, is of right moments.
func shownIn(moments []judged.Span) func(judged.Span) bool {
	return func(s judged.Span) bool {
		var shared schema.Time
		for _, m := range moments {
			if m.Asset == s.Asset {
				shared += s.Intersect(m.Interval).Duration()
			}
		}
		return shared >= schema.Second || 2*shared >= s.Duration() && shared > 0
	}
}

func shotsOf(t testing.TB, s store.Store, asset string) (out []judged.Span) {
	t.Helper()
	active, err := s.Active(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range active {
		if run.GetAlgorithm() != "shots" {
			continue
		}
		for a, err := range s.AnnotationsOf(t.Context(), asset, run.GetRun(), spanAll) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, judged.Span{Asset: asset, Interval: schema.IntervalOf(a)})
		}
	}
	return out
}

// TestFigureLists asks for what is seen, in eight languages, of Big Buck Bunny as the figure judged/quality recorded the film, of photographs, and of a
// withheld list. The encoders are the real ones.
func TestFigureLists(t *testing.T) {
	figure.Begin(t, "pictures/lists")
	dir := t.TempDir()
	w := newWorldWith(t, t.TempDir(), func(c *upConfig) {
		c.Gateway.Limits, c.Algorithms = fair.Limits{}, []string{"shots", "pictures", "labels"}
	}, dir)
	media := []*pb.MediaArrived{w.slides(dir, "photographs", photographsShown), w.slides(dir, "withheld", withheldShown)}
	for title, artefact := range map[string]string{"bikes": "bikes", "carphone": "judged-carphone"} {
		path, err := w.Cache.Require(artefact)
		need(t, artefact, err)
		media = append(media, arrival(t, path, title))
	}
	w.ingest(media...)
	bunny := openShelf(t, func(space string) func(context.Context, encode.Input) ([]float32, error) {
		enc, err := w.Encoders.Encoder(space, encode.Words)
		if err != nil {
			t.Fatal(err)
		}
		return enc.Encode
	})
	readRecording(t).fill(t, bunny.store, bunny.engine)
	lists := []lookList{
		{"Big Buck Bunny, first list", "bunny.yaml", nil, bunny.store, bunny.gateway},
		{"Big Buck Bunny", "films.yaml", nil, bunny.store, bunny.gateway},
		{"photographs", "photographs.yaml", []string{"photographs"}, w.Store, w.gateway},
		{"withheld", "withheld.yaml", []string{"withheld", "bikes", "carphone"}, w.Store, w.gateway},
	}
	pass := true
	var measured, notes []string
	for _, l := range lists {
		languages, by := l.measure(t)
		var others precision
		var each []string
		for _, language := range languages {
			p := by[language]
			pass = pass && p.ofRight > p.chance
			each = append(each, fmt.Sprintf("%s %s", language, p))
			if language != "en" {
				others.ofRight += p.ofRight / float64(len(languages)-1)
				others.ofFive += p.ofFive / float64(len(languages)-1)
			}
		}
		line := fmt.Sprintf("%s: en %.3f and %.3f", l.name, by["en"].ofRight, by["en"].ofFive)
		if len(languages) > 1 {
			line += fmt.Sprintf(", the mean of %d other languages %.3f and %.3f", len(languages)-1, others.ofRight, others.ofFive)
		}
		measured = append(measured, line)
		notes = append(notes, l.name+": "+strings.Join(each, "; "))
	}
	figure.Report(t, false, figure.Result{Name: "pictures/lists",
		Claim:    "words → picture, three judged lists, one of them withheld, in English and seven other languages: R-precision and p@5, told beside chance and ceiling",
		Measured: strings.Join(measured, "; "), Pass: pass, Note: strings.Join(notes, ". ")})
}
