package served_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/served"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// written writes annotations that a test knows: the shots of a film, or its lines.
type written struct {
	spec *pb.AlgorithmSpec
	list []*pb.Annotation
}

func (w written) Spec() *pb.AlgorithmSpec { return w.spec }
func (w written) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for _, a := range w.list {
		if _, err := out.Annotation(ctx, &pb.Annotation{Kind: a.GetKind(), Text: a.GetText(), Language: a.GetLanguage(), Confidence: 1, Start: a.GetStart(), End: a.GetEnd()}); err != nil {
			return err
		}
	}
	return nil
}

// A place is a film with its shots, its lines, and the algorithms of manifests over a server.
type place struct {
	clip     *algotest.Clip
	registry *algo.Registry
}

var film = mediatest.Film{Name: "clip", Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1},
	Scenes: []mediatest.Scene{{Frames: 40, Seed: 3}, {Frames: 30, Seed: 8}, {Frames: 45, Seed: 13}},
	Speak:  "en",
	Texts:  []mediatest.Text{{Language: "en", Format: "srt", Inside: true, Lines: []mediatest.Line{{Start: 5, End: 35, Text: "The harbour is empty."}}}}}

// manifests are models of frames, of sound and of lines, which a single model serves.
func manifests(url string) []string {
	return []string{fmt.Sprintf(`
declares:
  name: light
  version: "1"
  summary: How light each shot is
  spaces: [{name: lightness, version: "1", dimension: 4, metric: cosine}]
server: {url: %q, model: light, batch: 3}
frames: {input: pixels, width: 32, height: 18, layout: flat, colours: grey}
outputs:
  - {name: scores, as: label, kind: light, names: [dark, dim, bright], activation: softmax, threshold: 0.2}
  - {name: vector, as: embedding, space: lightness@1}
encoders: [{space: lightness@1, takes: text, input: text, output: vector}, {space: lightness@1, takes: picture, output: vector}]
`, url), fmt.Sprintf(`
declares: {name: loud, version: "1", summary: How loud the film is}
server: {url: %q, model: light, batch: 2}
sound: {input: samples, rate: 8000, window: 0.5, step: 0.25}
outputs: [{name: class, as: label, kind: loud, names: [quiet, middling, loud]}]
`, url), fmt.Sprintf(`
declares: {name: wordy, version: "1", summary: How long the lines are}
server: {url: %q, model: light}
lines: {input: text, kind: line}
outputs: [{name: word, as: text, kind: wordy, language: en}]
`, url)}
}

func newPlace(t *testing.T, url string) *place {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	espeak, err := exec.LookPath("espeak-ng")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	truth, err := film.Write(t.Context(), t.TempDir(), mediatest.Tools{FFmpeg: tools.FFmpeg, ESpeak: espeak})
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	shots := written{spec: &pb.AlgorithmSpec{Name: "shots", Version: "1", Summary: "Shots", Reads: []string{schema.ReadsVideo}, Kinds: []string{schema.KindShot}}}
	at := int64(0)
	for _, cut := range append(slices.Clone(truth.Cuts), truth.Clock.Frames()) {
		shots.list = append(shots.list, &pb.Annotation{Kind: schema.KindShot, Start: int64(truth.Clock.FrameStart(at)), End: int64(truth.Clock.FrameStart(cut))})
		at = cut
	}
	lines := written{spec: &pb.AlgorithmSpec{Name: "lines", Version: "1", Summary: "Lines", Reads: []string{schema.ReadsVideo}, Kinds: []string{"line"}}}
	for i, text := range []string{"No.", strings.Repeat("a long line ", 3), strings.Repeat("a very long line ", 5)} {
		lines.list = append(lines.list, &pb.Annotation{Kind: "line", Text: text, Language: "en", Start: int64(schema.Time(i) * schema.Second), End: int64(schema.Time(i+1) * schema.Second)})
	}
	list := []algo.Algorithm{shots, lines}
	for _, text := range manifests(url) {
		m, err := served.Parse([]byte(text), fstest.MapFS{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, served.New(m))
	}
	p := &place{clip: clip}
	if p.registry, err = algo.NewRegistry(list...); err != nil {
		t.Fatal(err)
	}
	return p
}

// conform holds the algorithms to the contract of package algo.
func (p *place) conform(t *testing.T) {
	t.Helper()
	for _, name := range []string{"light", "loud", "wordy"} {
		findings, err := algotest.Check(t.Context(), p.registry, name, p.clip)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			t.Errorf("%s: %s", name, f)
		}
	}
}

