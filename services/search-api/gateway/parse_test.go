package gateway_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A line and its tree are taken apart alike, by the names of the catalogue. Nobody, and a slip, are told as everywhere.
func TestParse(t *testing.T) {
	_, g := opened(t, harbour())
	by, err := g.Parse(t.Context(), everybody, &pb.ParseRequest{Q: `said:coffee look:"the sea" -label:dog title:the-harbour`})
	if err == nil {
		t.Errorf("an unknown leaf is taken: %v", by)
	} else if !errkind.Is(err, errkind.Invalid) {
		t.Error(err)
	}
	by, err = g.Parse(t.Context(), everybody, &pb.ParseRequest{Q: `dialogue:coffee look:"the sea" -label:dog title:the-harbour`})
	if err != nil {
		t.Fatal(err)
	}
	if want := `(dialogue:"coffee" AND look:"the sea" AND NOT label:"dog") title:"the-harbour"`; by.GetLine() != want {
		t.Errorf("%s, want %s", by.GetLine(), want)
	}
	if got, want := query.Join(by.GetTerms()), `dialogue:"coffee" AND look:"the sea" AND NOT label:"dog" title:"the-harbour"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	back, err := g.Parse(t.Context(), everybody, &pb.ParseRequest{Query: by.GetQuery(), Filter: by.GetFilter()})
	if err != nil || !proto.Equal(by, back) {
		t.Errorf("%v, want %v (%v)", back, by, err)
	}
	for name, req := range map[string]*pb.ParseRequest{"nothing": {}, "both": {Q: "a", Filter: &pb.Filter{}}, "a slip": {Q: `"a`}} {
		if _, err := g.Parse(t.Context(), everybody, req); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := g.Parse(t.Context(), nil, &pb.ParseRequest{Q: "a"}); !errkind.Is(err, errkind.Unauthenticated) {
		t.Error(err)
	}
}
