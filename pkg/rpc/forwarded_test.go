package rpc

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestOrigin(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "192.168.1.1", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		tls        bool
		header     http.Header
		want       string
		https      bool
	}{
		{name: "no proxy", peer: "203.0.113.5:40000", want: "203.0.113.5"},
		{name: "encrypted", peer: "203.0.113.5:40000", tls: true, want: "203.0.113.5", https: true},
		{name: "a client's own headers", peer: "203.0.113.5:40000", want: "203.0.113.5",
			header: http.Header{"X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Proto": {"https"}}},
		{name: "behind a proxy", peer: "10.1.2.3:40000", want: "203.0.113.5", https: true,
			header: http.Header{"X-Forwarded-For": {"203.0.113.5"}, "X-Forwarded-Proto": {"https"}}},
		{name: "behind two proxies", peer: "10.1.2.3:40000", want: "203.0.113.5", https: true,
			header: http.Header{"X-Forwarded-For": {"203.0.113.5, 192.168.1.1"}, "X-Forwarded-Proto": {"https"}}},
		{name: "addresses that the client wrote before", peer: "10.1.2.3:40000", want: "203.0.113.5",
			header: http.Header{"X-Forwarded-For": {"1.2.3.4", "10.9.9.9, 203.0.113.5"}}},
		{name: "no address in the header", peer: "10.1.2.3:40000", want: "10.1.2.3",
			header: http.Header{"X-Forwarded-For": {"unknown"}}},
		{name: "IPv6", peer: "[::1]:40000", want: "2001:db8::7", header: http.Header{"X-Forwarded-For": {"2001:db8::7"}}},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.1.2.3]:40000", want: "203.0.113.5", header: http.Header{"X-Forwarded-For": {"203.0.113.5"}}},
		{name: "a proxy that ends the encryption of others only", peer: "10.1.2.3:40000", tls: true, want: "10.1.2.3",
			header: http.Header{"X-Forwarded-Proto": {"http"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header = c.peer, c.header
			if c.header == nil {
				r.Header = http.Header{}
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			var got Origin
			proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = OriginOf(r) })).ServeHTTP(httptest.NewRecorder(), r)
			if want := (Origin{netip.MustParseAddr(c.want), c.https}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	for _, bad := range []string{"", "proxy.example", "10.0.0.0/33", "10.0.0.0/8, 10.1.0.0/16"} {
		if _, err := ParseProxies([]string{bad}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%q: %v, want Invalid", bad, err)
		}
	}
}
