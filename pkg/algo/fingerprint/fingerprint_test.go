package fingerprint

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gobold"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A bench makes altered copies of a film, and describes films.
type bench struct {
	t      *testing.T
	tools  media.Tools
	reader *media.Reader
	bunny  string
	font   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t}
	b.tools.FFmpeg, b.tools.FFprobe = modeltest.Tools(t, cache)
	if b.bunny, err = cache.Require("big-buck-bunny"); err != nil {
		modeltest.Lacking(t, err)
	}
	if b.reader, err = media.NewReader(media.Default(), b.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	b.font = filepath.Join(t.TempDir(), "font.ttf")
	if err := os.WriteFile(b.font, gobold.TTF, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// A mark is a described frame of a film.
type mark struct {
	at      schema.Time
	vectors [][]float32
}

// marks describes the frames of a film as the algorithm does.
func (b *bench) marks(path string) []mark {
	b.t.Helper()
	film, err := b.reader.Probe(b.t.Context(), path)
	if err != nil {
		b.t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		b.t.Fatal(err)
	}
	stream, err := b.reader.Decode(b.t.Context(), media.Source{Path: path, Video: film.Asset.GetVideo(), Clock: clock}, algo.FramesOf(spec, film.Asset))
	if err != nil {
		b.t.Fatal(err)
	}
	defer stream.Close()
	var out []mark
	p := picker{clock: clock}
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			b.t.Fatal(err)
		}
		if f.Pictures[0] == nil {
			continue
		}
		if vs, ok := p.pick(algo.Frame{N: f.N, Picture: f.Pictures[0]}); ok {
			out = append(out, mark{clock.FrameStart(f.N), vs})
		}
	}
}

// An alteration is a change of footage on its way into another film: a chain of ffmpeg's filters.
type alteration struct{ name, chain, quality string }

const sepia = "colorchannelmixer=.393:.769:.189:0:.349:.686:.168:0:.272:.534:.131"

// title writes a line over a picture, as large as a trailer would.
const title = "drawtext=fontfile=FONT:text='COMING THIS SUMMER':fontcolor=white:fontsize=h/7:x=(w-tw)/2:y=h*0.6"

// The threshold was chosen by these alterations …
var known = []alteration{
	{"encoded small", "scale=426:240", "36"},
	{"cropped", "crop=iw*0.84:ih*0.84:iw*0.05:ih*0.11", "24"},
	{"sepia", sepia, "24"},
	{"titled", title, "24"},
	{"bars", "scale=1280:536,pad=1280:720:0:92", "24"},
	{"dark", "eq=gamma=0.6:brightness=-0.05", "24"},
	{"trailer", "crop=iw*0.88:ih*0.88," + sepia + "," + title, "30"},
}

// … and measured by these too.
var withheld = []alteration{
	{"pan and scan", "crop=ih*4/3:ih:(iw-ow)*0.4:0", "26"},
	{"grey, grain", "hue=s=0,eq=contrast=1.3,noise=alls=18:allf=t", "28"},
	{"slower, logo", "setpts=PTS*25/24,drawbox=x=iw*0.82:y=ih*0.06:w=iw*0.14:h=ih*0.12:color=white@0.9:t=fill", "26"},
	{"side bars, blue", "colorbalance=bs=0.4:rs=-0.3,scale=960:720,pad=1280:720:160:0", "26"},
	{"corner, small", "crop=iw*0.88:ih*0.88:0:0,scale=320:180", "34"},
	{"vignette, soft", "vignette=PI/4,gblur=sigma=3", "26"},
	{"squeezed, subtitled", "scale=720:576,drawtext=fontfile=FONT:text='We have to go.':fontcolor=yellow:fontsize=h/14:x=(w-tw)/2:y=h*0.88", "28"},
}

// alter writes seconds of the film, altered.
func (b *bench) alter(a alteration, from, seconds float64) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "copy.mp4")
	out, err := exec.CommandContext(b.t.Context(), b.tools.FFmpeg, "-v", "error", "-nostdin", "-y", "-ss", fmt.Sprint(from), "-t", fmt.Sprint(seconds), "-i", b.bunny,
		"-an", "-vf", strings.ReplaceAll(a.chain, "FONT", b.font), "-c:v", "libx264", "-preset", "veryfast", "-crf", a.quality, "-pix_fmt", "yuv420p", path).CombinedOutput()
	if err != nil {
		b.t.Fatalf("making the copy %q: %v: %s", a.name, err, out)
	}
	return path
}

// near is the time around a copy's source within which a described frame may be of the same shot.
const near = 10 * schema.Second

// A finding is how similar a copy is to the film.
type finding struct {
	source, elsewhere float64 // the highest similarities to the copy's source, and to frames elsewhere
	called, others    int     // frames elsewhere that are called the same, of all
}

func find(film, copied []mark, from, until schema.Time) (f finding) {
	for _, m := range film {
		inside := from-schema.Second <= m.at && m.at < until+schema.Second
		if !inside && from-near < m.at && m.at < until+near {
			continue
		}
		var most float64
		for _, w := range m.vectors {
			for _, c := range copied {
				for _, v := range c.vectors {
					most = max(most, byshot.Cosine(v, w))
				}
			}
		}
		if inside {
			f.source = max(f.source, most)
			continue
		}
		f.elsewhere = max(f.elsewhere, most)
		if f.others++; most >= same() {
			f.called++
		}
	}
	return f
}

