package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// In TestFigureRetitled a reader of a title tries to bring the film of another title under the reader's title, in ten
// ways.
func TestFigureRetitled(t *testing.T) {
	figure.Begin(t, "hostile/retitled")
	p := newHiddenFilm(t)
	all := p.scenarios()
	held := 0
	for i, s := range all {
		p.said = nil
		s.act(p)
		p.settle()
		p.look()
		verdict := "held"
		if len(p.said) > 0 {
			verdict = "BROKEN: " + strings.Join(p.said, "; ")
		} else {
			held++
		}
		t.Logf("scenario %d of %d: %s: %s", i+1, len(all), s.name, verdict)
	}
	figure.Report(t, true, figure.Result{Name: "hostile/retitled",
		Claim:    "10 scenarios of films that are moved, or claimed, between titles: no byte of a hidden film to a reader, at any door",
		Measured: fmt.Sprintf("%d of %d scenarios held; %d calls at %d doors by two callers of the other title; each door tells the owner of the film", held, len(all), p.calls, len(p.doors())),
		Pass:     held == len(all)})
}

// A hiddenFilm is a platform with a film of the reader's title, and a film of a title that the reader may not see.
type hiddenFilm struct {
	*world
	x            *target
	dir          string
	open, hidden *pb.MediaArrived
	own, asset   string // the assets of the two films
	path         string // of the hidden film
	piece        []byte // of the hidden film, and of no other
	thumbnail    string // of the hidden film
	insider      string // a token of the open title with the roles ingest and retitle
	reader       string // a token of the open title
	sender       string // a token of every title with the role ingest
	calls        int
	ids          int
	said         []string // faults of the scenario under way
}

const (
	openTitle   = "southern-light"
	hiddenTitle = "northern-secret"
)

func newHiddenFilm(t *testing.T) *hiddenFilm {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &hiddenFilm{dir: dir}
	f := shortFilm(1)
	f.Name = openTitle
	p.open, _ = film(t, f, dir)
	f = shortFilm(2)
	f.Name = hiddenTitle
	m, truth := film(t, f, dir)
	p.hidden, p.path = m, truth.Path
	p.piece = enlarge(t, truth.Path)
	p.world = newWorld(t, t.TempDir(), dir)
	p.x = &target{t: t, server: p.server()}
	moreTokens(t, p.cfg.TokenFile, func(add addToken) {
		p.insider, p.reader, p.sender = add("insider", openTitle, "ingest", "retitle"), add("reader", openTitle), add("sender", "*", "ingest")
	})
	p.ingest(p.open, p.hidden)
	p.own, p.asset = p.world.asset(openTitle).GetId(), p.world.asset(hiddenTitle).GetId()
	for _, h := range p.hits(p.token, "dialogue.phrase:7002") {
		p.thumbnail = h.GetThumbnail()
	}
	if p.thumbnail == "" {
		t.Fatal("the hidden film has no thumbnail")
	}
	for _, token := range []string{p.insider, p.reader, p.sender} {
		p.until("the file of tokens is read", func() bool {
			return p.x.send(http.MethodPost, searchPath+"ListTitles", token, "application/json", []byte("{}")).is == "200"
		})
	}
	// Each door shows the film to its owner: a door that shows the film to no caller would prove nothing.
	for _, d := range p.doors() {
		if !d.own && p.tells(d, p.token) == "" {
			t.Fatalf("the door %q does not tell the owner of the film", d.name)
		}
	}
	p.look()
	if len(p.said) > 0 {
		t.Fatalf("before the scenarios: %q", p.said)
	}
	return p
}

// enlarge adds 32 MiB to an MP4 file, in a box that players skip, so that a transfer outlasts the buffers of a
// connection. enlarge returns a piece of the film.
func enlarge(t *testing.T, path string) []byte {
	t.Helper()
	film, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	box := make([]byte, size)
	binary.BigEndian.PutUint32(box, size)
	copy(box[4:], "free")
	rng := rand.NewChaCha8(sha256.Sum256([]byte(path)))
	_, _ = rng.Read(box[8:])
	if err := os.WriteFile(path, append(film, box...), 0o600); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(film[len(film)/2 : len(film)/2+256])
}

func (p *hiddenFilm) until(what string, ok func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited two minutes until %s", what)
		}
	}
}

// settle waits until the ingestor has handled every event.
func (p *hiddenFilm) settle() {
	p.t.Helper()
	p.until("the ingestor has handled its events", func() bool {
		lags, err := p.Events.Lag(p.ctx, events.HopIngestor.Group, events.HopIngestor.Topics...)
		return err == nil && events.Waiting(lags) == 0
	})
}

