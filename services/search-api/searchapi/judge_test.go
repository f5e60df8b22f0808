package searchapi_test

import (
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// Judgements belong to the person who gave them, are of moments that the person may see, and become a file of judged queries.
func TestJudgements(t *testing.T) {
	l := apitest.New(t)
	l.Add(filmOf("harbour", "black coffee"))
	l.Add(filmOf("secret", "black coffee"))
	s := l.Serve(map[string][]string{"editor": {"harbour"}, "all": {"*"}})
	client := cinedexv1connect.NewJudgementServiceClient(http.DefaultClient, s.URL)
	assets := map[string]string{}
	for a, err := range l.Store.AllAssets(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		assets[a.GetTitle().GetId()] = a.GetId()
	}
	judge := func(who, q, title string, from, to int64, v pb.Verdict) (*pb.JudgeResponse, error) {
		j := &pb.Judgement{Q: q, Asset: assets[title], Start: from * int64(schema.Second), End: to * int64(schema.Second), Verdict: v}
		r, err := client.Judge(t.Context(), as(who, &pb.JudgeRequest{Judgement: j}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	}
	list := func(who string) []*pb.Judgement {
		t.Helper()
		r, err := client.ListJudgements(t.Context(), as(who, &pb.ListJudgementsRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Msg.GetJudgements()
	}
	const right, wrong, none = pb.Verdict_VERDICT_RIGHT, pb.Verdict_VERDICT_WRONG, pb.Verdict_VERDICT_UNSPECIFIED
	for _, c := range []struct {
		who, q, title string
		from, to      int64
		verdict       pb.Verdict
		code          connect.Code
	}{
		{"editor", "dialogue:coffee", "secret", 10, 12, right, connect.CodeNotFound},
		{"editor", "dialogue:coffee", "nowhere", 10, 12, right, connect.CodeNotFound},
		{"editor", "dialogue:(", "harbour", 10, 12, right, connect.CodeInvalidArgument},
		{"editor", "dialogue:coffee", "harbour", 12, 12, right, connect.CodeInvalidArgument},
		{"editor", "dialogue:coffee", "harbour", 10, 12, 9, connect.CodeInvalidArgument},
		{"editor", "dialogue:" + strings.Repeat("a", 600), "harbour", 10, 12, right, connect.CodeInvalidArgument},
		{"stranger", "dialogue:coffee", "harbour", 10, 12, right, connect.CodeUnauthenticated},
	} {
		if _, err := judge(c.who, c.q, c.title, c.from, c.to, c.verdict); connect.CodeOf(err) != c.code {
			t.Errorf("%s judges %.20s of %s: %v, want %v", c.who, c.q, c.title, err, c.code)
		}
	}
	for _, j := range []struct {
		q        string
		from, to int64
		v        pb.Verdict
	}{{"dialogue:coffee", 10, 12, wrong}, {"dialogue:tea", 10, 12, wrong}, {"dialogue:coffee", 0, 2, wrong}, {` dialogue:"coffee" `, 10, 12, right}, {"dialogue:tea", 10, 12, none}} {
		if r, err := judge("editor", j.q, "harbour", j.from, j.to, j.v); err != nil || !strings.Contains(r.GetQuery(), ":\"") {
			t.Fatalf("%q: %v, %v", j.q, r, err)
		}
	}
	if _, err := judge("all", "dialogue:coffee", "secret", 10, 12, right); err != nil {
		t.Fatal(err)
	}
	got := list("editor")
	if len(got) != 2 || got[0].GetVerdict() != wrong || got[1].GetVerdict() != right || got[1].GetStart() != int64(10*schema.Second) {
		t.Errorf("the editor judged %v", got)
	}
	if got := list("all"); len(got) != 1 || got[0].GetAsset() != assets["secret"] {
		t.Errorf("another person judged %v", got)
	}
	b, err := judged.Format(got)
	if err != nil {
		t.Fatal(err)
	}
	queries, err := judged.Parse(b)
	if err != nil || len(queries) != 1 || !queries[0].Partial || len(queries[0].Right) != 1 || len(queries[0].Wrong) != 1 || queries[0].Right[0].From != "10s" {
		t.Errorf("the file is %s\n%+v, %v", b, queries, err)
	}
	// Saved searches are kept beside.
	save(t, s, "editor", "mornings", "dialogue:coffee")
	if got := list("editor"); len(got) != 2 {
		t.Errorf("after a search was saved: %v", got)
	}
}
