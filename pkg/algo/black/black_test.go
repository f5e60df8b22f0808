package black_test

import (
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/black"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// watch makes a film of ffmpeg's sources, one after another, and returns the stretches that the algorithm tells.
func watch(t *testing.T, sources ...string) []string {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	path := filepath.Join(t.TempDir(), "film.mp4")
	args := []string{"-v", "error", "-nostdin", "-y"}
	var joined strings.Builder
	for i, s := range sources {
		args = append(args, "-f", "lavfi", "-i", s)
		fmt.Fprintf(&joined, "[%d:v]format=yuv420p,setsar=1[p%d];", i, i)
	}
	for i := range sources {
		fmt.Fprintf(&joined, "[p%d]", i)
	}
	fmt.Fprintf(&joined, "concat=n=%d:v=1:a=0", len(sources))
	args = append(args, "-filter_complex", joined.String(), "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", path)
	if out, err := exec.CommandContext(t.Context(), tools.FFmpeg, args...).CombinedOutput(); err != nil {
		t.Fatalf("making the film: %v: %s", err, out)
	}
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, path)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := algo.NewRegistry(black.Algorithm{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := algotest.Run(t.Context(), reg, "black", clip)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range found.Annotations {
		first, end := schema.FrameSpan(clip.Clock, schema.IntervalOf(a))
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d-%d %s %s", first, end, a.GetLabel(), a.GetAttributes()["pattern"].GetText())))
	}
	return out
}

// Stretches begin and end at their exact frames. What only looks like black or like bars is no such stretch.
func TestStretches(t *testing.T) {
	const size = "s=640x360:r=25"
	for name, c := range map[string]struct {
		sources []string
		want    []string
	}{
		"bars, black, picture, black": {
			[]string{"smptebars=" + size + ":d=2", "color=black:" + size + ":d=1", "testsrc2=" + size + ":d=2", "color=black:" + size + ":d=0.4"},
			[]string{"0-50 colour bars SMPTE", "50-75 black", "125-135 black"},
		},
		"EBU's bars":                          {[]string{"pal75bars=" + size + ":d=1", "testsrc2=" + size + ":d=1"}, []string{"0-25 colour bars EBU"}},
		"bars in high definition are SMPTE's": {[]string{"testsrc2=" + size + ":d=1", "smptebars=" + size + ":d=1"}, []string{"25-50 colour bars SMPTE"}},
		"a flash of black is a cut":           {[]string{"testsrc2=" + size + ":d=1", "color=black:" + size + ":d=0.12", "testsrc2=" + size + ":d=1"}, nil},
		"words on black are a picture": {
			[]string{"color=black:" + size + ":d=1,drawbox=x=200:y=170:w=240:h=20:color=white:t=fill", "color=black:" + size + ":d=1"}, []string{"25-50 black"},
		},
		"a dark room is a picture": {[]string{"testsrc2=" + size + ":d=1,eq=brightness=-0.35:contrast=0.5", "color=0x202020:" + size + ":d=1"}, nil},
		"a fade":                   {[]string{"testsrc2=" + size + ":d=2,fade=out:st=1:d=0.6"}, []string{"40-50 black"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := watch(t, c.sources...)
			if name == "a fade" { // the last frames of a fade are darker than anybody sees
				if len(got) != 1 || !strings.HasSuffix(got[0], "-50 black") || got[0] < "36" || got[0] > "41" {
					t.Errorf("found %q, want about %q", got, c.want)
				}
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("stretches differ (-want +got):\n%s", d)
			}
		})
	}
}
