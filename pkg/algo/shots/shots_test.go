package shots_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A watcher finds the shots of generated films.
type watcher struct {
	t      *testing.T
	reg    *algo.Registry
	reader *media.Reader
	tools  media.Tools
}

func newWatcher(t *testing.T) *watcher {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t}
	w.tools.FFmpeg, w.tools.FFprobe = modeltest.Tools(t, cache)
	if w.reader, err = media.NewReader(media.Default(), w.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	m, err := transnet.Open(cache, 0)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	opened := algo.Lazily(func() (*transnet.Model, error) { return m, nil })
	t.Cleanup(func() { _ = m.Close() })
	if w.reg, err = algo.NewRegistry(shots.New(opened)); err != nil {
		t.Fatal(err)
	}
	return w
}

// verdict compares the found shots with the truth.
type verdict struct {
	cuts, exact     int // number of cuts in the film, and cuts found at their frame
	missed          []int64
	invented        []string
	changes, within int // number of gradual changes in the film, and changes found within three frames of the middle
	worst           int64
	off             []string

	// For peers: the film's file, and what there is to find.
	path    string
	all     []int64
	gradual []mediatest.Change
}

// judge compares the first frames of scenes, as a peer finds them, with the truth.
func (v *verdict) judge(frames []int64) (exact, changes, invented int) {
	for _, f := range frames {
		switch {
		case slices.Contains(v.all, f):
			exact++
		case slices.ContainsFunc(v.gradual, func(c mediatest.Change) bool { return c.Start-3 <= f && f <= c.End+3 }):
			changes++
		default:
			invented++
		}
	}
	return exact, changes, invented
}

func (v *verdict) add(o verdict) {
	v.cuts, v.exact, v.changes, v.within = v.cuts+o.cuts, v.exact+o.exact, v.changes+o.changes, v.within+o.within
	v.worst = max(v.worst, o.worst)
	v.missed, v.invented, v.off = append(v.missed, o.missed...), append(v.invented, o.invented...), append(v.off, o.off...)
}

func (w *watcher) watch(film mediatest.Film) verdict {
	w.t.Helper()
	truth, err := film.Write(w.t.Context(), w.t.TempDir(), mediatest.Tools{FFmpeg: w.tools.FFmpeg})
	if err != nil {
		w.t.Fatal(err)
	}
	clip, err := algotest.OpenClip(w.t.Context(), w.reader, truth.Path)
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := algotest.Run(w.t.Context(), w.reg, "shots", clip)
	if err != nil {
		w.t.Fatal(err)
	}
	v := verdict{cuts: len(truth.Cuts), changes: len(truth.Changes), path: truth.Path, all: truth.Cuts, gradual: truth.Changes}
	left := slices.Clone(truth.Changes)
	cuts := slices.Clone(truth.Cuts)
	end := schema.Time(0)
	for i, a := range found.Annotations {
		iv := schema.IntervalOf(a)
		if iv.Start != end {
			w.t.Errorf("%s: shot %d begins at %s, the one before ends at %s", film.Name, i, iv.Start, end)
		}
		end = iv.End
		if i == 0 {
			continue
		}
		at, _ := schema.FrameSpan(truth.Clock, iv)
		if truth.Clock.FrameStart(at) != iv.Start {
			w.t.Errorf("%s: shot %d begins at %d flicks, inside frame %d", film.Name, i, iv.Start, at)
		}
		if j := slices.Index(cuts, at); j >= 0 {
			v.exact++
			cuts = slices.Delete(cuts, j, j+1)
			continue
		}
		j := slices.IndexFunc(left, func(c mediatest.Change) bool { return c.Start-3 <= at && at <= c.End+3 })
		if j < 0 {
			v.invented = append(v.invented, fmt.Sprintf("%s: %s at %d", film.Name, a.GetAttributes()["begin"].GetText(), at))
			continue
		}
		off := max(at-left[j].Middle, left[j].Middle-at)
		if off <= 3 {
			v.within++
		} else {
			v.off = append(v.off, fmt.Sprintf("%s: %s at %d by %d", film.Name, left[j].How, left[j].Middle, off))
		}
		v.worst = max(v.worst, off)
		if got, want := a.GetAttributes()["begin"].GetText(), string(left[j].How); got != want {
			w.t.Logf("%s: the %s at %d is taken for a %s", film.Name, want, left[j].Middle, got)
		}
		left = slices.Delete(left, j, j+1)
	}
	if end != truth.Clock.FrameStart(truth.Frames()) {
		w.t.Errorf("%s: the shots end at %s", film.Name, end)
	}
	v.missed = cuts
	for _, c := range left {
		v.off = append(v.off, fmt.Sprintf("%s: %s at %d is not found", film.Name, c.How, c.Middle))
	}
	w.t.Logf("%s: %d of %d cuts exact, missed %v, invented %v; %d of %d gradual changes within 3 frames, off %v",
		film.Name, v.exact, v.cuts, v.missed, v.invented, v.within, v.changes, v.off)
	return v
}

// The hardest clock: the cuts of a film of variable rate are found at their exact frames.
func TestVariableRate(t *testing.T) {
	w := newWatcher(t)
	for _, f := range mediatest.Suite() {
		if f.Variable == nil {
			continue
		}
		v := w.watch(f)
		if v.exact != v.cuts || len(v.invented) > 0 || v.within != v.changes {
			t.Errorf("%+v", v)
		}
	}
}

func TestFigureCuts(t *testing.T) {
	figure.Begin(t, "shots/generated")
	w := newWatcher(t)
	var all verdict
	films := append(mediatest.Suite(), mediatest.Montages()...)
	var each []verdict
	var paths []string
	for _, f := range films {
		v := w.watch(f)
		all.add(v)
		each, paths = append(each, v), append(paths, v.path)
	}
	note := fmt.Sprintf("%d films, two of them montages of 40 scenes of 6 to 65 frames", len(films))
	peers := figure.Peers[[]int64](t, "cuts", paths...)
	for _, peer := range slices.Sorted(maps.Keys(peers)) {
		var exact, changes, invented int
		for i, frames := range peers[peer] {
			e, c, n := each[i].judge(frames)
			exact, changes, invented = exact+e, changes+c, invented+n
		}
		note += fmt.Sprintf("; PySceneDetect's %s: %d of %d cuts exact, %d invented, a scene in %d of %d gradual changes", peer, exact, all.cuts, invented, changes, all.changes)
	}
	figure.Report(t, true, figure.Result{
		Name:     "shots/generated",
		Claim:    "every hard cut at its exact frame, none invented, at 23.976, 25, 29.97 drop-frame, 59.94 and variable rate",
		Measured: fmt.Sprintf("%d of %d cuts exact, %d invented", all.exact, all.cuts, len(all.invented)),
		Pass:     all.exact == all.cuts && len(all.invented) == 0,
		Note:     note,
	})
	figure.Report(t, false, figure.Result{
		Name:     "shots/gradual",
		Claim:    "fades and dissolves within 3 frames of their middle",
		Measured: fmt.Sprintf("%d of %d, worst %d frames", all.within, all.changes, all.worst),
		Pass:     all.within == all.changes,
	})
}
