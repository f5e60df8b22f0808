package searchapi_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/fair"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

func batch(t *testing.T, s *apitest.Server, searches ...*pb.SearchRequest) (*pb.SearchBatchResponse, error) {
	t.Helper()
	req := connect.NewRequest(&pb.SearchBatchRequest{Searches: searches})
	req.Header().Set("Authorization", "Bearer busy")
	resp, err := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL).SearchBatch(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return resp.Msg, nil
}

// TestBatch: each search of a batch is answered as the search alone is answered, or refused by itself.
func TestBatch(t *testing.T) {
	s := serve(t, fair.Limits{})
	asked := []*pb.SearchRequest{
		{Q: "dialogue.words:lamp"},
		{Q: "dialogue.words:("},
		{Q: "dialogue.words:keeper", Limit: 1, Fields: []string{"text"}},
		{Q: "dialogue.words:lamp", Profile: "none"},
		{Q: "dialogue.words:nothing"},
	}
	resp, err := batch(t, s, asked...)
	if err != nil {
		t.Fatal(err)
	}
	client := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL)
	for i, a := range resp.GetAnswers() {
		req := connect.NewRequest(asked[i])
		req.Header().Set("Authorization", "Bearer busy")
		alone, err := client.Search(t.Context(), req)
		if err != nil {
			if r := a.GetRefusal(); !strings.Contains(err.Error(), r.GetError()) || r.GetError() == "" || !(r.GetKind() == "invalid" || r.GetKind() == "not_found") {
				t.Errorf("searches[%d]: the batch says %v, the search alone %v", i, a, err)
			}
			continue
		}
		alone.Msg.TookMs, a.GetAnswer().TookMs = 0, 0
		if !proto.Equal(alone.Msg, a.GetAnswer()) {
			t.Errorf("searches[%d]: the batch says %v, the search alone %v", i, a, alone.Msg)
		}
	}
	for _, n := range []int{0, gateway.MaxBatch + 1} {
		if _, err := batch(t, s, make([]*pb.SearchRequest, n)...); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%d searches: %v", n, err)
		}
	}
}

// TestBatchCosts: the costs of all searches of a batch are counted before the first is answered. A search beyond the limit is refused by
// itself, with the time to come back.
func TestBatchCosts(t *testing.T) {
	encoded := make(chan string, 100)
	s := serve(t, fair.Limits{PerSecond: 1, Burst: 250}, func(d *searchapi.Deps) {
		d.Encoders = apitest.Encoders().With(encode.Offer{Space: apitest.SpaceOf(apitest.Sentences), Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{
			Run: func(_ context.Context, in encode.Input) ([]float32, error) {
				encoded <- in.Words
				return make([]float32, 384), nil
			},
			Price: func(encode.Input) float64 { return 100 },
		}})
	})
	var searches []*pb.SearchRequest
	for i := range gateway.MaxBatch {
		searches = append(searches, &pb.SearchRequest{Q: "dialogue.meaning:word" + strconv.Itoa(i)})
	}
	resp, err := batch(t, s, searches...)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i, a := range resp.GetAnswers() {
		if r := a.GetRefusal(); r.GetKind() == "exhausted" {
			refused++
			if i < 2 || r.GetRetryAfterMs() <= 0 {
				t.Errorf("searches[%d]: %v", i, r)
			}
		}
	}
	if refused != gateway.MaxBatch-2 || len(encoded) != 2 {
		t.Errorf("%d of %d searches of 100 were refused where 250 are allowed, and %d were encoded", refused, gateway.MaxBatch, len(encoded))
	}
}
