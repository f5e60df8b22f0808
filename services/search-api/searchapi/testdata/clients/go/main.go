// Command go is a client of the search API over Connect: a search, its pages, an error, and the new hits of a saved search.
//
//	go run . URL TOKEN
//
// Each step prints a line of JSON. The last step waits for a line of standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

type client struct {
	search cinedexv1connect.SearchServiceClient
	saved  cinedexv1connect.SavedSearchServiceClient
	token  string
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run . URL TOKEN")
		os.Exit(2)
	}
	url := os.Args[1]
	c := client{cinedexv1connect.NewSearchServiceClient(http.DefaultClient, url), cinedexv1connect.NewSavedSearchServiceClient(http.DefaultClient, url), os.Args[2]}
	if err := c.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (c client) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.first, c.pages, c.refusal} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	kept := &pb.SavedSearch{Name: "lamps", Search: &pb.SearchRequest{Q: "dialogue.words:lamp"}}
	if _, err := c.saved.SaveSearch(ctx, signed(c, &pb.SaveSearchRequest{Saved: kept})); err != nil {
		return err
	}
	behind, err := c.watch(ctx, "", "found")
	if err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	_, err = c.watch(ctx, behind, "resumed")
	return err
}

func signed[T any](c client, m *T) *connect.Request[T] {
	req := connect.NewRequest(m)
	req.Header().Set("Authorization", "Bearer "+c.token)
	return req
}

func show(step map[string]any) error { return json.NewEncoder(os.Stdout).Encode(step) }

func places(hits []*pb.Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = fmt.Sprintf("%s@%d", h.GetTitle(), h.GetStartMs())
	}
	return out
}

func (c client) first(ctx context.Context) error {
	answer, err := c.search.Search(ctx, signed(c, &pb.SearchRequest{Q: "dialogue.words:lamp", Limit: 1}))
	if err != nil {
		return err
	}
	m, hit := answer.Msg, answer.Msg.GetHits()[0]
	var by []string
	for _, e := range hit.GetEvidence() {
		by = append(by, e.GetLeaf()+"/"+e.GetBy())
	}
	return show(map[string]any{"step": "search", "query": m.GetQuery(), "total": m.GetTotal().GetCount(), "exact": m.GetTotal().GetExact(), "title": hit.GetTitleName(),
		"text": hit.GetText(), "timecode": hit.GetStartTimecode(), "start": hit.GetStart(), "score": hit.GetScore(), "by": by})
}

func (c client) pages(ctx context.Context) error {
	var hits []string
	for n, cursor := 1, ""; ; n++ {
		answer, err := c.search.Search(ctx, signed(c, &pb.SearchRequest{Q: "dialogue.words:lamp", Order: "time", Limit: 10, Cursor: cursor}))
		if err != nil {
			return err
		}
		hits = append(hits, places(answer.Msg.GetHits())...)
		if cursor = answer.Msg.GetCursor(); cursor == "" {
			return show(map[string]any{"step": "pages", "pages": n, "hits": hits})
		}
	}
}

func (c client) refusal(ctx context.Context) error {
	_, err := c.search.Search(ctx, signed(c, &pb.SearchRequest{Q: `dialogue:"lamp`}))
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("a wrong query is answered with %w", err)
	}
	step := map[string]any{"step": "error", "code": uint32(refused.Code()), "message": refused.Message()}
	for _, d := range refused.Details() {
		v, err := d.Value()
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case *errdetails.ErrorInfo:
			step["kind"], step["column"] = v.GetReason(), v.GetMetadata()["column"]
		case *errdetails.BadRequest:
			step["field"] = v.GetFieldViolations()[0].GetField()
		}
	}
	return show(step)
}

// watch tells the first new hits behind a token, and returns the token behind the hits.
func (c client) watch(ctx context.Context, since, step string) (string, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	stream, err := c.saved.WatchSearch(ctx, signed(c, &pb.WatchSearchRequest{Name: "lamps", Since: since}))
	if err != nil {
		return "", err
	}
	for stream.Receive() {
		m := stream.Msg()
		if hits := m.GetHits(); len(hits) > 0 {
			return m.GetToken(), show(map[string]any{"step": step, "hits": places(hits)})
		}
		if since == "" {
			if err := show(map[string]any{"step": "watching"}); err != nil {
				return "", err
			}
		}
		since = m.GetToken()
	}
	return "", fmt.Errorf("the stream ended: %w", stream.Err())
}
