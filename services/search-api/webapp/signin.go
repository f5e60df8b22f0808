package webapp

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
)

// Signing in with an identity provider (ADR 134).
//
//	GET  /sign-in?query=…   sends the browser to the provider; query is the question of the address, which survives
//	GET  /sign-in/back      where the provider sends the browser back: sets the cookies, and leads on to the question
//	POST /sign-in/renew     the next session without the person: 204, or 401 where the person signs in again
//
// The session is the cookie of every token, with the ID token. The refresh token is a cookie for /sign-in alone.

const (
	signInPath = "/sign-in"
	// begunCookie is of a sign-in under way; the name ends with the beginning of the state, so that two tabs may sign in at once.
	begunCookie = "cinedex-begun-"
	// renewCookie has the refresh token.
	renewCookie = "cinedex-renew"
	// mostCookie is the largest cookie that browsers keep, without the attributes.
	mostCookie = 3900
	signInFor  = 10 * time.Minute
	keptFor    = 7 * 24 * time.Hour
)

// aBegun is the content of begunCookie.
type aBegun struct {
	oidc.Begun
	Query string `json:"query"`
}

func (a *app) registerSignIn(mux *http.ServeMux) {
	if a.SignIn == nil {
		return
	}
	mux.HandleFunc("GET "+signInPath, a.leaveToSignIn)
	mux.HandleFunc("GET "+oidc.BackPath, a.back)
	mux.HandleFunc("POST "+signInPath+"/renew", a.renew)
}

// cookie is a cookie of this server for a path. A life of 0 takes the cookie from the browser.
func cookie(r *http.Request, name, value, path string, life time.Duration, site http.SameSite) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: path, HttpOnly: true, Secure: rpc.OriginOf(r).HTTPS, SameSite: site, MaxAge: int(life.Seconds())}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

// leaveToSignIn sends the browser to the provider.
func (a *app) leaveToSignIn(w http.ResponseWriter, r *http.Request) {
	// Strangers begin sign-ins: the limits of strangers hold.
	if err := a.Limits.Refused(r, errNotYet); errkind.Is(err, errkind.Exhausted) {
		a.fail(w, err)
		return
	}
	begun, address, err := a.SignIn.Begin() //nolint:contextcheck // the provider is asked for every sign-in
	if err != nil {
		a.problem(w, r, r.URL.Query().Get("query"), err)
		return
	}
	b, err := json.Marshal(aBegun{begun, question(r.URL.Query().Get("query"))})
	if err != nil {
		a.fail(w, err)
		return
	}
	value := base64.RawURLEncoding.EncodeToString(b)
	if len(value) > mostCookie { // a question too long to keep
		b, _ = json.Marshal(aBegun{Begun: begun})
		value = base64.RawURLEncoding.EncodeToString(b)
	}
	// Lax: the provider's page sends the browser back, and a Strict cookie would not come along.
	http.SetCookie(w, cookie(r, begunCookie+begun.State[:8], value, signInPath, signInFor, http.SameSiteLaxMode))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
}

var errNotYet = errkind.New(errkind.Unauthenticated, "nobody has signed in")

// back finishes a sign-in.
func (a *app) back(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	state := q.Get("state")
	var begun aBegun
	if len(state) >= 8 {
		name := begunCookie + state[:8]
		if c, err := r.Cookie(name); err == nil {
			if b, err := base64.RawURLEncoding.DecodeString(c.Value); err == nil {
				_ = json.Unmarshal(b, &begun) // a cookie that is not ours begins nothing
			}
			http.SetCookie(w, cookie(r, name, "", signInPath, 0, http.SameSiteLaxMode))
		}
	}
	if refused := q.Get("error"); refused != "" && begun.State == state && state != "" {
		a.problem(w, r, begun.Query, errkind.New(errkind.Unauthenticated, "the identity provider did not sign you in (%.60q): sign in again", refused))
		return
	}
	session, err := a.SignIn.Finish(r.Context(), begun.Begun, state, q.Get("code"))
	if err == nil {
		err = a.enterSession(w, r, session)
	}
	if err != nil {
		a.problem(w, r, begun.Query, a.Limits.Refused(r, err))
		return
	}
	a.leadOn(w, questionURL(begun.Query))
}

