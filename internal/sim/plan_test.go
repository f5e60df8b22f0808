package sim

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A Plan describes the world, the faults, and the step of each fault.
type Plan struct {
	// Seed decides wherever several things may happen next.
	Seed uint64
	// Assets arrive at the beginning.
	Assets int
	// Items is about how many annotations a run writes. Cut is the number of annotations in a single event of the log.
	Items, Cut int
	// With Unsteady, no two executions of a run write the same items, so a mix of two executions shows. An indexer that
	// pauses then loses no partitions: see the package comment.
	Unsteady bool
	// With Remote, the algorithm is in a worker, and the real host of workers executes the runs.
	Remote bool
	Faults []Fault
}

// A Fault is a single fault, or an act of an operator, at a step.
type Fault struct {
	Step int
	Kind FaultKind
	// Who picks the process, the topic or the asset of the fault, where several exist.
	Who int
	// For is the length of the fault, in steps or in failing calls.
	For int
}

// FaultKind is the kind of a fault.
type FaultKind int

const (
	KillWorker     FaultKind = iota // kill -9; the worker comes back after For steps under the same name
	KillIndexer                     // the same
	PauseWorker                     // stands still for For steps, while other workers get the lease and the partitions, and then continues
	PauseIndexer                    // the same
	LoseLease                       // a worker stands still before its next write until another worker has written the same run, and then continues
	StoreBefore                     // calls of the store fail without an effect
	StoreAfter                      // calls of the store fail after the whole effect, or after half of the effect
	StoreCrash                      // the store loses the data without a sync, and is opened again
	EngineBefore                    // as StoreBefore
	EngineAfter                     // as StoreAfter
	LogBefore                       // publishing fails without an effect
	LogLate                         // publishing fails, and the published events land some time later
	LogTwice                        // published events land twice, the second time later
	Replay                          // a group reads a topic again from its start
	Poison                          // an event that no handler can handle lies in the log
	Switch                          // an operator switches an asset to its other version, or back
	Upgrade                         // the workers come back with a new version of the algorithm
	CrashAlgorithm                  // the algorithm panics the next For times
	Hours                           // time passes
	WorkerDies                      // the worker of the algorithm dies during the next runs; in plans with workers
	WorkerHangs                     // it stands still
	WorkerLies                      // it writes an annotation outside the asset
	kinds
)

func (k FaultKind) String() string {
	return [...]string{"kill-worker", "kill-indexer", "pause-worker", "pause-indexer", "lose-lease", "store-before", "store-after", "store-crash",
		"engine-before", "engine-after", "log-before", "log-late", "log-twice", "replay", "poison", "switch", "upgrade", "crash-algorithm", "hours", "worker-dies", "worker-hangs", "worker-lies"}[k]
}

func (f Fault) String() string { return fmt.Sprintf("%d:%s(%d,%d)", f.Step, f.Kind, f.Who, f.For) }

func (p Plan) String() string {
	var faults []string
	for _, f := range p.Faults {
		faults = append(faults, f.String())
	}
	return fmt.Sprintf("seed=%d assets=%d items=%d cut=%d unsteady=%t remote=%t faults=[%s]", p.Seed, p.Assets, p.Items, p.Cut, p.Unsteady, p.Remote, strings.Join(faults, " "))
}

// steps is when the last fault happens at the latest.
const steps = 400

// plans draws plans; rapid shrinks the failing plans.
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
		Unsteady: rapid.Bool().Draw(t, "unsteady"), Remote: rapid.Bool().Draw(t, "remote"),
		Faults: rapid.SliceOfN(fault, 1, 14).Draw(t, "faults"),
	}
})
