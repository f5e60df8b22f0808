package motion_test

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/motion"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A single says that the whole film is a shot.
type single struct{}

var singleSpec = &pb.AlgorithmSpec{
	Name: "single", Version: "1", Summary: "The film is a shot", Reads: []string{schema.ReadsVideo}, Kinds: []string{schema.KindShot},
}

func (single) Spec() *pb.AlgorithmSpec { return singleSpec }

func (single) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	_, err := out.Annotation(ctx, &pb.Annotation{Kind: schema.KindShot, Confidence: 1, End: int64(in.Clock().FrameStart(in.Clock().Frames()))})
	return err
}

// A camera moves over a photograph.
type camera struct {
	t      *testing.T
	cache  model.Cache
	tools  media.Tools
	reader *media.Reader
	reg    *algo.Registry
}

func newCamera(t *testing.T) *camera {
	t.Helper()
	c := &camera{t: t}
	var err error
	if c.cache, err = model.OpenCache(""); err != nil {
		t.Fatal(err)
	}
	c.tools.FFmpeg, c.tools.FFprobe = modeltest.Tools(t, c.cache)
	if c.reader, err = media.NewReader(media.Default(), c.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if c.reg, err = algo.NewRegistry(single{}, motion.Algorithm{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// film makes a few seconds of a photograph through a filter, and returns the labels.
func (c *camera) film(photo, filter string) string {
	c.t.Helper()
	still, err := c.cache.Require("photo-" + photo)
	if err != nil {
		modeltest.Lacking(c.t, err)
	}
	path := filepath.Join(c.t.TempDir(), "film.mp4")
	out, err := exec.CommandContext(c.t.Context(), c.tools.FFmpeg, "-v", "error", "-nostdin", "-y", "-i", still, "-t", "2.6",
		"-vf", "scale=1280:960:force_original_aspect_ratio=increase,crop=1280:960,loop=-1:1,setpts=N/25/TB,"+filter+",scale=640:360,format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", path).CombinedOutput()
	if err != nil {
		c.t.Fatalf("making the film: %v: %s", err, out)
	}
	clip, err := algotest.OpenClip(c.t.Context(), c.reader, path)
	if err != nil {
		c.t.Fatal(err)
	}
	found, err := algotest.Run(c.t.Context(), c.reg, "motion", clip)
	if err != nil {
		c.t.Fatal(err)
	}
	var labels []string
	for _, a := range found.Annotations {
		labels = append(labels, a.GetLabel())
	}
	return strings.Join(labels, "; ")
}

// A move is a movement of the camera, made by moving the part of the photograph that is seen.
type move struct{ filter, want string }

func window(x, y string) string { return fmt.Sprintf("crop=800:450:x='%s':y='%s'", x, y) }

func zoom(z string) string {
	return fmt.Sprintf("zoompan=z='%s':x='iw/2-iw/zoom/2':y='ih/2-ih/zoom/2':d=1:s=1280x720:fps=25", z)
}

// The borders were chosen by these movements …
var known = []move{
	{window("40+n*4", "250"), "pan right"}, {window("440-n*3", "250"), "pan left"}, {window("200", "60+n*4"), "tilt down"}, {window("200", "420-n*3"), "tilt up"},
	{zoom("1+0.006*in"), "zoom in"}, {zoom("1.5-0.006*in"), "zoom out"}, {window("200", "250"), "static"},
	{window("200+14*sin(n*1.3)+9*sin(n*0.7+1)", "250+11*sin(n*1.1+2)+8*sin(n*0.61)"), "handheld"},
}

// … and measured by these too.
var withheld = []move{
	{window("20+n*6", "300"), "pan right"}, {window("470-n*1.6", "200"), "pan left"}, {window("100", "20+n*2.4"), "tilt down"}, {window("300", "500-n*6"), "tilt up"},
	{window("40+n*4", "60+n*4"), "pan right, tilt down"}, {zoom("1+0.010*in"), "zoom in"}, {zoom("1.3-0.0035*in"), "zoom out"},
	{"noise=alls=14:allf=t," + window("200", "250"), "static"}, {window("200", "250") + ",fade=in:d=1", "static"},
	{window("220+10*sin(n*1.7)+10*sin(n*0.45)", "240+14*sin(n*0.9+1)"), "handheld"},
}

var photos = []string{"astronaut", "cat", "coffee", "rocket"}

func (c *camera) right(moves []move, photos []string) (right, all int, wrong []string) {
	for _, m := range moves {
		for _, p := range photos {
			all++
			if got := c.film(p, m.filter); got == m.want {
				right++
			} else {
				wrong = append(wrong, fmt.Sprintf("%s of %s is %q", m.want, p, got))
			}
		}
	}
	return right, all, wrong
}

func TestMovements(t *testing.T) {
	c := newCamera(t)
	right, all, wrong := c.right([]move{known[0], known[3], known[4], known[6]}, photos[:1])
	if right != all {
		t.Errorf("%d of %d movements are named right: %q", right, all, wrong)
	}
}

func TestFigureMovements(t *testing.T) {
	figure.Begin(t, "motion/generated")
	c := newCamera(t)
	for _, set := range []struct {
		name  string
		moves []move
	}{{"known", known}, {"withheld", withheld}} {
		right, all, wrong := c.right(set.moves, photos)
		figure.Report(t, false, figure.Result{
			Name: "motion/generated", Claim: "movements of a camera over photographs are named right in ≥ 0.9; " + set.name + " movements",
			Measured: fmt.Sprintf("%d of %d", right, all), Pass: 10*right >= 9*all, Note: fmt.Sprintf("wrong %q", wrong),
		})
	}
}
