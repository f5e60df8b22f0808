package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

// TestDamage damages each kind of file in a home, once.
func TestDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the command in processes of their own")
	}
	r := damage(t, 1, 0, "texts", "vectors", "store", "artefact")
	if !r.ok() {
		t.Errorf("of %d cases: %d silent losses, %d wrong answers, %d panics, %d not mended\n%s", r.cases, r.silent, r.wrong, r.panics, r.unmended, r.table())
	}
}

// TestSearchFolderDeleted deletes the folder of the search engine between two starts. The second start gives no empty
// answer: the search engine is not ready, is filled again from the store, and then answers as before.
func TestSearchFolderDeleted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the command in processes of their own")
	}
	testCache(t)
	home := damageHome(t)
	want := probe(t, copyHome(t, home), nil)
	for _, search := range []string{"search", "search/vectors"} {
		dir := copyHome(t, home)
		if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(search))); err != nil {
			t.Fatal(err)
		}
		got := probe(t, dir, nil)
		for i, a := range got.First {
			if a != want.Last[i] && !strings.HasPrefix(a, "error: ") {
				t.Errorf("%s: answer %d before the engine was filled: %q, want %q", search, i, a, want.Last[i])
			}
		}
		if !strings.Contains(got.Log, "the search engine is filled anew from the store") {
			t.Errorf("%s: the log does not tell it:\n%s", search, got.Log)
		}
		if !slices.ContainsFunc(slices.Concat(got.Unready, got.First), func(s string) bool { return strings.Contains(s, "does not hold all that the store has") }) {
			t.Errorf("%s: neither readiness nor an answer tells it: %q, %q", search, got.Unready, got.First)
		}
		if !got.whole(want) {
			t.Errorf("%s: after it was filled: %+v, want %+v", search, got, want)
		}
	}
}

func TestFigureDamage(t *testing.T) {
	figure.Begin(t, "hostile/damage")
	n := 500
	if s := os.Getenv("DAMAGE_N"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatalf("DAMAGE_N: %v", err)
		}
	}
	r := damage(t, 7, n, "")
	fmt.Print(r.table())
	figure.Report(t, true, figure.Result{Name: "hostile/damage",
		Claim: "500 seeded flips and truncations over every file of a home: each is told or harmless; 0 silent losses, 0 wrong answers, 0 panics; after the advised command the dumps equal the undisturbed ones, or what is lost is named",
		Measured: fmt.Sprintf("%d cases over %d files (seed %d): %d harmless, %d told and mended by itself, %d told and mended by the advised command, %d told with what is lost; %d silent losses, %d wrong answers, %d panics, %d not mended",
			r.cases, r.files, r.seed, r.harmless, r.itself, r.advised, r.lost, r.silent, r.wrong, r.panics, r.unmended),
		Pass: r.ok()})
}

type damaged struct {
	seed                                                             uint64
	cases, files                                                     int
	harmless, itself, advised, lost, silent, wrong, panics, unmended int
	classes                                                          map[string]map[string]int
}

func (r *damaged) ok() bool { return r.silent+r.wrong+r.panics+r.unmended == 0 }

// verdicts are in the order of the table's columns.
var verdicts = []string{"harmless", "mended by itself", "mended as advised", "loss named", "SILENT LOSS", "WRONG ANSWER", "PANIC", "NOT MENDED"}

func (r *damaged) count(class, verdict string) {
	if r.classes[class] == nil {
		r.classes[class] = map[string]int{}
	}
	r.classes[class][verdict]++
	r.cases++
	*map[string]*int{"harmless": &r.harmless, "mended by itself": &r.itself, "mended as advised": &r.advised, "loss named": &r.lost,
		"SILENT LOSS": &r.silent, "WRONG ANSWER": &r.wrong, "PANIC": &r.panics, "NOT MENDED": &r.unmended}[verdict]++
}

