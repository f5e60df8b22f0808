package rpc

import (
	"context"
	"net/http"
	"strings"

	"github.com/cinedex/cinedex/pkg/authz"
)

type callerKey struct{}

// WithCaller puts a caller that an Authoriser made into the context, for calls within the process.
func WithCaller(ctx context.Context, c *authz.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns who is asking, or nil.
func CallerFrom(ctx context.Context) *authz.Caller {
	c, _ := ctx.Value(callerKey{}).(*authz.Caller)
	return c
}

// Cookie is the cookie that carries a token for pages, pictures and films, which a
// browser asks for without headers of ours.
const Cookie = "cinedex_token"

// Bearer returns the token of a request's header. What changes the library takes no other: a browser sends a cookie along by itself,
// and never this header.
func Bearer(r *http.Request) (token string, ok bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// Token returns the token of a request: the header's, else the cookie's.
func Token(r *http.Request) string {
	if t, ok := Bearer(r); ok {
		return t
	}
	// A cookie is sent along by any page that makes the browser ask; SameSite=Strict
	// keeps other sites' pages from asking at all.
	if c, err := r.Cookie(Cookie); err == nil {
		return c.Value
	}
	return ""
}

// Authenticate lets through who is recognised, with the caller in the context;
// refuse writes the answer to everybody else. It is the one way to a caller.
func Authenticate(a authz.Authoriser, next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Authorise(r.Context(), Token(r))
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), c)))
	})
}
