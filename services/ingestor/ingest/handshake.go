package ingest

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/cinedex/cinedex/pkg/rpc"
)

// origins are names of systems that deliver events: DNS names, perhaps with a wildcard or a port.
var origins = regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9.*:_-]{0,252}$`)

// handshake answers OPTIONS /events: may a system deliver events here (CloudEvents HTTP webhooks 1.0.2, chapter 4)?
//
// The handshake keeps a sender from being pointed at a server that expects no events. The handshake admits no sender:
// each delivery is a POST with a token, and the answer lets no page of another site send a delivery (no Access-Control
// headers). The callback that a sender may name is never requested.
//
//	200  the headers WebHook-Allowed-Origin and WebHook-Allowed-Rate consent; absent without WebHook-Request-Origin
//	400  WebHook-Request-Origin is no name, or WebHook-Request-Rate is no number above 0
//	401  the request brings an unknown token
//	403  the token may not send events
func (s *Service) handshake(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", "OPTIONS, POST")
	if _, ok := rpc.Bearer(r); ok { // a sender learns at once that its token is not accepted
		if _, err := s.sender(r); err != nil {
			s.answer(w, nil, s.limits.Refused(r, err))
			return
		}
	}
	origin, rate := r.Header.Get("WebHook-Request-Origin"), r.Header.Get("WebHook-Request-Rate")
	if origin == "" {
		return
	}
	if !origins.MatchString(origin) {
		http.Error(w, "WebHook-Request-Origin: want the DNS name of the system that will send, such as eventemitter.example.com", http.StatusBadRequest)
		return
	}
	allowed := s.perMinute()
	if rate != "" {
		n, err := strconv.Atoi(rate)
		if err != nil || n < 1 {
			http.Error(w, "WebHook-Request-Rate: want a number of requests a minute, 1 or more", http.StatusBadRequest)
			return
		}
		if allowed == 0 || n < allowed {
			allowed = n
		}
	}
	h.Set("WebHook-Allowed-Origin", origin)
	if allowed == 0 {
		h.Set("WebHook-Allowed-Rate", "*")
	} else {
		h.Set("WebHook-Allowed-Rate", strconv.Itoa(allowed))
	}
}

// perMinute is how many single-event requests a sender may send per minute, over long; 0 is no limit.
func (s *Service) perMinute() int {
	if s.cfg.Limits.PerSecond == 0 {
		return 0
	}
	return max(1, int(s.cfg.Limits.PerSecond*60/eventCost))
}
