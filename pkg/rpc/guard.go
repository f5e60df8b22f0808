package rpc

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// AnyHost in a list of hosts accepts every name, for a server behind a proxy that checks the name.
const AnyHost = "*"

// CheckHosts returns an Invalid error for the first entry of hosts other than a host name.
func CheckHosts(hosts []string) error {
	for i, h := range hosts {
		if h == "" || h != AnyHost && strings.ContainsAny(h, "/:*@ ") {
			return errkind.New(errkind.Invalid, "hosts[%d]: %q is no host name; want cinedex.example.org, without scheme and port, or %q for every name", i, h, AnyHost)
		}
	}
	return nil
}

// CheckOrigins returns an Invalid error for the first entry of origins other than an origin.
func CheckOrigins(origins []string) error {
	for i, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != u.Scheme+"://"+u.Host || strings.Contains(o, "*") {
			return errkind.New(errkind.Invalid, "origins[%d]: %q is no origin; want https://app.example.org, without a path and without *", i, o)
		}
	}
	return nil
}

// rememberPreflight is how long a browser may remember an answer of shared: the longest time that any browser allows.
const rememberPreflight = 2 * time.Hour

// shared answers browsers that ask whether a page of another origin may call. Tokens come in a header: no page gets cookies.
func shared(origins []string) *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: append(connectcors.AllowedMethods(), http.MethodHead),
		AllowedHeaders: append(connectcors.AllowedHeaders(), "Authorization", "Range"),
		ExposedHeaders: append(connectcors.ExposedHeaders(), "Retry-After", "Content-Range", "Accept-Ranges"),
		MaxAge:         int(rememberPreflight.Seconds()),
	})
}

// Guard passes requests meant for this server, and refuses requests that a page of another site makes a browser send.
//
// A request with an unknown name in Host is answered 421. The owner of a name can point the name to an address in the
// caller's own network, so that a page under the name reads the answers of a server there (DNS rebinding). Known names
// are localhost, the host of the address on which the server listens, and the given hosts. An IP address passes: a
// browser with an address has asked no name server, so there is no name to rebind. Probes of Kubernetes use addresses.
// A request without a Host passes: every browser sends a Host.
//
// A request that changes the library, and that a browser sends for a page of another origin, is answered 403, by
// Sec-Fetch-Site or Origin (net/http.CrossOriginProtection). Pages of the given hosts are of the same origin, because a
// proxy may have changed the Host. Pages of the given origins may read and change what their token allows (Cross-Origin
// Resource Sharing, without cookies). A program other than a browser sends neither header, or sends the bare name of a
// system that delivers events, and passes.
func Guard(address string, hosts, origins []string, next http.Handler) http.Handler {
	known := []string{"localhost"}
	if listen, _, err := net.SplitHostPort(address); err == nil && listen != "" {
		known = append(known, hostName(listen))
	}
	cross := http.NewCrossOriginProtection()
	for _, h := range hosts {
		known = append(known, hostName(h))
		for _, scheme := range []string{"http://", "https://"} {
			if h != AnyHost {
				_ = cross.AddTrustedOrigin(scheme + h) // CheckHosts has accepted the host
			}
		}
	}
	for _, o := range origins {
		_ = cross.AddTrustedOrigin(o) // CheckOrigins has accepted the origin
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the request comes from a page of another site, and may not change anything here", http.StatusForbidden)
	}))
	guarded := cross.Handler(next)
	if len(origins) > 0 {
		guarded = shared(origins).Handler(guarded)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := hostName(r.Host); h != "" && !isAddress(h) && !slices.Contains(known, h) && !slices.Contains(known, AnyHost) {
			http.Error(w, "this server does not answer to the name of the request's Host header; add the name to `hosts` in the server's configuration", http.StatusMisdirectedRequest)
			return
		}
		if namesSystem(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// namesSystem reports whether Origin is the name of an event-delivering system (CloudEvents HTTP webhooks 1.0.1, 4.1.1)
// and not a browser's origin: a browser writes a scheme, or null.
func namesSystem(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "null" && !strings.Contains(origin, ":") && r.Header.Get("Sec-Fetch-Site") == ""
}

// hostName returns the name in a Host header for comparison: without port, brackets and the root's dot, in lower case.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
