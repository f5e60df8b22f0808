package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// stormy is a film of lines that two queries of pages find.
func stormy(title, take string, lines int) apitest.Film {
	f := apitest.Film{Title: title, Name: title}
	for i := range lines {
		f.Lines = append(f.Lines, apitest.Line{From: int64(3 * i), To: int64(3*i + 2), Language: "en", Text: strings.Repeat("storm ", 1+i%3) + fmt.Sprintf("%s %s sea %d", take, title, i)})
	}
	f.Shots = []apitest.Shot{{Seconds: int64(3 * lines), Colour: apitest.Red}}
	return f
}

// A library that changes: its dialogue is switched to new runs, and films come.
type changing struct {
	t      *testing.T
	l      *apitest.Library
	r      *rand.Rand
	assets []*pb.Asset
	lines  int
	n      int
}

// change switches the dialogue of an asset, adds a film, or writes a run that nobody sees.
func (c *changing) change() {
	c.t.Helper()
	c.n++
	a := c.assets[c.r.IntN(len(c.assets))]
	switch c.r.IntN(6) {
	case 0:
		c.l.Add(stormy(fmt.Sprint("later-", c.n), "first", 3))
	case 1:
		c.l.Said(a, fmt.Sprint("unseen-", c.n), stormy(a.GetTitle().GetId(), "unseen", 3).Lines)
	default:
		c.switchDialogue(a)
	}
}

func (c *changing) switchDialogue(a *pb.Asset) {
	c.t.Helper()
	c.n++
	next := c.l.Said(a, fmt.Sprint("take-", c.n), stormy(a.GetTitle().GetId(), fmt.Sprint("take", c.n), c.lines+c.n%5).Lines)[0]
	active, err := c.l.Store.Active(c.t.Context(), a.GetId())
	if err != nil {
		c.t.Fatal(err)
	}
	i := slices.IndexFunc(active, func(r *pb.ActiveRun) bool { return r.GetAlgorithm() == "dialogue" })
	c.l.Switch(next, active[i].GetRun())
}

// Must-show 6: pages through writes, switches and restarts have each hit once, in the order of the answer at the first page. Each query goes on in
// a gateway that was opened after the switches, as after a restart or on another machine.
func TestPagesThroughSwitchesAndRestarts(t *testing.T) {
	l := apitest.New(t)
	c := &changing{t: t, l: l, r: rand.New(rand.NewPCG(6, 6)), lines: 90}
	for i := range 8 { // 720 lines: more than the candidates of a part
		c.assets = append(c.assets, l.Add(stormy(fmt.Sprint("film-", i), "first", c.lines)))
	}
	g := open(t, l, nil, gateway.Default())
	type reading struct {
		req  *pb.SearchRequest
		want []string
		got  []string
	}
	var all []*reading
	for _, req := range []*pb.SearchRequest{
		{Q: "dialogue.words:storm", Limit: 36}, {Q: "dialogue.words:storm", Limit: 36, Order: "time"},
		{Q: "dialogue.words:storm AND dialogue.words:sea", Limit: 36}, {Q: "dialogue.words:storm AND NOT dialogue.words:77", Limit: 36, Order: "time"},
		{Q: "dialogue.words:storm", Limit: 36, Filter: &pb.Filter{Titles: []string{"film-1", "film-2"}}}, {Q: "dialogue.words:storm", Limit: 1, Group: "title"},
	} {
		rd := &reading{req: req}
		for _, h := range pagesOf(t, g, req, nil) {
			rd.want = append(rd.want, placeOf(h))
		}
		all = append(all, rd)
	}
	if len(all[0].want) != 720 || len(all[1].want) != 720 || len(all[2].want) != 720 {
		t.Fatalf("%d, %d and %d hits, want 720", len(all[0].want), len(all[1].want), len(all[2].want))
	}
	for _, rd := range all { // the first pages
		r := ask(t, g, rd.req)
		for _, h := range r.GetHits() {
			rd.got = append(rd.got, placeOf(h))
		}
		rd.req.Cursor = r.GetCursor()
	}
	pages, restarts := 0, 0
	for more := true; more; {
		more = false
		for range 2 {
			c.change()
		}
		if pages++; pages%4 == 0 {
			g = open(t, l, nil, gateway.Default()) // what was kept is gone
			restarts++
		}
		var writing sync.WaitGroup
		writing.Go(c.change) // while pages are read
		for _, rd := range all {
			if rd.req.GetCursor() == "" {
				continue
			}
			r := ask(t, g, rd.req)
			for _, h := range r.GetHits() {
				rd.got = append(rd.got, placeOf(h))
			}
			rd.req.Cursor = r.GetCursor()
			more = more || r.GetCursor() != ""
		}
		writing.Wait()
	}
	for _, rd := range all {
		if !slices.Equal(rd.got, rd.want) {
			t.Errorf("%v: %d hits through switches, %d at once; the first that differs: %s", rd.req, len(rd.got), len(rd.want), firstOther(rd.got, rd.want))
		}
	}
	if pages < 19 || restarts < 4 || c.n < 40 {
		t.Errorf("%d pages, %d restarts, %d changes", pages, restarts, c.n)
	}
}