// enterSession sets the cookies of a session, if the person has rights here.
func (a *app) enterSession(w http.ResponseWriter, r *http.Request, s *oidc.Session) error {
	if _, err := rpc.Recognise(r, a.Authoriser, s.Token); err != nil {
		return err
	}
	if len(s.Token) > mostCookie {
		return errkind.New(errkind.Denied, "the ID token has %d bytes, more than a browser keeps: let the provider put fewer claims into the token", len(s.Token))
	}
	http.SetCookie(w, cookie(r, rpc.Cookie, s.Token, "/", keptFor, http.SameSiteStrictMode))
	if s.Refresh != "" && len(s.Refresh) <= mostCookie {
		http.SetCookie(w, cookie(r, renewCookie, s.Refresh, signInPath, keptFor, http.SameSiteStrictMode))
	}
	return nil
}

// renew gets the next session by the refresh token.
func (a *app) renew(w http.ResponseWriter, r *http.Request) {
	refresh := ""
	if c, err := r.Cookie(renewCookie); err == nil {
		refresh = c.Value
	}
	session, err := a.SignIn.Renew(r.Context(), refresh)
	if err == nil {
		err = a.enterSession(w, r, session)
	}
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		if k := errkind.Of(err); k == errkind.Unauthenticated || k == errkind.Denied {
			http.SetCookie(w, cookie(r, renewCookie, "", signInPath, 0, http.SameSiteStrictMode))
		}
		audit.From(r.Context()).End(err)
		a.fail(w, a.Limits.Refused(r, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// leading leads on to an address. A redirection would go on with the provider's page as its origin, and the browser would hold back the Strict
// cookie that was just set. Nor may a form be answered by a redirection to another site (form-action).
var leading = template.Must(template.New("leading").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={{.}}"><title>Cinedex</title></head>` +
	`<body><p><a href="{{.}}">Cinedex</a></p></body></html>`))

func (a *app) leadOn(w http.ResponseWriter, address string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	if err := leading.Execute(w, address); err != nil {
		a.Log.Warn("leading on", "error", err)
	}
}

// leave ends the session here, and leads to the provider's page for leaving.
func (a *app) leave(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, cookie(r, renewCookie, "", signInPath, 0, http.SameSiteStrictMode))
	token := rpc.Token(r)
	if expiry(token) == 0 { // typed, and of no provider
		http.Redirect(w, r, applicationPath, http.StatusSeeOther)
		return
	}
	address := a.SignIn.LeaveURL(token) //nolint:contextcheck // the provider is asked for every sign-in
	if address == "" {
		address = applicationPath
	}
	a.leadOn(w, address)
}

// problem shows the sign-in page with a problem.
func (a *app) problem(w http.ResponseWriter, r *http.Request, query string, err error) {
	kind, text := rpc.Tell(a.Log, err)
	rpc.SetRetryAfter(w.Header(), err)
	a.signInPage(w, r, kind.HTTPStatus(), text, query)
}

// A visit is what the application is told of who is there.
type visit struct {
	SignedIn bool `json:"signedIn"`
	// Provider says that people can sign in with an identity provider.
	Provider bool   `json:"provider"`
	Problem  string `json:"problem,omitempty"`
	// Query is the question of the address, to which signing in leads.
	Query string `json:"query,omitempty"`
	// ExpiresMs is when the session expires, in milliseconds since 1970; 0 for a token that does not expire.
	ExpiresMs int64 `json:"expiresMs,omitempty"`
}

// signInPage gives the application without a caller: the application shows how to sign in.
func (a *app) signInPage(w http.ResponseWriter, r *http.Request, status int, problem, query string) {
	a.give(w, r, status, visit{Provider: a.SignIn != nil, Problem: problem, Query: question(query)})
}

// give gives the application.
func (a *app) give(w http.ResponseWriter, r *http.Request, status int, v visit) {
	b, err := json.Marshal(v)
	if err != nil {
		a.fail(w, err)
		return
	}
	secure(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		if err := a.index.Execute(w, struct{ Base, Visit string }{filesPath, string(b)}); err != nil {
			a.Log.Warn("writing the application", "error", err)
		}
	})).ServeHTTP(w, r)
}

// expiry is when a token of a provider expires, in milliseconds since 1970; 0 for any other token. The token was verified before.
func expiry(token string) int64 {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(b, &claims) != nil {
		return 0
	}
	return int64(claims.Exp * 1000)
}
