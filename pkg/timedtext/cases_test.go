package timedtext_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// A textCase is a file of testdata/cases, or a text, with the right value and the source of the value. The cases of a format are in the file of the
// format: cases_srt_test.go and so on.
type textCase struct {
	// file is a name in testdata/cases. If text is set, file only names the case.
	file, text string
	// language is the sender's declared language.
	language string
	// film is the film beside the text. Without film, the film has 25 frames a second and no timecode.
	film *film
	cues []wanted
	// reports are words expected in Bad, Notes or the error, each in at least one sentence.
	reports []string
	// With refused, the whole text must be refused.
	refused bool
	// track is the file's declared language; encoding is the name of the encoding. Empty accepts any value.
	track, encoding string
	// With lines, line breaks must agree, too.
	lines bool
	// source is the source of the right value: the clause of a specification, or a report.
	source string
}

type film struct {
	rate, start string
	seconds     int64 // the length of the film; 0 if unknown
	streamStart *schema.Time
	// frames is the length of the film; 0 if the reader does not know the length.
	frames int64
}

// A wanted is a right cue. Its times agree with a cue's to half a millisecond, or to the frame if frames is set.
type wanted struct {
	start, end    float64
	frames        bool
	text          string
	speaker, lang string
	readings      []string
}

func at(start, end float64, text string) wanted { return wanted{start: start, end: end, text: text} }
func inFrames(start, end int64, text string) wanted {
	return wanted{start: float64(start), end: float64(end), text: text, frames: true}
}
func (w wanted) by(speaker string) wanted       { w.speaker = speaker; return w }
func (w wanted) in(language string) wanted      { w.lang = language; return w }
func (w wanted) read(readings ...string) wanted { w.readings = readings; return w }

func textCases() []textCase {
	return slices.Concat(srtCases, vttCases, encodingCases, sideCarCases, ttmlCases, stlCases, captionCases)
}

func (c textCase) options(t testing.TB) timedtext.Options {
	f := film{}
	if c.film != nil {
		f = *c.film
	}
	rate, err := schema.ParseRate(cmp.Or(f.rate, "25"))
	if err != nil {
		t.Fatal(err)
	}
	opts := timedtext.Options{Name: c.file, Language: c.language, Rate: rate, StartTimecode: f.start, StreamStart: f.streamStart, Duration: schema.Time(f.seconds) * schema.Second}
	if f.frames > 0 {
		if opts.Clock, err = schema.ClockOf(&pb.VideoTrack{Rate: rate.Proto(), Frames: f.frames}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return opts
}

func (c textCase) data(t testing.TB) []byte {
	if c.text != "" {
		return []byte(c.text)
	}
	b, err := os.ReadFile(filepath.Join("testdata", "cases", c.file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// faults describes the differences between the read track and the right value.
func (c textCase) faults(t testing.TB) (faults []string, seen string) {
	opts := c.options(t)
	track, err := timedtext.Parse(c.data(t), opts)
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var spoken []string
	if err != nil {
		spoken = append(spoken, err.Error())
		track = &timedtext.Track{}
	}
	if c.refused != (err != nil) {
		fault("refused is %v: %v", err != nil, err)
	}
	for _, b := range track.Bad {
		spoken = append(spoken, fmt.Sprintf("line %d %s", b.Line, b.Reason))
	}
	spoken = append(spoken, track.Notes...)
	for _, words := range c.reports {
		if !slices.ContainsFunc(spoken, func(s string) bool { return strings.Contains(s, words) }) {
			fault("no report contains %q", words)
		}
	}
	if len(track.Bad) > 0 && len(c.reports) == 0 {
		fault("cues are left out")
	}
	if c.track != "" && c.track != track.Language {
		fault("the language is %q, not %q", track.Language, c.track)
	}
	if c.encoding != "" && c.encoding != track.Encoding {
		fault("the encoding is %q, not %q", track.Encoding, c.encoding)
	}
	if len(track.Cues) != len(c.cues) {
		fault("%d cues, not %d", len(track.Cues), len(c.cues))
	}
	for i := range min(len(track.Cues), len(c.cues)) {
		if !c.cues[i].is(track.Cues[i], opts.Rate, c.lines) {
			fault("cue %d is not %v", i+1, c.cues[i])
		}
	}
	for i, cue := range track.Cues {
		seen += fmt.Sprintf("%d: %s-%s %q", i+1, cue.Start, cue.End, cue.Text)
		for _, s := range []struct{ name, value string }{{"by", cue.Speaker}, {"in", cue.Language}, {"read", strings.Join(cue.Readings, ",")}} {
			if s.value != "" {
				seen += " " + s.name + " " + s.value
			}
		}
		seen += "; "
	}
	if len(spoken) > 0 {
		seen += "told: " + strings.Join(spoken, "; ")
	}
	return faults, seen
}

func (w wanted) is(c timedtext.Cue, rate schema.Rate, lines bool) bool {
	same := func(want float64, got schema.Time) bool {
		if w.frames {
			return got == rate.FrameStart(int64(want))
		}
		d := got - schema.Time(want*float64(schema.Second))
		return max(d, -d) <= schema.Millisecond/2
	}
	text, want := c.Text, w.text
	if !lines {
		text, want = strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")
	}
	return same(w.start, c.Start) && same(w.end, c.End) && text == want && c.Speaker == w.speaker && c.Language == w.lang && slices.Equal(c.Readings, w.readings)
}

// TestCases: every file gives its right value.
func TestCases(t *testing.T) {
	for _, c := range textCases() {
		t.Run(c.file, func(t *testing.T) {
			if c.source == "" {
				t.Error("the case names no source")
			}
			if faults, seen := c.faults(t); len(faults) > 0 {
				t.Errorf("%s (source: %s)\nseen: %s", strings.Join(faults, "\n"), c.source, seen)
			}
		})
	}
}

// TestFigureMaterialText prints every case of timed text: expected, seen, verdict.
func TestFigureMaterialText(t *testing.T) {
	figure.Begin(t, "material/text")
	right, all := 0, textCases()
	for _, c := range all {
		faults, seen := c.faults(t)
		verdict := "right"
		if len(faults) > 0 {
			verdict = "WRONG: " + strings.Join(faults, "; ")
		} else {
			right++
		}
		fmt.Printf("%s | expected %v refused=%v told=%q | seen %s | %s\n", c.file, c.cues, c.refused, c.reports, seen, verdict)
	}
	figure.Report(t, true, figure.Result{
		Name: "material/text", Claim: "every case of timed text gives its right value, or is told",
		Measured: fmt.Sprintf("%d of %d cases", right, len(all)), Pass: right == len(all),
	})
}
