package gateway_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

var operator = authz.NewCaller("operator", []string{"*"}, authz.Operator)

// twoTakes is a library of two films; of the first there is a second version of the dialogue that readers do not see.
func twoTakes(t *testing.T) (*apitest.Library, *gateway.Gateway, *pb.Asset) {
	t.Helper()
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "film", Shots: []apitest.Shot{{Seconds: 60, Colour: apitest.Red}}, Lines: []apitest.Line{
		{From: 0, To: 2, Language: "en", Text: "A storm is coming."},
		{From: 10, To: 12, Language: "en", Text: "The storm is here."},
		{From: 20, To: 22, Language: "en", Text: "Coffee, captain?"},
	}})
	l.Add(mountain("mountain"))
	l.Said(a, "2", []apitest.Line{
		{From: 10, To: 12, Language: "en", Text: "The storm is here."},
		{From: 30, To: 32, Language: "en", Text: "What a storm that was."},
		{From: 40, To: 42, Language: "en", Text: "Lanterns, captain."},
	})
	return l, open(t, l, nil, gateway.Default()), a
}

// starts are the beginnings of hits, in seconds, in order of time.
func starts(hits []*pb.Hit) (out []int64) {
	for _, h := range hits {
		out = append(out, h.GetStartMs()/1000)
	}
	slices.Sort(out)
	return out
}

func TestPreview(t *testing.T) {
	_, g, a := twoTakes(t)
	req := func(version string) *pb.SearchRequest {
		r := &pb.SearchRequest{Q: "dialogue.words:storm title:film"}
		if version != "" {
			r.Preview = map[string]string{"dialogue": version}
		}
		return r
	}
	answer := func(r *pb.SearchRequest) []int64 {
		t.Helper()
		resp, err := g.Search(t.Context(), operator, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range resp.GetHits() {
			for _, e := range h.GetEvidence() {
				if v := r.GetPreview()["dialogue"]; v != "" && e.GetAlgorithm() == "dialogue" && e.GetVersion() != v {
					t.Errorf("evidence of version %s in a preview of %s", e.GetVersion(), v)
				}
			}
		}
		return starts(resp.GetHits())
	}
	if got := answer(req("")); !slices.Equal(got, []int64{0, 10}) {
		t.Errorf("as it is: %v", got)
	}
	if got := answer(req("2")); !slices.Equal(got, []int64{10, 30}) {
		t.Errorf("a preview of version 2: %v", got)
	}
	if got := answer(req("1")); !slices.Equal(got, []int64{0, 10}) {
		t.Errorf("a preview of what is seen: %v", got)
	}
	// It leaves no trace: neither in what is seen afterwards nor in the store.
	if got := answer(req("")); !slices.Equal(got, []int64{0, 10}) {
		t.Errorf("afterwards: %v", got)
	}
	_, active, err := g.Asset(t.Context(), operator, a.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range active {
		if r.GetVersion() != "1" {
			t.Errorf("%s is seen in version %s", r.GetAlgorithm(), r.GetVersion())
		}
	}
	// The other film has no second version: it keeps what it has.
	resp, err := g.Search(t.Context(), operator, &pb.SearchRequest{Q: "dialogue.words:mountain", Preview: map[string]string{"dialogue": "2"}})
	if err != nil || len(resp.GetHits()) != 1 || resp.GetHits()[0].GetTitle() != "mountain" {
		t.Errorf("a film without the version: %v, %v", resp, err)
	}
}

// An asset with several runs of a version is previewed with the run that a switch to the version would show: of the tracks that readers see now.
func TestPreviewShowsTheRunOfTheSwitch(t *testing.T) {
	l, g, a := twoTakes(t)
	for i := range 8 {
		r := &pb.Run{Asset: a.GetId(), Algorithm: "dialogue", Version: "2", Reads: fmt.Sprint("tracks of another day ", i), State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}
		r.Id = schema.RunID(r)
		if err := l.Store.FinishRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := g.Search(t.Context(), operator, &pb.SearchRequest{Q: "dialogue.words:storm title:film", Preview: map[string]string{"dialogue": "2"}})
	if err != nil || !slices.Equal(starts(resp.GetHits()), []int64{10, 30}) {
		t.Errorf("a preview of version 2 finds %v, %v", starts(resp.GetHits()), err)
	}
}

func TestPreviewIsForOperators(t *testing.T) {
	_, g, _ := twoTakes(t)
	preview := map[string]string{"dialogue": "2"}
	for _, c := range []struct {
		name   string
		caller *authz.Caller
		req    *pb.SearchRequest
		kind   errkind.Kind
		says   string
	}{
		{"nobody", nil, &pb.SearchRequest{Q: "storm", Preview: preview}, errkind.Unauthenticated, ""},
		{"an editor", everybody, &pb.SearchRequest{Q: "storm", Preview: preview}, errkind.Denied, "operator"},
		{"somebody with batches", authz.NewCaller("b", []string{"*"}, authz.Batch), &pb.SearchRequest{Q: "storm", Preview: preview}, errkind.Denied, "operator"},
		{"a version that is not there", operator, &pb.SearchRequest{Q: "storm", Preview: map[string]string{"dialogue": "9"}}, errkind.NotFound, "dialogue@9"},
		{"a page of one", operator, &pb.SearchRequest{Q: "storm", Preview: preview, Cursor: "AAAA"}, errkind.Invalid, "cursor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := g.Search(t.Context(), c.caller, c.req)
			if errkind.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.kind, c.says)
			}
		})
	}
	// A preview is over the whole library: which versions it has is not for those who may see a part of it.
	narrow := authz.NewCaller("narrow", []string{"mountain"}, authz.Operator)
	for _, versions := range []map[string]string{preview, {"dialogue": "no such version"}} {
		if resp, err := g.Search(t.Context(), narrow, &pb.SearchRequest{Q: "dialogue.words:storm", Preview: versions}); !errkind.Is(err, errkind.Denied) {
			t.Errorf("a preview to an operator of one title: %v, %v", resp, err)
		}
	}
}

