package transnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/transnet/tiles"
)

var writeFrames = flag.String("write-frames", "", "write the frames of the generated film to this file, named .rgb, for testdata/parity.py")

func open(t testing.TB) *Model { return openWith(t, Open, 0) }

func openWith(t testing.TB, open func(model.Cache, int) (*Model, error), threads int) *Model {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := open(cache, threads)
	if errkind.Of(err) == errkind.NotFound {
		modeltest.Lacking(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func probabilities(t testing.TB, m *Model, frames [][]byte) []Probability {
	t.Helper()
	ctx := context.Background()
	d, err := m.NewDetector()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var all []Probability
	reused := make([]byte, FrameSize)
	for _, f := range frames {
		copy(reused, f)
		p, err := d.Push(ctx, reused)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p...)
		clear(reused)
	}
	p, err := d.Finish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, p...)
}

// scene draws the frames of a generated shot: blobs of colour that drift over a ground. The computation uses whole numbers only, so that every
// machine draws the same frames.
func scene(seed uint64, length int) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	ground := [3]int{rng.IntN(200), rng.IntN(200), rng.IntN(200)}
	type blob struct{ x, y, dx, dy, r, red, green, blue int }
	blobs := make([]blob, 6)
	for i := range blobs {
		blobs[i] = blob{rng.IntN(Width * 16), rng.IntN(Height * 16), rng.IntN(9) - 4, rng.IntN(7) - 3, 40 + rng.IntN(100), rng.IntN(256), rng.IntN(256), rng.IntN(256)}
	}
	frames := make([][]byte, length)
	for n := range frames {
		f := make([]byte, 0, FrameSize)
		for y := range Height {
			for x := range Width {
				c := [3]int{ground[0] + y, ground[1] + x/2, ground[2]}
				for _, b := range blobs {
					ex, ey := x*16-b.x-n*b.dx, y*16-b.y-n*b.dy
					if ex*ex+ey*ey < b.r*b.r {
						c = [3]int{b.red, b.green, b.blue}
					}
				}
				grain := rng.IntN(5) - 2
				for _, v := range c {
					f = append(f, byte(max(0, min(255, v+grain))))
				}
			}
		}
		frames[n] = f
	}
	return frames
}

// dissolve mixes the last n frames of a with the first n of b.
func dissolve(a, b [][]byte, n int) [][]byte {
	out := slices.Clone(a[:len(a)-n])
	for i := range n {
		from, to := a[len(a)-n+i], b[i]
		mixed := make([]byte, FrameSize)
		for j := range mixed {
			mixed[j] = byte((int(from[j])*(n-i) + int(to[j])*(i+1)) / (n + 1))
		}
		out = append(out, mixed)
	}
	return append(out, b[n:]...)
}

// film is 337 frames with hard cuts at 60, 95, 190 and 298, and a dissolve over the frames 230 to 244.
func film() (frames [][]byte, cuts []int) {
	frames = slices.Concat(scene(1, 60), scene(2, 35), scene(3, 95), dissolve(scene(4, 55), scene(5, 68), 15), scene(6, 39))
	return frames, []int{60, 95, 190, 298}
}

// The ways of computing the network on this machine.
func ways(t testing.TB) map[string]*Model {
	all := map[string]*Model{"session": openWith(t, openSession, 0)}
	if tiles.Available() {
		all["tiles"] = openWith(t, openTiles, 1)
		all["tiles in two lanes"] = openWith(t, openTiles, 2)
	}
	return all
}

