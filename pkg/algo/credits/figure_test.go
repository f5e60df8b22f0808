package credits_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gobold"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/credits"
	"github.com/cinedex/cinedex/pkg/algo/palette"
	"github.com/cinedex/cinedex/pkg/algo/screentext"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/ocr"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
)

// people are the lines of credits.
var people = []string{
	"Directed by", "Amelia Brandt", "Written by", "Jonas Field", "Camera", "Rosa Lindgren", "Edited by", "Paul Okafor", "Music", "Clara Winter",
	"Sound", "Henry Castle", "Costumes", "Nora Hughes", "Lighting", "Omar Reed", "Make-up", "Ida Morgan", "Catering", "Felix Stone",
}

// Credits of generated films, films without credits, and the credits of a real film, of which the beginning was read off the film.
func TestFigureCredits(t *testing.T) {
	figure.Begin(t, "credits/generated")
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	bunny, err := cache.Require("big-buck-bunny")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	reg, err := algo.NewRegistry(
		shots.New(algo.Lazily(func() (*transnet.Model, error) { return transnet.Open(cache, 0) })), palette.Algorithm{},
		screentext.New(algo.Lazily(func() (*ocr.Model, error) { return ocr.Open(cache, 0) })), credits.Algorithm{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	font := file("bold.ttf", string(gobold.TTF))
	draw := func(text, rest string) string {
		return fmt.Sprintf("drawtext=fontfile=%s:textfile=%s:fontsize=26:line_spacing=14:x=(w-tw)/2:%s", font, text, rest)
	}
	all, card, other := file("all.txt", strings.Join(people, "\n")), file("card.txt", strings.Join(people[:8], "\n")), file("other.txt", strings.Join(people[8:16], "\n"))
	title := file("title.txt", "THE HARBOUR")
	dark, light := "-f lavfi -i color=black:s=640x360:r=24", "-f lavfi -i color=0xd8d0c0:s=640x360:r=24"
	var right, films int
	var notes []string
	for _, c := range []struct {
		name, source, filter string
		seconds              int
		want                 string // label, rolling, first and last second
	}{
		{"a roll", dark, draw(all, "fontcolor=white:y=h-60*t"), 16, "closing credits true 0 16"},
		{"cards", dark, draw(card, "fontcolor=white:y=20:enable='lt(t,5)'") + "," + draw(other, "fontcolor=white:y=20:enable='gte(t,5)'"), 10, "closing credits false 0 10"},
		{"a page of a newspaper", light, draw(card, "fontcolor=black:y=20"), 8, ""},
		{"a title over a film", "-ss 100 -i " + bunny, "scale=640:360," + draw(title, "fontcolor=white:y=h-80"), 8, ""},
		{"a film", "-ss 300 -i " + bunny, "scale=960:540", 20, ""},
		{"credits of Big Buck Bunny", "-ss 486 -i " + bunny, "scale=960:540", 30, "closing credits true 5 30"},
	} {
		path := filepath.Join(dir, "film.mp4")
		args := append([]string{"-v", "error", "-nostdin", "-y"}, strings.Fields(c.source)...)
		args = append(args, "-t", fmt.Sprint(c.seconds), "-an", "-vf", c.filter, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", path)
		if out, err := exec.CommandContext(t.Context(), tools.FFmpeg, args...).CombinedOutput(); err != nil {
			t.Fatalf("making a film: %v: %s", err, out)
		}
		clip, err := algotest.OpenClip(t.Context(), reader, path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := algotest.Run(t.Context(), reg, "credits", clip)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		near := len(r.Annotations) == 0 && c.want == ""
		for _, a := range r.Annotations {
			iv := schema.IntervalOf(a)
			got += fmt.Sprintf("%s %v %.1f %.1f", a.GetLabel(), a.GetAttributes()["rolling"].GetFlag(), iv.Start.Seconds(), iv.End.Seconds())
			var first, last float64
			kind, times, _ := strings.Cut(c.want, fmt.Sprintf(" %v ", a.GetAttributes()["rolling"].GetFlag()))
			if _, err := fmt.Sscan(times, &first, &last); err == nil && len(r.Annotations) == 1 {
				near = kind == a.GetLabel() && max(first-iv.Start.Seconds(), iv.Start.Seconds()-first) <= 2 && max(last-iv.End.Seconds(), iv.End.Seconds()-last) <= 2
			}
		}
		films++
		if near {
			right++
		}
		notes = append(notes, fmt.Sprintf("%s: %s, want %s", c.name, got, c.want))
	}
	t.Log(strings.Join(notes, "\n"))
	figure.Report(t, false, figure.Result{Name: "credits/generated", Claim: "credits of two generated films and of Big Buck Bunny are found within two seconds, with the label and whether they roll, and three films have none",
		Measured: fmt.Sprintf("%d of %d", right, films), Pass: right == films, Note: strings.Join(notes, "; ")})
}
