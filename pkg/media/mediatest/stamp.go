package mediatest

import (
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A Stamp identifies a frame, inside the frame's own picture.
type Stamp struct {
	Frame    int64
	Timecode string
	// Millis is the start of the frame in milliseconds, rounded to the nearest.
	Millis int64
}

// The strip is 3 rows of 32 cells at fixed shares of the picture, on a dark plate:
//
//	20 bits  frame
//	33 bits  timecode: drop frame, then eight digits of 4 bits
//	27 bits  milliseconds
//	16 bits  checksum
//
// Light is 1. The checksum distinguishes a strip from a missing or unreadable strip.
const (
	rows, columns       = 3, 32
	plateTop, plateEnd  = 0.885, 0.985
	plateLeft, plateRig = 0.08, 0.92
	marginX, marginY    = 0.02, 0.01
)

func (s Stamp) bits() (cells [rows * columns]bool, err error) {
	if s.Frame < 0 || s.Frame >= 1<<20 || s.Millis < 0 || s.Millis >= 1<<27 {
		return cells, fmt.Errorf("frame %d at %d ms is beyond the range of a stamp", s.Frame, s.Millis)
	}
	tc, err := schema.ParseTimecode(s.Timecode)
	if err != nil {
		return cells, err
	}
	var digits uint64
	for _, part := range []int{tc.Hours, tc.Minutes, tc.Seconds, tc.Frames} {
		digits = digits<<8 | uint64(part/10)<<4 | uint64(part%10)
	}
	if tc.Drop {
		digits |= 1 << 32
	}
	at := 0
	put := func(v uint64, n int) {
		for i := n - 1; i >= 0; i-- {
			cells[at] = v>>i&1 == 1
			at++
		}
	}
	put(uint64(s.Frame), 20)
	put(digits, 33)
	put(uint64(s.Millis), 27)
	put(uint64(checksum(cells[:at])), 16)
	return cells, nil
}

// checksum is CRC-16/CCITT of the cells. The initial value is all ones, so a blank strip has a wrong checksum.
func checksum(cells []bool) uint16 {
	crc := uint16(0xffff)
	for _, c := range cells {
		bit := crc>>15 == 1
		crc <<= 1
		if bit != c {
			crc ^= 0x1021
		}
	}
	return crc
}

// cell returns the rectangle of a cell, in pixels of a picture of w x h.
func cell(i, w, h int) (x0, y0, x1, y1 float64) {
	left, right := plateLeft+marginX, plateRig-marginX
	top, bottom := plateTop+marginY, plateEnd-marginY
	cw, ch := (right-left)/columns, (bottom-top)/rows
	x, y := left+float64(i%columns)*cw, top+float64(i/columns)*ch
	return x * float64(w), y * float64(h), (x + cw) * float64(w), (y + ch) * float64(h)
}

// stamp draws s on a frame of packed RGB.
func stamp(pix []byte, w, h int, s Stamp) {
	cells, err := s.bits()
	if err != nil {
		panic(err) // only for a film of a day, which no test makes
	}
	fill := func(x0, y0, x1, y1 float64, v byte) {
		for y := max(0, int(y0+0.5)); y < min(h, int(y1+0.5)); y++ {
			for x := max(0, int(x0+0.5)); x < min(w, int(x1+0.5)); x++ {
				i := 3 * (y*w + x)
				pix[i], pix[i+1], pix[i+2] = v, v, v
			}
		}
	}
	fill(plateLeft*float64(w), plateTop*float64(h), plateRig*float64(w), plateEnd*float64(h), 16)
	for i, light := range cells {
		if light {
			x0, y0, x1, y1 := cell(i, w, h)
			fill(x0, y0, x1, y1, 235)
		}
	}
	write(pix, w, h, fmt.Sprintf("%06d  %s  %s", s.Frame, s.Timecode, schema.FromMillis(s.Millis)))
}

// write draws a line of figures above the strip, light on dark, at twice the font's size.
func write(pix []byte, w, h int, line string) {
	face := basicfont.Face7x13
	mask := image.NewAlpha(image.Rect(0, 0, face.Advance*len(line), face.Height))
	d := font.Drawer{Dst: mask, Src: image.NewUniform(color.Alpha{A: 255}), Face: face, Dot: fixed.P(0, face.Ascent)}
	d.DrawString(line)
	const size = 2
	left, top := int(plateLeft*float64(w)), int(plateTop*float64(h))-size*face.Height
	for y := range size * face.Height {
		for x := range size * mask.Rect.Dx() {
			if px, py := left+x, top+y; px >= 0 && px < w && py >= 0 && py < h {
				v := byte(16)
				if mask.AlphaAt(x/size, y/size).A > 0 {
					v = 235
				}
				i := 3 * (py*w + px)
				pix[i], pix[i+1], pix[i+2] = v, v, v
			}
		}
	}
}

// ReadStamp reads a frame's stamp from a picture of the whole frame, of any size from about 200 x 112; false if the picture has no readable stamp.
func ReadStamp(img image.Image) (Stamp, bool) {
	b := img.Bounds()
	var cells [rows * columns]bool
	for i := range cells {
		x0, y0, x1, y1 := cell(i, b.Dx(), b.Dy())
		cells[i] = brightness(img, b, x0, y0, x1, y1) > 125
	}
	at := 0
	get := func(n int) (v uint64) {
		for range n {
			v <<= 1
			if cells[at] {
				v |= 1
			}
			at++
		}
		return v
	}
	frame, digits, millis := get(20), get(33), get(27)
	if sum := checksum(cells[:at]); uint64(sum) != get(16) {
		return Stamp{}, false
	}
	text := fmt.Sprintf("%08x", digits&0xffffffff)
	sep := ":"
	if digits>>32 == 1 {
		sep = ";"
	}
	if _, err := strconv.Atoi(text); err != nil {
		return Stamp{}, false
	}
	tc := strings.Join([]string{text[0:2], text[2:4], text[4:6]}, ":") + sep + text[6:8]
	return Stamp{Frame: int64(frame), Timecode: tc, Millis: int64(millis)}, true
}

// brightness is the mean luma of the middle of a rectangle.
func brightness(img image.Image, b image.Rectangle, x0, y0, x1, y1 float64) float64 {
	dx, dy := (x1-x0)/4, (y1-y0)/4
	left, top := int(x0+dx), int(y0+dy)
	right, bottom := max(left+1, int(x1-dx)), max(top+1, int(y1-dy))
	sum, n := 0.0, 0
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			sum += float64(color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y)
			n++
		}
	}
	return sum / float64(max(n, 1))
}
