package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A worker that is started beside a running platform becomes searchable: the algorithm is in the catalogue, media that arrives gets a run, and the
// leaf finds the annotations. Nothing is started again.
func TestWorkerBesideARunningPlatform(t *testing.T) {
	folder, dir := remotetest.Folder(t), t.TempDir()
	media := t.TempDir()
	cache := testCache(t)
	ffmpeg, err := cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	w := newWorldWith(t, dir, func(c *upConfig) { c.Workers.Folder = folder }, media)
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Minute)
	defer cancel()
	until := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-ctx.Done():
				t.Fatalf("still not: %s", what)
			case <-time.After(20 * time.Millisecond): // the interval of polling; the condition decides
			}
		}
	}
	film := mediatest.Film{Name: "signs", Width: 160, Height: 90, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: 50, Seed: 3}}}
	truth, err := film.Write(ctx, media, mediatest.Tools{FFmpeg: ffmpeg})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (*pb.SearchResponse, error) {
		return w.gateway.Search(ctx, w.caller, &pb.SearchRequest{Q: "signs:dark OR signs:bright"})
	}
	if _, err := ask(); err == nil {
		t.Fatal("a leaf is served that nobody has declared")
	}
	remotetest.Start(t, folder, "good", "signs")
	until("the leaf is served", func() bool { _, err := ask(); return err == nil })
	w.ingest(&pb.MediaArrived{Title: &pb.Title{Id: "signs", Name: "Signs"}, Url: "file://" + filepath.ToSlash(truth.Path)})
	var found *pb.SearchResponse
	until("the worker's annotations are found", func() bool {
		r, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		found = r
		return len(r.GetHits()) > 0
	})
	if h := found.GetHits()[0]; h.GetTitle() != "signs" || h.GetEvidence()[0].GetAlgorithm() != "signs" {
		t.Errorf("found %v", h)
	}
}
