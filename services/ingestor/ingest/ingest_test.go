package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A world is an ingestor over a real log, store, bucket and ffmpeg.
type world struct {
	t      *testing.T
	events *events.Client
	store  *pebblestore.Store
	server *httptest.Server
	blobs  *blob.Blobs
	dir    string // of the films
	audit  bytes.Buffer
	ids    int
}

// fileTokens are the tokens of the tests. Each token is its own name.
const fileTokens = `tokens:
  - {name: owner, sha256: %x, titles: ["*"], roles: [operator, batch, ingest, retitle]}
  - {name: sender-of-open, sha256: %x, titles: [open], roles: [ingest]}
  - {name: mover-of-open, sha256: %x, titles: [open, other], roles: [ingest, retitle]}
  - {name: mover-without-ingest, sha256: %x, titles: ["*"], roles: [retitle]}
  - {name: reader, sha256: %x, titles: ["*"]}
  - {name: operator, sha256: %x, titles: ["*"], roles: [operator]}
`

// newWorld starts a world. change may wrap the log or the library of the ingestor.
func newWorld(t *testing.T, change func(*Deps)) *world {
	t.Helper()
	cfg := Default()
	cfg.Workers = 8
	return newWorldOf(t, cfg, change)
}

func newWorldOf(t *testing.T, cfg Config, change func(*Deps)) *world {
	t.Helper()
	cache := must[model.Cache](t)(model.OpenCache(""))
	tools := media.Tools{}
	for name, at := range map[string]*string{"ffmpeg": &tools.FFmpeg, "ffprobe": &tools.FFprobe} {
		path, err := cache.Tool(name)
		if err != nil && os.Getenv("CINEDEX_REQUIRE_ALL") != "1" {
			t.Skipf("lacks %s: %v", name, err)
		}
		*at = must[string](t)(path, err)
	}
	w := &world{t: t, dir: must[string](t)(filepath.EvalSymlinks(t.TempDir()))}
	home := t.TempDir()
	b := must[*broker.Broker](t)(broker.Open(broker.Config{Dir: filepath.Join(home, "log")}))
	t.Cleanup(func() { _ = b.Close() })
	at := events.Default()
	at.Brokers = []string{b.Addr()}
	log := slog.New(slog.DiscardHandler)
	w.events = must[*events.Client](t)(events.New(at, events.Deps{Logger: log, Registerer: prometheus.NewRegistry()}))
	t.Cleanup(func() { _ = w.events.Close() })
	if _, err := w.events.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	w.store = must[*pebblestore.Store](t)(pebblestore.Open(pebblestore.Config{Dir: filepath.Join(home, "store"), CacheBytes: 8 << 20}, pebblestore.Deps{Log: log}))
	t.Cleanup(func() { _ = w.store.Close() })
	blobs := blob.Default()
	blobs.Bucket, blobs.Roots = "file://"+filepath.Join(home, "media"), []string{w.dir}
	if cfg.Uploads.Folder != "" {
		blobs.Roots = append(blobs.Roots, cfg.Uploads.Folder)
	}
	deps := Deps{
		Events: w.events, Library: w.store, Log: log, Registerer: prometheus.NewRegistry(),
		Reader: must[*media.Reader](t)(media.NewReader(media.Default(), tools, log)),
		Blobs:  must[*blob.Blobs](t)(blob.Open(t.Context(), blobs, blob.Deps{})),
	}
	t.Cleanup(func() { _ = deps.Blobs.Close() })
	w.blobs = deps.Blobs
	tokens := filepath.Join(home, "tokens.yaml")
	var sums []any
	for _, name := range []string{"owner", "sender-of-open", "mover-of-open", "mover-without-ingest", "reader", "operator"} {
		sums = append(sums, sum256(name))
	}
	if err := os.WriteFile(tokens, fmt.Appendf(nil, fileTokens, sums...), 0o600); err != nil {
		t.Fatal(err)
	}
	deps.Authoriser = must[*authz.File](t)(authz.OpenFile(tokens, authz.Deps{}))
	deps.Audit = must[*audit.Log](t)(audit.Open(audit.Default(), audit.Deps{Output: &w.audit, Registerer: prometheus.NewRegistry()}))
	if change != nil {
		change(&deps)
	}
	s := must[*Service](t)(New(cfg, deps))
	mux := http.NewServeMux()
	s.Register(mux)
	w.server = httptest.NewServer(rpc.Guard("127.0.0.1:0", nil, nil, mux))
	t.Cleanup(w.server.Close)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	t.Cleanup(func() { stop(); serving.Wait() })
	return w
}

