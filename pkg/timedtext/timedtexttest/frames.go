// Package timedtexttest writes timed text with cues on known frames and with rounded times, as subtitle programs do.
// Tests of pkg/timedtext and pkg/media read the text and count the cues on their frames. The same call gives the same
// text on every machine.
//
// The contract:
//
//   - [Authored] chooses the frames of cues.
//   - [Forms] writes cues in a format, at a rate.
//   - [Right] counts the cues whose times are their frames, to the flick.
package timedtexttest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// Rates are the frame rates of authored cues.
var Rates = []string{"24000/1001", "24", "30000/1001", "30", "60000/1001", "60"}

// A Span is an author's choice: the frames from Start up to End.
type Span struct{ Start, End int64 }

// Authored returns n successive spans. Every call returns the same spans.
func Authored(n int) []Span {
	random, at := rand.New(rand.NewPCG(11, 2)), int64(0)
	spans := make([]Span, n)
	for i := range spans {
		at += 1 + random.Int64N(9)
		spans[i] = Span{at, at + 5 + random.Int64N(12)}
		at = spans[i].End
	}
	return spans
}

// Forms write spans at a rate, by the name of the format.
var Forms = map[string]func(schema.Rate, []Span) []byte{
	"srt":  form("", "%d\n%s --> %s\nline\n\n", "", func(t schema.Time) string { return strings.Replace(clock(t), ".", ",", 1) }),
	"vtt":  form("WEBVTT\n\n", "%d\n%s --> %s\nline\n\n", "", clock),
	"ttml": form(`<tt xmlns="http://www.w3.org/ns/ttml"><body><div>`, `<p xml:id="p%d" begin="%s" end="%s">line</p>`, "</div></body></tt>", clock),
	"ass": form("[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"+
		"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n",
		"Dialogue: %d,%s,%s,Default,,0,0,0,,line\n", "", hundredths),
	"sbv": form("", "%.0d%s,%s\nline\n\n", "", clock),
}

func form(head, cue, tail string, at func(schema.Time) string) func(schema.Rate, []Span) []byte {
	return func(rate schema.Rate, spans []Span) []byte {
		b := []byte(head)
		for i, s := range spans {
			n := i + 1
			if strings.HasPrefix(cue, "%.0d") {
				n = 0 // %.0d writes nothing for 0
			}
			b = fmt.Appendf(b, cue, n, at(rate.FrameStart(s.Start)), at(rate.FrameStart(s.End)))
		}
		return append(b, tail...)
	}
}

func clock(t schema.Time) string { return t.String() }

// hundredths rounds milliseconds, as programs counting in milliseconds do.
func hundredths(t schema.Time) string {
	cs := (t.Millis() + 5) / 10
	return fmt.Sprintf("%d:%02d:%02d.%02d", cs/360_000, cs/6000%60, cs/100%60, cs%100)
}

// Frames finds frames: a schema.Clock or a schema.Rate.
type Frames interface{ FrameStart(n int64) schema.Time }

// Right counts the cues on their frames, to the flick.
func Right(cues []timedtext.Cue, clock Frames, spans []Span) (right int) {
	for i := range min(len(cues), len(spans)) {
		if cues[i].Start == clock.FrameStart(spans[i].Start) && cues[i].End == clock.FrameStart(spans[i].End) {
			right++
		}
	}
	return right
}
