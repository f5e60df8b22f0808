package efficientnet

import (
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"runtime"
	"testing"

	xdraw "golang.org/x/image/draw"
)

// library scales as golang.org/x/image does.
func library(img image.Image) []byte {
	scaled := image.NewRGBA(image.Rect(0, 0, Side, Side))
	xdraw.CatmullRom.Scale(scaled, scaled.Bounds(), img, img.Bounds(), draw.Src, nil)
	var out []byte
	for i := 0; i < len(scaled.Pix); i += 4 {
		out = append(out, scaled.Pix[i:i+3]...)
	}
	return out
}

func noise(img draw.Image) image.Image {
	random := rand.New(rand.NewPCG(1, 2))
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			img.Set(x, y, color.NRGBA{uint8(random.Uint32()), uint8(random.Uint32()), uint8(random.Uint32()), uint8(random.Uint32())})
		}
	}
	return img
}

// TestSquareIsTheLibrarys compares Square with the scaler of golang.org/x/image, for pictures that shrink, grow and both.
func TestSquareIsTheLibrarys(t *testing.T) {
	grey := image.NewYCbCr(image.Rect(0, 0, 641, 333), image.YCbCrSubsampleRatio420)
	for i := range grey.Y {
		grey.Y[i] = byte(i * i)
	}
	for i := range grey.Cb {
		grey.Cb[i], grey.Cr[i] = byte(i), byte(3*i)
	}
	for name, img := range map[string]image.Image{
		"shrinks": noise(image.NewRGBA(image.Rect(0, 0, 700, 400))),
		"grows":   noise(image.NewNRGBA(image.Rect(0, 0, 31, 17))),
		"both":    noise(image.NewNRGBA64(image.Rect(-5, 7, 1000, 40))),
		"a line":  noise(image.NewRGBA(image.Rect(0, 0, 3000, 1))),
		"YCbCr":   grey,
		"same":    noise(image.NewRGBA(image.Rect(0, 0, Side, Side))),
		"colours": struct{ image.Image }{noise(image.NewGray(image.Rect(0, 0, 300, 300)))},
	} {
		got, want := Square(img), library(img)
		var off, most int
		for i := range got {
			d := max(got[i], want[i]) - min(got[i], want[i])
			if d > 0 {
				off++
			}
			most = max(most, int(d))
		}
		// Sums in another order differ in the rounding of the last bit.
		if most > 1 || off > len(got)/1000 {
			t.Errorf("%s: %d of %d values are off by up to %d", name, off, len(got), most)
		}
	}
}

// squareMemory is the most bytes that Square may take for a picture whose sides have at most 16,384 pixels.
const squareMemory = 8 << 20

// TestSquareMemory: the memory for scaling does not grow with the picture's area, nor with the height.
func TestSquareMemory(t *testing.T) {
	for name, img := range map[string]image.Image{
		"tall": image.NewGray(image.Rect(0, 0, 2, 16384)), "wide": image.NewGray(image.Rect(0, 0, 16384, 2)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Square(img)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > squareMemory {
			t.Errorf("%s: %d bytes were allocated, and %d are promised to be enough", name, got, squareMemory)
		}
	}
}