func sum256(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

// film makes a film of a second and returns its URL. Films with the same name have the same bytes.
func (w *world) film(name string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name+".mp4")
	tool := must[string](w.t)(must[model.Cache](w.t)(model.OpenCache("")).Tool("ffmpeg"))
	out, err := exec.Command(tool, "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=160x90:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-metadata", "comment="+name, "-fflags", "+bitexact", path).CombinedOutput()
	if err != nil {
		w.t.Fatalf("making a film: %v: %s", err, out)
	}
	return "file://" + path
}

// text writes a side-car with a single line.
func (w *world) text(language, line string) *pb.SideCar {
	w.t.Helper()
	path := filepath.Join(w.dir, fmt.Sprintf("%s-%x.srt", language, sum256(line)))
	if err := os.WriteFile(path, []byte("1\n00:00:00,000 --> 00:00:00,900\n"+line+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return &pb.SideCar{Url: "file://" + path, Language: language}
}

// post sends an event over HTTP.
func (w *world) post(token string, m *pb.MediaArrived) (status int, body string) {
	w.t.Helper()
	w.ids++
	return w.postAs(fmt.Sprint("event-", w.ids), m, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
}

func (w *world) postAs(id string, m *pb.MediaArrived, change func(*http.Request)) (status int, body string) {
	w.t.Helper()
	data := must[[]byte](w.t)(schema.MarshalJSON(m))
	event := must[[]byte](w.t)(json.Marshal(map[string]any{"specversion": "1.0", "type": "cinedex.media.arrived.v1", "source": "/test", "id": id, "data": json.RawMessage(data)}))
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.URL+"/events", bytes.NewReader(event)))
	r.Header.Set("Content-Type", "application/cloudevents+json")
	change(r)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, string(must[[]byte](w.t)(io.ReadAll(resp.Body)))
}

// sends posts an event that must be accepted, and waits until the event is handled.
func (w *world) sends(token string, m *pb.MediaArrived) {
	w.t.Helper()
	if status, body := w.post(token, m); status != http.StatusAccepted {
		w.t.Fatalf("%s: %d %s", token, status, body)
	}
	w.settle()
}

// writes puts an event into media.arrived, as a studio's system does, and waits until the event is handled.
func (w *world) writes(ev events.Event) {
	w.t.Helper()
	if err := w.events.Publish(w.t.Context(), events.MediaArrived, ev); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
}

// settle waits until the ingestor has handled all events.
func (w *world) settle() {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		lags, err := w.events.Lag(w.t.Context(), events.HopIngestor.Group, events.HopIngestor.Topics...)
		if err == nil && events.Waiting(lags) == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d events wait: %v", events.Waiting(lags), err)
		}
	}
}

// asset returns the only asset of the library, and checks that the last event of media.ready has the same asset.
func (w *world) asset() *pb.Asset {
	w.t.Helper()
	var all []*pb.Asset
	for a, err := range w.store.AllAssets(w.t.Context()) {
		all = append(all, must[*pb.Asset](w.t)(a, err))
	}
	if len(all) != 1 {
		w.t.Fatalf("%d assets", len(all))
	}
	last := must[map[string]events.Delivery](w.t)(w.events.Snapshot(w.t.Context(), events.MediaReady))
	if m, _ := last[all[0].GetId()].Data.(*pb.MediaReady); !proto.Equal(m.GetAsset(), all[0]) {
		w.t.Errorf("the log says %v of the asset, the library %v", m.GetAsset(), all[0])
	}
	return all[0]
}

// wantTitle holds which title the asset has.
func (w *world) wantTitle(what, want string) {
	w.t.Helper()
	if got := w.asset().GetTitle().GetId(); got != want {
		w.t.Errorf("%s: the asset is of title %s, want %s", what, got, want)
	}
}

