package flat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

const (
	dim       = 100
	neighbour = 10
	queryRows = 500
	groupRows = 341 // rows of one group: as many as a film has shots; filters are of whole groups
)

// shares are the parts of the rows that filters let through.
var shares = []float64{1, 0.1, 0.01}

// TestFigureVectors measures the index on 341k GloVe vectors of 100 dimensions, beside hnswlib (M=16,
// ef_construction=200) over the same vectors, queries and filters. Queries are held out of the index, the
// truth is found by brute force here, and both sides use one core. Building hnswlib's graph takes minutes;
// CINEDEX_FIGURE_DIR names a folder that keeps it.
func TestFigureVectors(t *testing.T) {
	figure.Begin(t, "vectors")
	lacks := func(err error) {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	glove, err := cache.Require("glove-100d")
	if err != nil {
		lacks(err)
	}
	home := os.Getenv("CINEDEX_FIGURE_DIR")
	if home == "" {
		home = t.TempDir()
	} else if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	python, err := peerPython(t.Context(), home)
	if err != nil {
		lacks(err)
	}
	rows, queries, err := load(home, glove)
	if err != nil {
		t.Fatal(err)
	}
	allowed, truth := map[float64][][]int{}, map[float64][][]int{}
	for _, share := range shares {
		allowed[share] = filters(len(queries), (len(rows)+groupRows-1)/groupRows, share)
		truth[share] = bruteForce(rows, queries, allowed[share])
	}
	theirs, err := askPeer(t.Context(), python, home, rows, queries, allowed, truth)
	if err != nil {
		t.Fatal(err)
	}
	measure(t, home, rows, queries, allowed, truth, theirs)
}

// peerPython returns a Python that has hnswlib, in an environment of its own.
func peerPython(ctx context.Context, home string) (string, error) {
	venv := filepath.Join(home, "venv")
	python := filepath.Join(venv, "bin", "python")
	if exec.CommandContext(ctx, python, "-c", "import hnswlib").Run() == nil {
		return python, nil
	}
	if b, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		return "", fmt.Errorf("lacks python3 with venv: %w: %s", err, b)
	}
	if b, err := exec.CommandContext(ctx, python, "-m", "pip", "install", "-q", "hnswlib==0.8.0", "numpy==2.4.6").CombinedOutput(); err != nil {
		return "", fmt.Errorf("lacks hnswlib (a wheel, or a C++ compiler to build one): %w: %s", err, b)
	}
	return python, nil
}

// A peer is the result of hnsw.py.
type peer struct {
	InsertsPerSecond float64 `json:"inserts_per_second"`
	Bytes            float64 `json:"bytes"`
	Filters          map[string]struct {
		Ef     int     `json:"ef"`
		Recall float64 `json:"recall"`
		QPS    float64 `json:"qps"`
	} `json:"filters"`
}

// load returns the vectors, brought to length 1 and shuffled, and those held out as queries.
func load(home, glove string) (rows, queries [][]float32, err error) {
	cache := filepath.Join(home, "glove.f32")
	raw, err := os.ReadFile(cache)
	if errors.Is(err, os.ErrNotExist) {
		if raw, err = unpack(glove); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", glove, err)
		}
		err = os.WriteFile(cache, raw, 0o644)
	}
	if err != nil {
		return nil, nil, err
	}
	all := make([][]float32, len(raw)/4/dim)
	for i := range all {
		v := make([]float32, dim)
		var sum float64
		for k := range v {
			v[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[(i*dim+k)*4:]))
			sum += float64(v[k]) * float64(v[k])
		}
		for k := range v {
			v[k] = float32(float64(v[k]) / math.Sqrt(sum))
		}
		all[i] = v
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[queryRows:], all[:queryRows], nil
}

// unpack reads the vectors out of the package's JSON: {..., "vectors": {"word": [100 numbers, norm, index], ...}, ...}.
func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	if err := expect(in, json.Delim('{')); err != nil {
		return nil, err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		if name != "vectors" {
			var skipped json.RawMessage
			if err := in.Decode(&skipped); err != nil {
				return nil, err
			}
			continue
		}
		if err := expect(in, json.Delim('{')); err != nil {
			return nil, err
		}
		var out []byte
		for in.More() {
			if _, err := in.Token(); err != nil {
				return nil, err
			}
			var v []float64
			if err := in.Decode(&v); err != nil {
				return nil, err
			}
			if len(v) < dim {
				return nil, fmt.Errorf("a vector of %d numbers", len(v))
			}
			for _, x := range v[:dim] {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(x)))
			}
		}
		return out, nil
	}
	return nil, errors.New("no vectors")
}

