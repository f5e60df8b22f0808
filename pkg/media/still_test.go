package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
)

// quarters is red at the top left, green at the top right, blue at the bottom left, white at the bottom right.
func quarters(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255}
			switch {
			case x >= w/2 && y >= h/2:
				c = color.RGBA{255, 255, 255, 255}
			case x >= w/2:
				c = color.RGBA{0, 255, 0, 255}
			case y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, img image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, img, &jpeg.Options{Quality: 95}) })
}

// withOrientation inserts an EXIF segment after a JPEG's first two bytes.
func withOrientation(data []byte, o uint16, order binary.AppendByteOrder) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		tiff = []byte("II*\x00\x08\x00\x00\x00")
	}
	tiff = order.AppendUint16(tiff, 2)
	for _, e := range [][2]uint16{{0x0100, 9}, {0x0112, o}} {
		tiff = order.AppendUint16(tiff, e[0])
		tiff = order.AppendUint16(tiff, 3)
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(tiff, e[1])
		tiff = order.AppendUint16(tiff, 0)
	}
	body := append([]byte("Exif\x00\x00"), tiff...)
	seg := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return bytes.Join([][]byte{data[:2], seg, body, data[2:]}, nil)
}

func near(c color.Color, r, g, b uint32) bool {
	cr, cg, cb, _ := c.RGBA()
	off := func(a, b uint32) bool { return max(a>>8, b)-min(a>>8, b) < 40 }
	return off(cr, r) && off(cg, g) && off(cb, b)
}

func TestDecodeImage(t *testing.T) {
	img := quarters(64, 32)
	webp := filepath.Join(t.TempDir(), "a.webp")
	run(t, "-i", write(t, t.TempDir(), "a.png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })), "-lossless", "1", webp)
	webpData, err := os.ReadFile(webp)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"jpeg": asJPEG(t, img),
		"png":  encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, img) }),
		"gif":  encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, img, nil) }),
		"bmp":  encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, img) }),
		"webp": webpData,
	} {
		got, err := media.DecodeImage(data, media.DefaultImageLimits())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b := got.Bounds(); b.Dx() != 64 || b.Dy() != 32 || !near(got.At(5, 5), 255, 0, 0) || !near(got.At(60, 30), 255, 255, 255) {
			t.Errorf("%s: %v, %v", name, b, got.At(5, 5))
		}
	}
}

func TestOrientation(t *testing.T) {
	plain := asJPEG(t, quarters(64, 32))
	// The positions where red (the stored picture's top left) and green (top right) are shown.
	for o, at := range map[uint16]struct{ red, green image.Point }{
		1: {image.Pt(4, 4), image.Pt(60, 4)}, 2: {image.Pt(60, 4), image.Pt(4, 4)},
		3: {image.Pt(60, 28), image.Pt(4, 28)}, 4: {image.Pt(4, 28), image.Pt(60, 28)},
		5: {image.Pt(4, 4), image.Pt(4, 60)}, 6: {image.Pt(28, 4), image.Pt(28, 60)},
		7: {image.Pt(28, 60), image.Pt(28, 4)}, 8: {image.Pt(4, 60), image.Pt(4, 4)},
		9: {image.Pt(4, 4), image.Pt(60, 4)},
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			got, err := media.DecodeImage(withOrientation(plain, o, order), media.DefaultImageLimits())
			if err != nil {
				t.Fatal(err)
			}
			if !near(got.At(at.red.X, at.red.Y), 255, 0, 0) || !near(got.At(at.green.X, at.green.Y), 0, 255, 0) {
				t.Errorf("orientation %d: %v, red %v, green %v", o, got.Bounds(), got.At(at.red.X, at.red.Y), got.At(at.green.X, at.green.Y))
			}
		}
	}
}

// bomb is a PNG with a declared size of w x h and almost no data.
func bomb(w, h uint32) []byte {
	chunk := func(name string, body []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		b = append(append(b, name...), body...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, 8, 6, 0, 0, 0)), chunk("IDAT", make([]byte, 60)), chunk("IEND", nil)}, nil)
}

func tiffOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadImages(t *testing.T) {
	good := asJPEG(t, quarters(640, 320))
	for name, c := range map[string]struct {
		data  []byte
		says  string
		large bool
	}{
		"empty": {nil, "empty", false},
		"text":  {[]byte("not a picture"), "is not a JPEG", false},
		"svg":   {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "is not a JPEG", false},
		// A library of fonts registers TIFF with the image package, as this file does.
		"tiff":      {tiffOf(t, quarters(64, 32)), "is not a JPEG", false},
		"cut":       {good[:len(good)/2], "damaged", false},
		"head only": {good[:30], "damaged", false},
		"corrupt":   {append(slices.Clone(good[:700]), bytes.Repeat([]byte{0xff, 0xd8, 0x13}, 300)...), "damaged", false},
		"bomb":      {bomb(50_000, 50_000), "50000 x 50000", true},
		"overflow":  {bomb(1<<31-1, 1<<31-1), "", false},
		"large":     {make([]byte, 20<<20+1), "at most", true},
		"false png": {bomb(10, 10), "damaged", false},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := media.DecodeImage(c.data, media.DefaultImageLimits())
			runtime.ReadMemStats(&after)
			if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), c.says) || c.large && !errors.Is(err, media.ErrTooLarge) {
				t.Errorf("error %v, want one saying %q", err, c.says)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
				t.Errorf("%d bytes were allocated for it", got)
			}
		})
	}
}