// letters returns the reasons of the ingestor's dead letters.
func (w *world) letters() (reasons []string) {
	w.t.Helper()
	for l, err := range w.events.DeadLetters(w.t.Context(), events.LetterFilter{Group: events.HopIngestor.Group}) {
		if err != nil {
			w.t.Fatal(err)
		}
		reasons = append(reasons, l.Reason)
	}
	return reasons
}

func arrived(title, url string, text ...*pb.SideCar) *pb.MediaArrived {
	return &pb.MediaArrived{Title: &pb.Title{Id: title}, Url: url, Text: text}
}

// TestDoors holds who may send events over HTTP.
func TestDoors(t *testing.T) {
	w := newWorld(t, nil)
	url := w.film("film")
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	for _, c := range []struct {
		name, title string
		as          func(*http.Request)
		status      int
		says        string
	}{
		{"no token", "open", func(*http.Request) {}, 401, "Authorization: Bearer TOKEN"},
		{"an empty token", "open", bearer(""), 401, "Authorization: Bearer TOKEN"},
		{"an unknown token", "open", bearer("guess"), 401, "not known"},
		{"the token as a cookie", "open", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "owner"}) }, 401, "Authorization: Bearer TOKEN"},
		{"a form's content type with a cookie", "open", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "owner"})
			r.Header.Set("Content-Type", "text/plain")
		}, 401, "Authorization: Bearer TOKEN"},
		{"the cookie of a page of another site", "open", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "owner"})
			r.Header.Set("Sec-Fetch-Site", "same-site")
		}, 403, "another site"},
		{"the cookie of the page of this server", "open", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "owner"})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}, 202, "event"},
		{"a reader's cookie of the page of this server", "open", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "reader"})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}, 403, "lacks the role"},
		{"the token in the address", "open", func(r *http.Request) { r.URL.RawQuery = "token=owner" }, 401, "Authorization: Bearer TOKEN"},
		{"a reader's token", "open", bearer("reader"), 403, "lacks the role"},
		{"an operator's token", "open", bearer("operator"), 403, "lacks the role"},
		{"retitle without ingest", "open", bearer("mover-without-ingest"), 403, "lacks the role"},
		{"a token of another title", "hidden", bearer("sender-of-open"), 403, "may not send events of title hidden"},
		{"the right token", "open", bearer("sender-of-open"), 202, "event"},
		{"a token of all titles", "open", bearer("owner"), 202, "event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := w.postAs("event of "+c.name, arrived(c.title, url), c.as)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want %d with %q", status, body, c.status, c.says)
			}
		})
	}
	w.settle()
	w.wantTitle("afterwards", "open")
	if _, err := New(Default(), Deps{Registerer: prometheus.NewRegistry()}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "token_file") {
		t.Errorf("an ingestor without an authoriser: %v", err)
	}
}

