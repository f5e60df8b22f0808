package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The whole of Big Buck Bunny is watched once for all figures about pictures.
var bunny struct {
	sync.Once
	dir  string
	took time.Duration
}

func bunnyWorld(t *testing.T) *world {
	t.Helper()
	cache := testCache(t, "big-buck-bunny")
	bunny.Do(func() {
		dir, err := os.MkdirTemp("", "cinedex-bunny-")
		if err != nil {
			t.Fatal(err)
		}
		bunny.dir = dir
		path, err := cache.Require("big-buck-bunny")
		if err != nil {
			t.Fatal(err)
		}
		u, err := mediaURL(path)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, dir)
		began := time.Now()
		w.ingest(&pb.MediaArrived{Url: u, Title: &pb.Title{Id: demoBunny, Name: "Big Buck Bunny"}})
		bunny.took = time.Since(began)
		w.stop()
	})
	return newWorld(t, bunny.dir)
}

func TestMain(m *testing.M) {
	remotetest.Main()
	if os.Getenv(commandEnv) != "" {
		main()
		os.Exit(0)
	}
	if dir := os.Getenv(probeEnv); dir != "" {
		probeDamaged(dir)
		os.Exit(0)
	}
	code := m.Run()
	endAsking()
	for _, dir := range []string{bunny.dir, programs} {
		if dir != "" {
			os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// alterations are the changes of a still on its way from a film to a desk.
var alterations = []struct {
	name string
	do   func(r *rand.Rand, img *image.RGBA) (image.Image, int)
}{
	{"scaled", func(r *rand.Rand, img *image.RGBA) (image.Image, int) {
		k := 0.2 + 0.4*r.Float64()
		b := img.Bounds()
		out := image.NewRGBA(image.Rect(0, 0, int(float64(b.Dx())*k), int(float64(b.Dy())*k)))
		draw.ApproxBiLinear.Scale(out, out.Bounds(), img, b, draw.Src, nil)
		return out, 90
	}},
	{"low quality", func(r *rand.Rand, img *image.RGBA) (image.Image, int) { return img, 5 + r.IntN(15) }},
	{"cropped", func(r *rand.Rand, img *image.RGBA) (image.Image, int) {
		keep := 0.80 + 0.10*r.Float64() // of each side: 10 to 20 % is cut away
		b := img.Bounds()
		w, h := int(float64(b.Dx())*keep), int(float64(b.Dy())*keep)
		x, y := r.IntN(b.Dx()-w), r.IntN(b.Dy()-h)
		return img.SubImage(image.Rect(x, y, x+w, y+h)), 90
	}},
	{"brighter", func(r *rand.Rand, img *image.RGBA) (image.Image, int) {
		return gain(img, 1.25+0.35*r.Float64(), 10), 90
	}},
	{"darker", func(r *rand.Rand, img *image.RGBA) (image.Image, int) { return gain(img, 0.45+0.3*r.Float64(), 0), 90 }},
	{"flipped", func(_ *rand.Rand, img *image.RGBA) (image.Image, int) {
		b := img.Bounds()
		out := image.NewRGBA(b)
		for y := range b.Dy() {
			for x := range b.Dx() {
				out.SetRGBA(b.Dx()-1-x, y, img.RGBAAt(x, y))
			}
		}
		return out, 90
	}},
	{"titled", func(r *rand.Rand, img *image.RGBA) (image.Image, int) {
		title(img, []string{"COMING THIS SUMMER", "Chapter Two", "A FILM BY EVERYBODY"}[r.IntN(3)])
		return img, 90
	}},
}

func gain(img *image.RGBA, k float64, add int) image.Image {
	for i, v := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = uint8(min(255, int(float64(v)*k)+add))
		}
	}
	return img
}

// title writes a line over the middle of a picture, as large as a trailer would.
func title(img *image.RGBA, text string) {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		panic(err) // the library has the picture
	}
	b := img.Bounds()
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(b.Dy()) / 8, DPI: 72})
	if err != nil {
		panic(err)
	}
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.White), Face: face}
	d.Dot = fixed.Point26_6{X: (fixed.I(b.Dx()) - d.MeasureString(text)) / 2, Y: fixed.I(b.Dy() * 11 / 20)}
	d.DrawString(text)
}

