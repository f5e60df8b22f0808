// Package webapp serves the page at /, and the pictures and films that it shows.
//
// The page is one HTML file, one script and one style sheet without a framework; it
// asks the same JSON API as every application. Films are served with byte ranges, so a
// browser fetches what it plays. Everything but the page's own files and the
// login asks for a caller, and what the caller may not see is not found.
package webapp

import (
	"bytes"
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
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

//go:embed page
var files embed.FS

// Blobs is what the handlers need of media storage.
type Blobs interface {
	OpenAsset(ctx context.Context, a *pb.Asset) (*blob.AssetFile, error)
	Read(ctx context.Context, ref *pb.MediaRef, limit int64) ([]byte, error)
}

// Deps is what the handlers stand on.
type Deps struct {
	Gateway *gateway.Gateway
	// Catalog says in which ways the page asks.
	Catalog    *catalog.Catalog
	Authoriser authz.Authoriser
	// Limits hold callers to their share, and whoever is no caller by address; nil limits nobody.
	Limits *rpc.Limits
	Blobs  Blobs
	Log    *slog.Logger
}

type app struct {
	Deps
	page          fs.FS
	asking, index *template.Template
}

// Register puts the page and what it shows onto mux.
func Register(mux *http.ServeMux, deps Deps) error {
	page, err := fs.Sub(files, "page")
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	asking, err := template.ParseFS(page, "login.html")
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	index, err := template.ParseFS(page, "index.html")
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	a := &app{deps, page, asking, index}
	known := func(h http.HandlerFunc) http.Handler {
		return deps.Limits.Authenticate(deps.Authoriser, h, func(w http.ResponseWriter, _ *http.Request, err error) { a.fail(w, err) })
	}
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /logout", a.logout)
	mux.Handle("GET /app/", secure(a.assets()))
	mux.Handle("GET /thumbnails/{asset}/{run}/{file}", known(a.thumbnail))
	mux.Handle("GET /media/{asset}", known(a.media))
	return nil
}

// secure allows the page what is its own, and nothing else: no inline script, no other host.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// assets serves the script and the style sheet, which browsers keep until they change.
func (a *app) assets() http.Handler {
	tags := map[string]string{}
	_ = fs.WalkDir(a.page, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if b, err := fs.ReadFile(a.page, p); err == nil {
				sum := sha256.Sum256(b)
				tags[p] = `"` + hex.EncodeToString(sum[:8]) + `"`
			}
		}
		return nil
	})
	server := http.StripPrefix("/app/", http.FileServerFS(a.page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/app/")
		if tags[name] == "" || strings.HasSuffix(name, ".html") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", tags[name])
		w.Header().Set("Cache-Control", "no-cache") // kept, but asked about
		server.ServeHTTP(w, r)
	})
}

// home gives the page. A token in the address, as `cinedex demo` prints it, becomes a
// cookie and goes from the address bar at once. Neither a cache nor the next page's server
// gets to know an address that carries a token.
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
		a.askToken(w, r, http.StatusOK, "")
		return
	}
	secure(http.HandlerFunc(a.show)).ServeHTTP(w, r)
}

// askToken gives the page that a token is typed into, with what was wrong with the last one. The form keeps the question that the
// page was opened with, so that a link from a colleague leads to it after signing in.
func (a *app) askToken(w http.ResponseWriter, r *http.Request, status int, problem string) {
	asked := r.URL.RawQuery
	if r.Method == http.MethodPost {
		asked = r.PostFormValue("query")
	}
	secure(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = a.asking.Execute(w, struct{ Problem, Query string }{problem, strings.TrimPrefix(questionURL(asked), "/?")})
	})).ServeHTTP(w, r)
}

// questionURL is the page with the question of a link. Whatever the query is, the address is of this server's page, and holds no token.
func questionURL(query string) string {
	q, _ := url.ParseQuery(query) // what can be read of it
	q.Del("token")
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if a.enter(w, r, strings.TrimSpace(r.PostFormValue("token"))) {
		http.Redirect(w, r, questionURL(r.PostFormValue("query")), http.StatusSeeOther)
	}
}

// enter sets the cookie for a token that opens something.
func (a *app) enter(w http.ResponseWriter, r *http.Request, token string) bool {
	if _, err := rpc.Recognise(r, a.Authoriser, token); err != nil {
		err = a.Limits.Refused(r, err)
		rpc.SetRetryAfter(w.Header(), err)
		kind, text := rpc.Tell(a.Log, err)
		a.askToken(w, r, kind.HTTPStatus(), text)
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: rpc.Cookie, Value: token, Path: "/", HttpOnly: true, Secure: rpc.OriginOf(r).HTTPS,
		SameSite: http.SameSiteStrictMode, MaxAge: 7 * 24 * 3600})
	return true
}

func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: rpc.Cookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: rpc.OriginOf(r).HTTPS, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) thumbnail(w http.ResponseWriter, r *http.Request) {
	number, ok := strings.CutSuffix(r.PathValue("file"), ".jpg")
	ordinal, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	ref, err := a.Gateway.Thumbnail(r.Context(), rpc.CallerFrom(r.Context()), r.PathValue("asset"), r.PathValue("run"), ordinal)
	if err != nil {
		a.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "private, max-age=86400, immutable") // a run's pictures never change
	picture, err := a.Blobs.Read(r.Context(), ref, maxThumbnail)
	if err != nil {
		// The error names files.
		a.Log.Error("serving a thumbnail", "path", r.URL.Path, "error", err)
		a.fail(w, errkind.New(errkind.Of(err), "this cannot be read now; the service's log says why"))
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Vary", "Authorization, Cookie") // what a browser keeps is not for the next who logs in there
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(picture))
}

// maxThumbnail bounds what is read into memory for one picture.
const maxThumbnail = 8 << 20

// patience is how long a request waits for a film that is fetched or hashed first. The fetching goes on, and the next request finds more done.
const patience = 20 * time.Second

// media serves the bytes of an asset that arrived, and no others. They never change, so their hash is their ETag: a player that goes on
// where it was interrupted gets the rest of the same film.
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
	w.Header().Set("Vary", "Authorization, Cookie")                                                                              // what a browser keeps is not for the next who logs in there
	http.ServeContent(w, r, "", time.Time{}, &until{ReadSeeker: film, ctx: r.Context(), looked: time.Now(), look: func() error { //nolint:contextcheck // the context is the request's
		return a.Gateway.Sees(r.Context(), rpc.CallerFrom(r.Context()), asset.GetId())
	}})
}

// seenEvery is how often a transfer asks whether its caller may still see the film.
const seenEvery = 400 * time.Millisecond

// until is a film that ends with its request, and with its caller's sight of it: a caller whose token is taken away gets no more of it,
// nor does a caller after the film was moved to a title that the caller may not see.
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
		return "video/webm" // Matroska is announced so as well: browsers play what they can of it
	case strings.Contains(c, "ogg"):
		return "video/ogg"
	}
	return "application/octet-stream"
}

// fail answers with the error's status; what went wrong inside goes to the log.
func (a *app) fail(w http.ResponseWriter, err error) {
	k, text := errkind.Of(err), err.Error()
	var refused *blob.AssetError
	if errors.As(err, &refused) {
		text = refused.Error() // and the log has the rest already
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
