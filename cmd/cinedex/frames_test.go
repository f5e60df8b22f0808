package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

var spanAll = schema.Interval{}

// TestExactFrames takes films of every kind of clock through the whole platform, and compares the answers with the
// frame numbers burnt into the pictures.
func TestExactFrames(t *testing.T) {
	exactFrames(t, mediatest.Suite()[2], mediatest.Suite()[4]) // drop frame, and variable rate
}

func TestFigureFrames(t *testing.T) {
	figure.Begin(t, "frames/exact")
	r := exactFrames(t, mediatest.Suite()...)
	figure.Report(t, true, figure.Result{Name: "frames/exact",
		Claim: "23.976, 25, 29.97 drop frame, 59.94, variable: every hard cut at its frame, none invented; fades and dissolves within 3 frames; hits' frame, ms and timecode as burnt in",
		Measured: fmt.Sprintf("cuts %s, invented %d; transitions within 3 frames %s, furthest %d; hits as burnt in %s",
			percent(r.cuts, r.allCuts), r.invented, percent(r.changes, r.allChanges), r.furthest, percent(r.hits, r.allHits)),
		Pass: r.cuts == r.allCuts && r.invented == 0 && r.changes == r.allChanges && r.hits == r.allHits})
}

type framesResult struct {
	cuts, allCuts, invented, changes, allChanges, hits, allHits int
	furthest                                                    int64
}

func exactFrames(t *testing.T, films ...mediatest.Film) framesResult {
	dir := t.TempDir()
	w := newWorldWith(t, t.TempDir(), func(c *upConfig) { c.Algorithms = []string{"shots", "dialogue"} }, dir)
	var r framesResult
	for _, f := range films {
		folder := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		m, truth := film(t, f, folder)
		w.ingest(m)
		a := w.asset(f.Name)
		clock := w.clock(a)
		r.boundaries(t, f.Name, clock, w.annotations(a.GetId(), "shots"), truth)
		for _, text := range f.Texts {
			for _, line := range text.Lines {
				resp := w.search(&pb.SearchRequest{Q: fmt.Sprintf("dialogue.phrase:%q title:%s lang:%s", line.Text, f.Name, text.Language), Limit: 1})
				r.allHits++
				if len(resp.GetHits()) == 0 {
					t.Errorf("%s: %q is not found", f.Name, line.Text)
					continue
				}
				if w.asBurntIn(a, clock, truth, line, resp.GetHits()[0]) {
					r.hits++
				}
			}
		}
	}
	return r
}

// boundaries counts the found cuts, and the findings without a cut.
func (r *framesResult) boundaries(t *testing.T, name string, clock schema.Clock, shots []*pb.Annotation, truth mediatest.Truth) {
	var starts []int64
	for _, s := range shots[min(1, len(shots)):] {
		starts = append(starts, clock.FrameAt(schema.Time(s.GetStart())))
	}
	for _, c := range truth.Cuts {
		r.allCuts++
		if i := slices.Index(starts, c); i >= 0 {
			r.cuts++
			starts = slices.Delete(starts, i, i+1)
		} else {
			t.Errorf("%s: the cut at frame %d was not found; boundaries left: %v", name, c, starts)
		}
	}
	for _, c := range truth.Changes {
		r.allChanges++
		best := int64(1 << 40)
		at := -1
		for i, s := range starts {
			if d := max(s-c.Middle, c.Middle-s); d < best {
				best, at = d, i
			}
		}
		if at >= 0 && best <= c.End-c.Start {
			starts = slices.Delete(starts, at, at+1)
			r.furthest = max(r.furthest, best)
		}
		if best <= 3 {
			r.changes++
		} else {
			t.Errorf("%s: the %s with its middle at frame %d was found %d frames away", name, c.How, c.Middle, best)
		}
	}
	r.invented += len(starts)
	if len(starts) > 0 {
		t.Errorf("%s: boundaries where there are none: %v (cuts %v, changes %v)", name, starts, truth.Cuts, truth.Changes)
	}
}

// asBurntIn compares a hit with the picture at the hit's frame.
func (w *world) asBurntIn(a *pb.Asset, clock schema.Clock, truth mediatest.Truth, line mediatest.Line, h *pb.Hit) bool {
	w.t.Helper()
	file, err := w.Blobs.OpenAsset(w.ctx, a)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	src := media.Source{Path: file.Path(), Video: a.GetVideo(), Clock: clock}
	p, err := w.Reader.FrameAt(w.ctx, src, h.GetStartFrame(), media.FrameSpec{Width: int(a.GetVideo().GetWidth()), Height: int(a.GetVideo().GetHeight())})
	if err != nil {
		w.t.Fatal(err)
	}
	stamp, ok := mediatest.ReadStamp(p.Image())
	if !ok {
		w.t.Errorf("the picture of frame %d cannot be read back", h.GetStartFrame())
		return false
	}
	good := true
	check := func(what string, got, want any) {
		if got != want {
			w.t.Errorf("%s %q: %s is %v, want %v", truth.Path, line.Text, what, got, want)
			good = false
		}
	}
	check("start frame", h.GetStartFrame(), line.Start)
	check("end frame", h.GetEndFrame(), line.End)
	check("frame burnt in", stamp.Frame, h.GetStartFrame())
	check("timecode burnt in", stamp.Timecode, h.GetStartTimecode())
	// The subtitle file counts in milliseconds: the hit begins in the first millisecond of the frame.
	if d := h.GetStartMs() - stamp.Millis; d < 0 || d > 1 {
		check("ms", h.GetStartMs(), stamp.Millis)
	}
	return good
}

func (w *world) clock(a *pb.Asset) schema.Clock {
	w.t.Helper()
	var table schema.FrameTable
	if ref := a.GetVideo().GetFrameTable(); ref != nil {
		b, err := w.Blobs.Read(w.ctx, ref, 1<<26)
		if err != nil {
			w.t.Fatal(err)
		}
		if table, err = schema.DecodeFrameTable(b); err != nil {
			w.t.Fatal(err)
		}
	}
	c, err := schema.ClockOf(a.GetVideo(), table)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}
