package fmp4

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Picture is a picture of an H.264 stream.
type Picture struct {
	Key bool
	// Data is the picture as units with lengths of four bytes, without parameter sets and delimiters.
	Data []byte
	// SPS and PPS are the parameter sets before the picture; nil where the stream has none there.
	SPS, PPS []byte
}

// The types of units of an H.264 stream (ITU-T H.264, table 7-1).
const (
	unitKey       = 5
	unitSPS       = 7
	unitPPS       = 8
	unitDelimiter = 9
)

// maxPicture bounds the bytes of a coded picture.
const maxPicture = 64 << 20

// Pictures reads an H.264 byte stream (annex B) in which a delimiter begins each picture.
type Pictures struct {
	scan *bufio.Scanner
	next bool // the delimiter of the next picture was read
}

// NewPictures reads a stream.
func NewPictures(r io.Reader) *Pictures {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<20), maxPicture)
	s.Split(splitUnit)
	return &Pictures{scan: s}
}

var startCode = []byte{0, 0, 1}

// splitUnit yields the units between start codes.
func splitUnit(data []byte, atEOF bool) (int, []byte, error) {
	begin := bytes.Index(data, startCode)
	if begin < 0 {
		if atEOF {
			return len(data), nil, nil
		}
		return 0, nil, nil
	}
	begin += len(startCode)
	end := bytes.Index(data[begin:], startCode)
	if end >= 0 {
		// The zeros before a start code belong to the start code: a unit ends with a bit that is set.
		return begin + end, bytes.TrimRight(data[begin:begin+end], "\x00"), nil
	}
	if atEOF {
		return len(data), bytes.TrimRight(data[begin:], "\x00"), nil
	}
	return 0, nil, nil
}

// Next returns the next picture; io.EOF after the last.
func (p *Pictures) Next() (pic Picture, err error) {
	begun := p.next
	for p.scan.Scan() {
		unit := p.scan.Bytes()
		if len(unit) == 0 {
			continue
		}
		kind := unit[0] & 31
		switch {
		case kind == unitDelimiter && begun && len(pic.Data) > 0:
			p.next = true
			return pic, nil
		case kind == unitDelimiter:
			begun = true
		case !begun:
			return Picture{}, errkind.New(errkind.Internal, "the stream of pictures begins without a delimiter")
		case kind == unitSPS && len(unit) >= 4:
			pic.SPS = bytes.Clone(unit)
		case kind == unitPPS:
			pic.PPS = bytes.Clone(unit)
		default:
			pic.Key = pic.Key || kind == unitKey
			pic.Data = append(binary.BigEndian.AppendUint32(pic.Data, uint32(len(unit))), unit...) //nolint:gosec // bounded by maxPicture
		}
	}
	if err := p.scan.Err(); err != nil {
		return Picture{}, err
	}
	p.next = false
	if len(pic.Data) == 0 {
		return Picture{}, io.EOF
	}
	return pic, nil
}

// BlockSamples is the number of samples of a block of AAC.
const BlockSamples = 1024

// Blocks reads AAC in ADTS (ISO/IEC 14496-3, 1.A.2.2).
type Blocks struct {
	r *bufio.Reader
	// Config is the AudioSpecificConfig, after the first block.
	Config []byte
}

// NewBlocks reads a stream.
func NewBlocks(r io.Reader) *Blocks { return &Blocks{r: bufio.NewReader(r)} }

// Next returns the next block; io.EOF after the last.
func (b *Blocks) Next() ([]byte, error) {
	var head [7]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errkind.New(errkind.Internal, "the stream of sound ends within a block")
		}
		return nil, err
	}
	size := int(head[3]&3)<<11 | int(head[4])<<3 | int(head[5])>>5
	if head[0] != 0xff || head[1]&0xf0 != 0xf0 || size < len(head) {
		return nil, errkind.New(errkind.Internal, "the stream of sound has no block here")
	}
	if head[1]&1 == 0 { // a checksum
		if _, err := b.r.Discard(2); err != nil {
			return nil, err
		}
		size -= 2
	}
	object, rate, channels := head[2]>>6+1, head[2]>>2&15, head[2]&1<<2|head[3]>>6
	b.Config = []byte{object<<3 | rate>>1, rate<<7 | channels<<3}
	data := make([]byte, size-len(head))
	_, err := io.ReadFull(b.r, data)
	return data, err
}
