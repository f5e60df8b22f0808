package audit

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/felixge/httpsnoop"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Call is a call while a service serves the call. Log.Handler writes a line for a Call. The methods are safe for
// concurrent use, and do nothing on a nil Call.
type Call struct {
	log *Log

	mu         sync.Mutex
	e          Entry
	asked      bool // a caller came to a door; other requests, such as requests for the page's script, leave no line
	recognised bool
	titles     map[string]bool // all titles; the entry names the first MaxTitles
}

type callKey struct{}

// From returns the call to which ctx belongs, or nil.
func From(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

func (c *Call) note(do func(e *Entry)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	do(&c.e)
}

// Caller notes who asks, by name and token. A caller who was not recognised has no name.
func (c *Call) Caller(name, token string) {
	c.note(func(e *Entry) {
		c.asked, c.recognised = true, name != ""
		e.Caller, e.Token = name, Fingerprint(token)
	})
}

// Admit returns the refusal of an unrecorded call. See Log.Admit.
func (c *Call) Admit() error {
	if c == nil {
		return nil
	}
	return c.log.Admit()
}

// About notes the asset, job or selection named by the call.
func (c *Call) About(subject string) { c.note(func(e *Entry) { e.About = clip(subject) }) }

// Query notes a query in its one-line form, and the pictures of the query.
func (c *Call) Query(query string, pictures ...[]byte) {
	c.note(func(e *Entry) {
		if query != "" && len(e.Queries) < MaxQueries {
			e.Queries = append(e.Queries, clip(query))
		}
		for _, p := range pictures[:min(len(pictures), MaxPictures-len(e.Pictures))] {
			e.Pictures = append(e.Pictures, PictureOf(p))
		}
	})
}

// Told notes the titles in the answer and the number of hits. A title may be given more than once.
func (c *Call) Told(hits int, titles ...string) {
	c.note(func(e *Entry) {
		e.Hits += hits
		for _, t := range titles {
			if c.titles[t] {
				continue
			}
			if c.titles == nil {
				c.titles = map[string]bool{}
			}
			c.titles[t] = true
			if e.TitlesTotal++; e.TitlesTotal <= MaxTitles {
				e.Titles = append(e.Titles, t)
			}
		}
	})
}

// Partial notes an answer with a part missing.
func (c *Call) Partial() {
	c.note(func(e *Entry) {
		if e.Outcome == "" || e.Outcome == ok {
			e.Outcome = "partial"
		}
	})
}

// End notes how the call ended. Nil means success. If End is called several times, the first error counts.
func (c *Call) End(err error) {
	c.note(func(e *Entry) {
		switch {
		case err == nil && e.Outcome == "":
			e.Outcome = ok
		case err != nil && (e.Outcome == "" || e.Outcome == ok || e.Outcome == "partial"):
			e.Outcome, e.Reason = errkind.Of(err).String(), clip(err.Error())
		}
	})
}

const ok = "ok"

// Peer returns the address of the connected client, without the port.
func Peer(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Handler writes a line for each call to next with a known caller. Handler MUST be the outermost handler that sets the
// request's context, so Handler sees the route. from returns the caller's address; nil means Peer.
func (l *Log) Handler(from func(*http.Request) string, next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	if from == nil {
		from = Peer
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &Call{log: l, e: Entry{Time: l.deps.Now(), From: from(r)}}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		m := httpsnoop.Metrics{Code: http.StatusOK}
		began := time.Now()
		// Deferred: an aborted handler has answered, too.
		defer func() { c.write(r, w.Header(), m, time.Since(began)) }()
		m.CaptureMetrics(w, func(w http.ResponseWriter) { next.ServeHTTP(w, r) })
	})
}

func (c *Call) write(r *http.Request, answer http.Header, m httpsnoop.Metrics, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked {
		return
	}
	e := c.e
	e.Call = r.Pattern
	if e.Call == "" || strings.HasSuffix(e.Call, "/") {
		e.Call = r.URL.Path // of a procedure the route is only the service
	}
	if e.Outcome == "" {
		e.Outcome = outcomeOf(m.Code, answer)
	}
	e.Bytes = m.Written
	e.TookMs = float64(took.Microseconds()) / 1000
	// The log has the error already, and the caller has the answer.
	if c.recognised {
		_ = c.log.Write(e)
	} else {
		_ = c.log.writeRefused(e)
	}
}

// outcomeOf returns the outcome of a call without a noted code: a served file, or a request refused before the request
// was understood.
func outcomeOf(status int, answer http.Header) string {
	switch {
	case status < 400 && strings.HasPrefix(answer.Get("Content-Type"), "application/grpc"):
		return errkind.Invalid.String() // gRPC gives the status in a trailer
	case status < 400:
		return ok
	}
	for k := errkind.Internal; k <= errkind.Cancelled; k++ {
		if k.HTTPStatus() == status {
			return k.String()
		}
	}
	if status < 500 {
		return errkind.Invalid.String()
	}
	return errkind.Internal.String()
}
