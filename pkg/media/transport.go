package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A transportStream reads the elementary packets of the single video of an MPEG transport stream (ISO/IEC 13818-1).
type transportStream struct {
	// last is the last read time, in ticks of 90 kHz, and at the beginning the expected first time.
	last int64
	pid  int    // the packet identifier of the video; -1 before the first packet
	open []byte // the elementary packet being gathered
}

const (
	transportBytes = 188
	// maxElementary bounds the gathered bytes of an elementary packet.
	maxElementary = 1 << 20
)

// read calls packet with the times and the data of each elementary packet, up to the end of r.
func (s *transportStream) read(r io.Reader, packet func(p captionPicture, data []byte) error) error {
	var buf [transportBytes]byte
	for {
		if _, err := io.ReadFull(r, buf[:]); errors.Is(err, io.EOF) {
			return s.flush(packet)
		} else if err != nil {
			return fmt.Errorf("reading a transport stream: %w", err)
		}
		if buf[0] != 0x47 {
			return errkind.New(errkind.Internal, "ffmpeg's transport stream is out of step")
		}
		if err := s.add(buf[:], packet); err != nil {
			return err
		}
	}
}

// add adds the payload of a transport packet to the open elementary packet. The beginning of an elementary packet ends
// the open elementary packet.
func (s *transportStream) add(b []byte, packet func(p captionPicture, data []byte) error) error {
	payload := b[4:]
	if b[3]&0x20 != 0 { // an adaptation field
		payload = payload[min(1+int(payload[0]), len(payload)):]
	}
	if b[3]&0x10 == 0 || len(payload) == 0 {
		return nil
	}
	id, begins := int(binary.BigEndian.Uint16(b[1:])&0x1fff), b[1]&0x40 != 0
	if begins && len(payload) >= 4 && bytes.HasPrefix(payload, []byte{0, 0, 1}) && payload[3]&0xf0 == 0xe0 {
		if s.pid >= 0 && s.pid != id {
			return nil
		}
		s.pid = id
		if err := s.flush(packet); err != nil {
			return err
		}
		s.open = s.open[:0]
	}
	if id == s.pid && len(s.open) < maxElementary {
		s.open = append(s.open, payload...)
	}
	return nil
}

// flush calls packet with the open elementary packet.
func (s *transportStream) flush(packet func(p captionPicture, data []byte) error) error {
	open := s.open
	if len(open) < 9 || len(open) < 9+int(open[8]) || !bytes.HasPrefix(open, []byte{0, 0, 1}) {
		return nil
	}
	var p captionPicture
	switch head := open[9 : 9+int(open[8])]; {
	case open[7]>>6 == 3 && len(head) >= 10:
		p = captionPicture{pts: s.time(head), dts: s.time(head[5:]), timed: true}
	case open[7]>>6 == 2 && len(head) >= 5:
		p = captionPicture{pts: s.time(head), timed: true}
		p.dts = p.pts
	}
	return packet(p, open[9+int(open[8]):])
}

// time reads a time of 33 bits. Such times wrap after 26.5 hours: a time is taken for the value nearest to the time read before, and the first time for
// the value nearest to the expected time.
func (s *transportStream) time(b []byte) int64 {
	const wrap = 1 << 33
	t := int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
	turns := (s.last - t + wrap/2) / wrap
	if s.last-t+wrap/2 < 0 {
		turns--
	}
	s.last = t + turns*wrap
	return s.last
}
