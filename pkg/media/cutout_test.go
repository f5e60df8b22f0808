package media_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// cutFilms are films of a constant and of a variable rate, in both containers.
func cutFilms() []mediatest.Film {
	scene := []mediatest.Scene{{Frames: 150, Seed: 1}}
	return []mediatest.Film{
		{Name: "ntsc", Container: "mkv", Rate: schema.Rate{Num: 24000, Den: 1001}, StartTimecode: "01:00:00:00", Scenes: scene, Width: 320, Height: 180},
		{Name: "variable", Rate: schema.Rate{Num: 30, Den: 1}, Variable: []mediatest.Part{{Frames: 50, Rate: schema.Rate{Num: 30, Den: 1}}, {Frames: 60, Rate: schema.Rate{Num: 15, Den: 1}}, {Frames: 40, Rate: schema.Rate{Num: 24, Den: 1}}}, Scenes: scene, Width: 320, Height: 180},
	}
}

// A cut has exactly the frames of its range, with the lengths of the frames and the timecode; a copy of the tracks begins with a key frame, which is
// told.
func TestWriteCut(t *testing.T) {
	t.Parallel()
	r := reader(t)
	for _, film := range cutFilms() {
		truth, err := film.Write(t.Context(), t.TempDir(), mediatest.Tools{FFmpeg: tool(t, "ffmpeg")})
		if err != nil {
			t.Fatal(err)
		}
		src := source(t, r, truth.Path)
		for _, c := range []media.Cut{{Start: 0, End: 3, Exact: true}, {Start: 61, End: 67, Exact: true}, {Start: 147, End: 150, Exact: true}, {Start: 61, End: 67}} {
			if film.StartTimecode != "" {
				c.Timecode = truth.Scale.Format
			}
			var b bytes.Buffer
			first, err := r.WriteCut(t.Context(), src, c, &b)
			if err != nil || first > c.Start || c.Exact && first != c.Start {
				t.Fatalf("%s, frames %d to %d: %d, %v", film.Name, c.Start, c.End, first, err)
			}
			path := filepath.Join(t.TempDir(), "cut.mp4")
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			cut := source(t, r, path)
			numbers := stamps(t, r, cut)
			if numbers[0].Frame != first || c.Exact && int64(len(numbers)) != c.End-c.Start || numbers[len(numbers)-1].Frame < c.End-1 || numbers[len(numbers)-1].Frame > c.End+4 {
				t.Errorf("%s, frames %d to %d, exact %v: the cut begins at %d and has the frames %v", film.Name, c.Start, c.End, c.Exact, first, numbers)
				continue
			}
			if tc := cut.Video.GetStartTimecode(); film.StartTimecode != "" && tc != truth.Scale.Format(first) {
				t.Errorf("%s, frames %d to %d: the cut starts at %q, want %q", film.Name, c.Start, c.End, tc, truth.Scale.Format(first))
			}
			for n := range min(int64(len(numbers)), c.End-first) - 1 { // how long the last frame shows is the container's choice
				length, own := cut.Clock.FrameStart(n+1)-cut.Clock.FrameStart(n), src.Clock.FrameStart(first+n+1)-src.Clock.FrameStart(first+n)
				if d := length - own; d > schema.Millisecond || d < -schema.Millisecond {
					t.Errorf("%s, frames %d to %d, exact %v: frame %d shows for %s, want %s", film.Name, c.Start, c.End, c.Exact, n, length, own)
				}
			}
		}
		if _, err := r.WriteCut(t.Context(), src, media.Cut{Start: 140, End: 151, Exact: true}, &bytes.Buffer{}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("frames after the film: %v", err)
		}
	}
}