func same() float64 { return spec.GetAnswers()[0].GetCalibration().GetSame() }

// A tally counts the copies of an alteration.
type tally struct {
	n, found, first, called, others int
	source, elsewhere               []float64
}

func (c *tally) add(f finding) {
	c.n++
	if f.source >= same() {
		c.found++
	}
	if f.source > f.elsewhere {
		c.first++
	}
	c.called, c.others = c.called+f.called, c.others+f.others
	c.source, c.elsewhere = append(c.source, f.source), append(c.elsewhere, f.elsewhere)
}

func TestFigureReuse(t *testing.T) {
	figure.Begin(t, "fingerprint/reuse")
	b := newBench(t)
	film := b.marks(b.bunny)
	rnd := rand.New(rand.NewPCG(20261130, 1))
	// Not the credits: white words on black, which move.
	const seconds, last, rounds = 5.0, 480.0, 6
	for _, set := range []struct {
		name string
		of   []alteration
	}{{"known", known}, {"withheld", withheld}} {
		var all tally
		var told []string
		for _, a := range set.of {
			var one tally
			for range rounds {
				at := 20 + rnd.Float64()*(last-20)
				from := schema.Time(at * float64(schema.Second))
				f := find(film, b.marks(b.alter(a, at, seconds)), from, from+schema.Time(seconds*float64(schema.Second)))
				one.add(f)
				all.add(f)
			}
			slices.Sort(one.source)
			slices.Sort(one.elsewhere)
			told = append(told, fmt.Sprintf("%s %d/%d (%.2f; elsewhere %.2f)", a.name, one.found, one.n, one.source[0], one.elsewhere[len(one.elsewhere)-1]))
			t.Logf("%s: source %.2f, elsewhere %.2f", a.name, one.source, one.elsewhere)
		}
		share := float64(all.called) / float64(all.others)
		figure.Report(t, false, figure.Result{Name: "fingerprint/reuse", Claim: "five altered seconds of Big Buck Bunny find their source first, and as the same footage, in ≥ 0.95; of frames elsewhere ≤ 0.01 are called the same; " + set.name + " alterations",
			Measured: fmt.Sprintf("same %d of %d, first %d; elsewhere %.4f of %d comparisons: %s", all.found, all.n, all.first, share, all.others, strings.Join(told, ", ")),
			Pass:     float64(min(all.found, all.first)) >= 0.95*float64(all.n) && share <= 0.01,
			Note:     fmt.Sprintf("%d described frames of the film; by name the lowest similarity to the source, and the highest elsewhere, which is of the same camera position at another time", len(film))})
	}
}

// Three altered seconds of a film find their source first, and as the same footage. Elsewhere the film cuts back to a camera position with everybody in
// almost the same place; few of those frames are called the same. The whole of the film is the figure fingerprint/reuse.
func TestCopiesAreFound(t *testing.T) {
	b := newBench(t)
	const start, length, at, seconds = 146.0, 24.0, 2.0, 3.0
	film := b.marks(b.alter(alteration{"excerpt", "scale=640:360", "20"}, start, length))
	for _, a := range []alteration{known[6], withheld[0], withheld[1]} {
		t.Run(a.name, func(t *testing.T) {
			from := schema.Time(at * float64(schema.Second))
			f := find(film, b.marks(b.alter(a, start+at, seconds)), from, from+schema.Time(seconds*float64(schema.Second)))
			if f.source < same() || f.elsewhere >= f.source {
				t.Errorf("the copy is %.2f similar to the source, and %.2f to frames elsewhere; the same footage is from %.2f on", f.source, f.elsewhere, same())
			}
			if 4*f.called > f.others || f.others < 10 {
				t.Errorf("%d of %d frames elsewhere are called the same", f.called, f.others)
			}
		})
	}
}

// A picture without edges has no fingerprint, and a still without edges is like no fingerprint.
func TestPlain(t *testing.T) {
	grey := newPlane(320, 180, func(int, int) uint32 { return 90 })
	if vs := describe(grey, parts...); vs != nil {
		t.Errorf("a grey picture has %d fingerprints", len(vs))
	}
	striped := newPlane(320, 180, func(x, y int) uint32 { return uint32(40 + 150*((x/17+y/29)%2)) })
	vs := describe(striped, parts...)
	if len(vs) != len(parts) {
		t.Fatalf("a picture with edges has %d fingerprints, want %d", len(vs), len(parts))
	}
	if c := byshot.Cosine(vs[0], plain()); c > 0.01 || c < -0.01 {
		t.Errorf("a still without edges has a similarity of %.3f", c)
	}
}

// Bars are cut away, and the dark of a picture is not.
func TestBars(t *testing.T) {
	bars := newPlane(320, 180, func(x, y int) uint32 {
		if y < 23 || y >= 157 {
			return 3
		}
		return uint32(60 + x%50)
	})
	if x0, y0, x1, y1 := bars.within(); x0 != 0 || y0 != 23 || x1 != 320 || y1 != 157 {
		t.Errorf("with bars of 23 points above and below, the picture is %d,%d to %d,%d", x0, y0, x1, y1)
	}
	night := newPlane(320, 180, func(_, y int) uint32 { return uint32(min(y/2, 60)) })
	if x0, y0, x1, y1 := night.within(); x0 != 0 || y0 != 0 || x1 != 320 || y1 != 180 {
		t.Errorf("of a picture with a dark sky, %d,%d to %d,%d is left", x0, y0, x1, y1)
	}
}
