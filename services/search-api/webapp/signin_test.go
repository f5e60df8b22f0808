package webapp_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// A signIn is a page beside a real identity provider: the certified library of Zitadel, with the users and the login page of its example.
type signIn struct {
	*testing.T
	page, provider string
	jar            *cookiejar.Jar
	browser        *http.Client
	stop           string // an address at which the browser does not follow
	stopped        *url.URL
}

func newSignIn(t *testing.T) *signIn {
	t.Helper()
	var page, provider atomic.Pointer[http.Handler]
	serve := func(h *atomic.Pointer[http.Handler]) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.Load()).ServeHTTP(w, r) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	s := &signIn{T: t, page: serve(&page), provider: strings.Replace(serve(&provider), "127.0.0.1", "localhost", 1) + "/"}
	storage.RegisterClients(storage.WebClient("cinedex", "secret", s.page+oidc.BackPath))
	var handler http.Handler = exampleop.SetupServer(s.provider, storage.NewStorage(storage.NewUserStore(s.provider)), nil, false, op.WithAllowInsecure())
	provider.Store(&handler)
	folder := t.TempDir()
	tokens, secret := filepath.Join(folder, "tokens.yaml"), filepath.Join(folder, "secret")
	for path, content := range map[string]string{secret: "secret\n", tokens: "tokens: []\ngroups:\n  - name: id1\n    titles: [harbour]\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := authz.OpenFile(tokens, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := oidc.Default()
	cfg.Issuer, cfg.Audience, cfg.GroupsClaim, cfg.PageURL, cfg.ClientSecretFile = s.provider, "cinedex", "sub", s.page, secret
	people, err := oidc.New(cfg, file)
	if err != nil {
		t.Fatal(err)
	}
	l := apitest.New(t)
	l.Add(harbour("harbour"))
	service := l.Serve(nil, func(_ *gateway.Config, d *searchapi.Deps) {
		d.Authoriser = people
		if d.SignIn, err = people.SignIn(); err != nil {
			t.Fatal(err)
		}
	}).Service
	guarded := rpc.Guard("127.0.0.1:0", nil, nil, service.Handler)
	page.Store(&guarded)
	s.newBrowser()
	return s
}

func (s *signIn) newBrowser() {
	s.jar, _ = cookiejar.New(nil)
	s.browser = &http.Client{Jar: s.jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if s.stop != "" && strings.HasPrefix(r.URL.String(), s.stop) {
			s.stopped = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func (s *signIn) do(r *http.Request) (*answered, string) {
	s.Helper()
	resp, err := s.browser.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answerOf(resp), string(b)
}

func (s *signIn) get(address string) (*answered, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.Fatal(err)
	}
	return s.do(r)
}

func (s *signIn) post(address string, form url.Values) (*answered, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r)
}

// enter signs a user in at the provider's page, and returns where the browser ended.
func (s *signIn) enter(query, user string) (*answered, string) {
	s.Helper()
	login, _ := s.get(s.page + "/sign-in?query=" + url.QueryEscape(query))
	id := login.Request.URL.Query().Get("authRequestID")
	if id == "" {
		s.Fatalf("the sign-in led to %s", login.Request.URL)
	}
	return s.post(s.provider+"login/username", url.Values{"id": {id}, "username": {user}, "password": {"verysecure"}})
}

func (s *signIn) cookies(path string) map[string]string {
	u, err := url.Parse(s.page + path)
	if err != nil {
		s.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range s.jar.Cookies(u) {
		out[c.Name] = c.Value
	}
	return out
}

var (
	leads = regexp.MustCompile(`content="0;url=([^"]*)"`)
	about = regexp.MustCompile(`data-visit="([^"]*)"`)
)

// visit is what the application was told of who is there.
func (s *signIn) visit(body string) (v struct {
	SignedIn, Provider bool
	Problem, Query     string
	ExpiresMs          int64
}) {
	s.Helper()
	found := about.FindStringSubmatch(body)
	if found == nil {
		s.Fatalf("the page says nothing of who is there: %.500s", body)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &v); err != nil {
		s.Fatal(err)
	}
	return v
}

// TestSignInWithAProvider: a link survives the sign-in, the session is renewed, and signing out ends it here and at the provider.
func TestSignInWithAProvider(t *testing.T) {
	s := newSignIn(t)
	const link = "view=library&q=" + "the+%22harbour%22"
	_, body := s.get(s.page + "/?" + link)
	v := s.visit(body)
	if asked, _ := url.ParseQuery(v.Query); v.SignedIn || !v.Provider || asked.Get("q") != `the "harbour"` || asked.Get("view") != "library" {
		t.Fatalf("without a session: %+v", v)
	}

	s.stop = s.provider
	if _, _ = s.get(s.page + "/sign-in?query=" + url.QueryEscape(v.Query)); s.stopped == nil {
		t.Fatal("the sign-in did not lead to the provider")
	}
	q := s.stopped.Query()
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 || q.Get("client_id") != "cinedex" {
		t.Errorf("the provider is asked %v", q)
	}
	s.stop = ""

	back, body := s.enter(v.Query, "test-user@localhost")
	if back.StatusCode != http.StatusOK || !strings.HasPrefix(back.Request.URL.String(), s.page+oidc.BackPath) || leads.FindStringSubmatch(body) == nil {
		t.Fatalf("the sign-in ended at %s: %s, %.500s", back.Request.URL, back.Status, body)
	}
	to := html.UnescapeString(leads.FindStringSubmatch(body)[1])
	if u, _ := url.Parse(to); u.Host != "" || u.Query().Get("q") != `the "harbour"` || u.Query().Get("view") != "library" {
		t.Errorf("the sign-in leads on to %s", to)
	}
	for _, c := range back.Cookies {
		switch {
		case !c.HttpOnly, c.Name == rpc.Cookie && (c.SameSite != http.SameSiteStrictMode || c.Path != "/"), strings.HasPrefix(c.Name, "cinedex-renew") && (c.SameSite != http.SameSiteStrictMode || c.Path != "/sign-in"):
			t.Errorf("the cookie %v", c)
		}
	}
	if len(s.cookies("/sign-in")) != 3 { // token, renewal, and the sign-in that was stopped
		t.Errorf("cookies %v", s.cookies("/sign-in"))
	}
	_, body = s.get(s.page + to)
	if v := s.visit(body); !v.SignedIn || v.ExpiresMs == 0 {
		t.Errorf("with a session: %+v", v)
	}
	titles := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.page+"/cinedex.v1.SearchService/ListTitles", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, body := s.do(r)
		return resp.StatusCode, body
	}
	if status, body := titles(); status != http.StatusOK || !strings.Contains(body, "harbour") {
		t.Errorf("titles: %d %s", status, body)
	}

	before := s.cookies("/sign-in")
	if resp, body := s.post(s.page+"/sign-in/renew", nil); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("renewing: %s %s", resp.Status, body)
	}
	if after := s.cookies("/sign-in"); after["cinedex-renew"] == before["cinedex-renew"] && after[rpc.Cookie] == before[rpc.Cookie] {
		t.Error("the renewed session is the session before")
	}
	if status, _ := titles(); status != http.StatusOK {
		t.Errorf("titles of the renewed session: %d", status)
	}

	out, body := s.post(s.page+"/logout", nil)
	leave := leads.FindStringSubmatch(body)
	if out.StatusCode != http.StatusOK || leave == nil || !strings.HasPrefix(html.UnescapeString(leave[1]), s.provider+"end_session?") {
		t.Errorf("signing out: %s %.500s", out.Status, body)
	}
	if c := s.cookies("/sign-in"); c[rpc.Cookie] != "" || c["cinedex-renew"] != "" {
		t.Errorf("after signing out: %v", c)
	}
	if resp, _ := s.post(s.page+"/sign-in/renew", nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("renewing afterwards: %s", resp.Status)
	}
	if status, _ := titles(); status != http.StatusUnauthorized {
		t.Errorf("titles afterwards: %d", status)
	}
}