// TestTitles holds who may move a known asset to another title.
func TestTitles(t *testing.T) {
	w := newWorld(t, nil)
	url := w.film("film")
	w.sends("owner", &pb.MediaArrived{Title: &pb.Title{Id: "hidden", Name: "A Secret Name", Credit: "secret credit"}, Url: url})

	w.sends("sender-of-open", arrived("open", url))
	w.wantTitle("by a token without the role", "hidden")
	w.sends("mover-of-open", arrived("open", url))
	w.wantTitle("by a token that may not see the title now", "hidden")
	w.writes(events.Event{Data: arrived("open", url)})
	w.wantTitle("from Kafka", "hidden")
	w.writes(events.Event{Data: arrived("open", url), Extensions: map[string]string{"caller": "owner", "retitle": "*", "acceptedms": "9999999999999"}})
	w.wantTitle("from Kafka, with attributes that claim a right", "hidden")
	if n := len(w.letters()); n != 4 {
		t.Errorf("%d events were put aside, want 4: %q", n, w.letters())
	}
	for _, reason := range w.letters() {
		if !strings.Contains(reason, "keeps its other title") || strings.Contains(reason, "hidden") {
			t.Errorf("the reason %q: want what is wrong, without the title that the asset has", reason)
		}
	}

	w.sends("owner", arrived("other", url))
	if a := w.asset(); a.GetTitle().GetId() != "other" || a.GetTitle().GetName() != "" || a.GetTitle().GetCredit() != "" {
		t.Errorf("moved by the owner: %v", a.GetTitle())
	}
	w.sends("mover-of-open", arrived("open", url))
	w.wantTitle("by a token of both titles", "open")

	var outcomes, posted []string
	for line := range strings.Lines(w.audit.String()) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		told := fmt.Sprintf("%s %q %s %s", e.Call, e.Caller, strings.Join(e.Titles, ">"), e.Outcome)
		if e.Call == "POST /events" {
			posted = append(posted, told)
		} else {
			outcomes = append(outcomes, told)
		}
	}
	if want := []string{`POST /events "owner" hidden ok`, `POST /events "sender-of-open" open ok`, `POST /events "mover-of-open" open ok`, `POST /events "owner" other ok`, `POST /events "mover-of-open" open ok`}; !slices.Equal(posted, want) {
		t.Errorf("the audit log says of events\n%s\nwant\n%s", strings.Join(posted, "\n"), strings.Join(want, "\n"))
	}
	want := []string{`retitle "sender-of-open" hidden>open denied`, `retitle "mover-of-open" hidden>open denied`, `retitle "" hidden>open denied`, `retitle "" hidden>open denied`,
		`retitle "owner" hidden>other ok`, `retitle "mover-of-open" other>open ok`}
	if !slices.Equal(outcomes, want) {
		t.Errorf("the audit log says\n%s\nwant\n%s", strings.Join(outcomes, "\n"), strings.Join(want, "\n"))
	}
}

// TestForgedAcceptance checks that the data of media.accepted has no effect on any other topic.
func TestForgedAcceptance(t *testing.T) {
	w := newWorld(t, nil)
	url := w.film("film")
	w.sends("owner", arrived("hidden", url))
	err := w.events.Publish(t.Context(), events.MediaArrived, events.Event{Type: "cinedex.media.accepted.v1", Data: arrived("open", url)})
	if err == nil {
		w.settle()
	}
	w.wantTitle("afterwards", "hidden")
}

// TestReplay delivers every event again, in every order: the title stays as the last decision made the title.
func TestReplay(t *testing.T) {
	w := newWorld(t, nil)
	url := w.film("film")
	w.writes(events.Event{ID: "first", Data: arrived("open", url)})
	for _, title := range []string{"open", "hidden", "open", "other", "hidden"} {
		w.sends("owner", arrived(title, url))
	}
	w.wantTitle("at first", "hidden")
	was := w.asset()
	var past []events.Event
	for i, title := range []string{"open", "hidden", "open", "other", "hidden"} {
		past = append(past, events.Event{ID: fmt.Sprint("event-", i+1), Data: &pb.MediaAccepted{
			Arrived: arrived(title, url), Caller: "owner", AcceptedMs: was.GetTitledMs() - int64(4-i), Retitle: []string{"*"}}})
	}
	slices.Reverse(past)
	for range 2 {
		for _, ev := range past {
			if err := w.events.Publish(t.Context(), events.MediaAccepted, ev); err != nil {
				t.Fatal(err)
			}
			w.settle()
			w.wantTitle("while events come again", "hidden")
		}
		slices.Reverse(past)
	}
	// The output of the hop is delivered again, too: older revisions of media.ready change nothing.
	for _, title := range []string{"open", "other"} {
		old := proto.CloneOf(was)
		old.Revision, old.Title = was.GetRevision()-1, &pb.Title{Id: title}
		if err := w.store.PutAsset(t.Context(), old); !errkind.Is(err, errkind.Conflict) {
			t.Errorf("an older revision: %v", err)
		}
	}
	if now := w.asset(); !proto.Equal(now, was) {
		t.Errorf("the asset is %v, was %v", now, was)
	}
	if n := len(w.letters()); n != 0 {
		t.Errorf("%q were put aside", w.letters())
	}
}

// together makes readers of an asset wait until n of them have read, so that all decide by the same state.
type together struct {
	Library
	mu      sync.Mutex
	waiting int
	n       int
	open    chan struct{}
}

