package oidc_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/errkind"
)

const signedIn = "http://localhost:9999/auth/callback"

// An idp is an identity provider: the certified library of Zitadel, with the users and the login page of its example.
type idp struct {
	*httptest.Server
	issuer string
	keys   atomic.Int64 // requests for keys
	down   atomic.Bool
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{}
	var handler http.Handler
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/keys") {
			p.keys.Add(1)
		}
		if p.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	p.issuer = strings.Replace(p.URL, "127.0.0.1", "localhost", 1) + "/"
	storage.RegisterClients(storage.WebClient("cinedex", "secret", signedIn), storage.WebClient("payroll", "secret", signedIn))
	handler = exampleop.SetupServer(p.issuer, storage.NewStorage(storage.NewUserStore(p.issuer)), nil, false, op.WithAllowInsecure())
	return p
}

// signIn signs a user in for a client, as a browser does, and returns the ID token.
func (p *idp) signIn(t *testing.T, client, user string) string {
	t.Helper()
	var landed *url.URL
	browser := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), signedIn) {
			landed = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	ask := url.Values{"client_id": {client}, "redirect_uri": {signedIn}, "response_type": {"id_token"}, "scope": {"openid email"}, "nonce": {"n"}, "state": {"s"}}
	page, err := browser.Get(p.issuer + "auth?" + ask.Encode())
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(page.Body)
	page.Body.Close()
	id := page.Request.URL.Query().Get("authRequestID")
	done, err := browser.PostForm(p.issuer+"login/username", url.Values{"id": {id}, "username": {user}, "password": {"verysecure"}})
	if err != nil {
		t.Fatal(err)
	}
	done.Body.Close()
	if landed == nil {
		t.Fatalf("signing %s in ended at %s (%s), after %s: %.300s", user, done.Request.URL, done.Status, page.Request.URL, said)
	}
	got, err := url.ParseQuery(landed.Fragment)
	if err != nil || got.Get("id_token") == "" {
		t.Fatalf("signing %s in gave %q, %v", user, landed.Fragment, err)
	}
	return got.Get("id_token")
}

// rights are a file of tokens.
func rights(t *testing.T, file string) (*authz.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return f, path
}

const editors = `tokens: []
groups:
  - name: test-user@zitadel.ch
    titles: [big-buck-bunny]
    roles: [batch]
`

