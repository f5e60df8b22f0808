package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A world is the whole platform in this process, over a folder of the test's own.
type world struct {
	*running
	t      testing.TB
	ctx    context.Context
	caller *authz.Caller
	stop   func()
}

// need skips, or fails under CINEDEX_REQUIRE_ALL=1, where something is not set up.
func need(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
		t.Fatalf("lacks %s: %v", what, err)
	}
	t.Skipf("lacks %s: %v", what, err)
}

// freeAddress is an address without a listener.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func testCache(t testing.TB, artefacts ...string) model.Cache {
	t.Helper()
	cache, err := model.OpenCache("")
	need(t, "the model cache", err)
	for _, a := range append([]string{"transnetv2", "efficientnet-lite2", "efficientnet-lite2-head", "e5-model", "e5-engine", "minilm-model", "minilm-tokenizer", "words", "onnxruntime"}, artefacts...) {
		_, err := cache.Require(a)
		need(t, a, err)
	}
	return cache
}

// newWorld starts the platform over dir. After stop, a second world over the same folder is a restart.
func newWorld(t testing.TB, dir string, media ...string) *world {
	t.Helper()
	return newWorldWith(t, dir, func(*upConfig) {}, media...)
}

// searched are the algorithms of words and pictures, for tests that search or send wrong input and are not about the other algorithms.
var searched = []string{"shots", "thumbnails", "pictures", "labels", "dialogue", "sentences"}

// newWorldWith is newWorld with some settings changed.
func newWorldWith(t testing.TB, dir string, change func(*upConfig), media ...string) *world {
	t.Helper()
	cache := testCache(t)
	cfg := defaultUp(dir)
	cfg.Address, cfg.Broker.Port, cfg.Telemetry.AdminAddress = "127.0.0.1:0", 0, ""
	cfg.Telemetry.LogLevel = "warn"
	rs, err := roots(append(media, cache.Dir())...)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Blobs.Roots = rs
	change(&cfg)
	ctx, cancel := context.WithCancel(context.Background())
	logs, err := os.OpenFile(filepath.Join(dir, "test.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	u, err := start(ctx, logs, &home{dir: dir}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- u.serve(ctx) }()
	w := &world{running: u, t: t, ctx: ctx, caller: authz.NewCaller("test", []string{"*"})}
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping: %v", err)
		}
		logs.Close()
		keptPrivate(t, dir)
		if t.Failed() {
			if b, err := os.ReadFile(logs.Name()); err == nil {
				t.Logf("what the services said:\n%s", tail(b, 4000))
			}
		}
	}
	t.Cleanup(w.stop)
	return w
}

// keptPrivate checks that only the owner can read the home folder: folders 0700, files 0600.
func keptPrivate(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s: others can read it", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// ingest sends media and waits until each run of the media has ended.
func (w *world) ingest(ms ...*pb.MediaArrived) {
	w.t.Helper()
	var evs []awaited
	for _, m := range ms {
		id, err := send(w.ctx, endpoint{Server: w.server(), Token: w.token}, m)
		if err != nil {
			w.t.Fatal(err)
		}
		evs = append(evs, awaited{id, m.GetTitle().GetId()})
	}
	ctx, cancel := context.WithTimeout(rpc.WithCaller(w.ctx, w.caller), 15*time.Minute)
	defer cancel()
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer quiet.Close()
	if err := waitFor(ctx, &output{out: quiet, err: quiet}, evs, w.api.RPC.GetStatus, w.Events); err != nil {
		w.t.Fatalf("waiting for %v: %v", evs, err)
	}
}

func (w *world) search(req *pb.SearchRequest) *pb.SearchResponse {
	w.t.Helper()
	r, err := w.gateway.Search(w.ctx, w.caller, req)
	if err != nil {
		w.t.Fatalf("searching %q: %v", req.GetQ(), err)
	}
	if len(r.GetPartial()) > 0 {
		w.t.Errorf("searching %q: partial answer: %v", req.GetQ(), r.GetPartial())
	}
	return r
}

func (w *world) asset(title string) *pb.Asset {
	w.t.Helper()
	for a, err := range w.Store.AllAssets(w.ctx) {
		if err != nil {
			w.t.Fatal(err)
		}
		if a.GetTitle().GetId() == title {
			return a
		}
	}
	w.t.Fatalf("there is no title %s", title)
	return nil
}

// annotations returns the annotations of the active run of an algorithm over an asset.
func (w *world) annotations(asset, algorithm string) []*pb.Annotation {
	w.t.Helper()
	active, err := w.Store.Active(w.ctx, asset)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []*pb.Annotation
	for _, r := range active {
		if r.GetAlgorithm() != algorithm {
			continue
		}
		for a, err := range w.Store.AnnotationsOf(w.ctx, asset, r.GetRun(), spanAll) {
			if err != nil {
				w.t.Fatal(err)
			}
			out = append(out, a)
		}
	}
	return out
}

// film writes a generated film and returns the event of its arrival.
func film(t testing.TB, f mediatest.Film, dir string) (*pb.MediaArrived, mediatest.Truth) {
	t.Helper()
	cache := testCache(t)
	ffmpeg, err := cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	espeak, _ := exec.LookPath("espeak-ng")
	truth, err := f.Write(context.Background(), dir, mediatest.Tools{FFmpeg: ffmpeg, ESpeak: espeak})
	if err != nil {
		t.Fatal(err)
	}
	m := &pb.MediaArrived{Title: &pb.Title{Id: f.Name, Name: f.Name}}
	if m.Url, err = mediaURL(truth.Path); err != nil {
		t.Fatal(err)
	}
	for lang, path := range truth.SideCars {
		u, err := mediaURL(path)
		if err != nil {
			t.Fatal(err)
		}
		m.Text = append(m.Text, &pb.SideCar{Url: u, Language: lang})
	}
	return m, truth
}

func (w *world) status() *pb.GetStatusResponse {
	w.t.Helper()
	r, err := w.api.RPC.GetStatus(rpc.WithCaller(w.ctx, w.caller), connect.NewRequest(&pb.GetStatusRequest{}))
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Msg
}

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

func percent(n, of int) string {
	return fmt.Sprintf("%d of %d (%.1f %%)", n, of, 100*float64(n)/float64(max(of, 1)))
}