func (l *together) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	a, err := l.Library.Asset(ctx, id)
	l.mu.Lock()
	l.waiting++
	if l.waiting == l.n {
		close(l.open)
	}
	first := l.waiting <= l.n
	l.mu.Unlock()
	if first {
		select {
		case <-l.open:
		case <-ctx.Done():
		}
	}
	return a, err
}

// TestRace lets two workers read the library before either worker writes.
func TestRace(t *testing.T) {
	for name, rights := range map[string][]string{"no right": nil, "the right to all titles": {"*"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(d *Deps) { d.Library = &together{Library: d.Library, n: 2, open: make(chan struct{})} })
			url := w.film("film")
			// An event in each partition of the topic, so that two workers get their events at the same time.
			var evs []events.Event
			for i, title := range []string{"hidden", "open"} {
				evs = append(evs, events.Event{ID: idOf(i), Data: &pb.MediaAccepted{Arrived: arrived(title, url), AcceptedMs: int64(1000 + i), Retitle: rights}})
			}
			if err := w.events.Publish(t.Context(), events.MediaAccepted, evs...); err != nil {
				t.Fatal(err)
			}
			w.settle()
			a, letters := w.asset(), w.letters()
			switch title := a.GetTitle().GetId(); {
			case rights != nil:
				// The decision of the later event counts, whichever was handled first.
				if title != "open" || len(letters) != 0 {
					t.Errorf("title %s, put aside %q; want the title of the later event", title, letters)
				}
			case a.GetRevision() != 1:
				t.Errorf("the asset is at revision %d: the second event changed it", a.GetRevision())
			case title == "hidden" && (len(letters) != 1 || !strings.Contains(letters[0], "keeps its other title")), title == "open" && len(letters) != 0:
				t.Errorf("title %s, put aside %q", title, letters)
			}
		})
	}
}

// idOf returns an id whose event lies in the partition i of two.
func idOf(i int) string {
	for n := 0; ; n++ {
		id := fmt.Sprint(n)
		if (kafka.Murmur2Balancer{Consistent: true}).Balance(kafka.Message{Key: []byte(id)}, 0, 1) == i {
			return id
		}
	}
}

// TestPublishingInOrder delays the first event of ready media until the second event is in the log.
func TestPublishingInOrder(t *testing.T) {
	held := make(chan struct{})
	w := newWorld(t, func(d *Deps) { d.Events = &late{Log: d.Events, until: held} })
	url := w.film("film")
	for i, name := range []string{"first", "second"} {
		m := arrived("open", url)
		m.Title.Name = name
		if err := w.events.Publish(t.Context(), events.MediaAccepted, events.Event{ID: idOf(i), Data: &pb.MediaAccepted{Arrived: m, AcceptedMs: int64(i + 1)}}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if a, err := w.store.Asset(t.Context(), assetOf(t, url)); err == nil && a.GetTitle().GetName() == name {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the %s event is not in the library", name)
			}
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if last := must[map[string]events.Delivery](t)(w.events.Snapshot(t.Context(), events.MediaReady)); len(last) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the second event is not in the log")
		}
	}
	close(held)
	w.settle()
	if a := w.asset(); a.GetTitle().GetName() != "second" {
		t.Errorf("the asset is %v", a.GetTitle())
	}
}

func assetOf(t *testing.T, url string) string {
	b := must[[]byte](t)(os.ReadFile(strings.TrimPrefix(url, "file://")))
	return schema.AssetID(contentHash(b))
}

// late holds the first event of media.ready.
type late struct {
	Log
	until chan struct{}
	begun atomic.Bool
}

func (l *late) Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error {
	if topic == events.MediaReady && l.begun.CompareAndSwap(false, true) {
		select {
		case <-l.until:
		case <-ctx.Done():
		}
	}
	return l.Log.Publish(ctx, topic, evs...)
}

