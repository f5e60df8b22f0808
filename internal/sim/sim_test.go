package sim

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
)

// bug is the name of a bug put in on purpose.
type bug string

const (
	none        bug = ""
	commitFirst bug = "commit before write"
	noFencing   bug = "no fencing"
	skipErrors  bug = "skip on error"
	switchEarly bug = "switch before indexed"
	countedIDs  bug = "id by counter"
	noAcks      bug = "publish without acknowledgement"
	// oldMemory was in the runner until these plans found the bug. A worker took a run for ended because the worker had
	// ended the run itself. The end had come after another worker's lease, and was refused.
	oldMemory bug = "trust in an end that was refused"
)

// counted numbers written items by a counter, in place of the identities that follow from the run.
func counted(p *process, batches []store.Batch) []store.Batch {
	p.counted = search.Batch{}
	next := func(k string) int64 {
		p.ids[k]++
		return p.ids[k] - 1
	}
	var out []store.Batch
	for _, b := range batches {
		for _, a := range b.Annotations {
			a = proto.CloneOf(a)
			a.Ordinal = next("a" + a.GetRun())
			p.counted.Annotations = append(p.counted.Annotations, a)
			out = append(out, store.Batch{Asset: b.Asset, Run: b.Run, Epoch: b.Epoch, First: a.GetOrdinal(), Annotations: []*pb.Annotation{a}})
		}
		for _, e := range b.Embeddings {
			e = proto.CloneOf(e)
			e.Ordinal = next("e" + e.GetRun())
			p.counted.Embeddings = append(p.counted.Embeddings, e)
			out = append(out, store.Batch{Asset: b.Asset, Run: b.Run, Epoch: b.Epoch, First: e.GetOrdinal(), Embeddings: []*pb.Embedding{e}})
		}
	}
	return out
}

// SIM_TRACE names a file for the trace of the last failed plan.
const traceVariable = "SIM_TRACE"

// check carries out n plans and fails with the smallest failing plan. check returns the number of steps.
func check(t *testing.T, n int, open func(*outside) (search.Engine, error)) (steps int) {
	if err := flag.Set("rapid.checks", fmt.Sprint(n)); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		plan := plans.Draw(rt, "plan")
		o := run(t, plan, none, open)
		steps += o.steps
		if o.err != nil {
			if file := os.Getenv(traceVariable); file != "" {
				_ = os.WriteFile(file, []byte(plan.String()+"\n"+o.trace), 0o644)
			}
			rt.Fatalf("%s\n%v", plan, o.err)
		}
	})
	return steps
}

// After any plan, readers see exactly the fold of the log.
func TestPlans(t *testing.T) { check(t, 300, nil) }

// The same, over the embedded engine in place of the model.
func TestPlansEmbedded(t *testing.T) {
	check(t, 10, func(out *outside) (engine search.Engine, err error) {
		dir := t.TempDir()
		out.do(func() { engine, err = embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{space}}, embedded.Deps{}) })
		return engine, err
	})
}

// A plan runs the same way each time.
func TestSame(t *testing.T) {
	for i := range 100 {
		plan := plans.Example(i)
		first, second := run(t, plan, none, nil), run(t, plan, none, nil)
		if first.trace != second.trace {
			t.Fatalf("%s: what happens differs from one time to the other", plan)
		}
	}
}

// TestChaosPlans and the figure sim/plans carry out as many plans as the design asks for.
func TestFigurePlans(t *testing.T) {
	figure.Begin(t, "sim/plans")
	many(t)
}

func TestChaosPlans(t *testing.T) {
	serverstest.Chaos(t)
	many(t)
}

func many(t *testing.T) {
	const n = 10_000
	began := time.Now()
	steps := check(t, n, nil)
	figure.Report(t, true, figure.Result{Name: "sim/plans",
		Claim:    "10,000 seeded plans of faults: what readers see equals the fold of the log after each, and at every look meanwhile",
		Measured: fmt.Sprintf("%d plans, %d steps, %.0f s", n, steps, time.Since(began).Seconds()), Pass: !t.Failed(),
		Note: "real runner, indexer and Pebble store; a model of the search engine, held beside the embedded one in fewer plans"})
}

// Each bug put in on purpose is caught, within a bounded number of plans.
func TestBugs(t *testing.T) {
	for _, b := range []bug{commitFirst, noFencing, skipErrors, switchEarly, countedIDs, noAcks, oldMemory} {
		t.Run(string(b), func(t *testing.T) {
			const most = 3000
			for i := range most {
				plan := plans.Example(i)
				if o := run(t, plan, b, nil); o.err != nil {
					t.Logf("caught by plan %d of at most %d: %s\n%v", i+1, most, plan, o.err)
					return
				}
			}
			t.Errorf("not caught by %d plans", most)
		})
	}
}
