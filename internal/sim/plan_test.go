package sim

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A Plan says what the world is like, and what goes wrong in it when.
type Plan struct {
	// Seed decides what happens next wherever several things may.
	Seed uint64
	// Assets arrive at the beginning.
	Assets int
	// Items is about how many annotations a run writes, and Cut how many of them one event of the log carries.
	Items, Cut int
	// Unsteady makes no two executions of a run say the same, so that a mix of two is seen. An indexer that stands still
	// loses no partitions then: see the package's document.
	Unsteady bool
	Faults   []Fault
}

// A Fault is one thing that goes wrong, or that an operator does, at a step.
type Fault struct {
	Step int
	Kind FaultKind
	// Who picks the process, the topic or the asset that it happens to, as far as there are several.
	Who int
	// For is how long it lasts, in steps or in failing calls.
	For int
}

// FaultKind is what goes wrong.
type FaultKind int

// The faults.
const (
	KillWorker     FaultKind = iota // kill -9; it comes back after For steps under the same name
	KillIndexer                     // the same
	PauseWorker                     // stands still for For steps, while its lease and its partitions go to others, and goes on
	PauseIndexer                    // the same
	LoseLease                       // a worker stands still before its next write until another has written in its place, and goes on then
	StoreBefore                     // calls of the store fail without an effect
	StoreAfter                      // calls of the store fail after their effect, or after half of it
	StoreCrash                      // the store loses what it has not synced, and is opened again
	EngineBefore                    // as StoreBefore
	EngineAfter                     // as StoreAfter
	LogBefore                       // publishing fails without an effect
	LogLate                         // publishing fails, and what was published lands at some time later
	LogTwice                        // what is published lands twice, the second time later
	Replay                          // a group reads a topic again from its start
	Poison                          // an event that no handler can take lies in the log
	Switch                          // an operator switches an asset to its other version, or back
	Upgrade                         // the workers come back with a new version of the algorithm
	CrashAlgorithm                  // the algorithm panics the next For times
	Hours                           // time passes
	kinds
)

func (k FaultKind) String() string {
	return [...]string{"kill-worker", "kill-indexer", "pause-worker", "pause-indexer", "lose-lease", "store-before", "store-after", "store-crash",
		"engine-before", "engine-after", "log-before", "log-late", "log-twice", "replay", "poison", "switch", "upgrade", "crash-algorithm", "hours"}[k]
}

func (f Fault) String() string { return fmt.Sprintf("%d:%s(%d,%d)", f.Step, f.Kind, f.Who, f.For) }

func (p Plan) String() string {
	var faults []string
	for _, f := range p.Faults {
		faults = append(faults, f.String())
	}
	return fmt.Sprintf("seed=%d assets=%d items=%d cut=%d unsteady=%t faults=[%s]", p.Seed, p.Assets, p.Items, p.Cut, p.Unsteady, strings.Join(faults, " "))
}

// steps is when the last fault happens at the latest.
const steps = 400

// plans draws plans; rapid makes those that fail smaller.
var plans = rapid.Custom(func(t *rapid.T) Plan {
	fault := rapid.Custom(func(t *rapid.T) Fault {
		return Fault{
			Step: rapid.IntRange(1, steps).Draw(t, "step"), Kind: FaultKind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind")),
			Who: rapid.IntRange(0, 3).Draw(t, "who"), For: rapid.IntRange(1, 60).Draw(t, "for"),
		}
	})
	return Plan{
		Seed: rapid.Uint64().Draw(t, "seed"), Assets: rapid.IntRange(1, 2).Draw(t, "assets"),
		Items: rapid.IntRange(2, 5).Draw(t, "items"), Cut: rapid.IntRange(1, 3).Draw(t, "cut"),
		Unsteady: rapid.Bool().Draw(t, "unsteady"),
		Faults:   rapid.SliceOfN(fault, 1, 14).Draw(t, "faults"),
	}
})
