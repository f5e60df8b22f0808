package media

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// A CaptionTrack is one channel of the closed captions inside a video.
type CaptionTrack struct {
	// Index is the video's stream index.
	Index int32
	// Name is the channel: CC1 to CC4, or Service 1 and so on.
	Name string
	*timedtext.Track
}

// captionFilters leave of each packet of a video the units that captions stand in: user data of MPEG-2, supplemental
// information of H.264 and HEVC.
var captionFilters = map[string]string{
	"mpeg2video": "filter_units=pass_types=178",
	"h264":       "h264_mp4toannexb,filter_units=pass_types=6",
	"hevc":       "hevc_mp4toannexb,filter_units=pass_types=39",
}

// maxCaptionBytes bounds the caption data of a film: 24 hours at 60 frames a second with full packets.
const maxCaptionBytes = 512 << 20

// Captions returns the closed captions inside the video of the film at path (ATSC A/53, CEA-608 and CEA-708): a track for
// each channel that holds some, in the order of their names. The video is not decoded. A film without
// captions has none; captions that cannot be read are an error of kind Invalid. Films in AVI have none: captions come in the order
// of display, and AVI has no display times.
func (r *Reader) Captions(ctx context.Context, path string, film *Film) ([]CaptionTrack, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.ProbeTimeout,
		errkind.New(errkind.Invalid, "%s takes longer than %s to read the captions of", nameOf(path), r.cfg.ProbeTimeout))
	defer cancel()
	raw, err := r.described(ctx, path, film)
	if err != nil {
		return nil, err
	}
	picture, start := raw.picture(), schema.Time(film.Asset.GetVideo().GetStart())
	if picture == nil || captionFilters[picture.Codec] == "" || raw.Format.Name == "avi" {
		return nil, nil
	}
	data, err := r.captionData(ctx, path, picture, start)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	for i := range data {
		data[i].At -= start
	}
	tracks, err := timedtext.CaptionTracks(data, film.TextOptions())
	if err != nil {
		return nil, fmt.Errorf("reading the captions of %s: %w", nameOf(path), err)
	}
	var out []CaptionTrack
	for _, name := range slices.Sorted(maps.Keys(tracks)) {
		out = append(out, CaptionTrack{picture.Index, name, tracks[name]})
	}
	return out, nil
}

