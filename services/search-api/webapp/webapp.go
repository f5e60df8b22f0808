// Package webapp serves the application of web/ at /, and the pictures and films of the application.
//
// The application asks the same API as every other application. Films are served with byte ranges, so a browser fetches only the
// played part. Every request needs a caller, except requests for the application's own files and for the login. A film hidden from
// the caller is not found.
package webapp

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

//go:embed dist
var files embed.FS

// Blobs is the part of media storage that the handlers use.
type Blobs interface {
	OpenAsset(ctx context.Context, a *pb.Asset) (*blob.AssetFile, error)
	Read(ctx context.Context, ref *pb.MediaRef, limit int64) ([]byte, error)
}

// Deps are the dependencies of the handlers.
type Deps struct {
	Gateway    *gateway.Gateway
	Authoriser authz.Authoriser
	// Limits hold callers to their share, and requests without a caller by address; nil limits nobody.
	Limits *rpc.Limits
	Blobs  Blobs
	Log    *slog.Logger
	// SignIn leads people to an identity provider; nil where people type tokens alone.
	SignIn *oidc.SignIn
}

type app struct {
	Deps
	index *template.Template
}

const (
	// applicationPath is where the application is.
	applicationPath = "/"
	// filesPath is where the application's scripts and style sheets are.
	filesPath = "/app/"
	// formerPath is where the application was before the application took the place of an earlier page.
	formerPath = "/next"
)

// Register puts the application, and the pictures and films of the application, onto mux.
func Register(mux *http.ServeMux, deps Deps) error {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		return fmt.Errorf("reading the application: %w", err)
	}
	index, err := template.ParseFS(dist, "index.html")
	if err != nil {
		return fmt.Errorf("reading the application: %w", err)
	}
	a := &app{deps, index}
	known := func(h http.HandlerFunc) http.Handler {
		return deps.Limits.Authenticate(deps.Authoriser, h, func(w http.ResponseWriter, _ *http.Request, err error) { a.fail(w, err) })
	}
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /logout", a.logout)
	mux.Handle("GET "+filesPath, secure(kept(filesPath, dist)))
	mux.HandleFunc("GET "+formerPath, former)
	mux.HandleFunc("GET "+formerPath+"/{$}", former)
	a.registerSignIn(mux)
	mux.Handle("GET /thumbnails/{asset}/{run}/{file}", known(a.thumbnail))
	mux.Handle("GET /media/{asset}", known(a.media))
	a.registerPlayable(mux, known)
	return nil
}

// secure allows the page the files of this server alone: no inline script, no other host.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// kept serves scripts and style sheets below a path, which browsers keep until they change.
func kept(below string, files fs.FS) http.Handler {
	tags := map[string]string{}
	_ = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if b, err := fs.ReadFile(files, p); err == nil {
				sum := sha256.Sum256(b)
				tags[p] = `"` + hex.EncodeToString(sum[:8]) + `"`
			}
		}
		return nil
	})
	server := http.StripPrefix(below, http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, below)
		if tags[name] == "" || strings.HasSuffix(name, ".html") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", tags[name])
		w.Header().Set("Cache-Control", "no-cache") // the browser keeps the file, and asks whether the file has changed
		server.ServeHTTP(w, r)
	})
}

// home gives the application, or asks for a token. `cinedex demo` prints an address with a token: home turns the token into a
// cookie, and redirects to the address without the token. No cache and no other server learns the address with the token.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("token"); token != "" {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if a.enter(w, r, token) {
			http.Redirect(w, r, questionURL(r.URL.RawQuery), http.StatusSeeOther)
		}
		return
	}
	if _, err := a.Authoriser.Authorise(r.Context(), rpc.Token(r)); err != nil {
		if err = a.Limits.Refused(r, err); errkind.Is(err, errkind.Exhausted) {
			a.fail(w, err)
			return
		}
		a.signInPage(w, r, http.StatusOK, "", r.URL.RawQuery)
		return
	}
	a.give(w, r, http.StatusOK, visit{SignedIn: true, Provider: a.SignIn != nil, ExpiresMs: expiry(rpc.Token(r))})
}

// former leads from the former address of the application to the application, with the question of the address.
func former(w http.ResponseWriter, r *http.Request) {
	to := applicationPath
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Cache-Control", "no-store") // the address may have a token
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to, http.StatusPermanentRedirect)
}

// question is the question of an address, without a token.
func question(query string) string {
	q, _ := url.ParseQuery(query) // the readable part
	q.Del("token")
	return q.Encode()
}

