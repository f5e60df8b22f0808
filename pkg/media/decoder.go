package media

import (
	"bytes"
	"encoding/binary"
)

// decoderSlack covers a decoder's memory for a picture of any size: tables, windows of compression, readers.
const decoderSlack = 512 << 10

// decoderMemory returns the greatest memory of Go's decoder of a format during the decoding of a picture of w x h, in
// bytes, computed from the header. The bounds follow the source of the decoders of Go and golang.org/x/image;
// TestDecoderMemory compares the bounds with real decoders. ok is false for a header that the decoder would refuse.
func decoderMemory(format string, data []byte, w, h int64) (memory int64, ok bool) {
	switch format {
	case "jpeg":
		memory, ok = jpegMemory(data, w, h)
	case "png":
		memory, ok = pngMemory(data, w, h)
	case "gif":
		memory, ok = 2*w*h, true // a byte a pixel, and a second byte for undoing the interlacing
	case "bmp":
		memory, ok = 4*w*h, true
	case "webp":
		memory, ok = webpMemory(int64(len(data)), w, h), true
	}
	return memory + decoderSlack, ok
}

// jpegMemory: samples are in blocks of 8 x 8, in units as large as the first component's sampling. A progressive picture holds coefficients, four
// bytes a sample, until the end. Colours other than YCbCr are copied to four bytes a pixel.
func jpegMemory(data []byte, w, h int64) (int64, bool) {
	progressive, sof, ok := jpegFrame(data)
	if !ok {
		return 0, false
	}
	components := int(sof[5])
	if len(sof) < 6+3*components || components != 1 && components != 3 && components != 4 {
		return 0, false
	}
	sampling := func(i int) (int64, int64) {
		if components == 1 { // a single component is never subsampled
			return 1, 1
		}
		hv := sof[7+3*i]
		return int64(max(hv>>4, 1)), int64(max(hv&15, 1))
	}
	h0, v0 := sampling(0)
	units := ((w + 8*h0 - 1) / (8 * h0)) * ((h + 8*v0 - 1) / (8 * v0))
	var samples int64
	for i := range components {
		hi, vi := sampling(i)
		samples += 64 * units * hi * vi
	}
	memory := samples
	if progressive {
		memory += 4 * samples
	}
	ids := [3]byte{}
	if components >= 3 {
		ids = [3]byte{sof[6], sof[9], sof[12]}
	}
	if components == 4 || ids == [3]byte{'R', 'G', 'B'} || components == 3 && adobeUnknown(data) {
		memory += 4 * w * h
	}
	return memory, true
}

// jpegFrame finds the start of frame as Go's decoder does: bytes between segments are skipped, and the first frame is the only frame.
func jpegFrame(data []byte) (progressive bool, sof []byte, ok bool) {
	for i := 2; i+1 < len(data); {
		if data[i] != 0xff {
			i++
			continue
		}
		if data[i+1] == 0 {
			i += 2
			continue
		}
		i++
		for i < len(data) && data[i] == 0xff {
			i++
		}
		if i >= len(data) {
			break
		}
		marker := data[i]
		i++
		if marker >= 0xd0 && marker <= 0xd7 { // a restart, which has no length
			continue
		}
		if marker == 0xd9 { // the end
			break
		}
		if i+2 > len(data) {
			break
		}
		size := int(binary.BigEndian.Uint16(data[i:]))
		if size < 2 || i+size > len(data) {
			break
		}
		if marker >= 0xc0 && marker <= 0xc2 {
			return marker == 0xc2, data[i+2 : i+size], size >= 8
		}
		i += size
	}
	return false, nil, false
}

// adobeUnknown reports whether Adobe's segment may declare colours other than YCbCr. The segment may be anywhere in the
// file, so every sequence of bytes like the segment counts.
func adobeUnknown(data []byte) bool {
	for {
		i := bytes.Index(data, []byte("Adobe"))
		if i < 0 || i+11 >= len(data) {
			return false
		}
		if data[i+11] == 0 {
			return true
		}
		data = data[i+5:]
	}
}

// pngMemory: interlaced passes are separate pictures, with as many pixels together as the whole picture. Each pass holds two rows.
func pngMemory(data []byte, w, h int64) (int64, bool) {
	const ihdr = 8 + 8 // signature; length and name of the first chunk
	if len(data) < ihdr+13 {
		return 0, false
	}
	depth, colour, interlaced := data[ihdr+8], data[ihdr+9], data[ihdr+12] != 0
	const grey, palette = 0, 3
	pixel := int64(4)
	switch {
	case depth == 16:
		pixel = 8
	case colour == palette, colour == grey && !bytes.Contains(data, []byte("tRNS")):
		pixel = 1
	}
	rows := 2 * (8*w + 8)
	if !interlaced {
		return pixel*w*h + rows, true
	}
	// Seven passes round each side up, by less than a row and a column each.
	return 2*pixel*w*h + 7*pixel*(w+h) + 7*rows, true
}

// webpMemory: the lossless decoder holds the picture, a second copy while writing indexed colours, and a quarter of the picture for each table of
// tiles: predictors, colours, Huffman groups. The decoder accepts 2,600 groups with five trees each, whose nodes take up to 290 bytes for each byte
// of the file. A lossy picture with alpha is lossy and lossless at once.
func webpMemory(size, w, h int64) int64 {
	const groups, group, nodes, perByte = 2600, 5 * 640, 56 << 10, 290
	tiles := 3 * 4 * ((w + 3) / 4) * ((h + 3) / 4)
	lossy := 3*((w+15)&^15)*((h+15)&^15)/2 + w*h
	return 4*w*h + 2*w*h + tiles + lossy + min(groups*group, size*1100) + min(groups*nodes, size*perByte)
}
