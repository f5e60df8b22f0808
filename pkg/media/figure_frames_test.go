package media_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
	"github.com/cinedex/cinedex/pkg/timedtext/timedtexttest"
)

// embedded are the ways to put tracks into films: the format of the author's program, the codec, the container.
var embedded = []struct{ form, codec, container string }{
	{"srt", "copy", ".mkv"}, {"vtt", "copy", ".mkv"}, {"ass", "copy", ".mkv"}, {"srt", "mov_text", ".mp4"}, {"vtt", "mov_text", ".mp4"},
}

// TestFigureMaterialFrames authors cues on frames and writes the cues with rounded times, beside a film and inside the
// film. The figure is the number of cues read on their own frames.
func TestFigureMaterialFrames(t *testing.T) {
	figure.Begin(t, "material/frames")
	r, dir := reader(t), t.TempDir()
	right, all, worst := 0, 0, ""
	for i, name := range timedtexttest.Rates {
		rate, err := schema.ParseRate(name)
		if err != nil {
			t.Fatal(err)
		}
		authored := timedtexttest.Authored(100)
		picture := filepath.Join(dir, fmt.Sprintf("picture-%d.mp4", i))
		run(t, "-f", "lavfi", "-i", fmt.Sprintf("testsrc=s=64x36:r=%s", name), "-frames:v", fmt.Sprint(authored[99].End+10), "-c:v", "mpeg4", picture)
		count := func(track string, n int) {
			fmt.Printf("%s frames a second through %s: %d of 100\n", name, track, n)
			if right, all = right+n, all+100; n < 100 {
				worst = fmt.Sprintf("; %s through %s: %d of 100", name, track, n)
			}
		}
		for form, write := range timedtexttest.Forms {
			text, err := timedtext.Parse(write(rate, authored), timedtext.Options{Format: form, Rate: rate})
			if err != nil {
				t.Fatal(err)
			}
			count(form, timedtexttest.Right(text.Cues, rate, authored))
		}
		for _, e := range embedded {
			side := filepath.Join(dir, "side."+e.form)
			if err := os.WriteFile(side, timedtexttest.Forms[e.form](rate, authored), 0o644); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fmt.Sprintf("%d-%s%s", i, e.form, e.container))
			run(t, "-i", picture, "-i", side, "-map", "0:v", "-map", "1", "-c:v", "copy", "-c:s", e.codec, path)
			film, text := firstTrack(t, r, path)
			clock, err := film.Clock()
			if err != nil {
				t.Fatal(err)
			}
			count(e.form+" inside "+e.container[1:]+" as "+film.Asset.Text[0].GetFormat(), timedtexttest.Right(text.Cues, clock, authored))
		}
	}
	figure.Report(t, true, figure.Result{
		Name: "material/frames", Claim: "cues authored on frames come back on them, 100 of 100 at six rates, beside films and inside",
		Measured: fmt.Sprintf("%d of %d%s", right, all, worst), Pass: right == all,
	})
}
