package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/recommend"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// recommending is a configuration with two people behind each recommendation, besides the reader.
func recommending() gateway.Config {
	cfg := gateway.Default()
	cfg.Recommend.People = 2
	return cfg
}

var secret = recommend.Secret(strings.Repeat("secret! ", 4))

func openRecommending(t testing.TB, l *apitest.Library, cfg gateway.Config) *gateway.Gateway {
	t.Helper()
	return openWith(t, l, cfg, func(d *gateway.Deps) { d.Secret = secret })
}

func person(name string, titles ...string) *authz.Caller {
	if len(titles) == 0 {
		titles = []string{"*"}
	}
	return authz.NewCaller(name, titles)
}

// picks searches a line, and picks the first hit of the title.
func picks(t testing.TB, g *gateway.Gateway, who *authz.Caller, title string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		a, err := g.Search(t.Context(), who, &pb.SearchRequest{Q: line})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(a.GetHits(), func(h *pb.Hit) bool { return h.GetTitle() == title })
		if i < 0 || a.GetSearch() == "" {
			t.Fatalf("%s: no hit of %s, or no name %q: %v", line, title, a.GetSearch(), a)
		}
		if _, err := g.Picked(t.Context(), who, pickOf(a, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func pickOf(a *pb.SearchResponse, i int) *pb.PickedRequest {
	h := a.GetHits()[i]
	return &pb.PickedRequest{Search: a.GetSearch(), Moments: []*pb.PickedMoment{{Asset: h.GetAsset(), Start: h.GetStart(), End: h.GetEnd()}}}
}

func recommended(t testing.TB, g *gateway.Gateway, who *authz.Caller, line string) *pb.RecommendResponse {
	t.Helper()
	r, err := g.Recommend(t.Context(), who, &pb.RecommendRequest{Q: line})
	if err != nil || len(r.GetPartial()) > 0 {
		t.Fatalf("%s: %v, %v", line, r.GetPartial(), err)
	}
	return r
}

func wants(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

const (
	coffee = `dialogue.words:"black coffee"`
	keeper = `dialogue.words:"keeper"`
	dark   = `dialogue.words:"dark"`
)

// Planted co-searches come back: people who searched for coffee also searched for the keeper, and picked both moments.
func TestRecommendPlantedCoSearches(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g := openRecommending(t, l, recommending())
	picks(t, g, person("ann"), "harbour", coffee, keeper)
	picks(t, g, person("ben"), "harbour", keeper, coffee, dark)
	picks(t, g, person("cho"), "harbour", keeper)
	r := recommended(t, g, everybody, `dialogue.words:"  Black   COFFEE"`)
	if r.GetQuery() != coffee {
		t.Errorf("the normal form is %q, want %q", r.GetQuery(), coffee)
	}
	wants(t, "also searched", r.GetAlso(), keeper)
	var moments []string
	for _, m := range r.GetMoments() {
		moments = append(moments, fmt.Sprintf("%s %s %d", m.GetTitleName(), m.GetStartTimecode(), m.GetEndMs()))
	}
	slices.Sort(moments)
	wants(t, "moments", moments, "The Harbour 01:00:01:00 3000", "The Harbour 01:00:08:00 12000")
	wants(t, "of the keeper", recommended(t, g, everybody, keeper).GetAlso(), coffee)
	wants(t, "of what nobody searched", recommended(t, g, everybody, "dialogue.words:lamp").GetAlso())

	// Another process over the same store answers the same.
	other := openRecommending(t, l, recommending())
	if again := recommended(t, other, everybody, coffee); !proto.Equal(again, r) {
		t.Errorf("another process recommends %v, want %v", again, r)
	}
}

// Nothing comes back below k: a single person, however many picks, is a single person, and the reader counts for nothing.
func TestRecommendNothingBelowK(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	for k := 2; k <= 4; k++ {
		cfg := recommending()
		cfg.Recommend.People = k
		g := openRecommending(t, l, cfg)
		for i := range k {
			for range 3 { // the same pick counts once
				picks(t, g, person(fmt.Sprintf("k%d-%d", k, i)), "harbour", coffee, keeper)
			}
			r := recommended(t, g, everybody, coffee)
			if n := len(r.GetAlso()) + len(r.GetMoments()); (n > 0) != (i+1 >= k) {
				t.Errorf("k is %d: %d recommendations with %d people: %v", k, n, i+1, r)
			}
		}
		// Of exactly k people, each is one person short for themselves.
		if r := recommended(t, g, person(fmt.Sprintf("k%d-0", k)), coffee); len(r.GetAlso())+len(r.GetMoments()) > 0 {
			t.Errorf("k is %d: the reader is counted: %v", k, r)
		}
		for i := range k {
			if _, err := g.Forget(t.Context(), person(fmt.Sprintf("k%d-%d", k, i)), &pb.ForgetRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Nothing comes back across authorisation: neither people who picked in a hidden title, nor words that only a hidden title answers.
func TestRecommendNothingAcrossAuthorisation(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	l.Add(mountain("hidden"))
	g := openRecommending(t, l, recommending())
	reader := person("reader", "harbour")
	nothing := recommended(t, g, reader, "dialogue.words:captain")
	const captain, mountain = "dialogue.words:captain", "dialogue.words:mountain"
	for _, name := range []string{"ann", "ben", "cho"} {
		picks(t, g, person(name), "hidden", captain, mountain)
	}
	if r := recommended(t, g, reader, captain); !proto.Equal(r, nothing) {
		t.Errorf("picks in a hidden title give %v, want %v", r, nothing)
	}
	if all := recommended(t, g, everybody, captain); len(all.GetAlso()) != 1 || len(all.GetMoments()) == 0 {
		t.Errorf("whoever sees the title is recommended %v", all)
	}

	// Enough people picked moments of the harbour with words of the hidden title. The words are not told.
	const either = `dialogue.words:"keeper" OR dialogue.words:"mountain"`
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", captain, either, keeper)
	}
	wants(t, "also searched, for a reader of the harbour", recommended(t, g, reader, captain).GetAlso(), keeper)
	all := recommended(t, g, everybody, captain).GetAlso()
	if !slices.Contains(all, either) {
		t.Errorf("whoever sees both titles is recommended %q, without %q", all, either)
	}

	// A filter is no part of a query: the name of a title in a filter is never told.
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", dark+` title:harbour,hidden`)
	}
	for _, q := range recommended(t, g, reader, captain).GetAlso() {
		if strings.Contains(q, "hidden") {
			t.Errorf("a title is told: %q", q)
		}
	}
}

// An asset that moves to a hidden title takes its picks along, at once.
func TestRecommendFollowsAMovedAsset(t *testing.T) {
	l := apitest.New(t)
	a := l.Add(harbour())
	g := openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", coffee, keeper)
	}
	reader := person("reader", "harbour")
	wants(t, "before the move", recommended(t, g, reader, coffee).GetAlso(), keeper)
	a = proto.CloneOf(a)
	a.Title.Id, a.Revision = "elsewhere", a.GetRevision()+1
	if err := l.Store.PutAsset(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if r := recommended(t, g, reader, coffee); len(r.GetAlso())+len(r.GetMoments())+len(r.GetLike()) > 0 {
		t.Errorf("behind the move: %v", r)
	}
}

// After a forget nothing remains: not in the store, not in the copies of this and of another process, not in what is recommended.
func TestRecommendAfterForgetNothing(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g, other := openRecommending(t, l, recommending()), openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", coffee, keeper)
	}
	wants(t, "before", recommended(t, other, everybody, coffee).GetAlso(), keeper)
	operator := authz.NewCaller("op", []string{"*"}, authz.Operator)
	if _, err := g.Forget(t.Context(), person("cho"), &pb.ForgetRequest{Name: "ben"}); !errkind.Is(err, errkind.Denied) {
		t.Errorf("forgetting another person: %v, want Denied", err)
	}
	r, err := g.Forget(t.Context(), operator, &pb.ForgetRequest{Name: "ben"})
	if err != nil || r.GetForgotten() != 2 {
		t.Fatalf("forgot %v, %v", r, err)
	}
	for what, g := range map[string]*gateway.Gateway{"here": g, "in another process": other, "in a new process": openRecommending(t, l, recommending())} {
		if r := recommended(t, g, everybody, coffee); len(r.GetAlso())+len(r.GetMoments())+len(r.GetLike()) > 0 {
			t.Errorf("%s: %v", what, r)
		}
	}
	for p, err := range l.Store.AllPicks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if p.GetPerson() == secret.Person("ben") || strings.Contains(p.String(), "ben") || strings.Contains(p.String(), "ann") {
			t.Errorf("the store has %v", p)
		}
	}
	if r, err := g.Forget(t.Context(), person("ann"), &pb.ForgetRequest{}); err != nil || r.GetForgotten() != 2 {
		t.Errorf("ann forgot %v, %v", r, err)
	}
	for p := range l.Store.AllPicks(t.Context()) {
		t.Errorf("a pick remains: %v", p)
	}
}

// Another secret forgets everybody, and deletes the picks of the earlier secret a day later.
func TestAnotherSecretForgetsEverybody(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g := openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", coffee, keeper)
	}
	rotated := openWith(t, l, recommending(), func(d *gateway.Deps) { d.Secret = recommend.Secret(strings.Repeat("another ", 4)) })
	if r := recommended(t, rotated, everybody, coffee); len(r.GetAlso())+len(r.GetMoments()) > 0 {
		t.Errorf("behind the rotation: %v", r)
	}
	rotated.PicksLater(2 * recommend.Day)
	if err := rotated.ReadPicks(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p := range l.Store.AllPicks(t.Context()) {
		t.Errorf("a pick remains: %v", p)
	}
}

// Picks decay, and end: the newer query comes first, and what is too old is deleted.
func TestPicksDecayAndEnd(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g := openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben", "cho"} {
		picks(t, g, person(name), "harbour", coffee, dark)
	}
	g.PicksLater(65 * recommend.Day) // more than two half-lives: three people weigh less than two
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", keeper)
	}
	wants(t, "the newer first", recommended(t, g, everybody, coffee).GetAlso(), keeper, dark)
	g.PicksLater(120 * recommend.Day)
	wants(t, "the older at its end", recommended(t, g, everybody, keeper).GetAlso())
	if err := g.ReadPicks(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p := range l.Store.AllPicks(t.Context()) {
		if p.GetQuery() != keeper {
			t.Errorf("a pick remains: %v", p)
		}
	}
}

// Searches like this one: queries of other people whose vectors are near, under the same rules.
func TestRecommendLikeThisOne(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	l.Add(mountain("hidden"))
	g := openRecommending(t, l, recommending())
	const near, far, hidden = `dialogue:"a black coffee captain"`, "dialogue:keeper", `dialogue:"captain of the coffee lamp"`
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", near, far)
		picks(t, g, person(name), "hidden", hidden)
	}
	picks(t, g, person("cho"), "harbour", `dialogue:"the black coffee captain"`) // of a single person
	wants(t, "like it", recommended(t, g, person("reader", "harbour"), `dialogue:"black coffee captain"`).GetLike(), near)
	wants(t, "like what only the hidden title answers", recommended(t, g, person("reader", "harbour"), `dialogue:"captain of the coffee"`).GetLike())
	if all := recommended(t, g, everybody, `dialogue:"captain of the coffee"`).GetLike(); !slices.Contains(all, hidden) {
		t.Errorf("whoever sees both titles: %q", all)
	}
}

// Picked takes only hits of an answer that the same caller got, and only for titles that the caller may see now.
func TestPickedTrustsNoClient(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	l.Add(mountain("hidden"))
	g := openRecommending(t, l, recommending())
	ann := person("ann")
	a, err := g.Search(t.Context(), ann, &pb.SearchRequest{Q: "dialogue.words:captain"})
	if err != nil || len(a.GetHits()) < 2 {
		t.Fatalf("%v, %v", a, err)
	}
	other := proto.CloneOf(pickOf(a, 0))
	other.Moments[0].End++
	many := proto.CloneOf(pickOf(a, 0))
	many.Moments = slices.Repeat(many.GetMoments(), recommend.MaxHits+1)
	inHidden := slices.IndexFunc(a.GetHits(), func(h *pb.Hit) bool { return h.GetTitle() == "hidden" })
	for what, c := range map[string]struct {
		who  *authz.Caller
		req  *pb.PickedRequest
		want errkind.Kind
	}{
		"nobody":                {nil, pickOf(a, 0), errkind.Unauthenticated},
		"another caller":        {person("ben"), pickOf(a, 0), errkind.Invalid},
		"a moment of no hit":    {ann, other, errkind.Invalid},
		"no moment":             {ann, &pb.PickedRequest{Search: a.GetSearch()}, errkind.Invalid},
		"too many":              {ann, many, errkind.Invalid},
		"no search":             {ann, &pb.PickedRequest{Moments: pickOf(a, 0).GetMoments()}, errkind.Invalid},
		"a title lost meantime": {person("ann", "harbour"), pickOf(a, inHidden), errkind.NotFound},
	} {
		if _, err := g.Picked(t.Context(), c.who, c.req); !errkind.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	for p := range l.Store.AllPicks(t.Context()) {
		t.Errorf("a refused pick is kept: %v", p)
	}
}

// One person keeps no more than their share, and the oldest picks go.
func TestPicksOfAPersonAreBounded(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	cfg := recommending()
	cfg.Recommend.MostEach = 10
	g := openRecommending(t, l, cfg)
	recommended(t, g, everybody, coffee) // reads the log
	for i := range 14 {
		picks(t, g, person("ann"), "harbour", fmt.Sprintf("dialogue.words:captain^%d", i+2))
	}
	n := 0
	for range l.Store.AllPicks(t.Context()) {
		n++
	}
	if n != 10 {
		t.Errorf("%d picks are kept, want 10", n)
	}
}

// With the log off, no answer has a name, no pick is kept, and the picks of earlier are deleted.
func TestNoLogKeepsNothing(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	on := openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben"} {
		picks(t, on, person(name), "harbour", coffee, keeper)
	}
	cfg := recommending()
	cfg.Recommend.Log = false
	off := openRecommending(t, l, cfg)
	if err := off.ReadPicks(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p := range l.Store.AllPicks(t.Context()) {
		t.Errorf("a pick remains: %v", p)
	}
	if a := ask(t, off, &pb.SearchRequest{Q: coffee}); a.GetSearch() != "" {
		t.Errorf("the answer has the name %q", a.GetSearch())
	}
	if r := recommended(t, off, everybody, coffee); len(r.GetAlso())+len(r.GetMoments())+len(r.GetLike()) > 0 {
		t.Errorf("recommended %v", r)
	}
	if _, err := off.Picked(t.Context(), everybody, &pb.PickedRequest{Search: "x", Moments: []*pb.PickedMoment{{Asset: "a"}}}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a pick: %v, want Invalid", err)
	}
}

// The first process without a file draws the secret, and the store keeps the secret for all processes.
func TestTheStoreKeepsTheSecret(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	one, two := open(t, l, nil, recommending()), open(t, l, nil, recommending())
	a := ask(t, one, &pb.SearchRequest{Q: coffee})
	if _, err := two.Picked(t.Context(), everybody, pickOf(a, 0)); err != nil {
		t.Errorf("another process refuses: %v", err)
	}
	if again := ask(t, two, &pb.SearchRequest{Q: coffee}); again.GetSearch() != a.GetSearch() || a.GetSearch() == "" {
		t.Errorf("the names differ: %q, %q", a.GetSearch(), again.GetSearch())
	}
}

func TestNormalForm(t *testing.T) {
	v := apitest.Catalog().View()
	for line, want := range map[string]string{
		`dialogue:"  The  Lamp "`:                            `dialogue:"the lamp"`,
		`keeper AND dialogue:Coffee`:                         `dialogue:"coffee" AND keeper`,
		`dialogue:coffee AND KEEPER AND keeper`:              `dialogue:"coffee" AND keeper`,
		`b OR a OR b`:                                        "a OR b",
		`coffee  Coffee`:                                     "coffee coffee",
		`dialogue:coffee title:harbour lang:en time:2s..8s`:  `dialogue:"coffee"`,
		`AT LEAST 2 OF (c, b, a)`:                            "AT LEAST 2 OF (a, b, c)",
		`dialogue:b THEN dialogue:a WITHIN 5s`:               `dialogue:"b" THEN dialogue:"a" WITHIN 5s`,
		`look:"Rain At Night" AND NOT label:Boat`:            `NOT label:"boat" AND look:"rain at night"`,
		`dialogue.words:"` + strings.Repeat("a ", 200) + `"`: "",
		`image:b"iVBORw0KGgo="`:                              "",
	} {
		tree, _, err := (query.Language{Names: v}).Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := gateway.NormalForm(v, tree)
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
			continue
		}
		if got == "" {
			continue
		}
		again, _, err := (query.Language{Names: v}).Parse(got)
		if err != nil || gateway.NormalForm(v, again) != got {
			t.Errorf("%s: the form of %q is another: %v", line, got, err)
		}
	}
}

// A late engine gives an answer in time, and the answer names what is missing.
func TestRecommendIsInTime(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	g := openRecommending(t, l, recommending())
	for _, name := range []string{"ann", "ben"} {
		picks(t, g, person(name), "harbour", coffee, keeper)
	}
	cfg := recommending()
	cfg.Timeout = 50 * time.Millisecond
	stopped := openWith(t, l, cfg, func(d *gateway.Deps) {
		d.Secret, d.Engine = secret, failing{Searcher: l.Engine, text: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	})
	r, err := stopped.Recommend(t.Context(), everybody, &pb.RecommendRequest{Q: coffee})
	if err != nil || len(r.GetAlso()) > 0 || len(r.GetPartial()) == 0 || r.GetPartial()[0].GetPart() != "also" {
		t.Errorf("%v, %v", r, err)
	}
}
