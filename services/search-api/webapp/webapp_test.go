package webapp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
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

	"github.com/cinedex/cinedex/pkg/schema"
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

// enter opens the page by the link of `cinedex demo`.
func (b tab) enter(s *apitest.Server, query string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.URL + "/?token=all" + query))
	b.until("document.querySelectorAll('#title option').length > 1")
}

// asks types words into the box and waits for the hits.
func (b tab) asks(text string) {
	b.t.Helper()
	b.empty()
	b.do(chromedp.SendKeys("#box", text))
	b.until("document.querySelector('#hits').ariaBusy == 'false'")
}

// press presses keys as hands do: a key that the page takes for itself types nothing, which is not so
// where the browser is told of the key and of the letter apart.
func press(keys string, modifiers ...chromedp.Modifier) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, key := range keys {
			events := kb.Encode(key)
			down, up := *events[0], *events[len(events)-1]
			if len(events) > 2 && len(modifiers) == 0 {
				down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
			}
			for _, event := range []input.DispatchKeyEventParams{down, up} {
				for _, m := range modifiers {
					event.Modifiers |= int64(m)
				}
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, event); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// empty clears the box and the last status.
func (b tab) empty() {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void]("document.querySelector('#box').value = document.querySelector('#status').textContent = ''"))
}

const hits = "[...document.querySelectorAll('.hit')]"

func TestEntering(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.do(chromedp.Navigate(s.URL + "/"))
	b.until("document.querySelector('input[name=token]')")
	b.shot("login")
	b.do(chromedp.SendKeys("#token", "wrong\r"))
	b.until("document.querySelector('[role=alert]')")
	b.shot("login-wrong")
	if got := b.text("[role=alert]"); !strings.Contains(got, "not known") {
		t.Errorf("a wrong token is answered with %q", got)
	}
	b.do(chromedp.SendKeys("#token", "harbour-only\r"))
	b.until("document.querySelectorAll('#title option').length > 1")
	if n := get[int](b, "document.querySelectorAll('#title option').length"); n != 2 {
		t.Errorf("%d titles to choose from, want all and the one", n)
	}
	b.do(chromedp.Click("header button.quiet"))
	b.until("document.querySelector('input[name=token]')")

	b.enter(s, "&q=coffee&way=dialogue")
	if got := get[string](b, "location.href"); got != s.URL+"/?q=coffee&way=dialogue" {
		t.Errorf("the address is %s", got)
	}
	b.until(hits + ".length > 0")
	if got := get[string](b, "document.cookie"); got != "" {
		t.Errorf("scripts can read the token: %q", got)
	}
}

