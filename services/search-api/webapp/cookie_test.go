package webapp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// The cookie is Secure where the client's own connection is encrypted, and forwarded headers count
// from configured proxies alone. Nobody keeps the redirect with the token.
func TestCookie(t *testing.T) {
	service := apitest.New(t).Serve(tokens).Service
	proxies, err := rpc.ParseProxies([]string{"10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer, proto string
		secure            bool
	}{
		{"plain", "203.0.113.5:9", "", false},
		{"behind a proxy that ends TLS", "10.0.0.1:9", "https", true},
		{"behind a proxy without TLS", "10.0.0.1:9", "http", false},
		{"a client that claims to be a proxy", "203.0.113.5:9", "https", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(r *http.Request) *http.Response {
				r.RemoteAddr = c.peer
				if c.proto != "" {
					r.Header.Set("X-Forwarded-Proto", c.proto)
				}
				w := httptest.NewRecorder()
				proxies.Handler(service.Handler).ServeHTTP(w, r)
				return w.Result()
			}
			form := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"token": {"all"}}.Encode()))
			form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			redirect := ask(httptest.NewRequest(http.MethodGet, "/?token=all&q=lamp", nil))                                                                                                //nolint:bodyclose // a recorder's body holds nothing open
			for name, resp := range map[string]*http.Response{"login": ask(form), "token in the address": redirect, "logout": ask(httptest.NewRequest(http.MethodPost, "/logout", nil))} { //nolint:bodyclose // a recorder's body holds nothing open
				cookies := resp.Cookies()
				if resp.StatusCode != http.StatusSeeOther || len(cookies) != 1 {
					t.Fatalf("%s: %s with %d cookies, want a redirect with 1", name, resp.Status, len(cookies))
				}
				if k := cookies[0]; k.Secure != c.secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode {
					t.Errorf("%s: %s, want Secure=%t, HttpOnly, SameSite=Strict", name, k, c.secure)
				}
			}
			if h := redirect.Header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || strings.Contains(h.Get("Location"), "all") {
				t.Errorf("the redirect that carries a token: Cache-Control %q, Referrer-Policy %q, Location %q", h.Get("Cache-Control"), h.Get("Referrer-Policy"), h.Get("Location"))
			}
		})
	}
}
