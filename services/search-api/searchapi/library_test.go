package searchapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// A libraryStream keeps what a client of the stream holds.
type libraryStream struct {
	*testing.T
	entries map[string]*pb.LibraryEntry
	order   []string
	more    bool
	sent    int // entries
	in      chan *pb.WatchLibraryResponse
	end     func()
}

func watchLibrary(t *testing.T, s *apitest.Server, who string, req *pb.WatchLibraryRequest) *libraryStream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := cinedexv1connect.NewLibraryServiceClient(http.DefaultClient, s.URL).WatchLibrary(ctx, as(who, req))
	if err != nil {
		t.Fatal(err)
	}
	w := &libraryStream{T: t, entries: map[string]*pb.LibraryEntry{}, in: make(chan *pb.WatchLibraryResponse, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for stream.Receive() {
			w.in <- stream.Msg()
		}
	}()
	w.end = func() { cancel(); <-ended }
	t.Cleanup(w.end)
	return w
}

// until reads messages until what the client holds is as wanted.
func (w *libraryStream) until(what string, done func() bool) {
	w.Helper()
	for late := time.After(time.Minute); !done(); {
		select {
		case m := <-w.in:
			for _, e := range m.GetEntries() {
				w.entries[e.GetAsset()] = e
				w.sent++
			}
			if len(m.GetOrder()) > 0 {
				w.order, w.more = m.GetOrder(), m.GetMore()
			}
		case <-late:
			w.Fatalf("%s: not told; the client holds %v", what, w.entries)
		}
	}
}

func (w *libraryStream) stage(asset, algorithm string) *pb.Stage {
	stages := w.entries[asset].GetStages()
	if i := slices.IndexFunc(stages, func(s *pb.Stage) bool { return s.GetAlgorithm() == algorithm }); i >= 0 {
		return stages[i]
	}
	return nil
}