// A run that has not finished is not previewed.
func TestPreviewOfAnUnfinishedRun(t *testing.T) {
	l, g, a := twoTakes(t)
	r := &pb.Run{Asset: a.GetId(), Algorithm: "dialogue", Version: "3", State: pb.RunState_RUN_STATE_REQUESTED}
	r.Id = schema.RunID(r)
	if _, err := l.Store.CreateRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Search(t.Context(), operator, &pb.SearchRequest{Q: "storm", Preview: map[string]string{"dialogue": "3"}}); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCompare(t *testing.T) {
	_, g, a := twoTakes(t)
	moment := func(from, to int64) *pb.JudgedMoment {
		return &pb.JudgedMoment{Asset: a.GetId(), Start: from * int64(schema.Second), End: to * int64(schema.Second)}
	}
	resp, err := g.Compare(t.Context(), operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2", Queries: []*pb.JudgedQuery{
		// Right: 10 and 30. Version 1 finds one of two, version 2 both.
		{Q: "dialogue.words:storm title:film", Right: []*pb.JudgedMoment{moment(10, 12), moment(31, 33)}},
		// Right: 20. Version 1 finds it, version 2 finds something else.
		{Q: "dialogue.words:captain title:film", Right: []*pb.JudgedMoment{moment(20, 21)}},
		// Not judged: it tells the overlap, and nothing of what is right.
		{Q: "dialogue.words:mountain"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	for i, want := range []struct{ overlap, fromP, toP, fromMRR, toMRR float64 }{
		{1. / 3, 0.5, 1, -1, 1}, // which of the two lines version 1 ranks first is its own affair
		{0, 1, 0, 1, 0},
		{1, 0, 0, 0, 0},
	} {
		c := resp.GetQueries()[i]
		if !near(c.GetOverlap(), want.overlap) || !near(c.GetFromPrecision(), want.fromP) || !near(c.GetToPrecision(), want.toP) ||
			want.fromMRR >= 0 && !near(c.GetFromMrr(), want.fromMRR) || !near(c.GetToMrr(), want.toMRR) {
			t.Errorf("%q: %v, want %+v", c.GetQ(), c, want)
		}
	}
	mrr := resp.GetQueries()[0].GetFromMrr()
	if mrr != 1 && mrr != 0.5 {
		t.Errorf("the reciprocal rank of one right hit of two is %v", mrr)
	}
	if !near(resp.GetOverlap(), (1./3+0+1)/3) || !near(resp.GetFromPrecision(), 0.75) || !near(resp.GetToPrecision(), 0.5) || !near(resp.GetFromMrr(), (mrr+1)/2) || !near(resp.GetToMrr(), 0.5) {
		t.Errorf("in total: %v", resp)
	}
	if got := starts(resp.GetQueries()[0].GetTo()); !slices.Equal(got, []int64{10, 30}) {
		t.Errorf("the hits of version 2 are told: %v", got)
	}
}

func TestCompareRefuses(t *testing.T) {
	l, g, _ := twoTakes(t)
	some := []*pb.JudgedQuery{{Q: "dialogue:storm"}}
	full := &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2", Queries: some}
	for _, c := range []struct {
		name   string
		caller *authz.Caller
		req    *pb.CompareVersionsRequest
		kind   errkind.Kind
		says   string
	}{
		{"nobody", nil, full, errkind.Unauthenticated, ""},
		{"an editor", everybody, full, errkind.Denied, "operator"},
		{"no algorithm", operator, &pb.CompareVersionsRequest{From: "1", To: "2", Queries: some}, errkind.Invalid, "algorithm"},
		{"one version", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", Queries: some}, errkind.Invalid, "to"},
		{"no queries", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2"}, errkind.Invalid, "queries"},
		{"too many", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2", Queries: slices.Repeat(some, 501)}, errkind.Invalid, "500"},
		{"a depth", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2", Queries: some, Depth: gateway.MaxLimit + 1}, errkind.Invalid, "depth"},
		{"a version that is not there", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "7", Queries: some}, errkind.NotFound, "queries[0]"},
		{"a query that is none", operator, &pb.CompareVersionsRequest{Algorithm: "dialogue", From: "1", To: "2", Queries: append(slices.Clone(some), &pb.JudgedQuery{Q: "smell:coffee"})}, errkind.Invalid, "queries[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := g.Compare(t.Context(), c.caller, c.req)
			if errkind.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want %v that says %q", resp, err, c.kind, c.says)
			}
		})
	}
	// Half an answer says nothing of a version.
	broken := open(t, l, failing{Searcher: l.Engine, vector: func(context.Context) error { return fmt.Errorf("broken") }}, gateway.Default())
	if resp, err := broken.Compare(t.Context(), operator, full); !errkind.Is(err, errkind.Unavailable) || !strings.Contains(err.Error(), "dialogue/meaning") {
		t.Errorf("over a part that fails: %v, %v", resp, err)
	}
}
