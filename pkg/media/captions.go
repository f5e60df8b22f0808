package media

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// A CaptionTrack is a channel of the closed captions inside a video.
type CaptionTrack struct {
	// Index is the video's stream index.
	Index int32
	// Name is the channel: CC1 to CC4, or Service 1 and so on.
	Name string
	*timedtext.Track
}

// captionFilters keep only the caption units of a video's packets: user data of MPEG-2, supplemental information of
// H.264 and HEVC.
var captionFilters = map[string]string{
	"mpeg2video": "filter_units=pass_types=178",
	"h264":       "h264_mp4toannexb,filter_units=pass_types=6",
	"hevc":       "hevc_mp4toannexb,filter_units=pass_types=39",
}

// maxCaptionBytes bounds the caption data of a film: 24 hours at 60 frames a second with full packets.
const maxCaptionBytes = 512 << 20

// Captions returns the closed captions inside the video of the film at path (ATSC A/53, CEA-608 and CEA-708). The result has a track for each channel
// with captions, in the order of the channels' names. The video is not decoded.
//
//   - A film without captions gives no tracks.
//   - Unreadable captions are an error of kind Invalid.
//   - Films in AVI give no tracks: captions are ordered by display time, and AVI has no display times.
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

// captionData extracts the caption data of a video, in display order. ffmpeg writes the units in an MPEG transport stream, which keeps the times.
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
		stream := &transportStream{last: schema.Rate{Num: 90_000, Den: 1}.FrameAt(start), pid: -1}
		return stream.read(out, func(p captionPicture, units []byte) error {
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
		r.log.Warn("found no captions in the readable part of the pictures", "file", nameOf(path), "pictures", len(pictures), "error", err)
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

// A captionPicture is a coded picture's caption data. Times are ticks of 90 kHz; timed reports whether the picture has times.
type captionPicture struct {
	pts, dts int64
	timed    bool
	triplets []byte
}

// displayTimes fills in missing times of pictures, as in MPEG program streams with several pictures in a packet. The pictures are in decoding order.
// Only reference pictures lack a time there: a reference picture is displayed when the next reference picture is decoded (ISO/IEC 13818-1, 2.4.3.7).
func displayTimes(pictures []captionPicture) {
	step := int64(3003)
	next := int64(0) // the decoding time of the next reference picture
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

// a53 extracts the caption triplets from the units of a picture (ATSC A/53 part 4, 6.2.3).
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

// registered reads the messages of supplemental enhancement information (ISO/IEC 14496-10, 7.3.2.3), and returns the caption data of messages with
// registered user data (ITU-T T.35).
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

// ga94 reads user data of ATSC: "GA94", 3 for captions, a count, a reserved byte, and the triplets.
func ga94(b []byte) []byte {
	if len(b) < 7 || string(b[:4]) != "GA94" || b[4] != 3 || b[5]&0x40 == 0 {
		return nil
	}
	n := 3 * int(b[5]&0x1f)
	return bytes.Clone(b[7:min(7+n, len(b))])
}
