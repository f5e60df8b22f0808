package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // the formats that DecodeImage takes register themselves
	"image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// ImageLimits bound a still picture that somebody uploads.
type ImageLimits struct {
	// Bytes of the file.
	Bytes int64 `mapstructure:"bytes"`
	// Pixels of the picture: decoding needs up to twelve bytes for each.
	Pixels int64 `mapstructure:"pixels"`
}

// DefaultImageLimits take what cameras and editing suites give.
func DefaultImageLimits() ImageLimits { return ImageLimits{Bytes: 20 << 20, Pixels: 50_000_000} }

// DecodeImage decodes a JPEG, PNG, GIF (its first picture), WebP or BMP, turned
// upright where a camera noted how it was held. The picture is measured before
// anything is allocated for it. All that is wrong with it is of kind Invalid.
func DecodeImage(data []byte, limits ImageLimits) (image.Image, error) {
	switch {
	case len(data) == 0:
		return nil, errkind.New(errkind.Invalid, "the picture is empty")
	case int64(len(data)) > limits.Bytes:
		return nil, fmt.Errorf("the picture has %d bytes, and at most %d are taken: %w", len(data), limits.Bytes, ErrTooLarge)
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case errors.Is(err, image.ErrFormat):
		return nil, errkind.New(errkind.Invalid, "the picture is not a JPEG, PNG, GIF, WebP or BMP")
	case err != nil:
		return nil, errkind.New(errkind.Invalid, "the picture's header is damaged: %w", err)
	case cfg.Width <= 0 || cfg.Height <= 0:
		return nil, errkind.New(errkind.Invalid, "the picture has no size")
	case int64(cfg.Width) > limits.Pixels/int64(cfg.Height):
		return nil, fmt.Errorf("the picture is %d x %d, and at most %d pixels are taken: %w", cfg.Width, cfg.Height, limits.Pixels, ErrTooLarge)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "the %s is damaged: %w", format, err)
	}
	if img.Bounds().Empty() {
		return nil, errkind.New(errkind.Invalid, "the picture has no size")
	}
	if format == "jpeg" {
		img = upright(img, orientation(data))
	}
	return img, nil
}

// thumbnailQuality is where JPEG's artefacts stop being seen at the size of a grid.
const thumbnailQuality = 80

// EncodeJPEG encodes a picture; the same picture gives the same bytes.
func EncodeJPEG(p *Picture) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p.Image(), &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return nil, fmt.Errorf("encoding a picture: %w", err)
	}
	return b.Bytes(), nil
}

// orientation reads the orientation of EXIF 2.3 (tag 0x0112, 1 to 8) from a
// JPEG's first application segment; 1, upright, where there is none to read.
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

// upright turns and mirrors img from an EXIF orientation to 1.
func upright(img image.Image, orientation int) image.Image {
	if orientation == 1 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if orientation >= 5 {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var sx, sy int
			switch orientation {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			default: // 8
				sx, sy = h-1-y, x
			}
			out.Set(x, y, img.At(b.Min.X+sx, b.Min.Y+sy))
		}
	}
	return out
}