func TestFigureReverse(t *testing.T) {
	figure.Begin(t, "pictures/reverse")
	w := bunnyWorld(t)
	a := w.asset(demoBunny)
	clock := w.clock(a)
	file, err := w.Blobs.OpenAsset(w.ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	src := media.Source{Path: file.Path(), Video: a.GetVideo(), Clock: clock}

	const seed = 20261124
	r := rand.New(rand.NewPCG(seed, 1))
	right := map[string]int{}
	all := map[string]int{}
	total := 0
	var missed []string
	for i := range 100 {
		n := r.Int64N(clock.Frames())
		p, err := w.Reader.FrameAt(w.ctx, src, n, media.FrameSpec{Width: 1280, Height: 720, Fit: media.Keep})
		if err != nil {
			t.Fatal(err)
		}
		alter := alterations[i%len(alterations)]
		img, quality := alter.do(r, p.Image())
		all[alter.name]++
		hits := w.like(img, quality).GetHits()
		if len(hits) > 0 && hits[0].GetStartFrame() <= n && n < hits[0].GetEndFrame() {
			right[alter.name]++
			total++
			continue
		}
		missed = append(missed, fmt.Sprintf("%s@%d", alter.name, n))
	}
	var parts []string
	for _, alter := range alterations {
		parts = append(parts, fmt.Sprintf("%s %d/%d", alter.name, right[alter.name], all[alter.name]))
	}
	figure.Report(t, false, figure.Result{Name: "pictures/reverse", Claim: "100 altered frames of Big Buck Bunny: the right shot first in ≥ 95",
		Measured: fmt.Sprintf("%d of 100 (%s)", total, strings.Join(parts, ", ")), Pass: total >= 95,
		Note: fmt.Sprintf("seed %d, frames drawn from the whole film, its black parts and credits too; missed %v", seed, missed)})

	// Pictures from no film of the library: photographs, and frames of another film.
	strangers, called := 0, 0
	var which []string
	for _, name := range []string{"astronaut", "cat", "coffee", "camera", "rocket"} {
		path, err := w.Cache.Require("photo-" + name)
		need(t, "photo-"+name, err)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		strangers++
		if resp := w.search(&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: b})}); !resp.GetNoGoodMatch() || len(resp.GetHits()) > 0 {
			called++
			which = append(which, name)
		}
	}
	dir := t.TempDir()
	_, truth := film(t, mediatest.Demo(), dir)
	other, err := w.Reader.Probe(w.ctx, truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{30, 150, 280, 400, 520, 640, 760, 900, 1050, 1180} {
		p, err := w.Reader.FrameAt(w.ctx, media.Source{Path: truth.Path, Video: other.Asset.GetVideo(), Clock: truth.Clock}, n, media.FrameSpec{Width: 854, Height: 480})
		if err != nil {
			t.Fatal(err)
		}
		strangers++
		if resp := w.like(p.Image(), 90); !resp.GetNoGoodMatch() || len(resp.GetHits()) > 0 {
			called++
			which = append(which, fmt.Sprintf("generated@%d (%.2f)", n, resp.GetHits()[0].GetEvidence()[0].GetScore()))
		}
	}
	figure.Report(t, false, figure.Result{Name: "pictures/strangers", Claim: "a frame of a film that is not there: no good match",
		Measured: fmt.Sprintf("no good match for %s", percent(strangers-called, strangers)), Pass: called == 0,
		Note: fmt.Sprintf("five photographs and ten frames of a generated film; called a match: %v", which)})
}

func (w *world) like(img image.Image, quality int) *pb.SearchResponse {
	w.t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		w.t.Fatal(err)
	}
	return w.search(&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: b.Bytes()}), Limit: 5})
}