func (p *hiddenFilm) wrong(format string, args ...any) {
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

// A door is a way to ask for the hidden film. told returns the parts of an answer about the film, or nothing.
type door struct {
	name         string
	method, path string
	body         string
	told         func(v verdict) string
	own          bool // the door asks for the reader's own film
}

// marks are words that no answer to a reader of the open title may contain.
func (p *hiddenFilm) marks() []string {
	return []string{p.asset, hiddenTitle, "7002", "8002", "9002", string(p.piece)}
}

func (p *hiddenFilm) marked(s string) string {
	for _, m := range p.marks() {
		if strings.Contains(s, m) {
			return clipped(fmt.Sprintf("%q", m), 60)
		}
	}
	return ""
}

func (p *hiddenFilm) doors() []door {
	answered := func(v verdict) string { // of a request that names the film: every answer except a refusal is about the film
		if strings.HasPrefix(v.is, "2") {
			return "answered " + v.is
		}
		return ""
	}
	mentions := func(v verdict) string { return p.marked(v.said) }
	hits := func(v verdict) string { // an answer repeats the query: only its hits count
		var r pb.SearchResponse
		if v.is != "200" || schema.UnmarshalJSON([]byte(v.said), &r) != nil {
			return ""
		}
		b, err := schema.MarshalJSON(&pb.SearchResponse{Hits: r.GetHits()})
		if err != nil {
			p.t.Fatal(err)
		}
		return p.marked(string(b))
	}
	data := func(v verdict) string { // an error of GraphQL repeats the id
		var r struct{ Data json.RawMessage }
		if json.Unmarshal([]byte(v.said), &r) != nil {
			return ""
		}
		return p.marked(string(r.Data))
	}
	get := func(name, path string, told func(verdict) string) door {
		return door{name: name, method: http.MethodGet, path: path, told: told}
	}
	call := func(name, method string, told func(verdict) string, body map[string]any) door {
		return door{name: name, method: http.MethodPost, path: searchPath + method, body: encoded(p.t, body), told: told}
	}
	search := func(q string, told func(verdict) string) door {
		return call("a search for "+q, "Search", told, map[string]any{"q": q, "limit": 200})
	}
	graph := func(name, q string) door {
		return door{name: "GraphQL: " + name, method: http.MethodPost, path: "/graphql", body: encoded(p.t, map[string]any{"query": q}), told: data}
	}
	own := get("the reader's own film", "/media/"+p.own, mentions)
	own.own = true
	return []door{
		get("the film", "/media/"+p.asset, answered), get("a thumbnail", p.thumbnail, answered), own,
		search("dialogue:harbour", hits), search("dialogue.phrase:7002", hits), search(`dialogue:"ships by a lighthouse"`, hits), search("dialogue:hafen", hits),
		search("look:water", hits), search(`shot:"`+p.own+`@1s"`, hits), search(`frame:"`+p.own+`@1s"`, hits), search("dialogue:harbour title:"+hiddenTitle, hits),
		search(`frame:"`+p.asset+`@1s"`, answered), search(`shot:"`+p.asset+`@1s"`, answered), search("dialogue:harbour asset:"+p.asset, hits),
		call("the asset", "GetAsset", answered, map[string]any{"asset": p.asset}),
		call("its annotations", "ListAnnotations", answered, map[string]any{"asset": p.asset}),
		call("the status", "GetStatus", mentions, map[string]any{}), call("the titles", "ListTitles", mentions, map[string]any{}),
		graph("the asset", fmt.Sprintf(`{asset(id:%q){asset{id title{id name}}}}`, p.asset)),
		graph("a search", `{search(q:"dialogue:harbour"){hits{asset title text}}}`),
		graph("the titles", `{titles{titles{title{id name}}}}`),
		graph("the annotations", fmt.Sprintf(`{annotations(asset:%q){annotations{asset text}}}`, p.asset)),
		graph("the status", `{status{asset title}}`),
	}
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (p *hiddenFilm) tells(d door, token string) string {
	contentType := ""
	if d.body != "" {
		contentType = "application/json"
	}
	p.calls++
	return d.told(p.x.send(d.method, d.path, token, contentType, []byte(d.body)))
}

// look asks at every door as each caller who may not see the film, and checks the film's title.
func (p *hiddenFilm) look() {
	p.t.Helper()
	a, err := p.Store.Asset(p.ctx, p.asset)
	if err != nil {
		p.t.Fatal(err)
	}
	if got := a.GetTitle().GetId(); got != hiddenTitle {
		p.wrong("the film is of title %s", got)
	}
	for name, token := range map[string]string{"reader": p.reader, "insider": p.insider} {
		for _, d := range p.doors() {
			if told := p.tells(d, token); told != "" {
				p.wrong("%s tells the %s: %s", d.name, name, told)
			}
		}
	}
}

func (p *hiddenFilm) hits(token, q string) []*pb.Hit {
	p.t.Helper()
	return p.page(token, q, 200, "").GetHits()
}

func (p *hiddenFilm) page(token, q string, limit int, cursor string) *pb.SearchResponse {
	p.t.Helper()
	v := p.turn(token, q, limit, cursor)
	var r pb.SearchResponse
	if err := schema.UnmarshalJSON([]byte(v.said), &r); v.is != "200" || err != nil {
		p.t.Fatalf("searching %s: %v", q, v)
	}
	return &r
}

func (p *hiddenFilm) turn(token, q string, limit int, cursor string) verdict {
	return p.x.send(http.MethodPost, searchPath+"Search", token, "application/json", []byte(encoded(p.t, map[string]any{"q": q, "limit": limit, "cursor": cursor})))
}

// claim is the event that claims the hidden film for the open title.
func (p *hiddenFilm) claim(change ...func(*pb.MediaArrived)) *pb.MediaArrived {
	m := &pb.MediaArrived{Title: &pb.Title{Id: openTitle, Name: openTitle}, Url: p.hidden.GetUrl()}
	for _, c := range change {
		c(m)
	}
	return m
}

// post sends an event, and checks the answer against the wanted answers.
func (p *hiddenFilm) post(token string, m *pb.MediaArrived, want string, attributes ...string) {
	p.t.Helper()
	data, err := schema.MarshalJSON(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.postData(token, string(data), want, attributes...)
}

func (p *hiddenFilm) postData(token, data, want string, attributes ...string) {
	p.t.Helper()
	p.ids++
	event := fmt.Sprintf(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"test","id":"retitled-%d","data":%s%s}`, p.ids, data, strings.Join(append([]string{""}, attributes...), ","))
	if v := p.x.send(http.MethodPost, "/events", token, structured, []byte(event)); !slices.Contains(strings.Split(want, "|"), v.is) {
		p.wrong("an event is answered %s %s, want %s", v.is, clipped(v.said, 200), want)
	}
}

// write writes an event into a topic, past the door.
func (p *hiddenFilm) write(topic events.Topic, ev events.Event) {
	p.t.Helper()
	if err := p.Events.Publish(p.ctx, topic, ev); err != nil {
		p.t.Fatal(err)
	}
}

// move moves the film to a title, by right.
func (p *hiddenFilm) move(title string) {
	p.t.Helper()
	p.settle()
	p.post(p.token, &pb.MediaArrived{Title: &pb.Title{Id: title, Name: title}, Url: p.hidden.GetUrl()}, "202")
	p.settle()
	a, err := p.Store.Asset(p.ctx, p.asset)
	if err != nil || a.GetTitle().GetId() != title {
		p.t.Fatalf("the owner moves the film to %s: it is of %s, %v", title, a.GetTitle().GetId(), err)
	}
}

type scenario struct {
	name string
	act  func(*hiddenFilm)
}

func (p *hiddenFilm) scenarios() []scenario {
	return []scenario{
		{"events over HTTP without the right to move the film", (*hiddenFilm).overHTTP},
		{"events written into media.arrived", (*hiddenFilm).pastTheDoor},
		{"forged attributes and fields", (*hiddenFilm).forged},
		{"many events at the same time, over both ways", (*hiddenFilm).atOnce},
		{"old events come again after a rightful move", (*hiddenFilm).replayed},
		{"side-cars alone", (*hiddenFilm).sideCars},
		{"series and episode changed", (*hiddenFilm).series},
		{"the reader's own file gets the bytes of the hidden film", (*hiddenFilm).swapped},
		{"a rightful move there and back under a cursor, a transfer and a thumbnail's address", (*hiddenFilm).thereAndBack},
		{"side-cars deleted", (*hiddenFilm).withoutSideCars},
	}
}

func (p *hiddenFilm) overHTTP() {
	p.post("", p.claim(), "401")
	p.post("guess", p.claim(), "401")
	p.post(p.reader, p.claim(), "403")
	p.post(p.insider, p.claim(), "202|403") // the insider may move films, but not from the hidden title
	p.post(p.sender, p.claim(), "202|403")  // the sender may send events of all titles, and move nothing
	p.post(p.insider, p.claim(func(m *pb.MediaArrived) { m.Title.Id = hiddenTitle }), "403")
}

func (p *hiddenFilm) pastTheDoor() {
	p.write(events.MediaArrived, events.Event{Data: p.claim()})
	p.write(events.MediaArrived, events.Event{Subject: p.asset, Data: p.claim()})
	p.write(events.MediaArrived, events.Event{Time: time.Now().Add(24 * time.Hour), Data: p.claim(func(m *pb.MediaArrived) { m.ReplaceText = true })})
}

func (p *hiddenFilm) forged() {
	p.write(events.MediaArrived, events.Event{Extensions: map[string]string{"caller": "owner", "retitle": "*", "roles": "retitle"}, Data: p.claim()})
	// A contract may refuse the type at once. If the contract does not, the event must have no right.
	_ = p.Events.Publish(p.ctx, events.MediaArrived, events.Event{Type: "cinedex.media.accepted.v1", Data: p.claim()})
	p.post(p.sender, p.claim(), "202|400|403", `"retitle":"*"`, `"caller":"owner"`)
	p.post(p.sender, p.claim(func(m *pb.MediaArrived) {
		m.Attributes = map[string]*pb.Value{"retitle": {Kind: &pb.Value_Text{Text: "*"}}, "revision": {Kind: &pb.Value_Text{Text: "1000"}}}
	}), "202|400|403")
	data, err := schema.MarshalJSON(p.claim())
	if err != nil {
		p.t.Fatal(err)
	}
	p.postData(p.sender, fmt.Sprintf(`{"arrived":%s,"caller":"owner","retitle":["*"]}`, data), "400")
	p.postData(p.sender, strings.Replace(string(data), "{", `{"retitle":["*"],`, 1), "400")
}

func (p *hiddenFilm) atOnce() {
	data, err := schema.MarshalJSON(p.claim())
	if err != nil {
		p.t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			switch i % 3 {
			case 0:
				if err := p.Events.Publish(p.ctx, events.MediaArrived, events.Event{ID: fmt.Sprint("at-once-", i), Data: p.claim()}); err != nil {
					p.t.Error(err)
				}
			default:
				token := []string{p.sender, p.insider}[i%2]
				p.x.send(http.MethodPost, "/events", token, structured, fmt.Appendf(nil, arrivedAs, data))
			}
		})
	}
	wg.Go(func() { // and an honest event of the film's own title
		if err := p.Events.Publish(p.ctx, events.MediaArrived, events.Event{Data: p.hidden}); err != nil {
			p.t.Error(err)
		}
	})
	wg.Wait()
}

func (p *hiddenFilm) replayed() {
	p.move(openTitle)
	was, err := p.Store.Asset(p.ctx, p.asset)
	if err != nil {
		p.t.Fatal(err)
	}
	was = proto.CloneOf(was)
	p.move(hiddenTitle)
	right := []string{"*"}
	p.write(events.MediaAccepted, events.Event{Data: &pb.MediaAccepted{Arrived: p.claim(), Caller: "owner", AcceptedMs: was.GetTitledMs(), Retitle: right}})
	p.write(events.MediaAccepted, events.Event{Data: &pb.MediaAccepted{Arrived: p.claim(), Caller: "owner", AcceptedMs: was.GetTitledMs() - 1000, Retitle: right}})
	p.write(events.MediaArrived, events.Event{Data: p.claim()})
	p.write(events.MediaReady, events.Event{Subject: was.GetId(), Data: &pb.MediaReady{Asset: was}})
}

func (p *hiddenFilm) sideCars() {
	cars := func(m *pb.MediaArrived) { m.Text = p.hidden.GetText() }
	p.post(p.insider, p.claim(cars), "202|403")
	p.write(events.MediaArrived, events.Event{Data: p.claim(cars)})
	p.write(events.MediaArrived, events.Event{Data: p.claim(cars, func(m *pb.MediaArrived) { m.ReplaceText = true })})
	own := func(m *pb.MediaArrived) { m.Text = p.open.GetText() }
	p.post(p.insider, p.claim(own), "202|403")
}

func (p *hiddenFilm) series() {
	of := func(m *pb.MediaArrived) { m.Title.Series, m.Title.Season, m.Title.Episode = "southern", 1, 2 }
	p.post(p.insider, p.claim(of), "202|403")
	p.write(events.MediaArrived, events.Event{Data: p.claim(of)})
	// By right, the hidden film becomes an episode of the series of the reader's own film: a series opens nothing.
	p.post(p.token, &pb.MediaArrived{Title: &pb.Title{Id: openTitle, Series: "southern", Season: 1, Episode: 1}, Url: p.open.GetUrl()}, "202")
	p.post(p.token, &pb.MediaArrived{Title: &pb.Title{Id: hiddenTitle, Series: "southern", Season: 1, Episode: 2}, Url: p.hidden.GetUrl()}, "202")
	p.settle()
	for _, h := range p.hits(p.reader, "dialogue:harbour series:southern") {
		if h.GetAsset() != p.own {
			p.wrong("a search in the series finds %s", h.GetAsset())
		}
	}
}

func (p *hiddenFilm) swapped() {
	path := filepath.Join(p.dir, openTitle+".mp4")
	was, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	secret, err := os.ReadFile(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, secret, 0o600); err != nil {
		p.t.Fatal(err)
	}
	claim := &pb.MediaArrived{Title: &pb.Title{Id: openTitle}, Url: p.open.GetUrl()}
	p.post(p.insider, claim, "202|403")
	p.write(events.MediaArrived, events.Event{Data: claim})
	p.settle()
	p.look()
	if err := os.WriteFile(path, was, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *hiddenFilm) thereAndBack() {
	p.move(openTitle)
	const q = "dialogue:harbour title:" + openTitle
	first := p.page(p.reader, q, 1, "")
	if first.GetCursor() == "" {
		p.t.Fatal("there is no second page")
	}
	if v := p.x.send(http.MethodGet, p.thumbnail, p.reader, "", nil); v.is != "200" {
		p.t.Fatalf("a thumbnail of a film that the reader may see: %s", v.is)
	}
	transfer := p.transfer(p.reader)
	defer transfer.Close()
	got, err := io.CopyN(io.Discard, transfer, 64<<10)
	if err != nil {
		p.t.Fatalf("a film that the reader may see: %v", err)
	}
	p.move(hiddenTitle)
	time.Sleep(time.Second) // longer than the interval between two checks of a transfer, while the transfer waits for its reader

	if v := p.turn(p.reader, q, 1, first.GetCursor()); v.is != "400" || !strings.Contains(v.said, "the library has changed too much since; search again") {
		p.wrong("the cursor is answered %s", v.is)
	}
	if v := p.x.send(http.MethodGet, p.thumbnail, p.reader, "", nil, `If-None-Match: "a"`); v.is != "404" {
		p.wrong("the thumbnail's address is answered %s", v.is)
	}
	a, err := p.Store.Asset(p.ctx, p.asset)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, header := range []string{"Range: bytes=65536-", `If-None-Match: "` + a.GetSha256() + `"`} {
		if v := p.x.send(http.MethodGet, "/media/"+p.asset, p.reader, "", nil, header); v.is != "404" {
			p.wrong("the film, asked for with %s, is answered %s", header, v.is)
		}
	}
	// Full buffers stopped the transfer, so only the buffered bytes may still come.
	rest, err := io.Copy(io.Discard, transfer)
	if got += rest; err == nil || errors.Is(err, os.ErrDeadlineExceeded) || got >= a.GetSizeBytes() {
		p.wrong("the transfer went on: %d of %d bytes, %v", got, a.GetSizeBytes(), err)
	}
}

// transfer begins to read the film over a connection with small buffers.
func (p *hiddenFilm) transfer(token string) io.ReadCloser {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ReadBufferSize: 4096, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return c, errors.Join(c.(*net.TCPConn).SetReadBuffer(64<<10), c.SetDeadline(time.Now().Add(2*time.Minute)))
	}}}
	u, err := url.JoinPath(p.server(), "media", p.asset)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("the film is answered %s", resp.Status)
	}
	return resp.Body
}

func (p *hiddenFilm) withoutSideCars() {
	for _, c := range p.hidden.GetText() {
		u, err := url.Parse(c.GetUrl())
		if err != nil {
			p.t.Fatal(err)
		}
		if err := os.Remove(filepath.FromSlash(u.Path)); err != nil {
			p.t.Fatal(err)
		}
	}
	cars := func(m *pb.MediaArrived) { m.Text = p.hidden.GetText() }
	replace := func(m *pb.MediaArrived) { m.ReplaceText = true }
	p.post(p.insider, p.claim(cars), "202|403")
	p.post(p.insider, p.claim(replace), "202|403")
	p.write(events.MediaArrived, events.Event{Data: p.claim(cars, replace)})
	p.write(events.MediaArrived, events.Event{Data: p.claim(replace)})
	// The owner's own event drops the tracks, by right, and opens nothing.
	p.post(p.token, &pb.MediaArrived{Title: &pb.Title{Id: hiddenTitle}, Url: p.hidden.GetUrl(), ReplaceText: true}, "202")
}
