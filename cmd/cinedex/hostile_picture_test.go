package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
)

// gzipped is head, n times the same byte, and tail, compressed.
func gzipped(head []byte, fill byte, n int, tail []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(head)
	block := bytes.Repeat([]byte{fill}, 1<<20)
	for ; n > 0; n -= len(block) {
		_, _ = w.Write(block[:min(n, len(block))])
	}
	_, _ = w.Write(tail)
	_ = w.Close()
	return b.Bytes()
}

// A drawn PNG is black, of any size, and compresses well, because all its bytes are zero.
type drawn struct {
	width, height uint32
	depth, colour byte // bits, and the type of PNG: 0 grey, 2 red green blue, 3 palette, 6 with alpha
	lines         int  // the number of lines in the file; -1 is all
	before        []byte
}

func (d drawn) png() []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, d.width), d.height)
	b.Write(chunk("IHDR", append(head, d.depth, d.colour, 0, 0, 0)))
	b.Write(d.before)
	if d.colour == 3 {
		b.Write(chunk("PLTE", make([]byte, 3)))
	}
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 6: 4}[d.colour]
	line := 1 + (int(d.width)*channels*int(d.depth)+7)/8
	lines := d.lines
	if lines < 0 {
		lines = int(d.height)
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	zeros := make([]byte, 1<<20)
	for n := line * lines; n > 0; n -= len(zeros) {
		_, _ = w.Write(zeros[:min(n, len(zeros))])
	}
	_ = w.Close()
	b.Write(chunk("IDAT", z.Bytes()))
	b.Write(chunk("IEND", nil))
	return b.Bytes()
}

func chunk(name string, data []byte) []byte {
	body := append([]byte(name), data...)
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
}

// headers of pictures whose pixels are not there: they must be refused before anything is made for the pixels.
func jpegHead(width, height uint16) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc0, 0, 17, 8}
	b = binary.BigEndian.AppendUint16(b, height)
	b = binary.BigEndian.AppendUint16(b, width)
	return append(b, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1)
}

func gifHead(width, height uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	b = binary.LittleEndian.AppendUint16(b, height)
	return append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
}

func bmpHead(width, height int32, bits uint16) []byte {
	b := append([]byte("BM"), make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 54)
	b = binary.LittleEndian.AppendUint32(b, 40)
	b = binary.LittleEndian.AppendUint32(b, uint32(width))
	b = binary.LittleEndian.AppendUint32(b, uint32(height))
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return append(b, make([]byte, 24)...)
}

// webpHead is a lossless WebP, whose sides are of 14 bits.
func webpHead(width, height uint32) []byte {
	body := append([]byte{0x2f}, binary.LittleEndian.AppendUint32(nil, (width-1)|(height-1)<<14)...)
	riff := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
	riff = append(append(riff, body...), 0)
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(riff)))...), riff...)
}

// webpCanvas is an extended WebP, whose canvas has sides of 24 bits.
func webpCanvas(width, height uint32) []byte {
	body := []byte{0, 0, 0, 0, byte(width - 1), byte((width - 1) >> 8), byte((width - 1) >> 16), byte(height - 1), byte((height - 1) >> 8), byte((height - 1) >> 16)}
	riff := append([]byte("WEBPVP8X"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
	riff = append(riff, body...)
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(riff)))...), riff...)
}

func small() image.Image {
	return image.NewPaletted(image.Rect(0, 0, 16, 9), color.Palette{color.Black, color.White})
}

// turned is a small JPEG with tiff as its EXIF data.
func turned(tiff []byte) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, small(), nil)
	exif := append([]byte("Exif\x00\x00"), tiff...)
	segment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2)), exif...)
	return append(append([]byte{0xff, 0xd8}, segment...), b.Bytes()[2:]...)
}

func manyFrames(n int) []byte {
	g := &gif.GIF{}
	for range n {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Black, color.White}))
		g.Delay = append(g.Delay, 0)
	}
	var b bytes.Buffer
	_ = gif.EncodeAll(&b, g)
	return b.Bytes()
}