// TestWatchLibrary follows the stages of an algorithm over a film, and holds that titles out of sight tell nothing.
func TestWatchLibrary(t *testing.T) {
	l := apitest.New(t)
	harbour := l.Add(filmOf("harbour", "black coffee"))
	l.Add(filmOf("mountain", "white milk"))
	board := &runs.Board{}
	s := l.Serve(map[string][]string{"ann": {"harbour", "mountain", "valley"}, "all": {"*"}}, func(_ *gateway.Config, d *searchapi.Deps) { d.Running = board })
	w := watchLibrary(t, s, "ann", &pb.WatchLibraryRequest{})
	id := harbour.GetId()
	w.until("the first message", func() bool { return len(w.order) == 2 && len(w.entries) == 2 })
	e := w.entries[id]
	if e.GetTitle().GetId() != "harbour" || e.GetDuration() != harbour.GetDuration() || !strings.HasPrefix(e.GetPoster(), "/thumbnails/"+id+"/") || e.GetWidth() != 64 || w.more || w.order[0] != id {
		t.Errorf("the entry %v, order %v", e, w.order)
	}
	if got := w.stage(id, "shots").GetState(); got != pb.StageState_STAGE_STATE_DONE {
		t.Errorf("shots: %v", got)
	}
	if got := w.stage(id, "motion").GetState(); got != pb.StageState_STAGE_STATE_WAITING {
		t.Errorf("motion: %v", got)
	}
	planned := func(algorithm string) *pb.Run {
		all, err := apitest.Catalog().View().Plan().Runs(harbour)
		if err != nil {
			t.Fatal(err)
		}
		return all[slices.IndexFunc(all, func(r *pb.Run) bool { return r.GetAlgorithm() == algorithm })]
	}
	r := planned("motion")
	r.State = pb.RunState_RUN_STATE_REQUESTED
	if _, err := l.Store.CreateRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Store.Acquire(t.Context(), store.RunLease(r.GetId()), "another process", time.Minute); err != nil {
		t.Fatal(err)
	}
	w.until("a run in another process", func() bool {
		st := w.stage(id, "motion")
		return st.GetState() == pb.StageState_STAGE_STATE_RUNNING && st.GetPart() < 0
	})
	board.Note(r.GetId(), 1, 4, false)
	w.until("a run in this process", func() bool { return w.stage(id, "motion").GetPart() == 0.25 })
	board.Note(r.GetId(), 4, 4, true)
	r.State, r.ErrorKind, r.Error, r.Epoch = pb.RunState_RUN_STATE_FAILED, "invalid", "reading /films/harbour.mp4: no pictures", 1
	if err := l.Store.FinishRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.until("a failed run", func() bool {
		st := w.stage(id, "motion")
		return st.GetState() == pb.StageState_STAGE_STATE_FAILED && st.GetKind() == "invalid"
	})
	if reason := w.stage(id, "motion").GetReason(); reason == "" || strings.Contains(reason, "/films") {
		t.Errorf("the reason %q", reason)
	}
	l.Add(filmOf("secret", "black tea"))
	valley := l.Add(filmOf("valley", "green tea"))
	w.until("another film", func() bool {
		return len(w.order) == 3 && w.stage(valley.GetId(), "dialogue").GetState() == pb.StageState_STAGE_STATE_DONE
	})
	for _, e := range w.entries {
		if e.GetTitle().GetId() == "secret" {
			t.Error("a title out of sight was told")
		}
	}
	w.end()

	known := map[string]string{"gone": "x"}
	for id, e := range w.entries {
		known[id] = e.GetStamp()
	}
	known[valley.GetId()] = "older"
	again := watchLibrary(t, s, "ann", &pb.WatchLibraryRequest{Known: known})
	again.until("the stream goes on", func() bool { return len(again.order) == 3 && again.entries[valley.GetId()] != nil })
	if again.sent != 1 {
		t.Errorf("%d entries were sent again", again.sent)
	}
	behind := watchLibrary(t, s, "all", &pb.WatchLibraryRequest{Limit: 2, Behind: id})
	behind.until("a window", func() bool { return len(behind.order) == 2 && len(behind.entries) == 2 })
	if !behind.more || slices.Contains(behind.order, id) {
		t.Errorf("the window behind: %v, more %t", behind.order, behind.more)
	}
}

// A pair is a store that reads the runs of an asset only while another caller reads the runs of an asset.
type pair struct {
	store.Store
	readers atomic.Int32
	met     chan struct{}
}

func (p *pair) RunsOf(ctx context.Context, asset string) ([]*pb.Run, error) {
	if p.readers.Add(1) == 2 {
		close(p.met)
	}
	select {
	case <-p.met:
		return p.Store.RunsOf(ctx, asset)
	case <-time.After(10 * time.Second):
		return nil, errors.New("nobody reads the runs of another asset meanwhile")
	}
}

// TestSideBySide: the assets of a window, and of a page of statuses, are read side by side.
func TestSideBySide(t *testing.T) {
	l := apitest.New(t)
	for _, title := range []string{"one", "two", "three"} {
		l.Add(apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 4, Colour: apitest.Red}}})
	}
	serve := func() *apitest.Server {
		return l.Serve(map[string][]string{"ann": {"*"}}, func(_ *gateway.Config, d *searchapi.Deps) {
			d.Store = &pair{Store: d.Store, met: make(chan struct{})}
		})
	}
	w := watchLibrary(t, serve(), "ann", &pb.WatchLibraryRequest{})
	w.until("the films", func() bool { return len(w.entries) == 3 && len(w.order) == 3 })
	w.end()
	r, err := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, serve().URL).GetStatus(t.Context(), as("ann", &pb.GetStatusRequest{}))
	if err != nil || len(r.Msg.GetAssets()) != 3 {
		t.Fatalf("%v, %v", err, r)
	}
	for i, a := range r.Msg.GetAssets() { // in the order of the library
		if a.GetAsset() != w.order[i] {
			t.Errorf("asset %d is %s, and %s in the window", i, a.GetAsset(), w.order[i])
		}
	}
}