// TestSignInRefused: answers that are not of this browser's sign-in, and people without rights, get no session.
func TestSignInRefused(t *testing.T) {
	s := newSignIn(t)
	// begun begins a sign-in in a fresh browser, changes what the browser remembers, and comes back with the provider's code.
	begun := func(change func(b map[string]string)) (*answered, string) {
		t.Helper()
		s.newBrowser()
		login, _ := s.get(s.page + "/sign-in?query=q%3Dcoffee")
		id := login.Request.URL.Query().Get("authRequestID")
		u, _ := url.Parse(s.page + "/sign-in")
		for _, c := range s.jar.Cookies(u) {
			b, err := base64.RawURLEncoding.DecodeString(c.Value)
			remembered := map[string]string{}
			if err != nil || json.Unmarshal(b, &remembered) != nil {
				t.Fatalf("the cookie %v", c)
			}
			change(remembered)
			b, _ = json.Marshal(remembered)
			s.jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/sign-in"}})
		}
		return s.post(s.provider+"login/username", url.Values{"id": {id}, "username": {"test-user@localhost"}, "password": {"verysecure"}})
	}
	for name, change := range map[string]func(b map[string]string){
		"another state":    func(b map[string]string) { b["state"] = b["nonce"] },
		"another nonce":    func(b map[string]string) { b["nonce"] = b["verifier"] },
		"another verifier": func(b map[string]string) { b["verifier"] = b["state"] },
		"nothing":          func(b map[string]string) { clear(b) },
	} {
		resp, body := begun(change)
		if v := s.visit(body); resp.StatusCode != http.StatusUnauthorized || v.SignedIn || !strings.Contains(v.Problem, "sign in again") {
			t.Errorf("with %s: %s %+v", name, resp.Status, v)
		}
		if c := s.cookies("/"); c[rpc.Cookie] != "" {
			t.Errorf("with %s: a session", name)
		}
	}
	resp, _ := begun(func(map[string]string) {})
	if resp.StatusCode != http.StatusOK || s.cookies("/")[rpc.Cookie] == "" {
		t.Fatalf("with nothing changed: %s", resp.Status)
	}
	if again, _ := s.get(resp.Request.URL.String()); again.StatusCode != http.StatusUnauthorized {
		t.Errorf("the same answer again: %s", again.Status)
	}
	s.newBrowser()
	if stolen, _ := s.get(resp.Request.URL.String()); stolen.StatusCode != http.StatusUnauthorized || s.cookies("/")[rpc.Cookie] != "" {
		t.Errorf("the answer in another browser: %s", stolen.Status)
	}
	s.newBrowser()
	denied, body := s.enter("", "test-user2")
	if v := s.visit(body); denied.StatusCode != http.StatusForbidden || !strings.Contains(v.Problem, "may see no titles") || s.cookies("/")[rpc.Cookie] != "" {
		t.Errorf("a person without rights: %s %+v", denied.Status, v)
	}
	s.newBrowser()
	for _, path := range []string{"/sign-in/back", "/sign-in/back?state=abc", "/sign-in/back?error=x&state=", "/sign-in/back?code=a&state=" + strings.Repeat("a", 5000)} {
		if resp, _ := s.get(s.page + path); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.40s: %s", path, resp.Status)
		}
	}
}
