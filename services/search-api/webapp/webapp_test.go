package webapp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// harbour is a film of three colours. A line of dialogue looks like a script.
func harbour(title string) apitest.Film {
	return apitest.Film{
		Title: title, Name: "The Harbour", Credit: "The Harbour (c) nobody, CC-BY 4.0", StartTimecode: "01:00:00:00",
		Shots: []apitest.Shot{
			{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9},
			{Seconds: 10, Colour: apitest.Green, Label: "sailing boat", LabelConfidence: 0.4},
			{Seconds: 10, Colour: apitest.Blue, Label: "lighthouse", LabelConfidence: 0.3},
		},
		Lines: []apitest.Line{
			{From: 1, To: 3, Language: "en", Text: "The keeper lit the lamp."},
			{From: 10, To: 12, Language: "en", Text: "A black coffee, captain."},
			{From: 13, To: 14, Language: "es", Text: "Un café solo, capitán."},
			{From: 21, To: 23, Language: "en", Text: `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> storm`},
			{From: 25, To: 27, Language: "en", Text: "The lamp went dark, captain."},
		},
	}
}

var tokens = map[string][]string{"all": {"*"}, "harbour-only": {"harbour"}}

func serve(t *testing.T, change ...func(*gateway.Config, *searchapi.Deps)) *apitest.Server {
	t.Helper()
	l := apitest.New(t)
	for _, title := range []string{"harbour", "hidden"} {
		l.Add(l.Shoot(harbour(title)))
	}
	return l.Serve(tokens, change...)
}

// A tab is a tab of a fresh browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T, width, height int64) tab {
	t.Helper()
	program := apitest.Need(t, "chromium", "chromium-browser", "google-chrome")
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, closed := chromedp.NewContext(allocator)
	t.Cleanup(func() { closed(); stop() })
	b := tab{t, ctx}
	b.do(chromedp.EmulateViewport(width, height))
	return b
}

// do takes steps, none of which may take longer than a busy machine does.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits until an expression is true in the page, through whatever pages come between.
func (b tab) until(expression string) {
	b.t.Helper()
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var is bool
		if is, last = chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); is {
			return
		}
	}
	b.shot("never")
	b.t.Fatalf("%s never came true (%v); the page says %q", expression, last, b.text("#status"))
}

func get[T any](b tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b tab) text(selector string) string {
	return get[string](b, fmt.Sprintf("document.querySelector(%q)?.textContent || ''", selector))
}

// shot keeps a picture of the page, where CINEDEX_SCREENSHOTS names a folder.
func (b tab) shot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if dir := os.Getenv("CINEDEX_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// enter opens the application by the link of `cinedex demo`, with the rest of a question, and waits for the answer.
func (b tab) enter(s *apitest.Server, question string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.URL + "/?token=all" + question))
	b.until("document.querySelector('#hits')?.ariaBusy == 'false' && document.querySelector('#status')?.textContent")
}