// TestWatchLibraryRefuses: what a stream refuses.
func TestWatchLibraryRefuses(t *testing.T) {
	l := apitest.New(t)
	secret := l.Add(filmOf("secret", "black tea"))
	s := l.Serve(map[string][]string{"ann": {"harbour"}})
	known := map[string]string{}
	for i := range 500 {
		known[strings.Repeat("a", i)] = "x"
	}
	for name, c := range map[string]struct {
		who  string
		req  *pb.WatchLibraryRequest
		code connect.Code
	}{
		"nobody":                     {"guess", &pb.WatchLibraryRequest{}, connect.CodeUnauthenticated},
		"too many":                   {"ann", &pb.WatchLibraryRequest{Limit: 201}, connect.CodeInvalidArgument},
		"too many stamps":            {"ann", &pb.WatchLibraryRequest{Known: known}, connect.CodeInvalidArgument},
		"behind an asset not seen":   {"ann", &pb.WatchLibraryRequest{Behind: secret.GetId()}, connect.CodeInvalidArgument},
		"behind an asset that isn't": {"ann", &pb.WatchLibraryRequest{Behind: "none"}, connect.CodeInvalidArgument},
	} {
		stream, err := cinedexv1connect.NewLibraryServiceClient(http.DefaultClient, s.URL).WatchLibrary(t.Context(), as(c.who, c.req))
		if err == nil {
			for stream.Receive() {
				t.Errorf("%s: %v", name, stream.Msg())
			}
			err = stream.Err()
		}
		if connect.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %v", name, err, c.code)
		}
	}
}

// TestUnseen: an answer counts the titles that an asked algorithm has not looked at yet, among the titles that the caller may see.
func TestUnseen(t *testing.T) {
	l := apitest.New(t)
	words := []*pb.TextTrack{{Language: "en", Format: "srt", Index: -1, Cues: 1}}
	l.Add(apitest.Film{Title: "looked", Text: words, Lines: []apitest.Line{{From: 0, To: 1, Language: "en", Text: "Black coffee."}}})
	for _, title := range []string{"waiting", "secret", "silent"} {
		a := &pb.Asset{Id: apitest.AssetOf(title), Sha256: strings.Repeat("0", 64), Title: &pb.Title{Id: title}, Video: &pb.VideoTrack{Width: 64, Height: 36, Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: 100}}
		if title != "silent" {
			a.Text = words
		}
		if err := l.Store.PutAsset(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	s := l.Serve(map[string][]string{"ann": {"looked", "waiting", "silent"}, "ben": {"looked"}})
	ask := func(who, title string) int32 {
		req := &pb.SearchRequest{Q: "dialogue.words:coffee"}
		if title != "" {
			req.Filter = &pb.Filter{Titles: []string{title}}
		}
		r, err := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL).Search(t.Context(), as(who, req))
		if err != nil {
			t.Fatal(err)
		}
		return r.Msg.GetUnseenTitles()
	}
	for _, c := range []struct {
		who, title string
		want       int32
	}{{"ann", "", 1}, {"ben", "", 0}, {"ann", "looked", 0}, {"ann", "waiting", 1}, {"ann", "silent", 0}} {
		if got := ask(c.who, c.title); got != c.want {
			t.Errorf("%s in %q: %d titles not yet looked at, want %d", c.who, c.title, got, c.want)
		}
	}
	a, err := l.Store.Asset(t.Context(), apitest.AssetOf("waiting"))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := apitest.Catalog().View().Plan().Runs(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range planned {
		if r.GetAlgorithm() == "dialogue" {
			r.State, r.ErrorKind, r.Error, r.Epoch = pb.RunState_RUN_STATE_FAILED, "invalid", "broken", 1
			if err := l.Store.FinishRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for deadline := time.Now().Add(time.Minute); ask("ann", "") != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a failed run is still to come")
		}
	}
}
