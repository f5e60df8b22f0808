package rpc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestGuard(t *testing.T) {
	const ok, misdirected, forbidden = http.StatusOK, http.StatusMisdirectedRequest, http.StatusForbidden
	for _, c := range []struct {
		name, address, host string
		hosts               []string
		method              string // POST if empty
		header              http.Header
		want                int
	}{
		{name: "localhost", host: "localhost:8080", want: ok},
		{name: "localhost, in another form", host: "LocalHost.:8080", want: ok},
		{name: "the loopback address", host: "127.0.0.1:8080", want: ok},
		{name: "the loopback address of IPv6", host: "[::1]:8080", want: ok},
		{name: "a probe by the pod's address", host: "10.1.2.3:8080", want: ok},
		{name: "no host", host: "", want: ok},
		{name: "the listening name", address: "films.local:8080", host: "films.local", want: ok},
		{name: "a configured name", hosts: []string{"cinedex.example.org"}, host: "Cinedex.Example.org:443", want: ok},
		{name: "every name", hosts: []string{AnyHost}, host: "rebound.example.com", want: ok},
		{name: "another name", host: "rebound.example.com:8080", want: misdirected},
		{name: "another name, reading", host: "rebound.example.com:8080", method: http.MethodGet, want: misdirected},
		{name: "a name that ends as a configured one", hosts: []string{"example.org"}, host: "evilexample.org", want: misdirected},
		{name: "a name below a configured one", hosts: []string{"example.org"}, host: "a.example.org", want: misdirected},
		{name: "a name that begins as an address", host: "127.0.0.1.example.com", want: misdirected},
		{name: "an address that is written as one number", host: "2130706433", want: misdirected},
		{name: "a program that is no browser", host: "localhost:8080", want: ok},
		{name: "the own page", host: "localhost:8080", header: http.Header{"Origin": {"http://localhost:8080"}, "Sec-Fetch-Site": {"same-origin"}}, want: ok},
		{name: "the own page, of an old browser", host: "localhost:8080", header: http.Header{"Origin": {"http://localhost:8080"}}, want: ok},
		{name: "another site's page", host: "localhost:8080", header: http.Header{"Origin": {"https://example.com"}, "Sec-Fetch-Site": {"cross-site"}}, want: forbidden},
		{name: "another site's page, of an old browser", host: "localhost:8080", header: http.Header{"Origin": {"https://example.com"}, "Content-Type": {"text/plain"}}, want: forbidden},
		{name: "a page of no site", host: "localhost:8080", header: http.Header{"Origin": {"null"}}, want: forbidden},
		{name: "a system that delivers events", host: "localhost:8080", header: http.Header{"Origin": {"eventemitter.example.com"}}, want: ok},
		{name: "a browser's page with such an origin", host: "localhost:8080", header: http.Header{"Origin": {"example.com"}, "Sec-Fetch-Site": {"cross-site"}}, want: forbidden},
		{name: "another port's page", host: "localhost:8080", header: http.Header{"Origin": {"http://localhost:3000"}, "Sec-Fetch-Site": {"same-site"}}, want: forbidden},
		{name: "a link from another site's page", host: "localhost:8080", method: http.MethodGet, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, want: ok},
		{name: "a configured host's page behind a proxy that changes the Host", hosts: []string{"cinedex.example.org", "search-api"}, host: "search-api",
			header: http.Header{"Origin": {"https://cinedex.example.org"}}, want: ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckHosts(c.hosts); err != nil {
				t.Fatal(err)
			}
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r := httptest.NewRequest(method, "/events", strings.NewReader("{}"))
			r.Host = c.host
			if c.header != nil {
				r.Header = c.header
			}
			w := httptest.NewRecorder()
			Guard(c.address, c.hosts, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.want)
			}
		})
	}
	for _, bad := range []string{"", "https://example.org", "example.org:8080", "*.example.org", "a b"} {
		if err := CheckHosts([]string{"good", bad}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "hosts[1]") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestOrigins: a page of a configured origin may ask and read, and no other page may.
func TestOrigins(t *testing.T) {
	const app = "https://app.example.org"
	server := httptest.NewServer(Guard("127.0.0.1:0", nil, []string{app}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusOK)
	})))
	defer server.Close()
	ask := func(method, origin string, header http.Header) (status int, answered http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+"/cinedex.v1.SearchService/Search", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range header {
			r.Header[k] = v
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	preflight := http.Header{"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,connect-protocol-version,content-type"}}
	if status, h := ask(http.MethodOptions, app, preflight); status != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Credentials") != "" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "authorization") {
		t.Errorf("the preflight of a configured origin: %d, %v", status, h)
	}
	if status, h := ask(http.MethodPost, app, nil); status != http.StatusOK || h.Get("Access-Control-Allow-Origin") != app ||
		!strings.Contains(strings.ToLower(h.Get("Access-Control-Expose-Headers")), "retry-after") {
		t.Errorf("a call of a configured origin: %d, %v", status, h)
	}
	for _, other := range []string{"https://example.org", "https://evil-app.example.org", "http://app.example.org", "https://app.example.org.example.com"} {
		if _, h := ask(http.MethodOptions, other, preflight); h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("the preflight of %s: %v", other, h)
		}
		if status, h := ask(http.MethodPost, other, nil); status != http.StatusForbidden || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a call of %s: %d, %v", other, status, h)
		}
	}
	for _, bad := range []string{"*", "app.example.org", app + "/", "https://*.example.org", "null"} {
		if err := CheckOrigins([]string{app, bad}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "origins[1]") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
