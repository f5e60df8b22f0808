package rpc

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

type callerKey struct{}

type openKey struct{}

// An open call is a call whose caller was recognised.
type open struct {
	control *http.ResponseController
	still   func(context.Context) error
}

// WithCaller puts a caller from an Authoriser into the context, for calls within the process.
func WithCaller(ctx context.Context, c *authz.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns who is asking, or nil.
func CallerFrom(ctx context.Context) *authz.Caller {
	c, _ := ctx.Value(callerKey{}).(*authz.Caller)
	return c
}

// Cookie is the cookie with the token for pages, pictures and films, which a browser requests without headers of ours.
const Cookie = "cinedex_token"

// Bearer returns the token of a request's header. Calls that change the library accept the header alone, because a
// browser sends a cookie without being asked and never sends this header.
func Bearer(r *http.Request) (token string, ok bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// Token returns the token of a request: the header's, else the cookie's.
func Token(r *http.Request) string {
	if t, ok := Bearer(r); ok {
		return t
	}
	// Any page can make the browser send a cookie. SameSite=Strict keeps the pages of other sites from doing so.
	if c, err := r.Cookie(Cookie); err == nil {
		return c.Value
	}
	return ""
}

// PageToken returns the token of a cookie that a page of this very server sent. The browser writes Sec-Fetch-Site, and no page can. Guard refuses pages of other
// sites before.
func PageToken(r *http.Request) (token string, ok bool) {
	c, err := r.Cookie(Cookie)
	if err != nil || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return "", false
	}
	return c.Value, true
}

// Authenticate calls next with the caller in the context if the token is recognised. Otherwise refuse writes the
// answer. Authenticate is the only way to a caller, and notes the caller for the audit log.
//
// A call that outlives its caller's rights is ended: soon after the token is taken away or gets other rights, the
// context is cancelled and the connection closed.
func Authenticate(a authz.Authoriser, next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := Token(r)
		c, err := Recognise(r, a, token)
		if err != nil {
			refuse(w, r, err)
			return
		}
		ctx := context.WithValue(WithCaller(r.Context(), c), openKey{}, open{http.NewResponseController(w), func(ctx context.Context) error { return same(ctx, a, token, c) }})
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		watch := watchRights(a, token, c, func(why error) { //nolint:contextcheck // the watch ends with the request, by stop
			audit.From(ctx).End(why)
			cancel(why)
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // ends a write delayed by a slow reader
		})
		defer watch.stop()
		next.ServeHTTP(w, r.WithContext(ctx))
		if watch.stop() {
			panic(http.ErrAbortHandler) // a part of an answer must not look like the whole
		}
	})
}

// Recognise returns the caller of a token, and notes the caller or the refusal for the audit log.
func Recognise(r *http.Request, a authz.Authoriser, token string) (*authz.Caller, error) {
	call := audit.From(r.Context())
	c, err := a.Authorise(r.Context(), token)
	call.Caller(c.Name(), token)
	if err == nil {
		err = call.Admit()
	}
	if err != nil {
		call.End(err)
		return nil, err
	}
	return c, nil
}

// Recorded writes a line of the audit log for each call to next.
func Recorded(l *audit.Log, next http.Handler) http.Handler {
	return l.Handler(func(r *http.Request) string {
		if a := OriginOf(r).Address; a.IsValid() {
			return a.String()
		}
		return r.RemoteAddr
	}, next)
}

// same returns nil while a token has the rights of c, and otherwise the reason for which a running call ends.
func same(ctx context.Context, a authz.Authoriser, token string, c *authz.Caller) error {
	now, err := a.Authorise(ctx, token)
	switch {
	case err != nil:
		return fmt.Errorf("while the call was under way: %w", err)
	case !now.Same(c):
		return errkind.New(errkind.Denied, "the rights of the token of %s changed while the call was under way; call again", c.Name())
	}
	return nil
}

// rightsEvery is the interval at which the rights of a running call are checked.
const rightsEvery = 400 * time.Millisecond

// A rightsWatch checks a caller's rights until the watch is stopped.
type rightsWatch struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	lost    bool
}

// watchRights calls lost once, if the token has no longer the rights of c.
func watchRights(a authz.Authoriser, token string, c *authz.Caller, lost func(why error)) *rightsWatch {
	w := &rightsWatch{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(rightsEvery, func() {
		err := same(context.Background(), a, token, c)
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case w.stopped:
		case err != nil:
			w.lost = true
			lost(err)
		default:
			w.timer.Reset(rightsEvery)
		}
	})
	return w
}

// stop ends the watch and reports whether rights were lost. stop may be called more than once.
func (w *rightsWatch) stop() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
	return w.lost
}