func (r *damaged) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-28s | %s |\n|---|%s\n", "file", strings.Join(verdicts, " | "), strings.Repeat("---|", len(verdicts)))
	for _, class := range sortedNames(r.classes) {
		fmt.Fprintf(&b, "| %-28s |", class)
		for _, v := range verdicts {
			fmt.Fprintf(&b, " %*d |", len(v), r.classes[class][v])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// A harm is a change of a file.
type harm struct {
	path, class string // path within the home
	cut         bool
	at          int64
	bits        byte
}

func (h harm) String() string {
	if h.cut {
		return fmt.Sprintf("%s cut at %d", h.path, h.at)
	}
	return fmt.Sprintf("%s flipped by %#02x at %d", h.path, h.bits, h.at)
}

func (h harm) do(home string) error {
	path := filepath.Join(home, h.path)
	if h.cut {
		return os.Truncate(path, h.at)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], h.at); err != nil {
		return err
	}
	b[0] ^= h.bits
	_, err = f.WriteAt(b[:], h.at)
	return err
}

const artefactClass = "artefact"

// classOf is the kind of file of a path.
func classOf(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	name := parts[len(parts)-1]
	trimmed := strings.TrimRight(strings.TrimLeft(name, "0123456789"), "0123456789-")
	switch {
	case len(parts) == 1:
		return name
	case parts[0] == "store":
		if strings.HasPrefix(name, "marker.") {
			return "store: marker"
		}
		return "store: " + strings.Trim(strings.TrimLeft(trimmed, "."), "-")
	case parts[0] == "search" && slices.Contains(parts, "vectors"):
		return "vectors: " + strings.Trim(trimmed, "-")
	case parts[0] == "search":
		return "texts: " + strings.TrimLeft(trimmed, ".")
	case parts[0] == "media":
		return artefactClass
	case parts[0] == "log":
		if ext := filepath.Ext(name); ext != "" {
			return "log: " + ext
		}
		return "log: " + trimmed
	}
	return parts[0]
}

// damage makes a home and harms copies of the home: a place in each class of file whose name begins with a given
// prefix, and then, seeded, up to n cases.
func damage(t *testing.T, seed uint64, n int, of ...string) *damaged {
	testCache(t)
	r := &damaged{seed: seed, classes: map[string]map[string]int{}}
	if s := os.Getenv("DAMAGE_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &r.seed); err != nil {
			t.Fatalf("DAMAGE_SEED: %v", err)
		}
	}
	t.Logf("DAMAGE_SEED=%d", r.seed)
	home := damageHome(t)
	want := probe(t, copyHome(t, home), nil)
	if want.Start != "" || len(want.Unready) > 0 || len(want.Last) == 0 || strings.Contains(strings.Join(want.Last, " "), "error") {
		t.Fatalf("the undamaged home: %+v", want)
	}
	harms := harmsOf(t, home, rand.New(rand.NewPCG(r.seed, 1)), n, of)
	seen := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	queue := make(chan harm)
	for range 2 {
		group.Go(func() {
			for h := range queue {
				verdict, why := judge(t, home, h, want)
				mu.Lock()
				r.count(h.class, verdict)
				seen[h.path] = true
				if strings.ToUpper(verdict) == verdict || os.Getenv("DAMAGE_VERBOSE") != "" {
					t.Logf("%s: %s: %s", verdict, h, why)
				}
				mu.Unlock()
			}
		})
	}
	for _, h := range harms {
		queue <- h
	}
	close(queue)
	group.Wait()
	r.files = len(seen)
	return r
}