// questionURL is the address of the application with the question of a link. For every query, the address is of this server, without a token.
func questionURL(query string) string {
	if q := question(query); q != "" {
		return applicationPath + "?" + q
	}
	return applicationPath
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if a.enter(w, r, strings.TrimSpace(r.PostFormValue("token"))) {
		http.Redirect(w, r, questionURL(r.PostFormValue("query")), http.StatusSeeOther)
	}
}

// enter sets the cookie for a known token. For any other token, enter gives the sign-in page with the question of the address or of the form.
func (a *app) enter(w http.ResponseWriter, r *http.Request, token string) bool {
	if _, err := rpc.Recognise(r, a.Authoriser, token); err != nil {
		err = a.Limits.Refused(r, err)
		rpc.SetRetryAfter(w.Header(), err)
		kind, text := rpc.Tell(a.Log, err)
		asked := r.URL.RawQuery
		if r.Method == http.MethodPost {
			asked = r.PostFormValue("query")
		}
		a.signInPage(w, r, kind.HTTPStatus(), text, asked)
		return false
	}
	http.SetCookie(w, cookie(r, rpc.Cookie, token, "/", keptFor, http.SameSiteStrictMode))
	return true
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, cookie(r, rpc.Cookie, "", "/", 0, http.SameSiteStrictMode))
	if a.SignIn != nil {
		a.leave(w, r)
		return
	}
	http.Redirect(w, r, applicationPath, http.StatusSeeOther)
}

func (a *app) thumbnail(w http.ResponseWriter, r *http.Request) { a.picture(w, r, a.Gateway.Thumbnail) }

// maxThumbnail bounds the bytes of a picture in memory.
const maxThumbnail = 8 << 20

// patience is how long a request waits for the fetching and hashing of a film. The fetching goes on, and the next request waits for the rest.
const patience = 20 * time.Second

// media serves the bytes of an asset as they arrived, and no other bytes. The bytes never change, so the ETag is the hash of the bytes: a player
// that resumes after an interruption gets the rest of the same film.
func (a *app) media(w http.ResponseWriter, r *http.Request) {
	asset, _, err := a.Gateway.Asset(r.Context(), rpc.CallerFrom(r.Context()), r.PathValue("asset"))
	if err != nil {
		a.fail(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	film, err := a.Blobs.OpenAsset(ctx, asset)
	if err != nil {
		a.fail(w, err)
		return
	}
	defer film.Close()
	w.Header().Set("Content-Type", mediaType(asset))
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Header().Set("ETag", strconv.Quote(film.Sum))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Vary", "Authorization, Cookie")                                                                              // the next person at the browser does not get the kept file
	http.ServeContent(w, r, "", time.Time{}, &until{ReadSeeker: film, ctx: r.Context(), looked: time.Now(), look: func() error { //nolint:contextcheck // the context is the request's
		return a.Gateway.Sees(r.Context(), rpc.CallerFrom(r.Context()), asset.GetId())
	}})
}

// seenEvery is how often a transfer checks that the caller may still see the film.
const seenEvery = 400 * time.Millisecond

// until is a film that ends with the request, or as soon as the caller may not see the film. A caller loses the sight of a film with the token, and
// when the film moves to a title hidden from the caller.
type until struct {
	io.ReadSeeker
	ctx    context.Context
	look   func() error
	looked time.Time
}

func (u *until) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	if time.Since(u.looked) >= seenEvery {
		if err := u.look(); err != nil {
			return 0, err
		}
		u.looked = time.Now()
	}
	return u.ReadSeeker.Read(p)
}

func mediaType(a *pb.Asset) string {
	switch c := a.GetContainer(); {
	case strings.Contains(c, "mp4"):
		return "video/mp4"
	case strings.Contains(c, "webm"):
		return "video/webm" // also for Matroska: browsers play most Matroska files as WebM
	case strings.Contains(c, "ogg"):
		return "video/ogg"
	}
	return "application/octet-stream"
}

// fail answers with the error's status. Internal reasons go to the log.
func (a *app) fail(w http.ResponseWriter, err error) {
	k, text := errkind.Of(err), err.Error()
	var refused *blob.AssetError
	if errors.As(err, &refused) {
		text = refused.Error() // the log has the rest already
		if k.Retryable() {
			w.Header().Set("Retry-After", "5")
		}
	} else if k == errkind.Internal || k == errkind.Unavailable {
		a.Log.Error("serving the page", "error", err)
		text = "something went wrong; the service's log says what"
	}
	rpc.SetRetryAfter(w.Header(), err)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, k.HTTPStatus())
}