// captionData takes the caption data out of a video, in the order of display. ffmpeg hands the units over in an MPEG
// transport stream, which keeps their times.
func (r *Reader) captionData(ctx context.Context, path string, picture *stream, start schema.Time) ([]timedtext.CaptionData, error) {
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	args := append(sandboxed("-v", "error", "-nostdin", "-copyts"), "-i", url,
		"-map", fmt.Sprintf("0:%d", picture.Index), "-c", "copy", "-bsf:v", captionFilters[picture.Codec],
		"-muxdelay", "0", "-muxpreload", "0", "-avoid_negative_ts", "disabled", "-f", "mpegts", "pipe:1")
	var pictures []captionPicture
	stderr, err := r.run(ctx, r.tools.FFmpeg, args, func(out io.Reader) error {
		size := 0
		return transportPackets(out, schema.Rate{Num: 90_000, Den: 1}.FrameAt(start), func(p captionPicture, units []byte) error {
			triplets := a53(units, picture.Codec)
			if size += len(triplets); size > maxCaptionBytes {
				return fmt.Errorf("%s has more than %d bytes of captions: %w", nameOf(path), maxCaptionBytes, ErrTooLarge)
			}
			p.triplets = triplets
			pictures = append(pictures, p)
			return r.countFrames(path, len(pictures))
		})
	})
	if err != nil {
		err = fmt.Errorf("reading the captions: %w", explain(path, stderr, err))
	}
	captioned := slices.ContainsFunc(pictures, func(p captionPicture) bool { return len(p.triplets) > 0 })
	switch {
	case errkind.Is(err, errkind.Invalid) && !captioned && ctx.Err() == nil:
		r.log.Warn("looked for captions in a part of the pictures only, and found none", "file", nameOf(path), "pictures", len(pictures), "error", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	displayTimes(pictures)
	var data []timedtext.CaptionData
	for _, p := range pictures {
		if len(p.triplets) > 0 {
			data = append(data, timedtext.CaptionData{At: ticks{1, 90_000}.time(p.pts), Triplets: p.triplets})
		}
	}
	slices.SortStableFunc(data, func(a, b timedtext.CaptionData) int { return cmp.Compare(a.At, b.At) })
	return data, nil
}

// captionPicture is a coded picture's caption data, with its times in ticks of 90 kHz; timed says whether it has any.
type captionPicture struct {
	pts, dts int64
	timed    bool
	triplets []byte
}

// displayTimes fills in the times of pictures that have none of their own, as in MPEG program streams with several pictures
// in one packet. The pictures are in the order of decoding. Only pictures that others refer to lack a time there: such a
// picture is displayed when the next of its kind is decoded (ISO/IEC 13818-1, 2.4.3.7).
func displayTimes(pictures []captionPicture) {
	step := int64(3003)
	next := int64(0) // the decoding time of the next picture that others refer to
	for i := range pictures {
		p := &pictures[i]
		if i > 0 && p.timed && pictures[i-1].timed && p.dts > pictures[i-1].dts {
			step = p.dts - pictures[i-1].dts
		}
		if i > 0 && !p.timed {
			p.dts = pictures[i-1].dts + step
		}
	}
	for i := len(pictures) - 1; i >= 0; i-- {
		p := &pictures[i]
		if !p.timed {
			if p.pts = next; next == 0 {
				p.pts = p.dts + step
			}
		}
		if !p.timed || p.pts > p.dts {
			next = p.dts
		}
	}
}

// transportPackets reads the elementary packets of the one video of an MPEG transport stream (ISO/IEC 13818-1). Times of 33
// bits begin again after 26.5 hours: each is taken for the nearest to the one before, and the first for the nearest to start.
func transportPackets(r io.Reader, start int64, packet func(p captionPicture, data []byte) error) error {
	const size = 188
	var buf [size]byte
	var open []byte
	last, pid := start, -1
	stamp := func(b []byte) int64 {
		t := int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
		const wrap = 1 << 33
		turns := (last - t + wrap/2) / wrap
		if last-t+wrap/2 < 0 {
			turns--
		}
		last = t + turns*wrap
		return last
	}
	flush := func() error {
		if len(open) < 9 || len(open) < 9+int(open[8]) || !bytes.HasPrefix(open, []byte{0, 0, 1}) {
			return nil
		}
		var p captionPicture
		switch head := open[9 : 9+int(open[8])]; {
		case open[7]>>6 == 3 && len(head) >= 10:
			p = captionPicture{pts: stamp(head), dts: stamp(head[5:]), timed: true}
		case open[7]>>6 == 2 && len(head) >= 5:
			p = captionPicture{pts: stamp(head), timed: true}
			p.dts = p.pts
		}
		return packet(p, open[9+int(open[8]):])
	}
	for {
		if _, err := io.ReadFull(r, buf[:]); errors.Is(err, io.EOF) {
			return flush()
		} else if err != nil {
			return fmt.Errorf("reading a transport stream: %w", err)
		}
		if buf[0] != 0x47 {
			return errkind.New(errkind.Internal, "ffmpeg's transport stream is out of step")
		}
		payload := buf[4:]
		if buf[3]&0x20 != 0 { // an adaptation field
			payload = payload[min(1+int(payload[0]), len(payload)):]
		}
		if buf[3]&0x10 == 0 || len(payload) == 0 {
			continue
		}
		id, begins := int(binary.BigEndian.Uint16(buf[1:])&0x1fff), buf[1]&0x40 != 0
		if begins && len(payload) >= 4 && bytes.HasPrefix(payload, []byte{0, 0, 1}) && payload[3]&0xf0 == 0xe0 {
			if pid >= 0 && pid != id {
				continue
			}
			pid = id
			if err := flush(); err != nil {
				return err
			}
			open = open[:0]
		}
		if id == pid && len(open) < 1<<20 {
			open = append(open, payload...)
		}
	}
}

// a53 takes the triplets of caption data out of the units of one picture (ATSC A/53 part 4, 6.2.3).
func a53(units []byte, codec string) (triplets []byte) {
	for _, unit := range startCodes(units) {
		switch {
		case codec == "mpeg2video" && len(unit) > 1 && unit[0] == 0xb2:
			triplets = append(triplets, ga94(unit[1:])...)
		case codec == "h264" && len(unit) > 1 && unit[0]&0x1f == 6:
			triplets = append(triplets, registered(unit[1:])...)
		case codec == "hevc" && len(unit) > 2 && unit[0]>>1&0x3f == 39:
			triplets = append(triplets, registered(unit[2:])...)
		}
	}
	return triplets
}

// startCodes cuts at 00 00 01.
func startCodes(b []byte) (units [][]byte) {
	code := []byte{0, 0, 1}
	for i := bytes.Index(b, code); i >= 0; {
		b = b[i+3:]
		i = bytes.Index(b, code)
		if i < 0 {
			return append(units, b)
		}
		units = append(units, b[:i])
	}
	return units
}

// registered reads the messages of supplemental enhancement information, and of those with registered user data (ITU-T
// T.35) the caption data (ISO/IEC 14496-10, 7.3.2.3).
func registered(b []byte) (triplets []byte) {
	b = bytes.ReplaceAll(b, []byte{0, 0, 3}, []byte{0, 0}) // emulation prevention
	number := func() (n int) {
		for len(b) > 0 {
			c := b[0]
			b = b[1:]
			n += int(c)
			if c != 0xff {
				break
			}
		}
		return n
	}
	for len(b) > 2 {
		kind, size := number(), number()
		if size > len(b) {
			return triplets
		}
		if message := b[:size]; kind == 4 && len(message) > 3 && message[0] == 0xb5 && message[1] == 0 && message[2] == 0x31 {
			triplets = append(triplets, ga94(message[3:])...)
		}
		b = b[size:]
	}
	return triplets
}

// ga94 reads user data of ATSC: "GA94", 3 for captions, a count, a byte that is reserved, and the triplets.
func ga94(b []byte) []byte {
	if len(b) < 7 || string(b[:4]) != "GA94" || b[4] != 3 || b[5]&0x40 == 0 {
		return nil
	}
	n := 3 * int(b[5]&0x1f)
	return bytes.Clone(b[7:min(7+n, len(b))])
}