func expect(in *json.Decoder, want json.Token) error {
	got, err := in.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v should be", got, want)
	}
	return err
}

// filters draws for each query the groups that it may see; nil is all.
func filters(queries, groups int, share float64) [][]int {
	out := make([][]int, queries)
	if share == 1 {
		return out
	}
	rnd := rand.New(rand.NewPCG(2, uint64(share*1000)))
	for i := range out {
		out[i] = rnd.Perm(groups)[:int(math.Round(share*float64(groups)))]
		slices.Sort(out[i])
	}
	return out
}

// bruteForce returns the true neighbours of each query, by row number.
func bruteForce(rows, queries [][]float32, allowed [][]int) [][]int {
	out := make([][]int, len(queries))
	var running sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		running.Go(func() {
			for i := w; i < len(queries); i += workers {
				out[i] = nearest(rows, queries[i], allowed[i])
			}
		})
	}
	running.Wait()
	return out
}

func nearest(rows [][]float32, q []float32, groups []int) []int {
	type near struct {
		row   int
		score float64
	}
	var best []near
	look := func(row int) {
		var s float64
		for k, x := range rows[row] {
			s += float64(x) * float64(q[k])
		}
		if len(best) == neighbour && s <= best[neighbour-1].score {
			return
		}
		i, _ := slices.BinarySearchFunc(best, s, func(n near, s float64) int {
			if n.score >= s {
				return -1
			}
			return 1
		})
		best = slices.Insert(best, i, near{row, s})
		best = best[:min(len(best), neighbour)]
	}
	if groups == nil {
		for row := range rows {
			look(row)
		}
	}
	for _, g := range groups {
		for row := g * groupRows; row < min(len(rows), (g+1)*groupRows); row++ {
			look(row)
		}
	}
	out := make([]int, len(best))
	for i, n := range best {
		out[i] = n.row
	}
	return out
}

// askPeer has hnsw.py measure hnswlib over the same.
func askPeer(ctx context.Context, python, home string, rows, queries [][]float32, allowed map[float64][][]int, truth map[float64][][]int) (*peer, error) {
	type task struct {
		Allowed [][]int `json:"allowed"`
		Truth   [][]int `json:"truth"`
	}
	tasks := map[string]task{}
	for _, share := range shares {
		tasks[fmt.Sprint(share)] = task{allowed[share], truth[share]}
	}
	js, err := json.Marshal(map[string]any{"tasks": tasks, "group_rows": groupRows, "dim": dim, "k": neighbour})
	if err != nil {
		return nil, err
	}
	for name, b := range map[string][]byte{"rows.f32": flatten(rows), "queries.f32": flatten(queries), "tasks.json": js} {
		if err := os.WriteFile(filepath.Join(home, name), b, 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, python, filepath.Join("testdata", "hnsw.py"), home)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("measuring hnswlib: %w: %s", err, complaints.Bytes())
	}
	p := &peer{}
	if err := json.Unmarshal(out.Bytes(), p); err != nil {
		return nil, fmt.Errorf("reading what hnsw.py says: %w", err)
	}
	return p, nil
}

