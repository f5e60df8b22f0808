package media_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
)

// greyJPEG is a hand-written JPEG of a single colour. sof names the start of frame. Each block is a bit (the mean is
// unchanged) and, in pictures other than progressive pictures, a second bit (no further coefficients).
type greyJPEG struct {
	sof      byte   // 0xc0 baseline, 0xc2 progressive
	sampling []byte // of each component
	ids      string
	adobe    int // transform of Adobe's segment; -1 for none
}

func (g greyJPEG) encode(w, h int) []byte {
	var b bytes.Buffer
	segment := func(marker byte, body []byte) {
		b.Write([]byte{0xff, marker})
		_ = binary.Write(&b, binary.BigEndian, uint16(len(body)+2))
		b.Write(body)
	}
	b.Write([]byte{0xff, 0xd8})
	if g.adobe >= 0 {
		segment(0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), byte(g.adobe)))
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...))
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(len(g.sampling))}
	scan := []byte{byte(len(g.sampling))}
	for i, hv := range g.sampling {
		id := byte(i + 1)
		if g.ids != "" {
			id = g.ids[i]
		}
		frame = append(frame, id, hv, 0)
		scan = append(scan, id, 0)
	}
	segment(g.sof, frame)
	for _, table := range []byte{0x00, 0x10} { // a single code of a bit, for the value 0
		segment(0xc4, append([]byte{table, 1}, make([]byte, 16)...))
	}
	last := byte(63)
	if g.sof == 0xc2 {
		last = 0
	}
	segment(0xda, append(scan, 0, last, 0))
	b.Write(make([]byte, 2*len(g.sampling)*16*(w/8+9)*(h/8+9)/8))
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// blackPNG is a PNG of zeros, interlaced or not. image/png cannot write interlaced files.
func blackPNG(t *testing.T, w, h int, depth, colour byte, interlaced bool) []byte {
	var b bytes.Buffer
	chunk := func(name string, body []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(body)))
		b.WriteString(name)
		b.Write(body)
		_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(append([]byte(name), body...)))
	}
	samples := map[byte]int{0: 1, 2: 3, 4: 2, 6: 4}[colour]
	b.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	passes := [][4]int{{0, 0, 1, 1}}
	if interlaced {
		passes = [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
		head = append(head, depth, colour, 0, 0, 1)
	} else {
		head = append(head, depth, colour, 0, 0, 0)
	}
	chunk("IHDR", head)
	var pixels bytes.Buffer
	z := zlib.NewWriter(&pixels)
	for _, p := range passes {
		pw, ph := (w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3]
		if pw > 0 {
			_, _ = z.Write(make([]byte, ph*(1+(pw*samples*int(depth)+7)/8)))
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	chunk("IDAT", pixels.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}

// allocated returns the number of bytes allocated by f, garbage included.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestDecoderMemory decodes pictures of every format, variant and awkward shape, and compares the allocated bytes with the answer of ImageMemory.
func TestDecoderMemory(t *testing.T) {
	dir := t.TempDir()
	webp := func(w, h int, args ...string) []byte {
		name := filepath.Join(dir, "a.webp")
		run(t, append(append([]string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d", w, h), "-frames:v", "1"}, args...), "-y", name)...)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	type maker func(w, h int) []byte
	of := func(g greyJPEG) maker { return g.encode }
	formats := map[string]maker{
		"jpeg, 4:2:0":              of(greyJPEG{0xc0, []byte{0x22, 0x11, 0x11}, "", -1}),
		"jpeg, 4:4:4":              of(greyJPEG{0xc0, []byte{0x11, 0x11, 0x11}, "", -1}),
		"jpeg, 4:1:0":              of(greyJPEG{0xc0, []byte{0x42, 0x11, 0x11}, "", -1}),
		"jpeg, grey":               of(greyJPEG{0xc0, []byte{0x22}, "", -1}),
		"jpeg, RGB":                of(greyJPEG{0xc0, []byte{0x11, 0x11, 0x11}, "RGB", -1}),
		"jpeg, RGB by Adobe":       of(greyJPEG{0xc0, []byte{0x11, 0x11, 0x11}, "", 0}),
		"jpeg, CMYK":               of(greyJPEG{0xc0, []byte{0x11, 0x11, 0x11, 0x11}, "", 0}),
		"jpeg, YCbCrK":             of(greyJPEG{0xc0, []byte{0x22, 0x11, 0x11, 0x22}, "", 2}),
		"jpeg, progressive":        of(greyJPEG{0xc2, []byte{0x11, 0x11, 0x11}, "", -1}),
		"jpeg, progressive, 4:2:0": of(greyJPEG{0xc2, []byte{0x22, 0x11, 0x11}, "", -1}),
		"jpeg, progressive, CMYK":  of(greyJPEG{0xc2, []byte{0x22, 0x11, 0x11, 0x22}, "", 0}),
		"gif": func(w, h int) []byte {
			return encoded(t, func(b *bytes.Buffer) error {
				return gif.Encode(b, image.NewPaletted(image.Rect(0, 0, w, h), palette.Plan9), nil)
			})
		},
		"bmp": func(w, h int) []byte {
			return encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, image.NewRGBA(image.Rect(0, 0, w, h))) })
		},
		"png, palette": func(w, h int) []byte {
			return encoded(t, func(b *bytes.Buffer) error {
				return png.Encode(b, image.NewPaletted(image.Rect(0, 0, w, h), palette.WebSafe))
			})
		},
	}
	for _, depth := range []byte{8, 16} {
		for _, colour := range []byte{0, 2, 4, 6} {
			for _, interlaced := range []bool{false, true} {
				formats[fmt.Sprintf("png, %d bits, colour %d, interlaced %t", depth, colour, interlaced)] = func(w, h int) []byte {
					return blackPNG(t, w, h, depth, colour, interlaced)
				}
			}
		}
	}
	check := func(name string, data []byte, w, h int) {
		t.Helper()
		promised, err := media.ImageMemory(data, media.DefaultImageLimits())
		if err != nil {
			t.Fatalf("%s, %d x %d: %v", name, w, h, err)
		}
		var img image.Image
		got := allocated(func() { img, err = media.DecodeImage(data, media.DefaultImageLimits()) })
		if err != nil || img.Bounds().Dx() != w || img.Bounds().Dy() != h {
			t.Fatalf("%s, %d x %d: decoded %v, %v", name, w, h, img, err)
		}
		if got > promised {
			t.Errorf("%s, %d x %d: %d bytes were allocated, and %d were promised to be enough", name, w, h, got, promised)
		}
		if promised > 3*got+4<<20 && !strings.HasPrefix(name, "webp") {
			t.Errorf("%s, %d x %d: %d bytes were allocated, and %d were asked for: pictures would wait in vain", name, w, h, got, promised)
		}
	}
	for name, encode := range formats {
		for _, size := range [][2]int{{1000, 700}, {16384, 3}, {1, 16384}, {17, 33}} {
			check(name, encode(size[0], size[1]), size[0], size[1])
		}
	}
	for name, args := range map[string][]string{
		"webp, lossless": {"-c:v", "libwebp", "-lossless", "1"}, "webp, lossy": {"-c:v", "libwebp"},
		"webp, alpha": {"-vf", "format=rgba,colorchannelmixer=aa=0.5", "-c:v", "libwebp"},
	} {
		for _, size := range [][2]int{{1000, 700}, {16000, 16}} {
			check(name, webp(size[0], size[1], args...), size[0], size[1])
		}
	}
}

// TestExtremeShapes: a small file with an extreme declared shape is refused before memory is allocated for the picture.
func TestExtremeShapes(t *testing.T) {
	small := media.DefaultImageLimits()
	small.Memory = 8 << 20
	for name, c := range map[string]struct {
		data   []byte
		limits media.ImageLimits
		says   string
	}{
		"wide":        {bomb(50_000_000, 1), media.DefaultImageLimits(), "each side may have 16384 pixels"},
		"tall":        {bomb(1, 50_000_000), media.DefaultImageLimits(), "each side may have 16384 pixels"},
		"wide jpeg":   {greyJPEG{0xc0, []byte{0x11}, "", -1}.encode(65_000, 1), media.DefaultImageLimits(), "each side"},
		"progressive": {greyJPEG{0xc2, []byte{0x11, 0x11, 0x11}, "", -1}.encode(1000, 1000), small, "takes 14 MiB"},
		"interlaced":  {blackPNG(t, 1000, 1000, 16, 6, true), small, "takes 15 MiB"},
	} {
		var err error
		got := allocated(func() { _, err = media.DecodeImage(c.data, c.limits) })
		if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one saying %q", name, err, c.says)
		}
		if got > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, got)
		}
	}
}
