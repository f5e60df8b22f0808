package mediatest

import (
	"image"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/draw"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/schema"
)

// picture renders a stamped frame.
func picture(w, h int, seed uint64, s Stamp) *image.RGBA {
	pix := make([]byte, 3*w*h)
	newPainter(seed, w, h).render(pix, 1.5)
	stamp(pix, w, h, s)
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(img.Pix[4*i:], pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	return img
}

func TestStampComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Stamp{
			Frame: rapid.Int64Range(0, 1<<20-1).Draw(t, "frame"),
			Timecode: schema.Timecode{
				Hours: rapid.IntRange(0, 23).Draw(t, "h"), Minutes: rapid.IntRange(0, 59).Draw(t, "m"),
				Seconds: rapid.IntRange(0, 59).Draw(t, "s"), Frames: rapid.IntRange(0, 59).Draw(t, "f"),
				Drop: rapid.Bool().Draw(t, "drop"),
			}.String(),
			Millis: rapid.Int64Range(0, 1<<27-1).Draw(t, "ms"),
		}
		img := picture(640, 360, rapid.Uint64Range(0, 3).Draw(t, "seed"), want)
		small := image.NewRGBA(image.Rect(0, 0, 320, 180))
		draw.ApproxBiLinear.Scale(small, small.Bounds(), img, img.Bounds(), draw.Src, nil)
		for name, img := range map[string]image.Image{"whole": img, "thumbnail": small} {
			if got, ok := ReadStamp(img); !ok || got != want {
				t.Fatalf("%s: read %+v, %v; want %+v", name, got, ok, want)
			}
		}
	})
}

func TestNoStamp(t *testing.T) {
	for name, img := range map[string]image.Image{
		"black": image.NewGray(image.Rect(0, 0, 640, 360)),
		"tiny":  image.NewGray(image.Rect(0, 0, 3, 2)),
		"white": image.White,
	} {
		if name == "white" {
			white := image.NewGray(image.Rect(0, 0, 640, 360))
			for i := range white.Pix {
				white.Pix[i] = 255
			}
			img = white
		}
		if s, ok := ReadStamp(img); ok {
			t.Errorf("%s: read %+v where nothing is written", name, s)
		}
	}
	// A strip with a wrong cell is not a stamp.
	img := picture(640, 360, 1, Stamp{Frame: 77, Timecode: "00:00:03:02", Millis: 3080})
	x0, y0, x1, y1 := cell(40, 640, 360)
	r := image.Rect(int(x0), int(y0), int(x1), int(y1))
	other := image.White
	if brightness(img, img.Bounds(), x0, y0, x1, y1) > 125 {
		other = image.Black
	}
	draw.Draw(img, r, other, image.Point{}, draw.Src)
	if s, ok := ReadStamp(img); ok {
		t.Errorf("read %+v from a strip with a wrong cell", s)
	}
}

func TestTruth(t *testing.T) {
	f := Film{
		Name: "f", Rate: r25, StartTimecode: "10:00:00:00",
		Scenes: []Scene{{Frames: 30}, {Frames: 20}, {Frames: 40, Begin: Dissolve, Over: 10}, {Frames: 30, Begin: Cut}},
	}
	truth, err := f.Truth()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{30, 90}, truth.Cuts); diff != "" {
		t.Errorf("cuts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Change{{Dissolve, 45, 50, 55}}, truth.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if want := (Stamp{30, "10:00:01:05", 1200}); truth.Stamp(30) != want {
		t.Errorf("stamp of frame 30 = %+v, want %+v", truth.Stamp(30), want)
	}
}

// A subtitle's milliseconds must lie inside its own frames at every rate.
func TestLinesKeepTheirFrames(t *testing.T) {
	for _, f := range Suite() {
		truth, err := f.Truth()
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(0); n+1 < truth.Frames(); n++ {
			start, end := Line{Start: n, End: n + 1}.Millis(truth.Clock)
			first, last := schema.FrameSpan(truth.Clock, schema.Interval{Start: schema.FromMillis(start), End: schema.FromMillis(end)})
			if first != n || last != n+1 {
				t.Fatalf("%s: frame %d is written as %d to %d ms, which is frames %d to %d", f.Name, n, start, end, first, last)
			}
		}
	}
}

func TestWrite(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	f := Film{
		Name: "short", Rate: r2997, Width: 320, Height: 180, StartTimecode: "00:00:59;20",
		Scenes: []Scene{{Frames: 12, Seed: 1}, {Frames: 12, Seed: 2}},
		Texts:  []Text{{Language: "en", Format: "vtt", Lines: []Line{{2, 8, "Hello.", "Mara"}}}},
	}
	truth, err := f.Write(t.Context(), dir, Tools{FFmpeg: ffmpeg})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := exec.Command(ffmpeg, "-v", "error", "-i", truth.Path, "-f", "rawvideo", "-pix_fmt", "rgba", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	const size = 4 * 320 * 180
	if len(raw) != 24*size {
		t.Fatalf("%d bytes came back, want 24 frames of %d", len(raw), size)
	}
	for n := range int64(24) {
		img := &image.RGBA{Pix: raw[n*size : (n+1)*size], Stride: 4 * 320, Rect: image.Rect(0, 0, 320, 180)}
		if got, ok := ReadStamp(img); !ok || got != truth.Stamp(n) {
			t.Fatalf("frame %d reads %+v, %v; want %+v", n, got, ok, truth.Stamp(n))
		}
	}
	text, err := os.ReadFile(truth.SideCars["en"])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("WEBVTT\n\n1\n00:00:00.067 --> 00:00:00.266\n<v Mara>Hello.</v>\n\n", string(text)); diff != "" {
		t.Errorf("side-car (-want +got):\n%s", diff)
	}
}
