package efficientnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"math"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

var writeSquare = flag.String("write-square", "", "write the generated picture to this file, for testdata/efficientnet.py")

func openCache(t testing.TB) model.Cache {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func lacks(t testing.TB, err error) {
	t.Helper()
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking something: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, threads int) *Model {
	t.Helper()
	m, err := Open(openCache(t), threads)
	lacks(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// generated is a picture of smooth colours and hard edges, the same on every machine.
func generated() []byte {
	out := make([]byte, 0, SquareSize)
	for y := range Side {
		for x := range Side {
			r, g, b := x*255/Side, y*255/Side, (x*y/97)%256
			if dx, dy := x-150, y-110; dx*dx+dy*dy < 60*60 {
				r, g, b = 230-y/3, 120+x/5, 30
			}
			if (x/16+y/16)%7 == 0 {
				r, g, b = g, b, r
			}
			out = append(out, byte(r), byte(g), byte(b))
		}
	}
	return out
}

// The golden file was written by the published code with the published weights; see testdata/efficientnet.py of package model.
func TestGolden(t *testing.T) {
	if *writeSquare != "" {
		if err := os.WriteFile(*writeSquare, generated(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := open(t, 0).Describe(context.Background(), generated())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/golden.f32")
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, FeatureDim+Labels)
	if _, err := binary.Decode(raw, binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	var largest float64
	for i, v := range append(got.Feature, got.Logits...) {
		largest = max(largest, math.Abs(float64(v-want[i])))
	}
	t.Logf("largest difference %.2g", largest)
	if largest > 1e-4 {
		t.Errorf("largest difference %g", largest)
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// A still scaled by this package, and the same picture scaled by ffmpeg as frames of films are, must get almost the same description.
func TestStillsAndFramesAgree(t *testing.T) {
	cache := openCache(t)
	m := open(t, 0)
	ffmpeg, err := cache.Tool("ffmpeg")
	lacks(t, err)
	for _, id := range []string{"photo-astronaut", "photo-cat", "photo-coffee", "photo-rocket"} {
		path, err := cache.Require(id)
		lacks(t, err)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := image.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		frame, err := exec.Command(ffmpeg, "-v", "error", "-nostdin", "-i", path, "-vf", fmt.Sprintf("scale=%d:%d:flags=bicubic", Side, Side),
			"-pix_fmt", "rgb24", "-f", "rawvideo", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		still, err := m.Describe(context.Background(), Square(img))
		if err != nil {
			t.Fatal(err)
		}
		moving, err := m.Describe(context.Background(), frame)
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(still.Feature, moving.Feature); c < 0.99 {
			t.Errorf("%s: cosine %.4f", id, c)
		}
	}
}

func TestSameAnswerFromManyGoroutines(t *testing.T) {
	m := open(t, 1)
	want, err := m.Describe(context.Background(), generated())
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{90, 40, 200}, Side*Side)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 1 {
				if _, err := m.Describe(context.Background(), other); err != nil {
					t.Error(err)
				}
				return
			}
			got, err := m.Describe(context.Background(), generated())
			if err != nil {
				t.Error(err)
				return
			}
			for j := range want.Feature {
				if got.Feature[j] != want.Feature[j] {
					t.Errorf("feature %d differs", j)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPicturesOfEveryShape(t *testing.T) {
	for _, r := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(5, 7, 6, 2000), image.Rect(-50, -50, 1870, 20)} {
		for name, img := range map[string]image.Image{"rgba": image.NewRGBA(r), "grey": image.NewGray(r), "ycbcr": image.NewYCbCr(r, image.YCbCrSubsampleRatio420), "16 bit": image.NewRGBA64(r)} {
			if got := len(Square(img)); got != SquareSize {
				t.Errorf("%s %v: %d bytes", name, r, got)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 3))); err != nil {
		t.Fatal(err)
	}
	img, _, err := image.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Square(img) {
		if v != 0 {
			t.Fatal("what is transparent is not black")
		}
	}
}

func TestPictureOfAnotherSizeIsRefused(t *testing.T) {
	if _, err := open(t, 0).Describe(context.Background(), make([]byte, 10)); errkind.Of(err) != errkind.Invalid {
		t.Errorf("%v", err)
	}
}

func BenchmarkDescribe(b *testing.B) {
	for _, threads := range []int{1, 0} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			m := open(b, threads)
			square := generated()
			for b.Loop() {
				if _, err := m.Describe(context.Background(), square); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
