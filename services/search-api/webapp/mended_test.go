package webapp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// A link from a colleague leads to its question, also where a token is asked for first and where the first token is wrong; a session that
// ends while somebody types does not lose the question; Back leads to the question before.
func TestQuestionsAreKept(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.do(chromedp.Navigate(s.URL + "/?q=coffee&way=dialogue&title=harbour"))
	b.until("document.querySelector('input[name=token]')")
	b.do(chromedp.SendKeys("#token", "wrong\r"))
	b.until("document.querySelector('[role=alert]')")
	b.do(chromedp.SendKeys("#token", "all\r"))
	b.until(hits + ".length > 0")
	if got := get[string](b, "location.search+' '+document.querySelector('#box').value+' '+document.querySelector('#title').value"); got != "?q=coffee&way=dialogue&title=harbour coffee harbour" {
		t.Errorf("after signing in the page asks %q", got)
	}
	// The next question is a new entry of the history, and Back leads to the question before.
	b.do(chromedp.Click(".hit"))
	b.until("document.querySelector('#player').open")
	b.do(press(kb.Escape))
	b.until("!document.querySelector('#player').open")
	b.asks("keeper")
	b.until("location.search.includes('keeper')")
	b.do(chromedp.Evaluate[chromedp.Void]("history.back()"))
	b.until("location.search.includes('coffee') && document.querySelector('#box').value == 'coffee' && document.querySelector('mark')?.textContent == 'coffee'")

	// Somebody leaves in another tab.
	b.do(chromedp.Evaluate[chromedp.Void]("fetch('/logout', {method: 'POST'}).then(() => { window.left = true })"))
	b.until("window.left")
	b.empty()
	b.do(chromedp.SendKeys("#box", "storm"))
	b.until("document.querySelector('input[name=token]')")
	b.do(chromedp.SendKeys("#token", "all\r"))
	b.until("document.querySelector('mark')?.textContent == 'storm'")

	// The address after signing in is of this page, whatever was asked.
	for query, want := range map[string]string{
		"q=lamp&token=all": "/?q=lamp", "//elsewhere.example/?q=1": "/?%2F%2Felsewhere.example%2F%3Fq=1", "": "/", "token=x": "/",
	} {
		form := url.Values{"token": {"all"}, "query": {query}}.Encode()
		in := fetch(t, s, "", http.MethodPost, "/login", form, "Content-Type", "application/x-www-form-urlencoded")
		if in.status != http.StatusSeeOther || in.header.Get("Location") != want {
			t.Errorf("%q leads to %d %q, want %q", query, in.status, in.header.Get("Location"), want)
		}
	}
	if page := fetch(t, s, "", http.MethodGet, `/?q="><script>x</script>`, ""); strings.Contains(page.body, "<script>x") {
		t.Errorf("the question became part of the page: %s", page.body)
	}
}

// A filter that does nothing says so; without the server the hits stay and the question is asked again; focus is seen.
func TestMendedPage(t *testing.T) {
	l := apitest.New(t)
	film := harbour("harbour")
	film.Text = []*pb.TextTrack{{Language: "en"}, {Language: "es"}}
	l.Add(l.Shoot(film))
	s := l.Serve(tokens)
	var gone atomic.Bool
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			panic(http.ErrAbortHandler) // the connection ends, as the connection of a stopped server
		}
		s.Service.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	b := open(t, 1200, 800)
	b.enter(&apitest.Server{URL: door.URL}, "&q=lighthouse&way=look&lang=es")
	b.until("document.querySelector('#status').textContent.includes('language filter does nothing')")
	b.do(chromedp.Click("input[value=dialogue] + span"))
	b.asks("capitán")
	b.until(hits + ".length > 0 && !document.querySelector('#status').textContent.includes('does nothing')")

	before := get[int](b, hits+".length")
	gone.Store(true)
	b.do(chromedp.SendKeys("#box", " solo"))
	b.until("document.querySelector('#status.bad')?.textContent.includes('trying again')")
	if n := get[int](b, hits+".length"); n != before {
		t.Errorf("%d hits are shown without the server, want the %d of before", n, before)
	}
	gone.Store(false)
	b.until("!document.querySelector('#status.bad') && document.querySelector('#status').textContent.includes('moment')")

	outlined := func(what, element string) {
		t.Helper()
		b.until("(e => e && getComputedStyle(e).outlineStyle == 'solid' && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(" + element + ")")
	}
	// After a click the browser calls no focus visible by itself.
	b.do(chromedp.Click(".hit"))
	b.until("document.querySelector('#player').open && document.querySelectorAll('#lanes .lane').length > 0") // the buttons move when the lanes come
	b.do(chromedp.Click("#detail .tools button:last-child"))
	b.until("!document.querySelector('#player').open")
	outlined("the hit that was played", "document.activeElement.matches('.hit') && document.activeElement")
	b.do(press("3", chromedp.ModifierAlt))
	outlined("the picture", "document.querySelector('.drop:focus-within')")
	b.do(chromedp.Evaluate[chromedp.Void]("document.querySelector('.brand').focus()"), press(kb.Tab))
	outlined("a way", "document.querySelector('input[value=picture]:focus + span')")
}
