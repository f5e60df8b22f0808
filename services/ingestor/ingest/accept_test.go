package ingest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/fair"
)

// TestHandshake checks the handshake of CloudEvents HTTP webhooks 1.0.2, chapter 4. The handshake admits no sender.
func TestHandshake(t *testing.T) {
	w := newWorld(t, nil)
	type answer struct {
		Status              int
		Origin, Rate, Allow string
	}
	for _, c := range []struct {
		name    string
		headers map[string]string
		want    answer
	}{
		{"consent", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com"}, answer{200, "eventemitter.example.com", "60000", "OPTIONS, POST"}},
		{"a rate", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}, answer{200, "eventemitter.example.com", "120", "OPTIONS, POST"}},
		{"a rate above what a sender may send", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "1000000"}, answer{200, "eventemitter.example.com", "60000", "OPTIONS, POST"}},
		{"a callback is not asked", map[string]string{"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Callback": w.server.URL + "/called"}, answer{200, "eventgrid.azure.net", "60000", "OPTIONS, POST"}},
		{"the sender's token", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "Authorization": "Bearer sender-of-open"}, answer{200, "eventemitter.example.com", "60000", "OPTIONS, POST"}},
		{"no origin, no consent", nil, answer{200, "", "", "OPTIONS, POST"}},
		{"an origin that is no name", map[string]string{"WebHook-Request-Origin": "a b"}, answer{400, "", "", "OPTIONS, POST"}},
		{"a rate of nothing", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "0"}, answer{400, "", "", "OPTIONS, POST"}},
		{"a token that is not known", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "Authorization": "Bearer guess"}, answer{401, "", "", "OPTIONS, POST"}},
		{"a token without the role", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "Authorization": "Bearer reader"}, answer{403, "", "", "OPTIONS, POST"}},
		{"another name for this server", map[string]string{"WebHook-Request-Origin": "eventemitter.example.com", "Host": "rebound.example.com"}, answer{Status: 421}},
		{"a browser's preflight", map[string]string{"Origin": "https://example.com", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}, answer{200, "", "", "OPTIONS, POST"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodOptions, w.server.URL+"/events", nil))
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			r.Host = r.Header.Get("Host")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			h := resp.Header
			got := answer{resp.StatusCode, h.Get("WebHook-Allowed-Origin"), h.Get("WebHook-Allowed-Rate"), h.Get("Allow")}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for k := range h {
				if strings.HasPrefix(k, "Access-Control-") {
					t.Errorf("the answer lets a page of another site in: %s", k)
				}
			}
		})
	}
	// A granted handshake admits no sender: the delivery needs a token. With a token, the sender's name is no obstacle.
	url := w.film("film")
	delivered := func(token string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Origin", "eventemitter.example.com")
			r.Header.Set("WebHook-Request-Origin", "eventemitter.example.com")
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		}
	}
	if status, body := w.postAs("delivered", arrived("open", url), delivered("")); status != 401 {
		t.Errorf("a delivery without a token: %d %s", status, body)
	}
	if status, body := w.postAs("delivered", arrived("open", url), delivered("sender-of-open")); status != 202 {
		t.Errorf("a delivery: %d %s", status, body)
	}
}

// TestSenderLimits: a sender that exceeds its limits is told when to come back, and other senders are not delayed.
func TestSenderLimits(t *testing.T) {
	cfg := Default()
	cfg.Limits = fair.Limits{PerSecond: 0.01, Burst: 3}
	w := newWorldOf(t, cfg, nil)
	url := w.film("film")
	for i := range 3 {
		if status, body := w.post("sender-of-open", arrived("open", url)); status != 202 {
			t.Fatalf("event %d: %d %s", i, status, body)
		}
	}
	status, retry, body := w.ask("sender-of-open", event("4", url))
	if n, err := strconv.Atoi(retry); status != 429 || err != nil || n < 1 || !strings.Contains(body, "error") {
		t.Errorf("the fourth: %d, Retry-After %q, %s", status, retry, body)
	}
	if status, body := w.post("mover-of-open", arrived("open", url)); status != 202 {
		t.Errorf("another sender: %d %s", status, body)
	}
	batch := "[" + event("5", url) + "," + event("6", url) + "," + event("7", url) + "]"
	if status, retry, body := w.ask("mover-of-open", batch); status != 429 || retry == "" {
		t.Errorf("a batch above what is left: %d, Retry-After %q, %s", status, retry, body)
	}
	if status, body := w.post("guess", arrived("open", url)); status != 401 {
		t.Errorf("a stranger: %d %s", status, body)
	}
	limited := false
	for range 600 { // rpc's limit of strangers is 500 at once
		if status, retry, _ := w.ask("guess", event("8", url)); status == 429 && retry != "" {
			limited = true
			break
		}
	}
	if !limited {
		t.Error("a stranger may guess for ever")
	}
	if status, body := w.post("owner", arrived("open", url)); status != 202 {
		t.Errorf("a known token from the stranger's address: %d %s", status, body)
	}
}

// event is an event of title open, in structured mode.
func event(id, url string) string {
	return fmt.Sprintf(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"/test","id":%q,"data":{"title":{"id":"open"},"url":%q}}`, id, url)
}

// ask posts an event or a batch.
func (w *world) ask(token, body string) (status int, retryAfter, answer string) {
	w.t.Helper()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+"/events", strings.NewReader(body)))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/cloudevents+json")
	if strings.HasPrefix(body, "[") {
		r.Header.Set("Content-Type", "application/cloudevents-batch+json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Retry-After"), string(must[[]byte](w.t)(io.ReadAll(resp.Body)))
}
