package searchapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/fair"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

func serve(t testing.TB, limits fair.Limits, change ...func(*searchapi.Deps)) *apitest.Server {
	t.Helper()
	l := apitest.New(t)
	l.Add(apitest.Film{Title: "harbour", Name: "The Harbour", Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Red}},
		Lines: []apitest.Line{{From: 0, To: 1, Language: "en", Text: "The keeper lit the lamp."}}})
	return l.Serve(map[string][]string{"busy": {"*"}, "calm": {"*"}}, func(c *gateway.Config, d *searchapi.Deps) {
		c.Limits = limits
		for _, f := range change {
			f(d)
		}
	})
}

func send(t *testing.T, ctx context.Context, method, url, token, body string) (answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Status, resp.Header}, string(b)
}

// An answer is the answer of an HTTP server, without the body.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
}

const searchPath = "/cinedex.v1.SearchService/Search"

// TestEveryDoorSaysWhenToComeBack: a caller over the limit is refused at every door, in the door's form, with the time
// to come back; another caller is answered.
func TestEveryDoorSaysWhenToComeBack(t *testing.T) {
	s := serve(t, fair.Limits{PerSecond: 0.01, Burst: 2})
	asset := apitest.AssetOf("harbour")
	doors := []struct{ name, method, path, body string }{
		{"json", http.MethodPost, searchPath, `{"q":"dialogue.words:lamp"}`},
		{"graphql", http.MethodPost, "/graphql", `{"query":"{ titles { titles { title { id } } } }"}`},
		{"thumbnail", http.MethodGet, "/thumbnails/" + asset + "/run/0.jpg", ""},
		{"media", http.MethodGet, "/media/" + asset, ""},
	}
	for range 2 { // all requests allowed to the caller at once
		if resp, _ := send(t, t.Context(), http.MethodGet, s.URL+"/thumbnails/x/y/0.jpg", "busy", ""); resp.StatusCode != http.StatusNotFound {
			t.Fatalf("within the limit: %s", resp.Status)
		}
	}
	for _, d := range doors {
		resp, body := send(t, t.Context(), d.method, s.URL+d.path, "busy", d.body)
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusTooManyRequests || err != nil || after < 1 || after > 200 {
			t.Errorf("%s: %s, Retry-After %q: %s", d.name, resp.Status, resp.Header.Get("Retry-After"), body)
		}
		if d.name == "graphql" {
			var a struct {
				Errors []struct {
					Extensions struct {
						Code       string
						RetryAfter float64
					}
				}
			}
			if err := json.Unmarshal([]byte(body), &a); err != nil || len(a.Errors) != 1 || a.Errors[0].Extensions.Code != "exhausted" || a.Errors[0].Extensions.RetryAfter <= 0 {
				t.Errorf("graphql answers %s", body)
			}
		}
	}
	if resp, body := send(t, t.Context(), http.MethodGet, s.URL+"/thumbnails/x/y/0.jpg", "calm", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another caller: %s %s", resp.Status, body)
	}
	for name, option := range map[string]connect.ClientOption{"connect": connect.WithProtoJSON(), "grpc-web": connect.WithGRPCWeb()} {
		client := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL, option)
		req := connect.NewRequest(&pb.SearchRequest{Q: "lamp"})
		req.Header().Set("Authorization", "Bearer busy")
		_, err := client.Search(t.Context(), req)
		var ce *connect.Error
		if !errors.As(err, &ce) || ce.Code() != connect.CodeResourceExhausted || ce.Meta().Get("Retry-After") == "" || len(ce.Details()) != 2 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d, err := ce.Details()[0].Value(); err != nil || d.(*errdetails.ErrorInfo).GetReason() != "EXHAUSTED" {
			t.Errorf("%s: details %v, %v", name, d, err)
		}
		if d, err := ce.Details()[1].Value(); err != nil || d.(*errdetails.RetryInfo).GetRetryDelay().AsDuration() <= 0 {
			t.Errorf("%s: details %v, %v", name, d, err)
		}
	}
}

