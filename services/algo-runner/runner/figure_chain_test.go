package runner_test

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/motion"
	"github.com/cinedex/cinedex/pkg/algo/palette"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/algo/thumbnails"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// framing is a fake with the frames of the algorithm that the fake stands before.
type framing struct {
	*fake
	algo.FrameReader
}

func (f framing) Spec() *pb.AlgorithmSpec { return f.fake.Spec() }
func (f framing) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	return f.fake.Annotate(ctx, in, out)
}

// demoChain is shots → thumbnails, palette, motion, and dialogue beside the chain. changed is the algorithm whose parameters change.
func (w *world) demoChain(models *algo.Models, changed string) *chain {
	w.t.Helper()
	c := &chain{fakes: map[string]*fake{}}
	var all []algo.Algorithm
	for _, versions := range []func(*algo.Models) []algo.Algorithm{shots.Versions, thumbnails.Versions, palette.Versions, motion.Versions, dialogue.Versions} {
		a := versions(models)[0]
		f := &fake{spec: proto.CloneOf(a.Spec()), annotate: a.Annotate}
		name := f.spec.GetName()
		if name == changed {
			f.spec.Parameters = map[string]string{"figure": "changed"}
		}
		c.fakes[name] = f
		if frames, ok := a.(algo.FrameReader); ok {
			all = append(all, framing{f, frames})
		} else {
			all = append(all, f)
		}
	}
	c.registry = must[*algo.Registry](w.t)(algo.NewRegistry(all...))
	return c
}

// demoFilms are the films of the demo: three minutes of Big Buck Bunny, the stand-in for Elephants Dream, and a generated film with subtitles.
func (w *world) demoFilms() []*pb.Asset {
	w.t.Helper()
	path := filepath.Join(w.dir, "elephants.mp4")
	args := []string{"-v", "error", "-f", "lavfi", "-i", "gradients=s=426x240:r=6:d=654:speed=0.002:seed=7:nb_colors=4", "-t", "654", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path}
	if out, err := exec.CommandContext(w.t.Context(), w.tools.FFmpeg, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("making the stand-in: %v: %s", err, out)
	}
	generated, _ := w.film(small)
	return []*pb.Asset{w.bunny(180), w.asset(path), generated}
}

// TestFigureChain changes one link of a chain of real algorithms over the films of the demo, and counts the executions.
func TestFigureChain(t *testing.T) {
	figure.Begin(t, "chain/demo")
	w := newWorld(t)
	models := &algo.Models{Cache: w.cache}
	t.Cleanup(func() { _ = models.Close() })
	library := w.demoFilms()
	lasts := 0
	arrive := func(changed string) map[string]int64 {
		c := w.demoChain(models, changed)
		stop := w.serve(c.registry)
		defer stop()
		for _, a := range library {
			w.arrive(a)
		}
		w.until("ended", 20*time.Minute, func() bool {
			for _, a := range library {
				for _, r := range must[[]*pb.Run](t)(c.registry.Runs(a)) {
					recorded, err := w.store.Run(t.Context(), a.GetId(), r.GetId())
					if err != nil || recorded.GetState() != pb.RunState_RUN_STATE_FINISHED {
						return false
					}
				}
			}
			return true
		})
		// A film that arrives last shows that all before it were planned.
		last := other()
		last.Name, last.Scenes[0].Seed = fmt.Sprint("last", lasts), uint64(200+lasts)
		lasts++
		end, _ := w.film(last)
		w.arrive(end)
		w.until("the last film has ended", 5*time.Minute, w.ended(end, "shots", "palette", "motion", "thumbnails"))
		calls := c.calls()
		for _, r := range must[[]*pb.Run](t)(c.registry.Runs(end)) {
			if calls[r.GetAlgorithm()]--; calls[r.GetAlgorithm()] == 0 {
				delete(calls, r.GetAlgorithm())
			}
		}
		return calls
	}
	first := arrive("")
	again, link, leaf := arrive(""), arrive("shots"), arrive("palette")
	pass := maps.Equal(first, map[string]int64{"shots": 3, "thumbnails": 3, "palette": 3, "motion": 3, "dialogue": 1}) && len(again) == 0 &&
		maps.Equal(link, map[string]int64{"shots": 3, "thumbnails": 3, "palette": 3, "motion": 3}) && maps.Equal(leaf, map[string]int64{"palette": 3})
	figure.Report(t, true, figure.Result{
		Name: "chain/demo", Claim: "over the films of the demo, another parameter of shots runs shots, thumbnails, palette and motion again, three times each, and nothing else; another parameter of palette runs palette alone",
		Measured: fmt.Sprintf("executed at first: %v; after a restart: %v; with another parameter of shots: %v; of palette: %v", first, again, link, leaf), Pass: pass,
	})
}
