package builtin_test

import (
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lacking skips the test, or fails it where everything must be there.
func lacking(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip("lacking ", err)
}

func setUp(t *testing.T) (*algo.Registry, *media.Reader, mediatest.Tools) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	for name, path := range map[string]*string{"ffmpeg": &tools.FFmpeg, "ffprobe": &tools.FFprobe} {
		if *path, err = cache.Tool(name); err != nil {
			lacking(t, err)
		}
	}
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	models := builtin.Open(cache, 0)
	t.Cleanup(func() { _ = models.Close() })
	reg, err := models.Algorithms()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reg.All() {
		for _, id := range a.Spec().GetModels() {
			if _, err := cache.Require(id); err != nil {
				lacking(t, err)
			}
		}
	}
	espeak, _ := exec.LookPath("espeak-ng")
	return reg, reader, mediatest.Tools{FFmpeg: tools.FFmpeg, ESpeak: espeak}
}

// Every algorithm passes the conformance kit over a short film with cuts, a dissolve, a shot of
// five frames and subtitles.
func TestConformance(t *testing.T) {
	reg, reader, tools := setUp(t)
	film := mediatest.Film{
		Name: "clip", Width: 320, Height: 180, Rate: schema.Rate{Num: 24000, Den: 1001},
		Scenes: []mediatest.Scene{
			{Frames: 50, Seed: 3}, {Frames: 5, Seed: 8}, {Frames: 40, Seed: 13},
			{Frames: 60, Seed: 22, Begin: mediatest.Dissolve, Over: 16}, {Frames: 45, Seed: 27},
		},
		Texts: []mediatest.Text{
			{Language: "en", Format: "srt", Inside: true, Lines: []mediatest.Line{
				{Start: 5, End: 45, Text: "The harbour is empty this morning.", Speaker: "Mara"}, {Start: 60, End: 110, Text: "Nobody sails before the storm."}}},
			{Language: "ja", Format: "srt", Inside: true, Lines: []mediatest.Line{{Start: 5, End: 45, Text: "今朝、港には誰もいない。"}}},
		},
	}
	truth, err := film.Write(t.Context(), t.TempDir(), tools)
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reg.All() {
		name := a.Spec().GetName()
		t.Run(name, func(t *testing.T) {
			findings, err := algotest.Check(t.Context(), reg, name, clip)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				t.Error(f)
			}
			r, err := algotest.Run(t.Context(), reg, name, clip)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Annotations {
				t.Log(a)
			}
			if name == "shots" || name == "thumbnails" {
				covers(t, clip, r)
			}
		})
	}
}

// covers checks that annotations follow each other from the clip's first frame to its last.
func covers(t *testing.T, clip *algotest.Clip, r *algotest.Result) {
	t.Helper()
	at := schema.Time(0)
	for _, a := range r.Annotations {
		if schema.Time(a.GetStart()) != at {
			t.Errorf("annotation %d begins at %s, the one before it ends at %s", a.GetOrdinal(), schema.Time(a.GetStart()), at)
		}
		at = schema.Time(a.GetEnd())
	}
	if end := clip.Clock.FrameStart(clip.Clock.Frames()); at != end {
		t.Errorf("the last annotation ends at %s, the clip at %s", at, end)
	}
}