// TestWhatIsLeftOutStays checks the facts that later events keep.
func TestWhatIsLeftOutStays(t *testing.T) {
	w := newWorld(t, nil)
	url := w.film("film")
	said := func(a *pb.Asset) (tracks []string) {
		for _, t := range a.GetText() {
			tracks = append(tracks, t.GetLanguage()+":"+t.GetName())
		}
		return tracks
	}
	want := func(what string, tracks ...string) {
		t.Helper()
		if got := said(w.asset()); !slices.Equal(got, tracks) {
			t.Errorf("%s: the tracks are %q, want %q", what, got, tracks)
		}
	}
	english, german, corrected := w.text("en", "The harbour."), w.text("de", "Der Hafen."), w.text("en", "The harbor.")
	english.Name = "English"
	first := arrived("open", url, english)
	first.StartTimecode, first.EidrEdit = "10:00:00:00", "10.5240/1111-2222-3333-4444-5555-C"
	first.Title = &pb.Title{Id: "open", Name: "Open", Series: "S", Season: 2, Episode: 3, OriginalLanguage: "en", Credit: "C", Attributes: attributes("a", "1", "b", "1")}
	first.Attributes = attributes("reel", "7")
	w.sends("sender-of-open", first)
	before := w.asset()

	w.sends("sender-of-open", arrived("open", url))
	if a := w.asset(); !proto.Equal(a, before) {
		t.Errorf("an event that says nothing made %v of %v", a, before)
	}
	w.sends("sender-of-open", arrived("open", url, german))
	want("another language", "en:English", "de:")
	w.sends("sender-of-open", arrived("open", url, german, corrected))
	want("a correction", "en:English", "de:", "en:")
	w.writes(events.Event{Data: first})
	want("the first once more", "en:English", "de:", "en:")
	again := arrived("open", url, corrected)
	again.ReplaceText = true
	w.sends("sender-of-open", again)
	want("instead of all", "en:")
	again.Text = nil
	w.sends("sender-of-open", again)
	want("instead of all, nothing")

	changed := arrived("open", url)
	changed.Title = &pb.Title{Id: "open", Name: "Opened", Episode: 4, Attributes: attributes("b", "2")}
	changed.Attributes = attributes("lab", "x")
	w.sends("sender-of-open", changed)
	a := w.asset()
	title := &pb.Title{Id: "open", Name: "Opened", Series: "S", Season: 2, Episode: 4, OriginalLanguage: "en", Credit: "C", Attributes: attributes("a", "1", "b", "2")}
	if !proto.Equal(a.GetTitle(), title) || len(a.GetAttributes()) != 2 || a.GetVideo().GetStartTimecode() != "10:00:00:00" || a.GetEidrEdit() != first.EidrEdit {
		t.Errorf("after a change of some fields: %v", a)
	}
}

func attributes(kv ...string) map[string]*pb.Value {
	m := map[string]*pb.Value{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = &pb.Value{Kind: &pb.Value_Text{Text: kv[i+1]}}
	}
	return m
}

