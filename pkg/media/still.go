package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A stillFormat is a format of pictures from outside. Cinedex does not ask image.Decode, which takes every format that any linked library registers.
type stillFormat struct {
	name string
	// magic begins each file of the format; a ? stands for any byte.
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var stillFormats = []stillFormat{
	{"jpeg", "\xff\xd8", jpeg.DecodeConfig, jpeg.Decode},
	{"png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"gif", "GIF8?a", gif.DecodeConfig, gif.Decode},
	{"webp", "RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
	{"bmp", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode},
}

// formatOf is the format of a file by its first bytes.
func formatOf(data []byte) (stillFormat, bool) {
	for _, f := range stillFormats {
		if len(data) < len(f.magic) {
			continue
		}
		same := true
		for i, c := range []byte(f.magic) {
			same = same && (c == '?' || c == data[i])
		}
		if same {
			return f, true
		}
	}
	return stillFormat{}, false
}

// ImageLimits bound an uploaded still picture.
type ImageLimits struct {
	// Bytes is the size of the file.
	Bytes int64
	// Side is the largest width and the largest height, in pixels.
	Side int
	// Pixels is the number of pixels of the picture.
	Pixels int64
	// Memory bounds the memory for decoding, in bytes, as counted by ImageMemory.
	Memory int64
}

// DefaultImageLimits accept pictures of cameras and editing suites.
func DefaultImageLimits() ImageLimits {
	return ImageLimits{Bytes: 20 << 20, Side: 16_384, Pixels: 50_000_000, Memory: 1 << 30}
}

// ImageMemory checks a picture's header against the limits. ImageMemory returns the greatest memory of DecodeImage for
// the picture, in bytes, the decoded picture included. No allocation depends on the picture's size. Every fault of the
// picture is an error of kind Invalid.
func ImageMemory(data []byte, limits ImageLimits) (int64, error) {
	_, memory, err := measure(data, limits)
	return memory, err
}

func measure(data []byte, limits ImageLimits) (format stillFormat, memory int64, err error) {
	switch {
	case len(data) == 0:
		return format, 0, errkind.New(errkind.Invalid, "the picture is empty")
	case int64(len(data)) > limits.Bytes:
		return format, 0, fmt.Errorf("the picture has %d bytes, and at most %d are accepted: %w", len(data), limits.Bytes, ErrTooLarge)
	}
	format, known := formatOf(data)
	if !known {
		return format, 0, errkind.New(errkind.Invalid, "the picture is not a JPEG, PNG, GIF, WebP or BMP")
	}
	cfg, err := format.config(bytes.NewReader(data))
	switch {
	case err != nil:
		return format, 0, errkind.New(errkind.Invalid, "the picture's header is damaged: %w", err)
	case cfg.Width <= 0 || cfg.Height <= 0:
		return format, 0, errkind.New(errkind.Invalid, "the picture has no size")
	case cfg.Width > limits.Side || cfg.Height > limits.Side:
		return format, 0, fmt.Errorf("the picture is %d x %d, and each side may have %d pixels: %w", cfg.Width, cfg.Height, limits.Side, ErrTooLarge)
	case int64(cfg.Width) > limits.Pixels/int64(cfg.Height):
		return format, 0, fmt.Errorf("the picture is %d x %d, and at most %d pixels are accepted: %w", cfg.Width, cfg.Height, limits.Pixels, ErrTooLarge)
	}
	memory, ok := decoderMemory(format.name, data, int64(cfg.Width), int64(cfg.Height))
	switch {
	case !ok:
		return format, 0, errkind.New(errkind.Invalid, "the %s's header is damaged", format.name)
	case memory > limits.Memory:
		return format, 0, fmt.Errorf("decoding the %s of %d x %d takes %d MiB, and at most %d MiB are allowed: %w", format.name, cfg.Width, cfg.Height, memory>>20, limits.Memory>>20, ErrTooLarge)
	}
	return format, memory, nil
}

// DecodeImage decodes a JPEG, PNG, GIF (the first picture), WebP or BMP. Pictures with an orientation from a camera are turned upright. The header is
// checked before memory for the picture is allocated. Every fault of the picture is an error of kind Invalid.
func DecodeImage(data []byte, limits ImageLimits) (image.Image, error) {
	format, _, err := measure(data, limits)
	if err != nil {
		return nil, err
	}
	img, err := format.decode(bytes.NewReader(data))
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "the %s is damaged: %w", format.name, err)
	}
	if img.Bounds().Empty() {
		return nil, errkind.New(errkind.Invalid, "the picture has no size")
	}
	if format.name == "jpeg" {
		img = upright(img, orientation(data))
	}
	return img, nil
}

// orientation reads the orientation of EXIF 2.3 (tag 0x0112, 1 to 8) from a JPEG's application segment; 1 (upright) without a readable orientation.
func orientation(data []byte) int {
	const upright, tag = 1, 0x0112
	for i := 2; i+4 <= len(data) && data[i] == 0xff && data[i+1] != 0xda; {
		size := int(binary.BigEndian.Uint16(data[i+2:]))
		if size < 2 || i+2+size > len(data) {
			return upright
		}
		body := data[i+4 : i+2+size]
		i += 2 + size
		tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00"))
		if data[i-size-1] != 0xe1 || !ok || len(tiff) < 8 {
			continue
		}
		var order binary.ByteOrder = binary.BigEndian
		if tiff[0] == 'I' {
			order = binary.LittleEndian
		}
		at := int64(order.Uint32(tiff[4:]))
		if at+2 > int64(len(tiff)) {
			return upright
		}
		entries := tiff[at+2:]
		for range order.Uint16(tiff[at:]) {
			if len(entries) < 12 {
				return upright
			}
			if v := int(order.Uint16(entries[8:])); order.Uint16(entries) == tag && v >= 1 && v <= 8 {
				return v
			}
			entries = entries[12:]
		}
		return upright
	}
	return upright
}

// upright turns and mirrors img from an EXIF orientation to 1. upright copies no pixels: a copy of a photograph would take more memory than the
// photograph.
func upright(img image.Image, orientation int) image.Image {
	src, ok := img.(image.RGBA64Image) // as are all pictures of the standard library
	if orientation == 1 || !ok {
		return img
	}
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if orientation >= 5 {
		w, h = h, w
	}
	return &turned{src, orientation, image.Rect(0, 0, w, h)}
}

// turned is a view of a picture, turned and mirrored.
type turned struct {
	src         image.RGBA64Image
	orientation int
	bounds      image.Rectangle
}

func (t *turned) ColorModel() color.Model { return t.src.ColorModel() }
func (t *turned) Bounds() image.Rectangle { return t.bounds }

func (t *turned) At(x, y int) color.Color {
	x, y = t.source(x, y)
	return t.src.At(x, y)
}

func (t *turned) RGBA64At(x, y int) color.RGBA64 {
	x, y = t.source(x, y)
	return t.src.RGBA64At(x, y)
}

// source returns the position of a pixel in the stored picture.
func (t *turned) source(x, y int) (int, int) {
	right, bottom := t.bounds.Dx()-1, t.bounds.Dy()-1
	switch t.orientation {
	case 2:
		x = right - x
	case 3:
		x, y = right-x, bottom-y
	case 4:
		y = bottom - y
	case 5:
		x, y = y, x
	case 6:
		x, y = y, right-x
	case 7:
		x, y = bottom-y, right-x
	case 8:
		x, y = bottom-y, x
	}
	b := t.src.Bounds()
	return b.Min.X + x, b.Min.Y + y
}
