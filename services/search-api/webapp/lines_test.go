package webapp_test

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// A hit is told in the language of the browser, with the line that matched beneath; and By title shows the first hit of each title with the number
// of its matches, which leads to them all.
func TestLinesAndGroups(t *testing.T) {
	l := apitest.New(t)
	for title, name := range map[string]string{"harbour": "The Harbour", "station": "The Station"} {
		f := harbour(title)
		f.Name = name
		f.Lines = append(f.Lines, apitest.Line{From: 13, To: 15, Language: "en", Text: "Nothing else, thank you."})
		l.Add(f)
	}
	s := l.Serve(tokens)
	b := open(t, 1200, 800)
	b.enter(s, "&q=caf%C3%A9&way=dialogue")
	b.until(hits + ".length > 0")
	said := `[...document.querySelectorAll('.hit:first-child .said')].map(p => p.className + ' ' + p.lang)`
	if got := get[[]string](b, said); len(got) != 2 || got[0][:7] != "said en" || got[1] != "said beneath es" {
		t.Errorf("the lines of the first hit are %q, want English and Spanish beneath", got)
	}
	b.enter(s, "&q=lighthouse&way=query")
	b.until(hits + ".length > 1")
	b.do(chromedp.Click("label.group"))
	b.until("document.querySelectorAll('.hit .of').length > 0 && location.search.includes('group=title')")
	titles := get[[]string](b, "[...document.querySelectorAll('.hit .where span')].map(e => e.textContent)")
	if slices.Sort(titles); len(slices.Compact(slices.Clone(titles))) != len(titles) {
		t.Errorf("a title comes twice: %q", titles)
	}
	b.do(chromedp.Click(".hit"))
	b.until("[...document.querySelectorAll('#detail button')].some(e => e.textContent === 'All of this title')")
	b.do(chromedp.Evaluate[chromedp.Void]("[...document.querySelectorAll('#detail button')].find(e => e.textContent === 'All of this title').click()"))
	b.until("!document.querySelector('#player').open && document.querySelector('#title').value !== '' && !document.querySelector('#group').checked && document.querySelectorAll('.hit .of').length === 0")
}