func TestSearching(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.enter(s, "")
	b.asks("coffee")
	b.until(hits + "[0].querySelector('img').naturalWidth > 0")
	b.shot("said")
	got := get[map[string]any](b, `(() => { const h = document.querySelector('.hit'); return {
		still: h.querySelector('img').naturalWidth, timecode: h.querySelector('b').textContent, marked: [...h.querySelectorAll('mark')].map(m => m.textContent).join(),
		title: h.querySelector('.where span').textContent, said: h.querySelector('.said').textContent, why: h.querySelector('.why').textContent } })()`)
	for what, want := range map[string]any{"still": 320.0, "timecode": "01:00:10:00", "marked": "coffee", "title": "The Harbour"} {
		if got[what] != want {
			t.Errorf("%s: got %v, want %v", what, got[what], want)
		}
	}
	if !strings.Contains(fmt.Sprint(got["said"]), "A black coffee, captain.") || !strings.Contains(fmt.Sprint(got["why"]), "dialogue · words") {
		t.Errorf("said %q, why %q", got["said"], got["why"])
	}

	// The content of a subtitle is text.
	b.asks("storm")
	if got := b.text(".hit .said"); !strings.Contains(got, "<script>document.title='owned'</script> storm") {
		t.Errorf("said %q", got)
	}
	if n := get[int](b, "document.querySelectorAll('.said img, .said script').length"); n != 0 || get[string](b, "document.title") != "Cinedex" {
		t.Errorf("a subtitle became %d elements of the page", n)
	}

	b.asks("xylophone zebra")
	if got := b.text("#status"); !strings.Contains(got, "No good match") {
		t.Errorf("words that are nowhere: %q", got)
	}
	b.shot("no-good-match")

	// The query language, and the place of an error.
	b.do(chromedp.Click("input[value=query] + span"))
	b.empty()
	b.asks(`label:"sailing boat" title:harbour`)
	if n := get[int](b, hits+".length"); n != 1 {
		t.Errorf("%d hits of a label in one title", n)
	}
	b.empty()
	b.do(chromedp.SendKeys("#box", `dialogue:"coffee`+"\r"))
	b.until("document.querySelector('#status.bad')")
	if got := b.text("#status"); !strings.Contains(got, "column 10") {
		t.Errorf("an open quote: %q", got)
	}
	b.shot("query-wrong")

	// A picture.
	file := filepath.Join(t.TempDir(), "blue.png")
	var picture bytes.Buffer
	if err := errors.Join(png.Encode(&picture, apitest.Still(apitest.Blue)), os.WriteFile(file, picture.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Click("input[value=picture] + span"), chromedp.SetUploadFiles("#file", []string{file}))
	b.until(hits + ".length == 2")
	if got := b.text(".hit b"); got != "01:00:20:00" {
		t.Errorf("a blue picture finds %s", got)
	}
	b.shot("picture")
	corrupt := filepath.Join(t.TempDir(), "corrupt.png")
	if err := os.WriteFile(corrupt, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles("#file", []string{corrupt}))
	b.until("document.querySelector('#status.bad')")
	if got := b.text("#status"); !strings.Contains(got, "cannot be read") {
		t.Errorf("a picture that is none: %q", got)
	}
}

// Everything is done without a mouse: asking, choosing, playing, stepping, going back.
func TestKeyboard(t *testing.T) {
	s := serve(t)
	b := open(t, 1200, 800)
	b.enter(s, "")
	focused := func(want string) {
		t.Helper()
		b.until(want)
	}
	b.do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"), press("/"))
	focused("document.activeElement.id == 'box'")
	b.do(press("keeper"))
	b.until(hits + ".length >= 2 && document.querySelector('#hits').ariaBusy == 'false'")
	b.do(press(kb.ArrowDown))
	focused("document.activeElement == " + hits + "[0]")
	b.do(press(kb.ArrowRight))
	focused("document.activeElement == " + hits + "[1]")
	b.shot("keyboard")
	b.do(press(kb.ArrowLeft))
	focused("document.activeElement == " + hits + "[0]")
	b.do(press(kb.Enter))
	// A browser that pauses during a seek tells the place before the seek.
	b.until("document.querySelector('#player').open && !document.querySelector('#video').paused && !document.querySelector('#video').seeking" +
		" && document.querySelector('#video').currentTime >= 1.01 && rate == 25")
	b.do(press(" "))
	b.until("document.querySelector('#video').paused")
	frame := "Math.floor(document.querySelector('#video').currentTime * 25)"
	// A browser that has paused settles on its frame a moment later.
	b.until("window.stood === (window.stood = document.querySelector('#video').currentTime)")
	before := get[int](b, frame)
	if before < 25 || before > 500 {
		t.Errorf("a moment at 1 s was stopped at frame %d", before)
	}
	for _, step := range []struct {
		key string
		to  int
	}{{".", before + 1}, {".", before + 2}, {",", before + 1}} {
		b.do(press(step.key))
		b.until(fmt.Sprintf("%s == %d && !document.querySelector('#video').seeking", frame, step.to))
	}
	b.until(fmt.Sprintf("document.querySelector('#now').textContent == %q", timecode(int64(before+1))))
	b.do(press(kb.Escape))
	focused("!document.querySelector('#player').open && document.activeElement == " + hits + "[0]")
	b.do(press(kb.ArrowUp))
	focused("document.activeElement.id == 'box'")
	b.do(press("2", chromedp.ModifierAlt))
	focused("document.querySelector('input[value=look]').checked && document.activeElement.id == 'box'")
}

func timecode(frame int64) string {
	s, err := schema.ScaleOf(schema.Rate{Num: 25, Den: 1}, false, "01:00:00:00")
	if err != nil {
		panic(err)
	}
	return s.Format(frame)
}

// A hit plays from the hit's first frame: the film's colour changes at the frame.
func TestPlaying(t *testing.T) {
	b := open(t, 1200, 800)
	for _, late := range []schema.Time{0, 2 * schema.Second} {
		playing(t, b, late)
	}
}

// playing opens a film whose pictures begin late on its own clock.
func playing(t *testing.T, b tab, late schema.Time) {
	f := harbour("harbour")
	f.Late = late
	l := apitest.New(t)
	l.Add(l.Shoot(f))
	s := l.Serve(tokens)
	b.enter(s, "&title=harbour")
	// Films begin to play by themselves; here they stand where they were opened.
	b.do(chromedp.Evaluate[chromedp.Void]("HTMLMediaElement.prototype.play = () => Promise.resolve()"))
	b.asks("coffee")
	b.do(chromedp.Click(".hit"))
	b.until("document.querySelector('#video').readyState >= 2 && !document.querySelector('#video').seeking && document.querySelector('#video').currentTime > " + fmt.Sprint(late.Seconds()+10.01))
	at := get[float64](b, "document.querySelector('#video').currentTime")
	if middle := late.Seconds() + 10.02; math.Abs(at-middle) > 0.02 {
		t.Errorf("the film stands at %.4f s, more than half a frame from the middle of frame 250", at)
	}
	if got := b.colour("#video"); !green(got) {
		t.Errorf("the frame that shows is %v", got)
	}
	b.shot("player")
	if got := b.text("#now"); got != "01:00:10:00" {
		t.Errorf("the counter says %s", got)
	}
	b.do(press(","))
	b.until("document.querySelector('#video').currentTime < " + fmt.Sprint(late.Seconds()+10) + " && !document.querySelector('#video').seeking")
	if got := b.colour("#video"); green(got) || got.R < 128 {
		t.Errorf("the frame before is %v", got)
	}
	if got := b.text("#now"); got != "01:00:09:24" {
		t.Errorf("the counter says %s", got)
	}
	// Shots like the shown frame: the red shot.
	b.do(press("l"))
	b.until("!document.querySelector('#player').open && " + hits + ".length > 0 && document.querySelector('.hit b').textContent == '01:00:00:00'")
	b.shot("like-this")
}

// TestPartOfAPicture: dragging over the paused picture asks for shots like the part. The film is red on the left half and blue on the right.
func TestPartOfAPicture(t *testing.T) {
	b := open(t, 1200, 800)
	s := serve(t)
	b.enter(s, "&title=harbour")
	b.do(chromedp.Evaluate[chromedp.Void]("HTMLMediaElement.prototype.play = () => Promise.resolve()"))
	b.asks("coffee")
	b.do(chromedp.Click(".hit"))
	b.until("!document.querySelector('#part').hidden && document.querySelector('#video').readyState >= 2 && !document.querySelector('#video').seeking")
	b.do(chromedp.Evaluate[chromedp.Void](`window.asked = []; const real = window.fetch; window.fetch = (url, o) => { if (String(url).endsWith('/Search')) window.asked.push(JSON.parse(o.body)); return real(url, o); }`))
	box := get[[]float64](b, "(() => { const r = document.querySelector('#video').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
	mouse := func(kind string, x, y float64) {
		t.Helper()
		e := input.DispatchMouseEventParams{Type: input.DispatchMouseEventType(kind), X: box[0] + x*box[2], Y: box[1] + y*box[3], Button: "left", Buttons: 1, ClickCount: 1}
		b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, input.DispatchMouseEvent, e)
			return err
		}))
	}
	mouse("mousePressed", 0.25, 0.25)
	mouse("mouseMoved", 0.4, 0.4)
	mouse("mouseMoved", 0.5, 0.6)
	b.until("document.querySelector('#part').classList.contains('drawn')")
	b.shot("part")
	mouse("mouseReleased", 0.5, 0.6)
	b.until("!document.querySelector('#player').open && window.asked.length > 0 && " + hits + ".length > 0")
	crop := get[map[string]float64](b, "window.asked[0].query.leaf.crop")
	for name, want := range map[string]float64{"x": 0.25, "y": 0.25, "w": 0.25, "h": 0.35} {
		if math.Abs(crop[name]-want) > 0.02 {
			t.Errorf("the part is %v; %s is not %.2f", crop, name, want)
		}
	}
	if got := b.text("#status"); strings.Contains(got, "No good match") {
		t.Errorf("the page says %q", got)
	}
}