// press presses keys as hands do: a key that the page takes for itself types nothing, which is not so
// where the browser is told of the key and of the letter apart.
func press(keys string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, key := range keys {
			events := kb.Encode(key)
			down, up := *events[0], *events[len(events)-1]
			if len(events) > 2 {
				down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
			}
			for _, event := range []input.DispatchKeyEventParams{down, up} {
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, event); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

const hits = "[...document.querySelectorAll('.hit')]"

// The link of `cinedex demo` leads to the application, with its question, and no script can read the token.
func TestEntering(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.enter(s, "&q=coffee&way=dialogue")
	if got := get[string](b, "location.href"); got != s.URL+"/?q=coffee&way=dialogue" {
		t.Errorf("the address is %s", got)
	}
	b.until(hits + ".length > 0")
	if got := get[string](b, "document.cookie"); got != "" {
		t.Errorf("scripts can read the token: %q", got)
	}
}

// lateVectors is an engine whose vectors do not answer.
type lateVectors struct{ search.Searcher }

func (lateVectors) Vector(ctx context.Context, _ search.VectorQuery) ([]search.Hit, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestPartialAnswer(t *testing.T) {
	s := serve(t, func(c *gateway.Config, d *searchapi.Deps) {
		c.Timeout, d.Engine = 500*time.Millisecond, lateVectors{d.Engine}
	})
	b := open(t, 1200, 800)
	b.enter(s, "&q=dialogue:coffee")
	if got := b.text("#status"); !strings.Contains(got, "dialogue/meaning") || !strings.Contains(got, "2 moments") {
		t.Errorf("the page says %q", got)
	}
}

// GraphiQL runs from this service alone, and asks with the page's cookie.
func TestGraphiQL(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.do(chromedp.Navigate(s.URL + "/graphiql"))
	b.until("document.querySelector('input[name=token]')") // no token yet
	b.enter(s, "")
	b.do(chromedp.Navigate(s.URL + "/graphiql"))
	b.until("document.querySelector('.graphiql-execute-button')")
	b.do(chromedp.Click(".graphiql-execute-button"))
	b.until("/The Harbour|noGoodMatch/.test(document.querySelector('.result-window')?.textContent || '')")
	if got := get[[]string](b, "performance.getEntriesByType('resource').map(e => new URL(e.name).host).filter(h => h && h != location.host)"); len(got) > 0 {
		t.Errorf("it loads from %q", got)
	}
}

// Every address of a film or of a picture needs a caller, and a hidden film is not found.
func TestAddresses(t *testing.T) {
	s := serve(t)
	thumbnail := func(token, title string) string {
		t.Helper()
		resp := fetch(t, s, token, http.MethodPost, "/cinedex.v1.SearchService/Search", `{"q":"label:lighthouse title:`+title+`"}`)
		m := regexp.MustCompile(`/thumbnails/[^"]+`).FindString(resp.body)
		if m == "" {
			t.Fatalf("no thumbnail: %s", resp.body)
		}
		return m
	}
	secret, open := thumbnail("all", "hidden"), thumbnail("harbour-only", "harbour")
	for _, test := range []struct {
		name, token, method, path string
		status                    int
		says                      string
	}{
		{"a thumbnail", "harbour-only", "GET", open, 200, "\xff\xd8"},
		{"a thumbnail for nobody", "", "GET", open, 401, "token"},
		{"a forbidden thumbnail", "harbour-only", "GET", secret, 404, "there is no asset"},
		{"a thumbnail that is none", "harbour-only", "GET", strings.Replace(open, ".jpg", "99.jpg", 1), 404, ""},
		{"a forbidden run through an asset that is not", "harbour-only", "GET", strings.Replace(secret, apitest.AssetOf("hidden"), apitest.AssetOf("harbour"), 1), 404, ""},
		{"a film", "harbour-only", "GET", "/media/" + apitest.AssetOf("harbour"), 200, "ftyp"},
		{"a forbidden film", "harbour-only", "GET", "/media/" + apitest.AssetOf("hidden"), 404, "there is no asset"},
		{"a film for nobody", "", "GET", "/media/" + apitest.AssetOf("harbour"), 401, "token"},
		{"the page to nobody", "", "GET", "/", 200, "&#34;signedIn&#34;:false"},
		{"the page", "all", "GET", "/", 200, "&#34;signedIn&#34;:true"},
		{"the page's files to anybody", "", "GET", "/app/main.js", 200, "import"},
		{"no other file", "all", "GET", "/app/index.html", 404, ""},
		{"the page, which asks for the files where they are", "all", "GET", "/", 200, "src=\"/app/main.js\""},
		{"a wrong token in the address", "", "GET", "/?token=wrong", 401, "not known"},
		{"a file of the former address", "all", "GET", "/next/main.js", 404, ""},
		{"leaving by a link", "all", "GET", "/logout", 405, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := fetch(t, s, test.token, test.method, test.path, "")
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Errorf("got %d %.100q, want %d with %q", got.status, got.body, test.status, test.says)
			}
			if csp := got.header.Get("Content-Security-Policy"); strings.HasPrefix(test.name, "the page") && !strings.Contains(csp, "default-src 'self'") {
				t.Errorf("Content-Security-Policy: %q", csp)
			}
		})
	}
	part := fetch(t, s, "all", http.MethodGet, "/media/"+apitest.AssetOf("harbour"), "", "Range", "bytes=4-7")
	if part.status != http.StatusPartialContent || part.body != "ftyp" {
		t.Errorf("a part of a film: %d %q", part.status, part.body)
	}
	form := url.Values{"token": {"all"}}.Encode()
	in := fetch(t, s, "", http.MethodPost, "/login", form, "Content-Type", "application/x-www-form-urlencoded")
	cookie := in.header.Get("Set-Cookie")
	if in.status != http.StatusSeeOther || in.header.Get("Location") != "/" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("entering: %d %v", in.status, in.header)
	}
}

type fetched struct {
	status int
	header http.Header
	body   string
}

func fetch(t *testing.T, s *apitest.Server, token, method, path, body string, header ...string) fetched {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fetched{resp.StatusCode, resp.Header, string(b)}
}