func (p *place) run(t *testing.T, name string) *algotest.Result {
	t.Helper()
	r, err := algotest.Run(t.Context(), p.registry, name, p.clip)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is the output of all three algorithms in words, with confidences of three digits.
func (p *place) told(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"light", "loud", "wordy"} {
		r := p.run(t, name)
		for _, a := range r.Annotations {
			fmt.Fprintf(&b, "%s %v %s%s %.3f\n", a.GetKind(), schema.IntervalOf(a), a.GetLabel(), a.GetText(), a.GetConfidence())
		}
		for _, e := range r.Embeddings {
			fmt.Fprintf(&b, "%s %v of %s %.3f\n", e.GetSpace(), schema.IntervalOf(e), e.GetKind(), e.GetVector())
		}
	}
	return b.String()
}

// lightServer is the model of testdata/mlserver in Go, for the machines without MLServer.
func lightServer(t *testing.T, asked *atomic.Int64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var req struct {
			Inputs []struct {
				Shape    []int           `json:"shape"`
				Datatype string          `json:"datatype"`
				Data     json.RawMessage `json:"data"`
			} `json:"inputs"`
			Outputs []struct {
				Name string `json:"name"`
			} `json:"outputs"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.URL.Path != "/v2/models/light/infer" || len(req.Inputs) != 1 {
			t.Errorf("%s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		in := req.Inputs[0]
		var means []float64
		if in.Datatype == "BYTES" {
			var lines []string
			_ = json.Unmarshal(in.Data, &lines)
			for _, l := range lines {
				means = append(means, float64(len(l))/100)
			}
		} else {
			var values []float64
			_ = json.Unmarshal(in.Data, &values)
			width := len(values) / in.Shape[0]
			for row := range slices.Chunk(values, width) {
				sum := 0.0
				for _, v := range row {
					sum += math.Abs(v)
				}
				means = append(means, sum/float64(width))
			}
		}
		type tensor struct {
			Name     string `json:"name"`
			Shape    []int  `json:"shape"`
			Datatype string `json:"datatype"`
			Data     any    `json:"data"`
		}
		n := len(means)
		var scores, vectors []float64
		var classes []int
		var words []string
		for _, m := range means {
			row := []float64{-50 * (m - 0.1) * (m - 0.1), -50 * (m - 0.3) * (m - 0.3), -50 * (m - 0.6) * (m - 0.6)}
			best := slices.Index(row, slices.Max(row))
			scores, vectors = append(scores, row...), append(vectors, m, 1-m, 0.5, m*m)
			classes, words = append(classes, best), append(words, []string{"dark", "dim", "bright"}[best])
		}
		all := map[string]tensor{"scores": {"scores", []int{n, 3}, "FP64", scores}, "vector": {"vector", []int{n, 4}, "FP64", vectors},
			"class": {"class", []int{n, 1}, "INT64", classes}, "word": {"word", []int{n, 1}, "BYTES", words}}
		var out []tensor
		for _, o := range req.Outputs {
			out = append(out, all[o.Name])
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"model_name": "light", "outputs": out})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A served model annotates the frames of shots, windows of sound and lines.
func TestFilm(t *testing.T) {
	var asked atomic.Int64
	p := newPlace(t, lightServer(t, &asked))
	p.conform(t)
	light := p.run(t, "light")
	if len(light.Embeddings) != 3 || len(light.Annotations) < 3 {
		t.Fatalf("%d annotations and %d embeddings for three shots", len(light.Annotations), len(light.Embeddings))
	}
	for i, e := range light.Embeddings {
		v := e.GetVector()
		if math.Abs(float64(v[0]/v[2])*0.5+float64(v[1]/v[2])*0.5-1) > 0.01 || e.GetKind() != schema.KindShot || e.GetOf() == "" { // m + (1 - m) = 1
			t.Errorf("embedding %d: %v", i, e)
		}
	}
	for _, a := range p.run(t, "loud").Annotations {
		if a.GetKind() != "loud" || a.GetConfidence() != 1 {
			t.Errorf("%v", a)
		}
	}
	var words []string
	for _, a := range p.run(t, "wordy").Annotations {
		words = append(words, a.GetText())
	}
	if want := []string{"dark", "dim", "bright"}; !slices.Equal(words, want) {
		t.Errorf("the lines are %v, want %v", words, want)
	}
	// The encoders make vectors of the space.
	a, err := p.registry.Algorithm("light")
	if err != nil {
		t.Fatal(err)
	}
	set, err := encode.NewSet(a.(encode.Provider).Encoders()...)
	if err != nil {
		t.Fatal(err)
	}
	e, err := set.Encoder("lightness@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "a bright room"}); err != nil || len(v) != 4 {
		t.Errorf("words: %v, %v", v, err)
	}
	before := asked.Load()
	p.run(t, "light")
	if n := asked.Load() - before; n > 6 { // some 12 frames in batches of three
		t.Errorf("%d requests for three shots", n)
	}
}

// The same film over a real MLServer has the same annotations, and what a request costs is told. CINEDEX_TEST_MLSERVER names the program `mlserver`; without
// the variable, the figure installs mlserver from PyPI into a folder of its own.
func TestFigureServed(t *testing.T) {
	figure.Begin(t, "served/mlserver")
	url, version := startMLServer(t)
	p := newPlace(t, url)
	p.conform(t)
	var asked atomic.Int64
	twin := newPlace(t, lightServer(t, &asked))
	got, want := p.told(t), twin.told(t)
	began := time.Now()
	const times = 5
	for range times {
		p.run(t, "light")
	}
	figure.Report(t, true, figure.Result{
		Name: "served/mlserver", Claim: "a manifest alone makes an algorithm of a model that MLServer serves; equal output for frames, sound and lines to that of the same model in Go",
		Measured: fmt.Sprintf("%d items, equal: %v; %.0f ms for a film of %.1f s", strings.Count(want, "\n"), got == want, float64(time.Since(began).Milliseconds())/times,
			schema.Time(p.clip.Asset.GetDuration()).Seconds()),
		Pass: got == want, Note: "mlserver " + version + " from PyPI, a model of numpy",
	})
	if got != want {
		t.Errorf("MLServer:\n%s\nthe same model in Go:\n%s", got, want)
	}
}

// startMLServer serves testdata/mlserver until the test ends.
func startMLServer(t *testing.T) (url, version string) {
	t.Helper()
	program := os.Getenv("CINEDEX_TEST_MLSERVER")
	if program == "" {
		venv := filepath.Join(t.TempDir(), "venv")
		for _, line := range [][]string{{"python3", "-m", "venv", venv}, {filepath.Join(venv, "bin", "pip"), "install", "-q", "mlserver==1.7.1"}} {
			if out, err := exec.CommandContext(t.Context(), line[0], line[1:]...).CombinedOutput(); err != nil {
				modeltest.Lacking(t, fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, out))
			}
		}
		program = filepath.Join(venv, "bin", "mlserver")
	}
	out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
	if err != nil {
		modeltest.Lacking(t, fmt.Errorf("%w\n%s", err, out))
	}
	ports := make([]string, 2)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		_ = l.Close()
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/mlserver")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "start", dir)
	cmd.Env = append(os.Environ(), "MLSERVER_HTTP_PORT="+ports[0], "MLSERVER_GRPC_PORT="+ports[1])
	logs := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	url = "http://127.0.0.1:" + ports[0]
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(url + "/v2/models/light/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			cancel()
			_ = cmd.Wait()
			t.Fatalf("MLServer is not ready: %v\n%s", err, logs)
		}
	}
	return url, strings.TrimSpace(string(out))
}
