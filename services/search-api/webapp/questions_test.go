package webapp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The address after signing in is of this server, whatever was asked, and never has a token. The former address of the application leads to the
// application, with the question.
func TestQuestionsAreKept(t *testing.T) {
	s := serve(t)
	for query, want := range map[string]string{
		"q=lamp&token=all": "/?q=lamp", "//elsewhere.example/?q=1": "/?%2F%2Felsewhere.example%2F%3Fq=1", "": "/", "token=x": "/",
	} {
		form := url.Values{"token": {"all"}, "query": {query}}.Encode()
		in := fetch(t, s, "", http.MethodPost, "/login", form, "Content-Type", "application/x-www-form-urlencoded")
		if in.status != http.StatusSeeOther || in.header.Get("Location") != want {
			t.Errorf("%q leads to %d %q, want %q", query, in.status, in.header.Get("Location"), want)
		}
	}
	for path, want := range map[string]string{
		"/next/": "/", "/next": "/", "/next/?q=label%3A%22a+b%22&group=title": "/?q=label%3A%22a+b%22&group=title", "/next/?token=all&q=lamp": "/?token=all&q=lamp",
		"/next/?view=bins&bin=b1&link=secret": "/?view=bins&bin=b1&link=secret", "/next?asset=abc&frame=250": "/?asset=abc&frame=250", "/next/?//elsewhere.example": "/?//elsewhere.example",
	} {
		moved := fetch(t, s, "", http.MethodGet, path, "")
		if moved.status != http.StatusPermanentRedirect || moved.header.Get("Location") != want || moved.header.Get("Cache-Control") != "no-store" || moved.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%q leads to %d %q (%v), want %q", path, moved.status, moved.header.Get("Location"), moved.header, want)
		}
	}
	for _, page := range []fetched{
		fetch(t, s, "", http.MethodGet, `/?q="><script>x</script>`, ""),
		fetch(t, s, "", http.MethodPost, "/login", url.Values{"token": {"wrong"}, "query": {`q="><script>x</script>`}}.Encode(), "Content-Type", "application/x-www-form-urlencoded"),
	} {
		if strings.Contains(page.body, "<script>x") || !strings.Contains(page.body, "%3Cscript%3Ex") {
			t.Errorf("the question became part of the page, or is lost: %s", page.body)
		}
	}
}
