package runner_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A chain is the algorithms cuts → motion → mood, cuts → tints, and lines, which reads the text. change changes the declaration of motion.
type chain struct {
	registry *algo.Registry
	fakes    map[string]*fake
}

func newChain(t *testing.T, change func(motion *pb.AlgorithmSpec)) *chain {
	t.Helper()
	c := &chain{fakes: map[string]*fake{
		"cuts":   {spec: spec("cuts", []string{schema.ReadsVideo}), annotate: tally("cuts")},
		"motion": {spec: spec("motion", nil, "cuts"), annotate: echo("cuts", "motion")},
		"mood":   {spec: spec("mood", nil, "motion"), annotate: echo("motion", "mood")},
		"tints":  {spec: spec("tints", nil, "cuts"), annotate: echo("cuts", "tints")},
		"lines": {spec: spec("lines", []string{schema.ReadsText}), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			return note(ctx, in, out, "lines", 0)
		}},
	}}
	change(c.fakes["motion"].spec)
	c.registry = must[*algo.Registry](t)(algo.NewRegistry(watching{c.fakes["cuts"]}, c.fakes["motion"], c.fakes["mood"], c.fakes["tints"], c.fakes["lines"]))
	return c
}

// calls returns how often each algorithm was executed.
func (c *chain) calls() map[string]int64 {
	out := map[string]int64{}
	for name, f := range c.fakes {
		if n := f.calls.Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}

// One link of a chain changes. The runs of the link, and of the algorithms that read its output, are executed again, and no other run is. Metadata that
// changed, and a restart, execute nothing.
func TestChangedLinkOfAChain(t *testing.T) {
	w := newWorld(t)
	var library []*pb.Asset
	for i := range 3 {
		f := mediatest.Film{Name: fmt.Sprint("film", i), Width: 64, Height: 36, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: int64(10 + i), Seed: uint64(i)}}}
		if i == 0 {
			f.Texts = small.Texts[:1]
			f.Scenes[0].Frames = 120
		}
		a, _ := w.film(f)
		library = append(library, a)
	}
	known := map[string]bool{} // runs that have ended
	// arrive brings the library, and returns how often each algorithm was executed. A last film shows that all before it were planned.
	arrive := func(c *chain, last int) map[string]int64 {
		t.Helper()
		stop := w.serve(c.registry)
		defer stop()
		for _, a := range library {
			w.arrive(a)
		}
		end, _ := w.film(mediatest.Film{Name: fmt.Sprint("last", last), Width: 64, Height: 36, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: 9, Seed: uint64(90 + last)}}})
		w.arrive(end)
		w.until("ended", time.Minute, func() bool {
			for _, a := range append(library, end) {
				for _, r := range must[[]*pb.Run](t)(c.registry.Runs(a)) {
					recorded, err := w.store.Run(t.Context(), a.GetId(), r.GetId())
					if err != nil || recorded.GetState() != pb.RunState_RUN_STATE_FINISHED {
						return false
					}
					known[r.GetId()] = true
				}
			}
			return true
		})
		calls := c.calls()
		for _, name := range []string{"cuts", "motion", "mood", "tints"} { // of the last film
			if calls[name]--; calls[name] == 0 {
				delete(calls, name)
			}
		}
		return calls
	}
	expect := func(what string, got map[string]int64, want map[string]int64) {
		t.Helper()
		if !maps.Equal(got, want) {
			t.Errorf("%s: executed were %v, want %v", what, got, want)
		}
	}
	same := func(*pb.AlgorithmSpec) {}
	expect("at first", arrive(newChain(t, same), 0), map[string]int64{"cuts": 3, "motion": 3, "mood": 3, "tints": 3, "lines": 1})
	if len(known) != 13+4 {
		t.Errorf("%d runs, want 17", len(known))
	}
	for i, a := range library {
		next := proto.CloneOf(a)
		next.Title.Name, next.Revision = "Another name", a.GetRevision()+1
		library[i] = next
	}
	expect("a restart and another title", arrive(newChain(t, same), 1), map[string]int64{})
	changed := func(s *pb.AlgorithmSpec) { s.Parameters = map[string]string{"threshold": "0.4"} }
	expect("another parameter", arrive(newChain(t, changed), 2), map[string]int64{"motion": 3, "mood": 3})
}
