package gateway_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// shotSpace is of the dimension of CLIP.
var shotSpace = &pb.Space{Name: "figure", Version: "1", Dimension: 512, Metric: "cosine"}

// TestFigureMemoryOfShots: store, engine and gateway over a million shots, each with a line, eight labels and a picture of 512 dimensions, in one process:
// the resident memory that the kernel may not drop, after searches by words, by sets and by pictures. EXACT_SHOTS sets the size, EXACT_HOMES keeps the
// library. The library is filled by another process, whose garbage would be counted.
func TestFigureMemoryOfShots(t *testing.T) {
	figure.Begin(t, "memory/shots")
	shots := figure.Size(t, "EXACT_SHOTS", 1_000_000)
	filling := os.Getenv("FIGURE_MEMORY_FILLS") != ""
	if !filling {
		if os.Getenv("EXACT_HOMES") == "" {
			t.Setenv("EXACT_HOMES", t.TempDir())
		}
		fill := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFigureMemoryOfShots$", "-test.timeout=2h")
		fill.Env = append(os.Environ(), "FIGURE_MEMORY_FILLS=1")
		if said, err := fill.CombinedOutput(); err != nil {
			t.Fatalf("filling the library: %v\n%s", err, said)
		}
	}
	home := filepath.Join(os.Getenv("EXACT_HOMES"), fmt.Sprintf("memory-%d", shots))
	_, filled := os.Stat(filepath.Join(home, "pictures"))
	m := &telemetry.Memory{}
	debug.FreeOSMemory()
	before := m.Read()[0]
	e, err := embedded.Open(filepath.Join(home, "engine"), embedded.Config{Spaces: []*pb.Space{shotSpace}}, embedded.Deps{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	v := openVastOver(t, shots, home, e)
	m.Hold("search", e)
	m.Hold("store", v.store)
	if filling {
		if filled != nil {
			v.pictures(t)
		}
		if err := os.WriteFile(filepath.Join(home, "pictures"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	v.first(t)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 100 {
		for _, q := range []string{fmt.Sprintf("dialogue.words:zulu%d", i%10), fmt.Sprintf("dialogue.words:kilo%d AND label:tango%d", i%10, i%80)} {
			if resp, err := v.Search(t.Context(), everybody, &pb.SearchRequest{Q: q, Limit: 20}); err != nil || len(resp.GetHits()) == 0 {
				t.Fatalf("%s: %v, %v", q, err, resp)
			}
		}
		hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope(v.runs), Space: schema.SpaceID(shotSpace), Vector: shotVector(r), Limit: 20})
		if err != nil || len(hits) != 20 {
			t.Fatalf("%d hits: %v", len(hits), err)
		}
	}
	busy := m.Read()[0]
	runtime.GC()
	debug.FreeOSMemory()
	quiet := m.Read()[0]
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	kept := func(p telemetry.ProcessMemory) int64 { return p.Resident - p.Droppable }
	million := kept(before) + (kept(busy)-kept(before))*1_000_000/int64(shots)
	var uses []string
	for _, u := range quiet.Uses {
		if u.Purpose != telemetry.MemoryFiles {
			uses = append(uses, fmt.Sprintf("%s %s %.0f", u.Purpose, u.Part, mib(u.Bytes)))
		}
	}
	figure.Report(t, false, figure.Result{Name: "memory/shots",
		Claim: "store, engine and gateway over a million shots, each with a line, eight labels and a picture: ≤ 2 GiB resident beyond pages that the kernel may drop",
		Measured: fmt.Sprintf("%d shots: %.0f MiB resident after searches, of which the kernel may drop %.0f; %.0f MiB beyond, %.0f for a million shots; after a collection %.0f beyond, in MiB: %s; owners of the heap, in MiB: %s",
			shots, mib(busy.Resident), mib(busy.Droppable), mib(kept(busy)), mib(million), mib(kept(quiet)), strings.Join(uses, ", "), strings.Join(owners(8), ", ")),
		Pass: million <= 2<<30, Note: "load " + figure.Load()})
}

// pictures writes a vector for each shot.
func (v *vast) pictures(t testing.TB) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 2))
	for f := range v.shots / vastFilm {
		run, asset := v.runs[3*f], apitest.AssetOf(fmt.Sprintf("vast-%d", f))
		items := make([]*pb.Embedding, vastFilm)
		for i := range items {
			at := int64(i) * 4 * int64(schema.Second)
			items[i] = &pb.Embedding{Run: run, Asset: asset, Ordinal: int64(i), Space: schema.SpaceID(shotSpace), Kind: schema.KindShot, Start: at, End: at + 4*int64(schema.Second), Vector: shotVector(r)}
		}
		if err := v.engine.Write(context.Background(), search.Batch{Embeddings: items}); err != nil {
			t.Fatal(err)
		}
	}
}

// shotVector is a vector near to one of 1,000 centres.
func shotVector(r *rand.Rand) []float32 {
	centre := rand.New(rand.NewPCG(uint64(r.IntN(1000)), 3))
	out := make([]float32, shotSpace.GetDimension())
	for i := range out {
		out[i] = float32(centre.NormFloat64() + r.NormFloat64()/2)
	}
	return out
}

// owners are the functions whose objects hold most of the heap, by Go's profile of the heap. An object is counted for the innermost function of this
// repository.
func owners(most int) (out []string) {
	records := make([]runtime.MemProfileRecord, 1<<16)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return []string{"too many records"}
	}
	held := map[string]int64{}
	for _, r := range records[:n] {
		owner := ""
		for frames, more := runtime.CallersFrames(r.Stack()), true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if owner == "" && !strings.HasPrefix(f.Function, "runtime.") {
				owner = f.Function
			}
			if own, ok := strings.CutPrefix(f.Function, "github.com/cinedex/cinedex/"); ok {
				owner = own
				break
			}
		}
		held[owner] += r.InUseBytes()
	}
	names := slices.SortedFunc(maps.Keys(held), func(a, b string) int { return int(held[b] - held[a]) })
	for _, name := range names[:min(most, len(names))] {
		out = append(out, fmt.Sprintf("%s %.1f", name, float64(held[name])/(1<<20)))
	}
	return out
}
