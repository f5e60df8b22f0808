package runner_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// The behaviours of workers that break the contract in a run.
var hostileBehaviours = []string{"slow start", "hangs", "stands still", "crashes", "disconnects", "gives up", "is busy", "ends early", "floods", "floods heartbeats", "large message", "wrong dimension",
	"not a number", "wrong length", "outside", "backwards", "no confidence", "undeclared kind", "missing blob", "foreign slot", "truncates", "is replaced"}

// beside returns how long a run of a good worker takes from the arrival of the film, the median of many films that arrive one behind the other, beside workers of
// these behaviours.
func beside(t *testing.T, name string, behaviours []string) time.Duration {
	const films = 16
	var median time.Duration
	t.Run(name, func(t *testing.T) {
		w := newWorld(t)
		folder := remotetest.Folder(t)
		h := w.workers(folder, func(c *remote.Config) { c.Silence, c.Stall = 5*time.Minute, 5*time.Minute })
		follower, _ := w.serveWith(h)
		ids := []string{"signs@1"}
		remotetest.Start(t, folder, "good", "signs")
		for i, b := range behaviours {
			remotetest.Start(t, folder, b, fmt.Sprint("beside", i))
			ids = append(ids, fmt.Sprintf("beside%d@1", i))
		}
		w.known(follower, ids...)
		w.until("all are served", 2*time.Minute, func() bool { return len(h.Algorithms()) == len(ids) })
		var took []time.Duration
		for i := range films {
			a, _ := w.film(mediatest.Film{Name: fmt.Sprint("film", i), Width: 64, Height: 36, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: int64(30 + i), Seed: uint64(i)}}})
			began := time.Now()
			w.arrive(a)
			w.until("the run has ended", 5*time.Minute, w.ended(a, "signs"))
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		median = took[len(took)/2]
		t.Logf("beside %d workers: %s", len(behaviours), took)
	})
	return median
}

// TestFigureHostile measures the runs of a good worker beside 22 hostile workers, and, before and after, beside 22 workers that keep the contract. Beside both,
// each film is decoded 23 times; the time of a good worker alone is told as well.
func TestFigureHostile(t *testing.T) {
	figure.Begin(t, "remote/hostile")
	good := make([]string, len(hostileBehaviours))
	for i := range good {
		good[i] = "good"
	}
	before, hostile, after, alone := beside(t, "before", good), beside(t, "hostile", hostileBehaviours), beside(t, "after", good), beside(t, "alone", nil)
	if t.Failed() {
		return
	}
	noise := float64(max(before, after)) / float64(min(before, after))
	ratio := 2 * float64(hostile) / float64(before+after)
	figure.Report(t, true, figure.Result{
		Name: "remote/hostile", Claim: "runs of a good worker beside 22 hostile workers take ≤ 1.1 of the time beside 22 good workers, or no more than the noise of the same run",
		Measured: fmt.Sprintf("median %s beside hostile workers; %s and %s beside good workers before and after; %s alone", hostile.Round(time.Millisecond), before.Round(time.Millisecond), after.Round(time.Millisecond), alone.Round(time.Millisecond)),
		Ratio:    ratio, Pass: ratio <= max(1.1, noise),
		Note: "sixteen films, from the arrival of a film to the end of the run; all workers are processes",
	})
}
