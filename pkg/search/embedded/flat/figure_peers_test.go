package flat_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

const (
	peersDim     = 512
	peersQueries = 200
	peersGroup   = 1000 // rows of a group
	peersTurns   = 5
)

// A peersTask is a question asked of both sides. Groups are the groups that it may see; nil is all.
type peersTask struct {
	K      int   `json:"k"`
	Groups []int `json:"groups"`
	least  float64
}

// A peersTold is what ivf.py says of a task.
type peersTold struct {
	Truth  [][]int `json:"truth"`
	Recall float64 `json:"recall"`
	Probe  int     `json:"nprobe"`
	Factor int     `json:"k_factor"`
}

// TestFigurePeersVectors measures the index beside faiss's IVF-RaBitQ with refinement, over a million generated vectors of 512 dimensions in clusters
// of unequal size (FIGURE_ROWS: other numbers). Both sides have one thread and are asked one query at a time, by turns; the times are
// of processors. CINEDEX_FIGURE_DIR names a folder that keeps the vectors and both indexes.
func TestFigurePeersVectors(t *testing.T) {
	figure.Begin(t, "peers/vectors")
	n := 1_000_000
	if s := os.Getenv("FIGURE_ROWS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	home := os.Getenv("CINEDEX_FIGURE_DIR")
	if home == "" {
		home = t.TempDir()
	}
	home = filepath.Join(home, fmt.Sprintf("peers-%d", n))
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	tasks := map[string]peersTask{"top-10": {10, nil, 1}, "top-500": {500, nil, 1}, "10%": {10, some(n, 10), 2}, "1%": {10, some(n, 100), 4}}
	queries, err := writeClusters(home, n)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := startPeer(t.Context(), home, n, tasks)
	if err != nil {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer peer.end()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	x := fillPeers(t, home, n)
	for name, task := range tasks {
		comparePeers(t, x, peer, name, task, queries, n)
	}
}

// some draws one group in so many.
func some(n, of int) []int {
	groups := (n + peersGroup - 1) / peersGroup
	out := rand.New(rand.NewPCG(5, uint64(of))).Perm(groups)[:max(1, groups/of)]
	slices.Sort(out)
	return out
}

// writeClusters writes the vectors unless they are there, and returns the queries.
func writeClusters(home string, n int) (queries [][]float32, err error) {
	rnd := rand.New(rand.NewPCG(16, 1))
	centres := make([][]float32, max(50, n/500))
	weights := make([]float64, len(centres))
	var sum float64
	for i := range centres {
		centres[i] = peersVector(rnd, make([]float32, peersDim), 1)
		sum += 1 / math.Sqrt(float64(i+1))
		weights[i] = sum
	}
	draw := func() []float32 {
		at, _ := slices.BinarySearch(weights, rnd.Float64()*sum)
		return peersVector(rnd, centres[at], 0.8)
	}
	for range peersQueries {
		queries = append(queries, draw())
	}
	path := filepath.Join(home, "rows.f32")
	if info, err := os.Stat(path); err == nil && info.Size() == int64(n*peersDim*4) {
		return queries, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for range n {
		if err := binary.Write(w, binary.LittleEndian, draw()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	var flat []float32
	for _, q := range queries {
		flat = append(flat, q...)
	}
	b, err := binary.Append(nil, binary.LittleEndian, flat)
	return queries, errors.Join(err, w.Flush(), f.Close(), os.WriteFile(filepath.Join(home, "queries.f32"), b, 0o644))
}

// peersVector is a vector of length 1 about a centre.
func peersVector(rnd *rand.Rand, centre []float32, width float64) []float32 {
	v := make([]float32, len(centre))
	var sum float64
	for i, c := range centre {
		v[i] = c + float32(rnd.NormFloat64()*width/math.Sqrt(peersDim))
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// A vectorsPeer is ivf.py at work.
type vectorsPeer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	told map[string]peersTold
}

func startPeer(ctx context.Context, home string, n int, tasks map[string]peersTask) (*vectorsPeer, error) {
	venv := filepath.Join(filepath.Dir(home), "venv-faiss")
	python := filepath.Join(venv, "bin", "python")
	if exec.CommandContext(ctx, python, "-c", "import faiss").Run() != nil {
		if b, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("lacks python3 with venv: %w: %s", err, b)
		}
		if b, err := exec.CommandContext(ctx, python, "-m", "pip", "install", "-q", "faiss-cpu==1.15.1", "numpy==2.4.6").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("lacks faiss: %w: %s", err, b)
		}
	}
	lists := 4 * int(math.Sqrt(float64(n)))
	job, err := json.Marshal(map[string]any{"dim": peersDim, "lists": lists, "group_rows": peersGroup, "tasks": tasks})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "tasks.json"), job, 0o644); err != nil {
		return nil, err
	}
	p := &vectorsPeer{cmd: exec.CommandContext(ctx, python, filepath.Join("testdata", "ivf.py"), home)}
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(p.line()).Decode(&p.told); err != nil {
		return nil, errors.Join(fmt.Errorf("reading what ivf.py says: %w", err), p.end())
	}
	return p, nil
}

// line reads a line of the peer's.
func (p *vectorsPeer) line() io.Reader {
	r, w := io.Pipe()
	go func() {
		for {
			part, err := p.out.ReadSlice('\n')
			if _, e := w.Write(part); e != nil {
				return
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				w.CloseWithError(err)
				return
			}
		}
	}()
	return r
}

// ask has the peer ask all queries of a task, and returns the seconds.
func (p *vectorsPeer) ask(name string) (seconds float64, err error) {
	if _, err := fmt.Fprintln(p.in, name); err != nil {
		return 0, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return 0, err
	}
	return seconds, json.Unmarshal(line, &seconds)
}

func (p *vectorsPeer) end() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

// fillPeers writes the rows, and waits for the cells.
func fillPeers(t *testing.T, home string, n int) *flat.Index {
	at := filepath.Join(home, "flat")
	x, err := flat.Open(at, flat.Config{Dim: peersDim, Metric: flat.Cosine, Space: "peers@1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	if x.Len() == 0 {
		f, err := os.Open(filepath.Join(home, "rows.f32"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		in := bufio.NewReaderSize(f, 1<<20)
		begun := figure.ProcessTime(t)
		for g := 0; g*peersGroup < n; g++ {
			var batch []flat.Vector
			for row := g * peersGroup; row < min(n, (g+1)*peersGroup); row++ {
				v := make([]float32, peersDim)
				if err := binary.Read(in, binary.LittleEndian, v); err != nil {
					t.Fatal(err)
				}
				batch = append(batch, flat.Vector{Key: flat.Key{Group: groupName(g), Ordinal: uint32(row % peersGroup)}, Start: int64(row), End: int64(row) + 1, Values: v})
			}
			if err := x.Append(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d rows written in %v of the processor, background work included", n, figure.ProcessTime(t)-begun)
	}
	begun, work := time.Now(), figure.ProcessTime(t)
	settle(t, x)
	for {
		ready, err := x.Celled()
		if err != nil {
			t.Fatal(err)
		}
		if ready {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("cells ready after %v, %v of the processor", time.Since(begun).Round(time.Millisecond), figure.ProcessTime(t)-work)
	return x
}

// comparePeers asks both sides by turns.
func comparePeers(t *testing.T, x *flat.Index, peer *vectorsPeer, name string, task peersTask, queries [][]float32, n int) {
	f := flat.Filter{}
	if task.Groups != nil {
		names := make([]string, len(task.Groups))
		for i, g := range task.Groups {
			names[i] = groupName(g)
		}
		f.Groups = x.Set(names...)
	}
	told := peer.told[name]
	var ratios, ours, theirs []float64
	right := 0
	for turn := range peersTurns + 1 { // the first turn warms both
		var us float64
		right = 0
		for i, q := range queries {
			begun := figure.ThreadTime(t)
			hits, err := x.Search(t.Context(), q, task.K, f)
			us += (figure.ThreadTime(t) - begun).Seconds()
			if err != nil {
				t.Fatal(err)
			}
			rows := make(map[int64]bool, len(hits))
			for _, h := range hits {
				rows[h.Start] = true
			}
			for _, row := range told.Truth[i] {
				if rows[int64(row)] {
					right++
				}
			}
		}
		them, err := peer.ask(name)
		if err != nil {
			t.Fatal(err)
		}
		if turn > 0 {
			ratios, ours, theirs = append(ratios, them/us), append(ours, us), append(theirs, them)
		}
	}
	recall, ratio := float64(right)/float64(len(queries)*task.K), figure.Median(ratios)
	rate := func(seconds []float64) float64 { return float64(len(queries)) / figure.Median(seconds) }
	figure.Report(t, false, figure.Result{
		Name:  "peers/vectors/" + name,
		Claim: fmt.Sprintf("recall ≥ 0.99 and ≥ %gx the queries a second of faiss IVF-RaBitQ with refinement", task.least),
		Measured: fmt.Sprintf("recall %.4f, %.0f/s; faiss %.4f, %.0f/s at nprobe %d, k_factor %d",
			recall, rate(ours), told.Recall, rate(theirs), told.Probe, told.Factor),
		Ratio: ratio, Pass: recall >= 0.99 && ratio >= task.least,
		Note: fmt.Sprintf("%d rows of %d dimensions, top %d, a query at a time, processor time of one thread, medians of %d turns", n, peersDim, task.K, peersTurns),
	})
}
