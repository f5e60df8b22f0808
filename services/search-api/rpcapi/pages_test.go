package rpcapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// client calls the server as the holder of a token.
func client(s *apitest.Server, token string) cinedexv1connect.SearchServiceClient {
	bearer := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set("Authorization", "Bearer "+token)
			return next(ctx, req)
		}
	})
	return cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL, connect.WithInterceptors(bearer))
}

// Pages of one item lead through the whole, in order and each item once, and a page without a limit is bounded.
func TestPages(t *testing.T) {
	l := apitest.New(t)
	const films = 105
	for i := range films {
		l.Add(apitest.Film{Title: fmt.Sprintf("film %03d", i)})
	}
	long := apitest.Film{Title: "long", Shots: []apitest.Shot{{Seconds: 900, Colour: apitest.Red, Label: "sea", LabelConfidence: 0.9}}}
	for i := range int64(120) {
		long.Lines = append(long.Lines, apitest.Line{From: 7 * (i / 2), To: 7*(i/2) + 3 + i%2, Language: "en", Text: fmt.Sprint("line ", i)})
	}
	l.Add(long)
	s := l.Serve(map[string][]string{"all": {"*"}, "few": {"film 003", "film 001", "long", "nowhere"}})
	ctx := t.Context()

	for token, want := range map[string]int{"all": films + 1, "few": 3} {
		c := client(s, token)
		first, err := c.GetStatus(ctx, connect.NewRequest(&pb.GetStatusRequest{}))
		if err != nil || len(first.Msg.GetAssets()) != min(want, 100) || (first.Msg.GetCursor() != "") != (want > 100) {
			t.Fatalf("%s: a status without a limit: %d assets, cursor %q, %v", token, len(first.Msg.GetAssets()), first.Msg.GetCursor(), err)
		}
		for _, limit := range []int32{1, 50} {
			var statuses, titles []string
			for req := (&pb.GetStatusRequest{Limit: limit}); ; {
				r, err := c.GetStatus(ctx, connect.NewRequest(req))
				if err != nil || len(r.Msg.GetAssets()) > int(limit) {
					t.Fatal(len(r.Msg.GetAssets()), err)
				}
				for _, a := range r.Msg.GetAssets() {
					statuses = append(statuses, a.GetTitle())
				}
				if req.Cursor = r.Msg.GetCursor(); req.Cursor == "" {
					break
				}
			}
			for req := (&pb.ListTitlesRequest{Limit: limit}); ; {
				r, err := c.ListTitles(ctx, connect.NewRequest(req))
				if err != nil || len(r.Msg.GetTitles()) > int(limit) {
					t.Fatal(len(r.Msg.GetTitles()), err)
				}
				for _, title := range r.Msg.GetTitles() {
					titles = append(titles, title.GetTitle().GetId())
				}
				if req.Cursor = r.Msg.GetCursor(); req.Cursor == "" {
					break
				}
			}
			if !slices.IsSorted(statuses) || len(slices.Compact(statuses)) != want || !slices.Equal(statuses, titles) {
				t.Errorf("%s, pages of %d: %d assets and %d titles, want %d: %v", token, limit, len(statuses), len(titles), want, titles)
			}
		}
	}
	few, err := client(s, "few").GetStatus(ctx, connect.NewRequest(&pb.GetStatusRequest{Titles: []string{"long", "film 002", "*"}}))
	if err != nil || len(few.Msg.GetAssets()) != 1 || few.Msg.GetAssets()[0].GetTitle() != "long" {
		t.Errorf("the status of titles: %v, %v", few.Msg, err)
	}
	if _, err := client(s, "few").GetStatus(ctx, connect.NewRequest(&pb.GetStatusRequest{Cursor: apitest.AssetOf("film 002")})); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a cursor of an asset that the caller may not see: %v", err)
	}
	annotationPages(t, client(s, "all"), len(long.Lines))
}

func annotationPages(t *testing.T, c cinedexv1connect.SearchServiceClient, lines int) {
	t.Helper()
	all := func(req *pb.ListAnnotationsRequest) (out []*pb.Annotation) {
		req.Asset = apitest.AssetOf("long")
		for {
			r, err := c.ListAnnotations(t.Context(), connect.NewRequest(req))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.Msg.GetAnnotations()...)
			if req.Cursor = r.Msg.GetCursor(); req.Cursor == "" {
				return out
			}
		}
	}
	const second = int64(schema.Second)
	for _, span := range [][2]int64{{0, 0}, {0, 900 * second}, {400 * second, 0}, {100 * second, 101 * second}} {
		want := all(&pb.ListAnnotationsRequest{Limit: 500, Start: span[0], End: span[1]})
		if span == [2]int64{} && len(want) != lines+3 { // a shot, its thumbnail and its label
			t.Errorf("%d annotations", len(want))
		}
		for _, limit := range []int32{1, 7} {
			got := all(&pb.ListAnnotationsRequest{Limit: limit, Start: span[0], End: span[1]})
			same := slices.EqualFunc(got, want, func(a, b *pb.Annotation) bool { return a.GetRun() == b.GetRun() && a.GetOrdinal() == b.GetOrdinal() })
			inOrder := slices.IsSortedFunc(got, func(a, b *pb.Annotation) int { return schema.IntervalOf(a).Compare(schema.IntervalOf(b)) })
			if !same || !inOrder {
				t.Errorf("span %v in pages of %d: %d annotations, want %d; in order: %t", span, limit, len(got), len(want), inOrder)
			}
		}
	}
}
