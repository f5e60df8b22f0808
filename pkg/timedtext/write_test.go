package timedtext_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// Parse reads back what WriteSRT, WriteTTML and WriteWebVTT write: a player shows each text during the same frames.
func TestWrittenTextIsReadBack(t *testing.T) {
	rate := schema.Rate{Num: 24000, Den: 1001}
	clock, err := schema.ClockOf(&cinedexv1.VideoTrack{Rate: rate.Proto(), Frames: 1 << 20}, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(frame int64) schema.Time { return rate.FrameStart(frame) }
	cues := []timedtext.Cue{
		{Start: at(25), End: at(49), Text: "We <have> to go & \"fly\".\nNow!"},
		{Start: at(1001), End: at(1002), Text: "Ein Bild lang.", Language: "de"},
		{Start: at(86400 * 3), End: at(86400*3 + 100), Text: "1\nis a number", Speaker: "Mara"},
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"srt":    func(b *bytes.Buffer) error { return timedtext.WriteSRT(b, cues) },
		"ttml":   func(b *bytes.Buffer) error { return timedtext.WriteTTML(b, "en", cues) },
		"webvtt": func(b *bytes.Buffer) error { return timedtext.WriteWebVTT(b, cues) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got, err := timedtext.Parse(b.Bytes(), timedtext.Options{Format: name, Rate: rate, Plain: true})
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b.String())
		}
		if len(got.Cues) != len(cues) {
			t.Fatalf("%s: %d cues of %d\n%s", name, len(got.Cues), len(cues), b.String())
		}
		want := make([]timedtext.Cue, len(cues))
		copy(want, cues)
		for i := range want {
			start, end := schema.FrameSpan(clock, schema.Interval{Start: got.Cues[i].Start, End: got.Cues[i].End})
			got.Cues[i].Start, got.Cues[i].End = at(start), at(end)
			if name == "srt" { // has neither
				want[i].Speaker, want[i].Language = "", ""
			}
			if name == "ttml" && want[i].Language == "" && got.Cues[i].Language == "en" {
				want[i].Language = "en" // of the whole text
			}
		}
		if diff := cmp.Diff(want, got.Cues); diff != "" || got.Format != name {
			t.Errorf("%s as %s: %s\n%s", name, got.Format, diff, b.String())
		}
	}
}

// An empty line within a text would end an SRT cue.
func TestWrittenSRTHasNoEmptyLines(t *testing.T) {
	var b bytes.Buffer
	if err := timedtext.WriteSRT(&b, []timedtext.Cue{{Start: schema.Second, End: 2 * schema.Second, Text: "a\n\n \nb"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "1\n00:00:01,000 --> 00:00:02,000\na\nb\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