func whole(encode func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	_ = encode(&b)
	return b.Bytes()
}

// asked is a search with pictures.
func withPictures(pictures ...[]byte) []byte {
	var leaves []string
	for _, p := range pictures {
		leaves = append(leaves, `{"leaf":{"kind":"like_image","image":"`+base64.StdEncoding.EncodeToString(p)+`"}}`)
	}
	if len(leaves) == 1 {
		return []byte(`{"query":` + leaves[0] + `}`)
	}
	return []byte(`{"query":{"or":{"queries":[` + strings.Join(leaves, ",") + `]}}}`)
}

func pictureAttacks() []attack {
	picture := func(name, want, says string, build func() []byte) attack {
		return attack{door: "picture", name: name, want: want, says: says, act: func(x *target) verdict {
			return x.send("POST", searchPath+"Search", x.reader, "application/json", withPictures(build()))
		}}
	}
	costly := func(a attack) attack { a.costly, a.slow = true, true; return a }
	head := func(b []byte) func() []byte { return func() []byte { return b } }
	black := func(w, h uint32, depth, colour byte, lines int) func() []byte {
		return drawn{width: w, height: h, depth: depth, colour: colour, lines: lines}.png
	}
	same := func(n int, build func() []byte) func() [][]byte {
		return func() [][]byte {
			var out [][]byte
			for i := range n {
				// The pictures differ by a byte after the end, so no result is reused.
				out = append(out, append(build(), byte(i)))
			}
			return out
		}
	}
	// Work beyond the time of an answer is refused with 503, and ends.
	several := func(name, want string, build func() [][]byte) attack {
		return attack{door: "picture", name: name, want: want, act: func(x *target) verdict {
			return x.send("POST", searchPath+"Search", x.reader, "application/json", withPictures(build()...))
		}}
	}
	tiff := func(entries uint16, at uint32) []byte {
		b := binary.BigEndian.AppendUint32([]byte("MM\x00\x2a"), at)
		b = binary.BigEndian.AppendUint16(b, entries)
		return append(b, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 9, 0, 0)
	}
	pngWhole := whole(func(b *bytes.Buffer) error { return png.Encode(b, small()) })
	jpegWhole := whole(func(b *bytes.Buffer) error { return jpeg.Encode(b, small(), nil) })
	gifWhole := whole(func(b *bytes.Buffer) error { return gif.Encode(b, small(), nil) })
	as := []attack{
		// An extreme shape in few bytes, with all its pixels: the scaler would need gigabytes.
		picture("PNG of 40,000,000 by 1, whole", "400", "", black(40_000_000, 1, 1, 0, -1)),
		picture("PNG of 1 by 5,000,000, whole", "400", "", black(1, 5_000_000, 1, 0, -1)),
		picture("PNG of 1,000,000 by 40, whole", "400", "", black(1_000_000, 40, 1, 0, -1)),
		picture("PNG of 20 by 1,000,000, whole", "400", "", black(20, 1_000_000, 1, 0, -1)),
		costly(picture("PNG of 60,000 by 1, whole", "200|400", "", black(60_000, 1, 8, 2, -1))),
		costly(picture("PNG of 1 by 60,000, whole", "200|400", "", black(1, 60_000, 8, 2, -1))),
		costly(picture("PNG of 7,000 by 7,000 in grey, whole", "200|400", "", black(7000, 7000, 8, 0, -1))),
		costly(picture("PNG of 7,000 by 7,000 in 64 bits, whole", "200|400", "", black(7000, 7000, 16, 6, -1))),
		picture("PNG of 8,000 by 8,000", "400", "", black(8000, 8000, 8, 2, 0)),
		picture("PNG of 50,000 by 50,000", "400", "", black(50_000, 50_000, 8, 2, 0)),
		picture("PNG of two thousand million squared", "400", "", black(1<<31-1, 1<<31-1, 8, 2, 0)),
		picture("PNG of four thousand million squared", "400", "", head(append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", bytes.Repeat([]byte{0xff}, 13))...))),
		picture("PNG without a width", "400", "", black(0, 9, 8, 2, 0)),
		picture("PNG without a height", "400", "", black(9, 0, 8, 2, 0)),
		picture("PNG of a depth that is none", "400", "", black(9, 9, 7, 2, 0)),
		picture("PNG of a kind that is none", "400", "", black(9, 9, 8, 5, 0)),
		picture("PNG whose lines are missing", "400", "", black(6000, 6000, 8, 2, 1)),
		picture("PNG with a chunk longer than the file", "400", "", head(append(append([]byte{}, pngWhole[:33]...), 0x7f, 0xff, 0xff, 0xff, 'I', 'D', 'A', 'T'))),
		picture("PNG with a header longer than the file", "400", "", head(append([]byte("\x89PNG\r\n\x1a\n"), 0x7f, 0xff, 0xff, 0xff, 'I', 'H', 'D', 'R'))),
		picture("PNG cut in half", "400", "damaged", head(pngWhole[:len(pngWhole)/2])),
		picture("PNG with a wrong checksum", "400", "damaged", func() []byte { b := bytes.Clone(pngWhole); b[30] ^= 1; return b }),
		picture("PNG with a text of a megabyte before its pixels", "200|400", "", drawn{width: 9, height: 9, depth: 8, colour: 2, lines: -1, before: chunk("tEXt", make([]byte, 1<<20))}.png),
		picture("PNG with ten thousand chunks before its pixels", "200|400", "", drawn{width: 9, height: 9, depth: 8, colour: 2, lines: -1, before: bytes.Repeat(chunk("tEXt", []byte("a\x00b")), 10_000)}.png),
		picture("PNG whose pixels are more than it says", "200|400", "", drawn{width: 9, height: 9, depth: 8, colour: 2, lines: 50_000}.png),

		picture("JPEG of 65,535 by 65,535", "400", "", head(jpegHead(65535, 65535))),
		picture("JPEG of 65,535 by 1", "400", "", head(jpegHead(65535, 1))),
		picture("JPEG of 1 by 65,535", "400", "", head(jpegHead(1, 65535))),
		picture("JPEG of 7,100 by 7,100", "400", "", head(jpegHead(7100, 7100))),
		picture("JPEG without a width", "400", "", head(jpegHead(0, 9))),
		picture("JPEG without a height", "400", "", head(jpegHead(9, 0))),
		picture("JPEG cut in half", "400", "damaged", head(jpegWhole[:len(jpegWhole)/2])),
		picture("JPEG with a segment of no length", "400", "", head([]byte{0xff, 0xd8, 0xff, 0xe0, 0, 0, 1, 2, 3})),
		picture("JPEG of ten thousand empty segments", "400", "", head(append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff, 0xe5, 0, 2}, 10_000)...))),
		picture("JPEG of a megabyte of fill bytes", "400", "", head(append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff}, 1<<20)...))),
		picture("JPEG held in a way that there is not", "200", "", func() []byte { return turned(tiff(1, 8)) }),
		picture("JPEG whose EXIF lies beyond its end", "200", "", func() []byte { return turned(tiff(1, 0xfffffff0)) }),
		picture("JPEG whose EXIF has 65,535 entries", "200", "", func() []byte { return turned(tiff(65535, 8)) }),
		picture("JPEG whose EXIF is empty", "200", "", func() []byte { return turned(nil) }),

		picture("GIF of 65,535 by 65,535", "400", "", head(gifHead(65535, 65535))),
		picture("GIF of 65,535 by 1", "400", "", head(gifHead(65535, 1))),
		picture("GIF of 1 by 65,535", "400", "", head(gifHead(1, 65535))),
		picture("GIF without a size", "400", "", head(gifHead(0, 0))),
		picture("GIF cut in half", "400", "damaged", head(gifWhole[:len(gifWhole)/2])),
		picture("GIF of five thousand frames", "200", "", func() []byte { return manyFrames(5000) }),
		picture("GIF whose frame lies outside it", "400", "", head(append(gifHead(4, 4), 0x2c, 0xff, 0xff, 0xff, 0xff, 4, 0, 4, 0, 0, 2, 1, 0, 0, 0x3b))),
		picture("GIF whose frame is larger than it", "400", "", head(append(gifHead(4, 4), 0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 1, 0, 0, 0x3b))),
		picture("GIF of comments without end", "400", "", head(append(gifHead(4, 4), bytes.Repeat([]byte("\x21\xfe\x01a\x00"), 50_000)...))),

		picture("BMP of 50,000 by 50,000", "400", "", head(bmpHead(50_000, 50_000, 24))),
		picture("BMP of 40,000,000 by 1", "400", "", head(bmpHead(40_000_000, 1, 24))),
		picture("BMP of 1 by 40,000,000", "400", "", head(bmpHead(1, 40_000_000, 24))),
		picture("BMP of a width below zero", "400", "", head(bmpHead(-9, 9, 24))),
		picture("BMP of the lowest height", "400", "", head(bmpHead(9, -1<<31, 24))),
		picture("BMP without its pixels", "400", "", head(bmpHead(6000, 6000, 24))),
		picture("BMP with a palette without end", "400", "", head(append(bmpHead(9, 9, 8)[:46], 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0))),

		picture("WebP of 16,384 by 16,384", "400", "", head(webpHead(16384, 16384))),
		picture("WebP of 16,384 by 1", "400", "", head(webpHead(16384, 1))),
		picture("WebP of 1 by 16,384", "400", "", head(webpHead(1, 16384))),
		picture("WebP with a canvas of 16,777,216 by 16,777,216", "400", "", head(webpCanvas(1<<24, 1<<24))),
		picture("WebP with a canvas of 16,777,216 by 1", "400", "", head(webpCanvas(1<<24, 1))),
		picture("WebP that says four thousand million bytes", "400", "", head([]byte("RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff"))),
		picture("WebP cut after its name", "400", "", head([]byte("RIFF\x10\x00\x00\x00WEBP"))),

		picture("one byte more than a picture may have", "400", "smaller", func() []byte { return append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 8<<20)...) }),
		picture("a picture of no bytes", "400", "", head(nil)),
		picture("SVG with an entity", "400", "not a", head([]byte(`<!DOCTYPE svg [<!ENTITY a "a">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>`))),
		picture("SVG with an address", "400", "not a", head([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:1/"/></svg>`))),
		picture("TIFF", "400", "not a", head([]byte("II*\x00\x08\x00\x00\x00\x00\x00"))),
		picture("HEIF", "400", "not a", head([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"))),
		picture("AVIF", "400", "not a", head([]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"))),
		picture("PDF", "400", "not a", head([]byte("%PDF-1.7\n1 0 obj<<>>endobj"))),
		picture("PostScript", "400", "not a", head([]byte("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"))),
		picture("JPEG XL", "400", "not a", head([]byte("\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"))),
		picture("a ZIP archive", "400", "not a", head([]byte("PK\x03\x04\x14\x00\x00\x00"))),
		picture("a film", "400", "not a", head([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"))),
		several("thirty-three pictures", "400", same(33, black(4, 4, 8, 2, -1))),
		several("thirty-two small pictures", "200|400", same(32, black(64, 36, 8, 2, -1))),
		costly(several("sixteen pictures of 3,000 by 3,000", "200|400|503", same(16, black(3000, 3000, 8, 2, -1)))),
		costly(several("four pictures of 6,000 by 6,000 with alpha", "200|400|503", same(4, black(6000, 6000, 8, 6, -1)))),
		costly(several("eight pictures of 5,000 by 5,000 in 64 bits", "200|400|503", same(8, black(5000, 5000, 16, 6, -1)))),
	}
	for _, n := range []int{2, 3} {
		as = append(as, costly(several(fmt.Sprintf("%d pictures of 20,000 by 2,000", n), "200|400|503", same(n, black(20_000, 2000, 8, 0, -1)))))
	}
	return as
}