func green(c color.RGBA) bool { return c.G > 128 && c.R < 100 && c.B < 100 }

// colour is the shown colour in the middle of an element.
func (b tab) colour(selector string) color.RGBA {
	b.t.Helper()
	raw, err := chromedp.Run(b.ctx, chromedp.Screenshot(selector))
	if err != nil {
		b.t.Fatal(err)
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	r := img.Bounds()
	return color.RGBAModel.Convert(img.At((r.Min.X+r.Max.X)/2, (r.Min.Y+r.Max.Y)/2)).(color.RGBA)
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
	b.enter(s, "")
	b.asks("coffee")
	if got := b.text("#status"); !strings.Contains(got, "dialogue/meaning") || !strings.Contains(got, "2 moments") {
		t.Errorf("the page says %q", got)
	}
	b.shot("partial")
}

// On a telephone nothing is wider than the screen.
func TestNarrow(t *testing.T) {
	s := serve(t)
	b := open(t, 380, 800)
	b.enter(s, "")
	narrow := func(what string) {
		t.Helper()
		if w := get[int](b, "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"); w > 380 {
			t.Errorf("%s: %d px wide", what, w)
		}
		if got := get[string](b, `[...document.querySelectorAll('header *, .hit, dialog[open] *')].filter(e => { const r = e.getBoundingClientRect(); return r.width && getComputedStyle(e).opacity != 0 && e.tagName != 'OPTION' && (r.right > 380.5 || r.left < -0.5) }).map(e => e.tagName + '.' + e.className).join()`); got != "" {
			t.Errorf("%s: beyond the edge: %s", what, got)
		}
		if got := get[string](b, `[...document.querySelectorAll('.ways span')].filter(e => e.getBoundingClientRect().right > e.closest('.ways').getBoundingClientRect().right).map(e => e.textContent).join()`); got != "" {
			t.Errorf("%s: cut off: %s", what, got)
		}
		b.shot("narrow-" + what)
	}
	narrow("empty")
	b.asks("captain")
	b.until(hits + "[0].querySelector('img').naturalWidth > 0")
	narrow("hits")
	b.do(chromedp.Click(".hit"))
	b.until("document.querySelector('#video').readyState >= 2")
	narrow("player")
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
	b.shot("graphiql-asked")
	b.until("/The Harbour|noGoodMatch/.test(document.querySelector('.result-window')?.textContent || '')")
	b.shot("graphiql")
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
		{"the page to nobody", "", "GET", "/", 200, "Your token"},
		{"the page", "all", "GET", "/", 200, "id=\"box\""},
		{"the page's files to anybody", "", "GET", "/app/app.js", 200, "use strict"},
		{"no other file", "all", "GET", "/app/index.html", 404, ""},
		{"a wrong token in the address", "", "GET", "/?token=wrong", 401, "not known"},
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