// TestQueryCosts: the parts of a query count against the caller, before any work is done.
func TestQueryCosts(t *testing.T) {
	encoded := make(chan struct{}, 1000)
	s := serve(t, fair.Limits{PerSecond: 1, Burst: 300}, func(d *searchapi.Deps) {
		d.Encoders = apitest.Encoders().With(encode.Offer{Space: apitest.SpaceOf(apitest.Sentences), Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{
			Run:   func(context.Context, encode.Input) ([]float32, error) { encoded <- struct{}{}; return nil, nil },
			Price: func(encode.Input) float64 { return 100 },
		}})
	})
	leaves := make([]string, 32)
	for i := range leaves {
		leaves[i] = `dialogue.meaning:"word` + strconv.Itoa(i) + `"`
	}
	query, _ := json.Marshal(map[string]string{"q": strings.Join(leaves, " OR ")})
	if resp, body := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "busy", string(query)); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("32 leaves of 100 where 300 are allowed, after another request: %s %s", resp.Status, body)
	}
	if len(encoded) != 0 {
		t.Errorf("%d leaves were encoded of a query that was refused", len(encoded))
	}
	if resp, body := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "busy", `{"q":"dialogue.words:lamp"}`); resp.StatusCode != http.StatusOK {
		t.Errorf("a query within the limit: %s %s", resp.Status, body)
	}
}

// TestTooManyAtOnce: requests beyond the number allowed at the same time are refused, and admitted when a request has
// ended.
func TestTooManyAtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, fair.Limits{Concurrent: 1}, func(d *searchapi.Deps) {
		made, err := apitest.Encoders().Encoder(apitest.Sentences, encode.Words)
		if err != nil {
			t.Fatal(err)
		}
		d.Encoders = apitest.Encoders().With(apitest.Offer(apitest.Sentences, func(ctx context.Context, in encode.Input) ([]float32, error) {
			entered <- struct{}{}
			<-leave
			return made.Encode(ctx, in)
		}, encode.Words))
	})
	const meaning = `{"q":"dialogue.meaning:lamp"}`
	first := make(chan int, 1)
	go func() {
		resp, _ := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "busy", meaning)
		first <- resp.StatusCode
	}()
	<-entered
	if resp, body := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "busy", meaning); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second at once: %s %s", resp.Status, body)
	}
	if resp, body := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "calm", `{"q":"dialogue.words:lamp"}`); resp.StatusCode != http.StatusOK {
		t.Errorf("another caller: %s %s", resp.Status, body)
	}
	close(leave)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first: %d", status)
	}
	if resp, body := send(t, t.Context(), http.MethodPost, s.URL+searchPath, "busy", `{"q":"dialogue.words:lamp"}`); resp.StatusCode != http.StatusOK {
		t.Errorf("after it: %s %s", resp.Status, body)
	}
}

// TestStrangers: an address that brings unknown tokens again and again is told to wait; a known token is admitted from
// the same address.
func TestStrangers(t *testing.T) {
	s := serve(t, fair.Limits{})
	refused := false
	for i := range 2000 {
		resp, _ := send(t, t.Context(), http.MethodGet, s.URL+"/media/x", "guess "+strconv.Itoa(i), "")
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "" {
			refused = true
			break
		}
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("an unknown token: %s", resp.Status)
		}
	}
	if !refused {
		t.Fatal("2000 unknown tokens were looked up one after the other")
	}
	form, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/login", strings.NewReader("token=guess"))
	if err != nil {
		t.Fatal(err)
	}
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, err := http.DefaultClient.Do(form); err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the login: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	if resp, body := send(t, t.Context(), http.MethodGet, s.URL+"/media/x", "calm", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a caller from the same address: %s %s", resp.Status, body)
	}
}