// harmsOf are two harms of each class, and seeded harms up to n in which every class has its turn.
func harmsOf(t *testing.T, home string, rnd *rand.Rand, n int, classesOf []string) (harms []harm) {
	t.Helper()
	byClass := map[string][]harm{}
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() == 0 || e.Name() == "LOCK" || e.Name() == "test.log" {
			return err
		}
		rel, err := filepath.Rel(home, path)
		byClass[classOf(rel)] = append(byClass[classOf(rel)], harm{path: rel, class: classOf(rel), at: info.Size()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if only := os.Getenv("DAMAGE_ONLY"); only != "" {
		classesOf = []string{only}
	}
	some := func(class string, cut bool) {
		of := byClass[class]
		h := of[rnd.IntN(len(of))]
		harms = append(harms, harm{path: h.path, class: class, cut: cut, at: rnd.Int64N(h.at), bits: 1 << rnd.IntN(8)})
	}
	classes := slices.DeleteFunc(sortedNames(byClass), func(class string) bool {
		return !slices.ContainsFunc(classesOf, func(of string) bool { return strings.HasPrefix(class, of) })
	})
	for _, class := range classes {
		some(class, n > 0 && rnd.IntN(2) == 0)
	}
	for i := 0; len(harms) < n; i++ {
		some(classes[i%len(classes)], rnd.IntN(4) == 0)
	}
	return harms
}

// judge harms a copy of the home, starts the copy, and returns the verdict.
func judge(t *testing.T, home string, h harm, want *probed) (verdict, why string) {
	dir := copyHome(t, home)
	defer os.RemoveAll(dir)
	if err := h.do(dir); err != nil {
		t.Errorf("%s: %v", h, err)
		return "SILENT LOSS", err.Error()
	}
	var env []string
	if h.class == artefactClass {
		env = append(env, verifyEnv+"=1") // no code reads the artefact at start
	}
	got := probe(t, dir, nil, env...)
	if got.Panic != "" {
		return "PANIC", got.Panic
	}
	if h.class == artefactClass {
		// Only the event that made an artefact can mend the artefact, by arriving again. The loss therefore has to be
		// reported.
		if !strings.Contains(got.Verified, ": 0 are missing in the bucket, 1 are damaged") || !strings.Contains(got.Verified, "damaged: ") || !strings.Contains(got.Verified, filepath.Base(h.path)) {
			return "SILENT LOSS", got.Verified
		}
		if !got.whole(want) {
			return "WRONG ANSWER", got.told()
		}
		return "loss named", got.Verified
	}
	for _, answers := range [][]string{got.First, got.Last} {
		for i, a := range answers {
			if !strings.HasPrefix(a, "error") && a != want.Last[i] {
				return "WRONG ANSWER", fmt.Sprintf("answer %d: %s; want %s\n%s", i, a, want.Last[i], got.told())
			}
		}
	}
	told := got.names(h)
	if got.whole(want) {
		if told {
			return "mended by itself", got.told()
		}
		return "harmless", ""
	}
	if !told {
		return "SILENT LOSS", got.told()
	}
	advice := got.advice()
	if advice == nil && strings.HasPrefix(h.path, "token") {
		return "loss named", got.told() // whose tokens these are only their owner knows
	}
	if advice == nil {
		return "NOT MENDED", "no command is advised: " + got.told()
	}
	after := probe(t, dir, advice)
	switch {
	case after.Panic != "":
		return "PANIC", after.Panic
	case after.whole(want):
		return "mended as advised", strings.Join(advice, " ") + ": " + got.told()
	case strings.Contains(after.Advised, "lost"):
		return "loss named", after.Advised
	}
	return "NOT MENDED", fmt.Sprintf("%s: %s\nbefore: %s\nafter: %s", strings.Join(advice, " "), after.Advised, got.told(), after.told())
}

// probed is the result of a start over a home.
type probed struct {
	Panic         string
	Advised       string   // the output of the advised command
	Start         string   // why the start failed
	Unready       []string // the reports of readiness
	First, Last   []string // answers: right after the start, and after the platform had settled
	Store, Search string   // hashes of the dumps, or errors
	Log           string
	Verified      string // the output of `cinedex verify --deep`, if it ran
}

func (p *probed) whole(want *probed) bool {
	return p.Start == "" && p.Store == want.Store && p.Search == want.Search && slices.Equal(p.Last, want.Last)
}

func (p *probed) told() string {
	var lines []string
	for _, s := range slices.Concat([]string{p.Start, p.Store, p.Search}, p.Unready, p.First, p.Last, strings.Split(p.Log, "\n")) {
		if strings.Contains(s, "error") || strings.Contains(s, "WARN") || strings.Contains(s, "ERROR") || s == p.Start || slices.Contains(p.Unready, s) {
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

// names reports whether the messages name the file or its part.
func (p *probed) names(h harm) bool {
	told := p.told()
	return strings.Contains(told, filepath.Base(h.path)) || strings.Contains(told, filepath.Dir(h.path)+"/") && strings.Contains(told, "damaged")
}

// advice is the command in the first message with advice.
func (p *probed) advice() []string {
	for _, line := range strings.Split(p.told(), "\n") {
		if _, after, ok := strings.Cut(strings.ReplaceAll(line, "`cinedex jobs", ""), "`cinedex "); ok {
			if command, _, ok := strings.Cut(after, "`"); ok {
				return strings.Fields(command)
			}
		}
	}
	return nil
}

const (
	probeEnv  = "CINEDEX_TEST_DAMAGED_HOME"
	verifyEnv = "CINEDEX_TEST_VERIFY"
)

// probe lets a child process examine a home, after a command if there is a command.
func probe(t *testing.T, home string, command []string, env ...string) *probed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), probeEnv+"="+home, "CINEDEX_TEST_COMMAND="+strings.Join(command, " ")), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	p := &probed{}
	if err == nil {
		err = json.Unmarshal(out, p)
	}
	if err != nil {
		p.Panic = fmt.Sprintf("%v: %s", err, said.Bytes()[:min(said.Len(), 3000)])
	}
	return p
}

// probeDamaged is the work of the child process.
func probeDamaged(dir string) {
	p := &probed{}
	if line := os.Getenv("CINEDEX_TEST_COMMAND"); line != "" {
		p.Advised = advised(dir, strings.Fields(line))
	}
	var log bytes.Buffer
	var mu sync.Mutex
	p.look(dir, writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}))
	mu.Lock()
	p.Log = log.String()
	mu.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(p); err != nil {
		panic(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// advised runs a command over the home and returns the output.
func advised(dir string, line []string) string {
	out, err := os.CreateTemp("", "advised")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(out.Name())
	root := newRoot(out, out)
	if line[0] == "rebuild" {
		line = append(line, "--yes")
	}
	root.SetArgs(append([]string{"--home", dir}, line...))
	failed := root.ExecuteContext(context.Background())
	b, err := os.ReadFile(out.Name())
	if failed != nil {
		return fmt.Sprintf("%s: error: %v", b, failed)
	}
	return string(b) + fmt.Sprint(errors.Join(err))
}

// look starts the platform over the home, waits until it has settled or gives advice, and records the content and the
// answers.
func (p *probed) look(dir string, logs writerFunc) {
	cfg := defaultUp(dir)
	cfg.Address, cfg.Broker.Port, cfg.Telemetry.AdminAddress, cfg.Telemetry.LogLevel = "127.0.0.1:0", 0, "", "warn"
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	u, err := start(ctx, logs, &home{dir: dir}, cfg)
	if err != nil {
		p.Start = err.Error()
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- u.serve(ctx) }()
	p.First = damageAnswers(ctx, u)
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		err := lifecycle.Ready(u.actors...)
		if err == nil {
			if behind, lagErr := u.Events.Behind(ctx, events.HopIndexer); lagErr == nil && !slices.ContainsFunc(behind, func(l events.TopicLag) bool { return l.Messages > 0 }) {
				break
			}
			continue
		}
		// A platform over an undamaged home is unready too until the platform has read the catalogue.
		if !strings.HasSuffix(err.Error(), "has not been read to its end yet") && !slices.Contains(p.Unready, err.Error()) && len(p.Unready) < 20 {
			p.Unready = append(p.Unready, err.Error())
		}
		if strings.Contains(strings.ReplaceAll(err.Error(), "`cinedex jobs", ""), "`cinedex ") {
			break // the platform waits for a command
		}
	}
	p.Last = damageAnswers(ctx, u)
	sum := func(dump func(context.Context, *bytes.Buffer) error) string {
		var b bytes.Buffer
		if err := dump(ctx, &b); err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprintf("%d bytes, %x", b.Len(), sha256.Sum256(b.Bytes()))
	}
	if os.Getenv(verifyEnv) != "" {
		p.Verified = advised(dir, []string{"verify", "--deep"})
	}
	p.Store = sum(func(ctx context.Context, b *bytes.Buffer) error { return u.Store.Dump(ctx, b) })
	p.Search = sum(func(ctx context.Context, b *bytes.Buffer) error { return u.Engine.Dump(ctx, b) })
	cancel()
	if err := <-ended; err != nil {
		p.Unready = append(p.Unready, "stopping: "+err.Error())
	}
}

// damageAnswers asks for words and for vectors.
func damageAnswers(ctx context.Context, u *running) (answers []string) {
	caller := authz.NewCaller("test", []string{"*"})
	for _, w := range []string{"captain", "harbour", "the thunder of", "island garden"} {
		r, err := u.gateway.Search(ctx, caller, &pb.SearchRequest{Q: fmt.Sprintf("dialogue.words:%q", w), Limit: 50})
		switch {
		case err != nil:
			answers = append(answers, "error: "+err.Error())
		case len(r.GetPartial()) > 0:
			answers = append(answers, fmt.Sprintf("error: partial: %v", r.GetPartial()))
		default:
			var b strings.Builder
			for _, h := range r.GetHits() {
				fmt.Fprintf(&b, "%s %d %s %.5f; ", h.GetTitle(), h.GetStartFrame(), h.GetText(), h.GetScore())
			}
			answers = append(answers, b.String())
		}
	}
	var runs []string
	for a, err := range u.Store.AllActive(ctx) {
		if err != nil {
			return append(answers, "error: "+err.Error())
		}
		runs = append(runs, a.GetRun())
	}
	hits, err := u.Engine.Vector(ctx, search.VectorQuery{Scope: search.NewScope(runs), Space: damageSpace, Vector: damageVector(7, 7), Limit: 20})
	if err != nil {
		return append(answers, "error: "+err.Error())
	}
	return append(answers, fmt.Sprint(hits))
}

const damageSpace = "e5-small@1"

func damageVector(asset, i int) []float32 {
	rnd := rand.New(rand.NewPCG(uint64(asset), uint64(i)))
	v := make([]float32, 384)
	for d := range v {
		v[d] = float32(rnd.NormFloat64())
	}
	return v
}

// damageHome makes a home in which every kind of file has content. The first half of the library is sealed into tables
// and segments, and the second half is in the logs.
func damageHome(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lib := synthetic.Library{Annotations: 1600, Run: 400, Event: 100, TextEvery: 2}
	fill := func(w *world, from, to int) {
		i := 0
		for batches, finished := range lib.Events() {
			if i >= from && i < to {
				asset := lib.Asset(i)
				run := finished.Data.(*pb.RunFinished).GetRun()
				run.Embeddings = 100
				damageArtefact(t, w, asset.GetId(), run, batches)
				vectors := &pb.EmbeddingBatch{Asset: asset.GetId(), Run: run.GetId(), Epoch: 1, Algorithm: run.GetAlgorithm(), Version: run.GetVersion(),
					Space: &pb.Space{Name: "e5-small", Version: "1", Dimension: 384, Metric: "cosine"}}
				for j := range 100 {
					vectors.Embeddings = append(vectors.Embeddings, &pb.Embedding{Run: run.GetId(), Asset: asset.GetId(), Ordinal: int64(j), Space: damageSpace,
						Kind: schema.KindDialogue, Start: int64(j) * int64(schema.Second), End: int64(j+1) * int64(schema.Second), Vector: damageVector(i, j)})
				}
				if err := errors.Join(
					w.Events.Publish(w.ctx, events.MediaReady, events.Event{Subject: asset.GetId(), Data: &pb.MediaReady{Asset: asset}}),
					w.Events.Publish(w.ctx, events.Annotations, batches...),
					w.Events.Publish(w.ctx, events.Embeddings, events.Event{Subject: asset.GetId(), Data: vectors}),
					w.Events.Publish(w.ctx, events.RunsFinished, finished),
				); err != nil {
					t.Fatal(err)
				}
			}
			i++
		}
		deadline := time.Now().Add(time.Minute)
		for tick := time.NewTicker(20 * time.Millisecond); countActive(t, w.Store) < to; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d runs are seen", countActive(t, w.Store), to)
			}
		}
	}
	w := newWorld(t, dir)
	fill(w, 0, lib.Runs()/2)
	w.stop()
	registry, err := builtin.Open(model.Cache{}, 1).Algorithms()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range registry.Spaces() {
		if schema.SpaceID(s) != damageSpace {
			continue
		}
		matches, err := filepath.Glob(filepath.Join(dir, "search", "vectors", damageSpace))
		if err != nil || len(matches) != 1 {
			t.Fatalf("no folder of vectors: %v, %v", matches, err)
		}
		x, err := flat.Open(matches[0], flat.Config{Dim: int(s.GetDimension()), Metric: flat.Metric(s.GetMetric()), Space: damageSpace})
		if err == nil {
			// As after a crash: no other change may happen to a closed search engine.
			err = errors.Join(x.Compact(t.Context()), x.Close(), os.Remove(filepath.Join(dir, "search", "CLOSED")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w = newWorld(t, dir)
	fill(w, lib.Runs()/2, lib.Runs())
	w.stop()
	return dir
}

// damageArtefact puts an artefact of a run into the bucket, and names the artefact in the run's annotations.
func damageArtefact(t *testing.T, w *world, asset string, run *pb.Run, batches []events.Event) {
	t.Helper()
	content := bytes.Repeat([]byte(run.GetId()), 200)
	key := fmt.Sprintf("runs/%s/%s/%x.jpg", asset, run.GetId(), sha256.Sum256(content))
	if _, err := w.Blobs.Put(w.ctx, key, "image/jpeg", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		for _, n := range b.Data.(*pb.AnnotationBatch).GetAnnotations() {
			n.Attributes = map[string]*pb.Value{"blob": algo.Text(key)}
		}
	}
}

func copyHome(t *testing.T, home string) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "home")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "home"), os.DirFS(home)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "home")
}