// TestRefusedText: an unusable or missing side-car keeps neither the film nor the other side-cars out. The asset names
// the side-car with the reason until a later event sends a corrected side-car. Omitted cues are counted.
func TestRefusedText(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	url := w.film("film")
	bad := filepath.Join(w.dir, "bad.srt")
	write := func(content string) {
		if err := os.WriteFile(bad, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("1\n00:00:05,000 --> 00:00:04,000\nback\n")
	mixed := filepath.Join(w.dir, "mixed.vtt")
	if err := os.WriteFile(mixed, []byte("WEBVTT\n\n00:00.033 --> 00:00.500\nfirst\n\n10:00:00.000 --> 10:00:01.000\nlate\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sent := []*pb.SideCar{
		{Url: "file://" + bad, Language: "en"}, {Url: "file://" + filepath.Join(w.dir, "missing.srt"), Language: "en"},
		{Url: "file://" + mixed, Language: "en"}, w.text("de", "gut"),
	}
	w.sends("owner", arrived("open", url, sent...))
	a := w.asset()
	if len(a.GetText()) != 2 || len(a.GetRefusedText()) != 2 || len(w.letters()) != 0 {
		t.Fatalf("%d tracks, %d refused, letters %q", len(a.GetText()), len(a.GetRefusedText()), w.letters())
	}
	for i, want := range []string{"before it starts", "there is no file"} {
		r := a.GetRefusedText()[i]
		if r.GetName() != sent[i].GetUrl() || !strings.Contains(strings.Join(r.GetTold(), " "), want) {
			t.Errorf("refused %v, want %q", r, want)
		}
	}
	kept := a.GetText()[0]
	if kept.GetLeftOut() != 1 || kept.GetCues() != 1 || !strings.Contains(strings.Join(kept.GetTold(), " "), "line 6 starts at 10:00:00.000, and the film ends at 00:00:01.000") {
		t.Errorf("of mixed.vtt the asset says %v", kept)
	}
	for _, want := range []string{"refused a text track", "read a text track with remarks", "asset=" + a.GetId(), "left_out=1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
	write("1\n00:00:00,000 --> 00:00:00,500\nmended\n")
	w.sends("owner", arrived("open", url, sent[0]))
	if a := w.asset(); len(a.GetText()) != 3 || len(a.GetRefusedText()) != 1 || a.GetRefusedText()[0].GetName() != sent[1].GetUrl() {
		t.Errorf("mended: %d tracks, refused %v", len(a.GetText()), a.GetRefusedText())
	}
}

// TestPicturesThatBeginLate: side-cars count on the clock of the container, as tracks inside the film do (ISO/IEC
// 14496-12, 8.6.6). The pictures begin 0.5 s after the sound: a cue of 0.7 to 0.9 s covers frames 5 to 10, and a cue
// that ends before the pictures is reported.
func TestPicturesThatBeginLate(t *testing.T) {
	w := newWorld(t, nil)
	film, side := filepath.Join(w.dir, "delayed.mp4"), filepath.Join(w.dir, "delayed.srt")
	for path, b := range map[string][]byte{
		film: must[[]byte](t)(os.ReadFile("../../../pkg/media/testdata/clips/delayed.mp4")),
		side: []byte("1\n00:00:00,700 --> 00:00:00,900\nnow\n\n2\n00:00:00,100 --> 00:00:00,400\nbefore\n"),
	} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.sends("owner", arrived("open", "file://"+film, &pb.SideCar{Url: "file://" + side, Language: "en"}))
	a := w.asset()
	if len(a.GetText()) != 1 || a.GetText()[0].GetCues() != 1 || a.GetText()[0].GetLeftOut() != 1 {
		t.Fatalf("tracks %v, refused %v", a.GetText(), a.GetRefusedText())
	}
	b := must[[]byte](t)(w.blobs.Read(t.Context(), a.GetText()[0].GetMedia(), timedtext.MaxBytes))
	text := must[*timedtext.Track](t)(timedtext.Parse(b, timedtext.Options{}))
	clock := must[schema.Clock](t)(schema.ClockOf(a.GetVideo(), nil))
	first, end := schema.FrameSpan(clock, schema.Interval{Start: text.Cues[0].Start, End: text.Cues[0].End})
	if first != 5 || end != 10 {
		t.Errorf("the cue covers frames %d to %d, want 5 to 10", first, end)
	}
}

// TestRecordingCutInAGroup: a recording that begins in the middle of a group of pictures is accepted. The asset and the
// log say how much of the recording cannot be shown, and the times of the side-cars stay.
func TestRecordingCutInAGroup(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	tool := must[string](t)(must[model.Cache](t)(model.OpenCache("")).Tool("ffmpeg"))
	whole := must[[]byte](t)(exec.Command(tool, "-v", "error", "-f", "lavfi", "-i", "testsrc2=d=6:s=64x36:r=25", "-c:v", "mpeg2video", "-g", "50", "-sc_threshold", "1000000000", "-f", "mpegts", "-").Output())
	film := filepath.Join(w.dir, "cut.ts")
	if err := os.WriteFile(film, whole[len(whole)/6/188*188:], 0o644); err != nil { // about the 25th of 150 pictures
		t.Fatal(err)
	}
	w.sends("owner", arrived("open", "file://"+film))
	v := w.asset().GetVideo()
	if v.GetUnshownFrames() == 0 || v.GetFrames()-v.GetUnshownFrames() != 100 {
		t.Fatalf("the asset says %v", v)
	}
	for _, want := range []string{"middle of a group of pictures", "asset=" + w.asset().GetId(), fmt.Sprintf("frames=%d of=%d", v.GetUnshownFrames(), v.GetFrames())} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
}