func placeOf(h *pb.Hit) string {
	return fmt.Sprintf("%s %d-%d %s", h.GetAsset(), h.GetStart(), h.GetEnd(), h.GetText())
}

func firstOther(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%d: %s, want %s", i, a[i], b[i])
		}
	}
	return "none"
}

// pagesOf reads all pages of a request. between MAY be nil.
func pagesOf(t *testing.T, g *gateway.Gateway, req *pb.SearchRequest, between func()) (hits []*pb.Hit) {
	t.Helper()
	page := &pb.SearchRequest{Q: req.GetQ(), Limit: req.GetLimit(), Order: req.GetOrder(), Filter: req.GetFilter(), Group: req.GetGroup(), Profile: req.GetProfile(), Facets: req.GetFacets()}
	for {
		r := ask(t, g, page)
		hits = append(hits, r.GetHits()...)
		if page.Cursor = r.GetCursor(); page.Cursor == "" {
			return hits
		}
		if between != nil {
			between()
		}
	}
}

// A single leaf with more matches than candidates is read to its end, in every order, each hit once; and the candidates come first, as they did.
func TestPagesReachTheEnd(t *testing.T) {
	l := apitest.New(t)
	l.Add(stormy("long", "first", 1300))
	g := open(t, l, nil, gateway.Default())
	first := ask(t, g, &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 200})
	if first.GetTotal().GetExact() || first.GetTotal().GetCount() != 500 {
		t.Errorf("the first page tells %v", first.GetTotal())
	}
	for _, q := range []string{"dialogue.words:storm", "dialogue:storm", "storm OR label:red", "dialogue.words:storm AND dialogue.words:sea"} {
		for _, order := range []string{"score", "time"} {
			for _, limit := range []int32{200, 130} {
				seen, hits := map[string]int{}, pagesOf(t, g, &pb.SearchRequest{Q: q, Limit: limit, Order: order}, nil)
				lines, score := 0, 1e9
				for _, h := range hits {
					if seen[placeOf(h)]++; h.GetText() != "" {
						lines++
					}
					if order == "score" && h.GetScore() > score {
						t.Fatalf("%s: a score of %v behind %v", q, h.GetScore(), score)
					}
					score = h.GetScore()
				}
				if lines != 1300 || len(seen) != len(hits) {
					t.Errorf("%s by %s in pages of %d: %d hits, %d places, %d lines, want 1300", q, order, limit, len(hits), len(seen), lines)
				}
			}
		}
	}
	// A page is the same with counts and without.
	with := pagesOf(t, g, &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 200, Facets: []string{"title"}}, nil)
	without := pagesOf(t, g, &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 200}, nil)
	if !slices.EqualFunc(with, without, func(a, b *pb.Hit) bool { return placeOf(a) == placeOf(b) }) {
		t.Error("facets change the pages")
	}
}