func open(t *testing.T, p *idp, file string) (*oidc.Authoriser, string) {
	t.Helper()
	f, path := rights(t, file)
	cfg := oidc.Default()
	cfg.Issuer, cfg.Audience, cfg.GroupsClaim = p.issuer, "cinedex", "email"
	a, err := oidc.New(cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	return a, path
}

// altered is a token with one letter of a part changed.
func altered(token string, part int) string {
	parts := strings.Split(token, ".")
	b := []byte(parts[part])
	i := len(b) / 2
	b[i] = map[bool]byte{true: 'A', false: 'B'}[b[i] != 'A']
	parts[part] = string(b)
	return strings.Join(parts, ".")
}

func TestSignIn(t *testing.T) {
	p := newIDP(t)
	a, path := open(t, p, editors)
	token := p.signIn(t, "cinedex", "test-user@localhost")
	c, err := a.Authorise(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != "oidc:id1" || !slices.Equal(c.Titles(), []string{"big-buck-bunny"}) || c.Require(authz.Batch) != nil || c.Require(authz.Operator) == nil {
		t.Errorf("%s may see %v", c.Name(), c.Titles())
	}
	if again, err := a.Authorise(t.Context(), token); err != nil || again != c {
		t.Errorf("the same token gave another caller: %v", err)
	}

	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(token, ".")[1] + "."
	for name, refused := range map[string]string{
		"for another client":     p.signIn(t, "payroll", "test-user@localhost"),
		"with another signature": altered(token, 2),
		"with other claims":      altered(token, 1),
		"without a signature":    none,
		"that is no token":       "eyJhIjoxfQ.e.e",
		"that is too long":       "ey" + strings.Repeat("a", 20<<10) + ".b.c",
		"of nobody, in the file": "unknown",
		"that is empty":          "",
	} {
		if _, err := a.Authorise(t.Context(), refused); !errkind.Is(err, errkind.Unauthenticated) {
			t.Errorf("a token %s: %v, want Unauthenticated", name, err)
		}
	}
	if _, err := a.Authorise(t.Context(), p.signIn(t, "cinedex", "test-user2")); !errkind.Is(err, errkind.Denied) {
		t.Errorf("a user without a group here: %v, want Denied", err)
	}

	// The rights of a group are taken away in the file, and the token is as before.
	if err := os.WriteFile(path, []byte("tokens: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = a.Authorise(t.Context(), token); errkind.Is(err, errkind.Denied) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("without the group: %v, want Denied", err)
		}
	}

	a.SetNow(func() time.Time { return time.Now().Add(48 * time.Hour) })
	if _, err := a.Authorise(t.Context(), token); !errkind.Is(err, errkind.Unauthenticated) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("two days later: %v, want Unauthenticated", err)
	}
}

// TestStrangersAskTheProviderRarely: invented tokens make no request each, and a provider that is down shuts nobody out who is known.
func TestStrangersAskTheProviderRarely(t *testing.T) {
	p := newIDP(t)
	a, _ := open(t, p, editors)
	token := p.signIn(t, "cinedex", "test-user@localhost")
	if _, err := a.Authorise(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	before, begun := p.keys.Load(), time.Now()
	for i := range 200 {
		header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"RS256","kid":"k%d"}`, i))
		if _, err := a.Authorise(t.Context(), header+"."+strings.Split(token, ".")[1]+"."+strings.Split(token, ".")[2]); err == nil {
			t.Fatal("an invented key was believed")
		}
	}
	if n, most := p.keys.Load()-before, 1+int64(time.Since(begun)/(4*time.Second)); n > most {
		t.Errorf("200 invented keys made %d requests to the provider, want at most %d", n, most)
	}
	p.down.Store(true)
	if _, err := a.Authorise(t.Context(), token); err != nil {
		t.Errorf("while the provider is down: %v", err)
	}

	fresh, _ := open(t, p, editors+`
`)
	if _, err := fresh.Authorise(context.Background(), token); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("a process that has never met the provider: %v, want Unavailable", err)
	}
}

func TestWithoutAProvider(t *testing.T) {
	f, _ := rights(t, editors)
	a, err := oidc.New(oidc.Default(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authorise(t.Context(), "eyJ.b.c"); !errkind.Is(err, errkind.Unauthenticated) {
		t.Errorf("%v, want the file's Unauthenticated", err)
	}
}

func TestConfig(t *testing.T) {
	good := oidc.Config{Issuer: "https://login.example.org", Audience: "cinedex", NameClaim: "sub", GroupsClaim: "groups"}
	for _, c := range []struct {
		change func(*oidc.Config)
		key    string
	}{
		{func(*oidc.Config) {}, ""},
		{func(c *oidc.Config) { c.Issuer = "" }, ""},
		{func(c *oidc.Config) { c.Issuer = "http://localhost:8080" }, ""},
		{func(c *oidc.Config) { c.Issuer = "http://login.example.org" }, "issuer: "},
		{func(c *oidc.Config) { c.Issuer = "login" }, "issuer: "},
		{func(c *oidc.Config) { c.Audience = "" }, "audience: "},
		{func(c *oidc.Config) { c.NameClaim = "" }, "name_claim: "},
		{func(c *oidc.Config) { c.GroupsClaim = "" }, "groups_claim: "},
	} {
		cfg := good
		c.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.key == "") || err != nil && !strings.HasPrefix(err.Error(), c.key) {
			t.Errorf("%+v: %v, want %q", cfg, err, c.key)
		}
	}
}