// The golden file was computed from the published weights, by numpy and in windows of 200 frames:
//
//	go test ./pkg/model/transnet -run Golden -write-frames /tmp/film.rgb
//	python3 pkg/model/testdata/parity.py /tmp/film.rgb pkg/model/transnet/testdata/golden.f32 --write
func TestGolden(t *testing.T) {
	frames, cuts := film()
	if *writeFrames != "" {
		if err := os.WriteFile(*writeFrames, bytes.Join(frames, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile("testdata/golden.f32")
	if err != nil {
		t.Fatal(err)
	}
	want := make([]Probability, len(raw)/8)
	if _, err := binary.Decode(raw, binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	for name, m := range ways(t) {
		got := probabilities(t, m, frames)
		if len(got) != len(frames) || len(want) != len(frames) {
			t.Fatalf("%s: %d frames, %d probabilities, %d in the golden file", name, len(frames), len(got), len(want))
		}
		var largest float64
		for i := range want {
			largest = max(largest, math.Abs(float64(got[i].Single-want[i].Single)), math.Abs(float64(got[i].Many-want[i].Many)))
		}
		t.Logf("%s: largest difference %.2g", name, largest)
		if largest >= 1e-4 {
			t.Errorf("%s: largest difference %g", name, largest)
		}
		var ends []int
		for _, s := range scenes(got, 0.5) {
			ends = append(ends, s.End)
		}
		for _, cut := range cuts {
			if !slices.Contains(ends, cut) {
				t.Errorf("%s: no shot ends at %d: %v", name, cut, ends)
			}
		}
		if len(ends) > len(cuts)+2 {
			t.Errorf("%s: shots were invented: %v", name, ends)
		}
	}
}

// Windows cut from a whole film that is padded at both ends must give the same probabilities.
func TestStreamedEqualsPadded(t *testing.T) {
	m := open(t)
	step := m.step()
	all := slices.Concat(scene(11, 140), scene(12, 186))
	lane, err := m.newLane()
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	for _, n := range []int{1, 150, 326} {
		frames := all[:n]
		tail := margin + step - (n-1)%step - 1
		padded := slices.Concat(slices.Repeat(frames[:1], margin), frames, slices.Repeat(frames[n-1:], tail))
		hist := make([]float32, len(padded)*bins)
		for i, f := range padded {
			histogram(f, hist[i*bins:][:bins])
		}
		var want []Probability
		for at := 0; at+Window <= len(padded); at += step {
			out := make([]Probability, step)
			if err := lane.judge(t.Context(), bytes.Join(padded[at:at+Window], nil), hist[at*bins:(at+Window)*bins], out); err != nil {
				t.Fatal(err)
			}
			want = append(want, out[:min(step, n-len(want))]...)
		}
		if diff := cmp.Diff(want, probabilities(t, m, frames)); diff != "" {
			t.Errorf("%d frames: %s", n, diff)
		}
	}
}

func TestNoFrames(t *testing.T) {
	if got := probabilities(t, open(t), nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestFrameOfAnotherSizeIsRefused(t *testing.T) {
	d, err := open(t).NewDetector()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Push(context.Background(), make([]byte, FrameSize-1)); errkind.Of(err) != errkind.Invalid {
		t.Errorf("%v", err)
	}
}

func TestScenes(t *testing.T) {
	for name, c := range map[string]struct {
		in   string // # marks a high probability
		want []sceneSpan
	}{
		"nothing":                      {"", nil},
		"no cut":                       {"....", []sceneSpan{{0, 4}}},
		"a cut":                        {"..#..", []sceneSpan{{0, 3}, {3, 5}}},
		"a slow one":                   {"..###..", []sceneSpan{{0, 3}, {5, 7}}},
		"two":                          {".#..#.", []sceneSpan{{0, 2}, {2, 5}, {5, 6}}},
		"at the start":                 {"#...", []sceneSpan{{1, 4}}},
		"at the end":                   {"...#", []sceneSpan{{0, 4}}},
		"everywhere":                   {"####", []sceneSpan{{0, 4}}},
		"at both ends":                 {"#..#", []sceneSpan{{1, 4}}},
		"one frame that is a cut only": {"#", []sceneSpan{{0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := make([]Probability, len(c.in))
			for i := range c.in {
				if c.in[i] == '#' {
					in[i].Single = 0.9
				}
			}
			if diff := cmp.Diff(c.want, scenes(in, 0.5)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkFrames(b *testing.B) {
	for name, m := range ways(b) {
		b.Run(name, func(b *testing.B) {
			d, err := m.NewDetector()
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			frame := scene(1, 1)[0]
			n := 0
			for b.Loop() {
				for range m.step() * len(d.lanes) {
					if _, err := d.Push(context.Background(), frame); err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// sceneSpan is a run of frames without a transition, [Start, End).
type sceneSpan struct{ Start, End int }

// scenes splits a film where the single probability exceeds the threshold, by the rule of the published code: frames above the threshold belong to a
// transition, whose first frame still ends the scene before. Usual thresholds are around 0.5.
func scenes(probabilities []Probability, threshold float32) []sceneSpan {
	var out []sceneSpan
	start, inside := 0, false
	for i, p := range probabilities {
		above := p.Single > threshold
		if inside && !above {
			start = i
		}
		if !inside && above && i != 0 {
			out = append(out, sceneSpan{start, i + 1})
		}
		inside = above
	}
	if n := len(probabilities); n > 0 && (!inside || len(out) == 0) {
		if inside {
			start = 0
		}
		out = append(out, sceneSpan{start, n})
	}
	return out
}
