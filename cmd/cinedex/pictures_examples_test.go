package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An excerpt is a hundred seconds of Big Buck Bunny with many cuts, watched.
type excerpt struct {
	*world
	t     *testing.T
	asset *pb.Asset
	clock schema.Clock
	src   media.Source
	shots []*pb.Annotation
	rnd   *rand.Rand
}

func bunnyExcerpt(t *testing.T) *excerpt {
	t.Helper()
	cache := testCache(t, "big-buck-bunny")
	film, err := cache.Require("big-buck-bunny")
	need(t, "big-buck-bunny", err)
	ffmpeg, err := cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	dir := t.TempDir()
	path := filepath.Join(dir, "excerpt.mp4")
	out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-ss", "240", "-t", "100", "-i", film, "-an", "-s", "854x480", "-c:v", "libx264", "-preset", "veryfast", path).CombinedOutput()
	if err != nil {
		t.Fatalf("cutting an excerpt: %v: %s", err, out)
	}
	u, err := mediaURL(path)
	if err != nil {
		t.Fatal(err)
	}
	e := &excerpt{world: newWorld(t, t.TempDir(), dir), t: t, rnd: rand.New(rand.NewPCG(20261129, 1))}
	e.ingest(&pb.MediaArrived{Url: u, Title: &pb.Title{Id: "excerpt", Name: "Excerpt"}})
	e.asset = e.world.asset("excerpt")
	e.clock = e.world.clock(e.asset)
	e.shots = e.annotations(e.asset.GetId(), "shots")
	e.src = media.Source{Path: path, Video: e.asset.GetVideo(), Clock: e.clock}
	return e
}

// frame returns a frame, and the frame's shot.
func (e *excerpt) frame(n int64) (*image.RGBA, schema.Interval) {
	e.t.Helper()
	p, err := e.Reader.FrameAt(e.ctx, e.src, n, media.FrameSpec{Width: 854, Height: 480, Fit: media.Keep})
	if err != nil {
		e.t.Fatal(err)
	}
	at := e.clock.FrameStart(n)
	for _, s := range e.shots {
		if iv := schema.IntervalOf(s); iv.Contains(at) {
			return p.Image(), iv
		}
	}
	e.t.Fatalf("frame %d is in no shot", n)
	return nil, schema.Interval{}
}

// like asks with a picture as a leaf has the picture.
func (e *excerpt) like(l *pb.Leaf) *pb.SearchResponse {
	e.t.Helper()
	return e.search(&pb.SearchRequest{Query: query.Leaf(l), Limit: 20})
}

// place is the leaf of a frame.
func (e *excerpt) place(n int64) *pb.Leaf {
	return &pb.Leaf{Kind: "like_frame", Asset: e.asset.GetId(), Time: int64(e.clock.FrameStart(n))}
}

func in(h *pb.Hit, shot schema.Interval) bool { return schema.IntervalOf(h).Overlaps(shot) }

// TestFigureSame tells the same shot from other shots, by altered frames of an excerpt of Big Buck Bunny.
func TestFigureSame(t *testing.T) {
	figure.Begin(t, "pictures/same")
	e := bunnyExcerpt(t)
	e.likeness()
	e.examples()
}

func (e *excerpt) likeness() {
	var right, other [2]int // called the same, all
	byKind := map[string][2]int{}
	for i := range 105 {
		n := e.rnd.Int64N(e.clock.Frames())
		img, shot := e.frame(n)
		alter := alterations[i%len(alterations)]
		altered, quality := alter.do(e.rnd, img)
		k, found := byKind[alter.name], false
		for _, h := range e.world.like(altered, quality).GetHits() {
			same := 0
			if h.GetLikeness() == "same" {
				same = 1
			}
			if in(h, shot) {
				found = true
				right[0], right[1], k[0] = right[0]+same, right[1]+1, k[0]+same
				continue
			}
			other[0], other[1] = other[0]+same, other[1]+1
		}
		if !found {
			right[1]++
		}
		k[1]++
		byKind[alter.name] = k
	}
	var parts []string
	for _, a := range alterations {
		parts = append(parts, fmt.Sprintf("%s %d/%d", a.name, byKind[a.name][0], byKind[a.name][1]))
	}
	share := func(v [2]int) float64 { return float64(v[0]) / float64(max(v[1], 1)) }
	figure.Report(e.t, false, figure.Result{Name: "pictures/same", Claim: "105 altered frames of 100 s of Big Buck Bunny: likeness of the right shot's hit is same in ≥ 0.7, of hits of other shots in ≤ 0.2",
		Measured: fmt.Sprintf("right shot same %.2f (%d of %d: %s), other shots same %.2f (%d of %d)", share(right), right[0], right[1], strings.Join(parts, ", "), share(other), other[0], other[1]),
		Pass:     share(right) >= 0.7 && share(other) <= 0.2, Note: fmt.Sprintf("%d shots; other shots are often of the same camera position", len(e.shots))})
}

