package media_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// The lines of generated films are read on their own frames, from inside the file and from side-cars.
func TestTracksOfFilms(t *testing.T) {
	t.Parallel()
	r := reader(t)
	for name, truth := range suite(t) {
		for _, path := range []string{truth.Path, remuxed(t, truth.Path)} {
			film, text := firstTrack(t, r, path)
			clock, err := film.Clock()
			if err != nil {
				t.Fatal(err)
			}
			checkLines(t, name+" "+filepath.Ext(path), truth.Texts[0].Lines, text.Cues, clock)
		}
	}
	if _, err := r.TextTrack(t.Context(), suite(t)["film-25"].Path, &media.Film{Asset: &pb.Asset{}}, &pb.TextTrack{Index: 9}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a track that is not there: %v", err)
	}
	demo := mediatest.Demo()
	truth, err := demo.Truth()
	if err != nil {
		t.Fatal(err)
	}
	demo.Width, demo.Height, demo.Speak = 160, 90, ""
	if truth, err = demo.Write(t.Context(), t.TempDir(), mediatest.Tools{FFmpeg: tool(t, "ffmpeg")}); err != nil {
		t.Fatal(err)
	}
	for _, track := range truth.Texts {
		path, ok := truth.SideCars[track.Language]
		if !ok {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := timedtext.Parse(data, timedtext.Options{Name: path, Language: track.Language})
		if err != nil {
			t.Fatal(err)
		}
		checkLines(t, track.Language, track.Lines, text.Cues, truth.Clock)
	}
}

// TestTracksInTheirOwnCodec: no text of a track inside a film is lost to another codec or taken for markup.
func TestTracksInTheirOwnCodec(t *testing.T) {
	type line struct {
		start, end    float64
		text, speaker string
	}
	r := reader(t)
	for _, c := range []struct {
		clip, source string
		lines        []line
		bad          int
	}{
		{"ass.mkv", "google/ExoPlayer#7938, arcusmaximus/YTSubConverter#88; ASS practice", []line{
			{1, 2, "The tower\nfalls down", "Mara"}, {3, 4, "karaoke", ""}, {5, 6, "Station north", ""}}, 1},
		{"vtt.mp4", "3GPP TS 26.245", []line{
			{0.5, 1, "wait here & there", ""}, {1, 1.5, "I am Mara", ""}, {1.5, 2, "x < y and z > w", ""}, {2, 2.5, "the tag <b> is bold", ""},
			{2.5, 3, "line one\nline two {curly}\nbackslash", ""}}, 0},
	} {
		path := filepath.Join("testdata", "clips", c.clip)
		_, text := firstTrack(t, r, path)
		var got []line
		for _, cue := range text.Cues {
			got = append(got, line{cue.Start.Seconds(), cue.End.Seconds(), cue.Text, cue.Speaker})
		}
		if !slices.Equal(got, c.lines) || len(text.Bad) != c.bad {
			t.Errorf("%s (%s): %+v, left out %v; want %+v", c.clip, c.source, got, text.Bad, c.lines)
		}
	}
}

// TestSideCarOfDelayedPicture: a side-car counts from the container's time 0, like a track inside the film. A cue with
// an end before the first picture is reported (ISO/IEC 14496-12, 8.6.6).
func TestSideCarOfDelayedPicture(t *testing.T) {
	film, err := reader(t).Probe(t.Context(), filepath.Join("testdata", "clips", "delayed.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := timedtext.Parse([]byte("1\n00:00:00,100 --> 00:00:00,500\nbefore\n\n2\n00:00:00,700 --> 00:00:00,900\nseen\n"), film.TextOptions())
	if err != nil {
		t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		t.Fatal(err)
	}
	if len(text.Cues) != 1 || text.Cues[0].Start != clock.FrameStart(5) || text.Cues[0].End != clock.FrameStart(10) || len(text.Bad) != 1 {
		t.Errorf("cues %v, left out %v; want frames 5 to 10, and the first cue told", text.Cues, text.Bad)
	}
}

func remuxed(t *testing.T, path string) string {
	out := filepath.Join(t.TempDir(), "a.mkv")
	run(t, "-i", path, "-c", "copy", "-c:s", "srt", out)
	return out
}

func checkLines(t *testing.T, track string, want []mediatest.Line, got []timedtext.Cue, clock schema.Clock) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d cues, want %d", track, len(got), len(want))
		return
	}
	for i, c := range got {
		start, end := schema.FrameSpan(clock, schema.Interval{Start: c.Start, End: c.End})
		if start != want[i].Start || end != want[i].End || c.Text != want[i].Text || c.Speaker != want[i].Speaker {
			t.Errorf("%s: cue %d is %q by %q in frames %d to %d; want %+v", track, i, c.Text, c.Speaker, start, end, want[i])
		}
	}
}

// firstTrack probes a film, and reads the first text track inside the film.
func firstTrack(t *testing.T, r *media.Reader, path string) (*media.Film, *timedtext.Track) {
	t.Helper()
	film, err := r.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.TextTrack(t.Context(), path, film, film.Asset.Text[0])
	if err != nil {
		t.Fatal(err)
	}
	return film, text
}