// A cursor that cannot go on says so, and what to do.
func TestCursorsExpirePolitely(t *testing.T) {
	l := apitest.New(t)
	c := &changing{t: t, l: l, r: rand.New(rand.NewPCG(1, 1)), lines: 30}
	for i := range 3 {
		c.assets = append(c.assets, l.Add(stormy(fmt.Sprint("film-", i), "first", c.lines)))
	}
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("name: p\nversion: 1\n")
	var profiles *profile.Profiles
	opened := func() *gateway.Gateway {
		return openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
			var err error
			if profiles, err = profile.Load(dir, d.Log); err != nil {
				t.Fatal(err)
			}
			d.Profiles = profiles
		})
	}
	g := opened()
	req := func(cursor string) *pb.SearchRequest {
		return &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 10, Cursor: cursor, Profile: "p"}
	}
	refuse := func(name, cursor, says string) {
		t.Helper()
		_, err := g.Search(t.Context(), everybody, req(cursor))
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "search again") {
			t.Errorf("%s: %v, want Invalid that says %q, and to search again", name, err, says)
		}
	}
	goOn := func(name, cursor string) {
		t.Helper()
		if _, err := g.Search(t.Context(), everybody, req(cursor)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	cursor := ask(t, g, req("")).GetCursor()
	write("name: p\nversion: 1\n# reloaded\n")
	profiles.Reload() // refused: the version has not grown
	goOn("a profile that is as it was", cursor)
	write("name: p\nversion: 2\nlanguages: [en]\n")
	profiles.Reload()
	refuse("a new version of the profile", cursor, "another version of the profile p")

	cursor = ask(t, g, req("")).GetCursor()
	old := activeRun(t, l, c.assets[0])
	c.switchDialogue(c.assets[0])
	goOn("a switch", cursor)
	g = opened()
	goOn("a switch and a restart", cursor)
	// The run is collected: first from the engine, then from the store.
	if err := l.Engine.DeleteRun(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := l.Store.DeleteRun(t.Context(), c.assets[0].GetId(), old); err != nil {
		t.Fatal(err)
	}
	refuse("a collected run", cursor, "collected")
	g = opened()
	refuse("a collected run, after a restart", cursor, "collected")

	cursor = ask(t, g, req("")).GetCursor()
	for range 10 { // more than the store remembers
		c.switchDialogue(c.assets[1])
	}
	goOn("many switches", cursor)
	g = opened()
	refuse("many switches of an asset and a restart", cursor, "changed too much")
}

func activeRun(t *testing.T, l *apitest.Library, a *pb.Asset) string {
	t.Helper()
	active, err := l.Store.Active(t.Context(), a.GetId())
	if err != nil {
		t.Fatal(err)
	}
	return active[slices.IndexFunc(active, func(r *pb.ActiveRun) bool { return r.GetAlgorithm() == "dialogue" })].GetRun()
}

// While many assets are switched one by one, a cursor outlives more switches than snapshots are kept.
func TestCursorOutlivesABackfill(t *testing.T) {
	l := apitest.New(t)
	c := &changing{t: t, l: l, r: rand.New(rand.NewPCG(1, 2)), lines: 2}
	for i := range 80 {
		c.assets = append(c.assets, l.Add(stormy(fmt.Sprintf("film-%02d", i), "first", c.lines)))
	}
	g := open(t, l, nil, gateway.Default())
	req := &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 80}
	var want []string
	for _, h := range pagesOf(t, g, req, nil) {
		want = append(want, placeOf(h))
	}
	var got []string
	for _, h := range pagesOf(t, g, req, func() {
		for _, a := range c.assets {
			c.switchDialogue(a)
			if _, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "dialogue.words:storm", Limit: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}) {
		got = append(got, placeOf(h))
	}
	if !slices.Equal(got, want) || len(got) != 160 {
		t.Errorf("%d hits, want %d; the first that differs: %s", len(got), len(want), firstOther(got, want))
	}
}