// examples measures mixed questions: by two pictures and by one, unlike a similar shot, with words, and strangers.
func (e *excerpt) examples() {
	const rounds = 40
	var one, two, both, kept, gone, sawOther, withWords, halves int
	for range rounds {
		a, b := e.rnd.Int64N(e.clock.Frames()), int64(0)
		img, shot := e.frame(a)
		first, end := schema.FrameSpan(e.clock, shot)
		b = first + e.rnd.Int64N(end-first)
		other, _ := e.frame(b)
		i := e.rnd.IntN(len(alterations))
		x, qx := alterations[i].do(e.rnd, img)
		y, qy := alterations[(i+1)%len(alterations)].do(e.rnd, other)
		jx, jy := jpegOf(e.t, x, qx), jpegOf(e.t, y, qy)
		best := func(r *pb.SearchResponse) int {
			if hits := r.GetHits(); len(hits) > 0 && in(hits[0], shot) {
				return 1
			}
			return 0
		}
		one += best(e.like(&pb.Leaf{Kind: "like_image", Image: jx}))
		two += best(e.like(&pb.Leaf{Kind: "like_image", Image: jy}))
		both += best(e.like(&pb.Leaf{Kind: "like_image", Image: jx, Examples: []*pb.Example{{Image: jy}}}))

		// Unlike the nearest other shot.
		for _, h := range e.like(e.place(a)).GetHits() {
			if in(h, shot) {
				continue
			}
			sawOther++
			l := e.place(a)
			l.Examples = []*pb.Example{{Asset: e.asset.GetId(), Time: h.GetStart(), Shot: true, Weight: -1}}
			r, has, mine := e.like(l), false, false
			for _, o := range r.GetHits() {
				has = has || schema.IntervalOf(o) == schema.IntervalOf(h)
				mine = mine || in(o, shot)
			}
			if mine {
				kept++
			}
			if !has {
				gone++
			}
			break
		}
		l := e.place(a)
		l.Examples = []*pb.Example{{Text: "a meadow with flowers"}}
		if r := e.like(l); !r.GetNoGoodMatch() && len(r.GetHits()) > 0 {
			withWords++
		}
		l = e.place(a)
		l.Crop = &pb.Region{X: 0.15, Y: 0.15, W: 0.7, H: 0.7}
		halves += best(e.like(l))
	}
	strangers, called := 0, 0
	for _, pair := range [][2]string{{"astronaut", "rocket"}, {"cat", "coffee"}, {"camera", "astronaut"}, {"coffee", "rocket"}} {
		var b [2][]byte
		for i, name := range pair {
			path, err := e.Cache.Require("photo-" + name)
			need(e.t, "photo-"+name, err)
			if b[i], err = os.ReadFile(path); err != nil {
				e.t.Fatal(err)
			}
		}
		strangers++
		if r := e.like(&pb.Leaf{Kind: "like_image", Image: b[0], Examples: []*pb.Example{{Image: b[1]}}}); len(r.GetHits()) > 0 {
			called++
		}
	}
	figure.Report(e.t, false, figure.Result{Name: "pictures/same/examples",
		Claim: "two altered pictures find their shot no worse than one; a shot that is unlike an example is no hit, and the frame's own shot stays; two strangers are no good match",
		Measured: fmt.Sprintf("of %d: right shot first by one picture %d and %d, by both %d; unlike the nearest other shot: gone in %d of %d, own shot stays in %d; with words beside the frame a match in %d; by the middle 0.7 of the frame %d first; strangers called a match %d of %d",
			rounds, one, two, both, gone, sawOther, kept, withWords, halves, called, strangers),
		Pass: 2*both >= one+two && gone == sawOther && called == 0})
}

func jpegOf(t *testing.T, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