func flatten(rows [][]float32) []byte {
	out := make([]byte, 0, len(rows)*dim*4)
	for _, v := range rows {
		for _, x := range v {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	}
	return out
}

func measure(t *testing.T, home string, rows, queries [][]float32, allowed, truth map[float64][][]int, theirs *peer) {
	// All goroutines share one core, background work included.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := filepath.Join(home, "flat")
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	x, err := flat.Open(at, flat.Config{Dim: dim, Metric: flat.Cosine, Space: "glove@1"})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()

	begun := time.Now()
	for g := 0; g*groupRows < len(rows); g += 3 { // batches of some thousand, as the indexer's are
		var batch []flat.Vector
		for row := g * groupRows; row < min(len(rows), (g+3)*groupRows); row++ {
			batch = append(batch, flat.Vector{Key: flat.Key{Group: groupName(row / groupRows), Ordinal: uint32(row % groupRows)}, Start: int64(row), End: int64(row) + 1, Values: rows[row]})
		}
		if err := x.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	inserts := float64(len(rows)) / time.Since(begun).Seconds()
	st := settle(t, x)
	settled := float64(len(rows)) / (time.Since(begun) - calm).Seconds()
	ratio := inserts / theirs.InsertsPerSecond
	figure.Report(t, false, figure.Result{
		Name: "vectors/inserts", Claim: "durable inserts ≥ 50x hnswlib's", Ratio: ratio, Pass: ratio >= 50,
		Measured: fmt.Sprintf("%.0f/s, %.0f/s until merged into %d segments, hnswlib %.0f/s", inserts, settled, st.Segments, theirs.InsertsPerSecond),
		Note:     "341k GloVe vectors of 100 dimensions, one core; the time for us, processor time for hnswlib",
	})
	bytes := float64(st.Bytes) / theirs.Bytes
	figure.Report(t, false, figure.Result{
		Name: "vectors/bytes", Claim: "bytes a row ≤ 1.2 of hnswlib's", Ratio: bytes, Pass: bytes <= 1.2,
		Measured: fmt.Sprintf("%.0f on disk, hnswlib %.0f in memory", float64(st.Bytes)/float64(len(rows)), theirs.Bytes/float64(len(rows))),
		Note:     fmt.Sprintf("a scan reads %d of them", (dim+7)/8+8),
	})
	for _, share := range shares {
		search(t, x, queries, share, allowed[share], truth[share], theirs)
	}
}

// search measures searches whose filters let a share of the rows through.
func search(t *testing.T, x *flat.Index, queries [][]float32, share float64, allowed, truth [][]int, theirs *peer) {
	sets := make([]*flat.Set, len(queries))
	for i, groups := range allowed {
		if groups != nil {
			names := make([]string, len(groups))
			for j, g := range groups {
				names[j] = groupName(g)
			}
			sets[i] = x.Set(names...)
		}
	}
	var took []time.Duration
	right, all := 0, 0
	for range 3 { // the first rounds warm caches
		took, right, all = nil, 0, 0
		for i, q := range queries {
			begun := figure.ThreadTime(t)
			hits, err := x.Search(t.Context(), q, neighbour, flat.Filter{Groups: sets[i]})
			if err != nil {
				t.Fatal(err)
			}
			took = append(took, figure.ThreadTime(t)-begun)
			for _, row := range truth[i] {
				all++
				if slices.ContainsFunc(hits, func(h flat.Hit) bool { return h.Start == int64(row) }) {
					right++
				}
			}
		}
	}
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	slices.Sort(took)
	qps, recall := float64(len(took))/sum.Seconds(), float64(right)/float64(all)
	p := theirs.Filters[fmt.Sprint(share)]
	figure.Report(t, false, figure.Result{
		Name:  fmt.Sprintf("vectors/search-%g%%", 100*share),
		Claim: fmt.Sprintf("recall@10 ≥ 0.99 and more queries a second than hnswlib with %g %% of the rows allowed", 100*share),
		Measured: fmt.Sprintf("recall %.4f, %.0f/s (p50 %.2f, p99 %.2f ms), hnswlib %.4f, %.0f/s at ef %d",
			recall, qps, ms(took[len(took)/2]), ms(took[len(took)*99/100]), p.Recall, p.QPS, p.Ef),
		Ratio: qps / p.QPS, Pass: recall >= 0.99 && qps > p.QPS,
		Note: "processor time of one thread on both sides; hnswlib's filter is a Python function",
	})
}

// calm is how long an index must stay as it is to be taken for settled.
const calm = 300 * time.Millisecond

// settle waits until nothing is left to seal, and segments stay as they are.
func settle(t *testing.T, x *flat.Index) flat.Stats {
	last, since := flat.Stats{}, time.Now()
	for {
		st, err := x.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if st != last {
			last, since = st, time.Now()
		}
		if st.Waiting == 0 && time.Since(since) > calm {
			return st
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func groupName(g int) string { return fmt.Sprintf("%032x/shot", g) }

func ms(d time.Duration) float64 { return float64(d) / 1e6 }
