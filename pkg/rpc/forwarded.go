package rpc

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Proxies are the networks of the reverse proxies with trusted forwarded headers. The headers of every other peer are
// ignored, because each client can write such headers.
type Proxies []netip.Prefix

// ParseProxies reads networks ("10.0.0.0/8") and single addresses ("10.1.2.3"). Errors are Invalid and name the entry.
func ParseProxies(entries []string) (Proxies, error) {
	var proxies Proxies
	for i, e := range entries {
		prefix, err := netip.ParsePrefix(e)
		if err != nil {
			addr, addrErr := netip.ParseAddr(e)
			if addrErr != nil {
				return nil, errkind.New(errkind.Invalid, "proxies[%d]: %q is neither an address nor a network; want 10.1.2.3 or 10.0.0.0/8", i, e)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

func (p Proxies) contain(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// An Origin is where a request comes from.
type Origin struct {
	// Address of the client; invalid where the connection has none.
	Address netip.Addr
	// With HTTPS, the client's own connection is encrypted.
	HTTPS bool
}

type originKey struct{}

// Handler puts each request's Origin into its context before next sees the request.
//
// X-Forwarded-For and X-Forwarded-Proto count only if the peer is a proxy. Of X-Forwarded-For the last address outside
// Proxies counts: a client can write the addresses before.
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), originKey{}, p.origin(r))))
	})
}

func (p Proxies) origin(r *http.Request) Origin {
	o := peer(r)
	if !p.contain(o.Address) {
		return o
	}
	if proto := last(r.Header.Values("X-Forwarded-Proto")); proto != "" {
		o.HTTPS = strings.EqualFold(proto, "https")
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.contain(o.Address); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		o.Address = a.Unmap()
	}
	return o
}

func last(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.TrimSpace(all[len(all)-1])
}

func peer(r *http.Request) Origin {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return Origin{HTTPS: r.TLS != nil}
	}
	return Origin{Address: a.Unmap().WithZone(""), HTTPS: r.TLS != nil}
}

// OriginOf returns where a request comes from: the connection's own peer where no Proxies handled the request.
func OriginOf(r *http.Request) Origin {
	if o, ok := r.Context().Value(originKey{}).(Origin); ok {
		return o
	}
	return peer(r)
}
