package rpcapi_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// TestFigureLibrary measures the library of 100,000 assets with six active runs each: the first page of GetStatus, the first search after a switch, and
// the memory of the snapshots that are kept for cursors.
func TestFigureLibrary(t *testing.T) {
	figure.Begin(t, "library/large")
	const switches = 64
	assets := figure.Size(t, "FIGURE_ASSETS", 100_000)
	l := apitest.New(t)
	fill(t, l, assets)
	film := l.Add(apitest.Film{Title: "harbour", Shots: []apitest.Shot{{Seconds: 200, Colour: apitest.Red}}})
	said := [2][]*pb.Run{}
	for v := range said {
		said[v] = l.Said(film, fmt.Sprint("take", v), []apitest.Line{{From: int64(1 + v), To: int64(4 + v), Language: "en", Text: fmt.Sprintf("a storm of take %d", v)}})
	}
	active, err := l.Store.Active(t.Context(), film.GetId())
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{} // run by algorithm
	for _, r := range active {
		shown[r.GetAlgorithm()] = r.GetRun()
	}
	c := client(l.Serve(map[string][]string{"all": {"*"}}), "all")
	timed := func(call func() error) float64 {
		begun := time.Now()
		if err := call(); err != nil {
			t.Fatal(err)
		}
		return float64(time.Since(begun).Microseconds()) / 1000
	}
	search := func() float64 {
		return timed(func() error {
			r, err := c.Search(t.Context(), connect.NewRequest(&pb.SearchRequest{Q: "dialogue.words:storm"}))
			if err == nil && (len(r.Msg.GetHits()) != 1 || len(r.Msg.GetPartial()) > 0) {
				err = fmt.Errorf("%d hits of 1, %v", len(r.Msg.GetHits()), r.Msg.GetPartial())
			}
			return err
		})
	}
	turn := func(n int) {
		for _, r := range said[n%2] {
			l.Switch(r, shown[r.GetAlgorithm()])
			shown[r.GetAlgorithm()] = r.GetId()
		}
	}
	turn(0)
	var status, quiet, first []float64
	search()
	for range 300 {
		quiet = append(quiet, search())
		status = append(status, timed(func() error {
			r, err := c.GetStatus(t.Context(), connect.NewRequest(&pb.GetStatusRequest{}))
			if err == nil && (len(r.Msg.GetAssets()) != 100 || len(r.Msg.GetAssets()[0].GetRuns()) < 6) {
				err = fmt.Errorf("%d assets", len(r.Msg.GetAssets()))
			}
			return err
		}))
	}
	before := heap()
	for n := range switches {
		turn(n + 1)
		first = append(first, search())
	}
	kept := heap() - before
	at := figure.Quantile
	more := at(first, 0.5) - at(quiet, 0.5)
	figure.Report(t, false, figure.Result{Name: "library/large",
		Claim: fmt.Sprintf("%d assets of 6 active runs: first page of GetStatus p99 ≤ 10 ms; first query after a switch ≤ 2 ms more than a quiet query; %d kept snapshots ≤ 64 MiB", assets, switches),
		Measured: fmt.Sprintf("GetStatus of 100 assets p50 %.1f ms, p99 %.1f; a quiet query p50 %.2f ms, p99 %.2f; the first after a switch p50 %.2f, p99 %.2f, so %.2f ms more; %.1f MiB for %d snapshots, of %d MiB of heap",
			at(status, 0.5), at(status, 0.99), at(quiet, 0.5), at(quiet, 0.99), at(first, 0.5), at(first, 0.99), more, float64(kept)/(1<<20), switches, before>>20),
		Pass: at(status, 0.99) <= 10 && more <= 2 && kept <= 64<<20,
		Note: fmt.Sprintf("over HTTP, client and server in one process; load %s", figure.Load())})
}

// fill puts assets with six active runs each into the store.
func fill(t *testing.T, l *apitest.Library, assets int) {
	t.Helper()
	eg, ctx := errgroup.WithContext(t.Context())
	eg.SetLimit(64)
	for i := range assets {
		eg.Go(func() error {
			a := &pb.Asset{Id: apitest.AssetOf(fmt.Sprint("filled ", i)), Title: &pb.Title{Id: fmt.Sprintf("filled-%06d", i/3), Series: fmt.Sprint("series-", i%50)}, Duration: int64(90 * 60 * schema.Second),
				Video: &pb.VideoTrack{Width: 64, Height: 36, Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: 90 * 60 * 25}}
			if err := l.Store.PutAsset(ctx, a); err != nil {
				return err
			}
			for _, algorithm := range []string{"shots", "thumbnails", "pictures", "labels", "dialogue", "sentences"} {
				r := &pb.Run{Asset: a.GetId(), Algorithm: algorithm, Version: "1", State: pb.RunState_RUN_STATE_REQUESTED}
				r.Id = schema.RunID(r)
				if _, err := l.Store.CreateRun(ctx, r); err != nil {
					return err
				}
				r.State, r.Epoch = pb.RunState_RUN_STATE_FINISHED, 1
				if err := l.Store.FinishRun(ctx, r); err != nil {
					return err
				}
				if _, err := l.Store.Activate(ctx, r, ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := eg.Wait(); err != nil {
		t.Fatal(err)
	}
}

// heap returns the bytes of the heap that are in use after a collection.
func heap() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
