package media

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A label is a timecode given by a file.
type label struct {
	text string
	// rate is the rate of the label's frame count. The zero Rate stands for the film's rate.
	rate schema.Rate
	// ahead is the number of the film's frames between the label's time and frame 0.
	ahead int64
}

// describeTimecode sets the start timecode of v from the file. An impossible timecode is logged and left out; a garbled
// tag is no reason to refuse a film.
func (r *Reader) describeTimecode(ctx context.Context, path string, raw *probed, picture *stream, times timestamps, v *cinedexv1.VideoTrack) error {
	l, err := r.startLabel(ctx, path, raw, picture, times, v)
	if err != nil || l.text == "" {
		return err
	}
	scale, err := l.scale(schema.RateOf(v.GetRate()))
	if err != nil {
		r.log.Warn("leaving out a start timecode that no frame of the film can have", "file", nameOf(path), "timecode", l.text, "error", err)
		return nil
	}
	v.StartTimecode, v.DropFrame = scale.Format(l.ahead), scale.Drop()
	return nil
}

// startLabel returns the label of the first source with a label: a QuickTime timecode track, the picture, a data track,
// the file. Matroska writes the label as a tag of the track or of the file.
func (r *Reader) startLabel(ctx context.Context, path string, raw *probed, picture *stream, times timestamps, v *cinedexv1.VideoTrack) (label, error) {
	own := tag(picture.Tags, "timecode")
	if track := raw.timecodeTrack(own); track != nil {
		return r.trackLabel(ctx, path, track, picture, times, v)
	}
	if own != "" {
		return label{text: own}, nil
	}
	for _, s := range raw.Streams {
		if tc := tag(s.Tags, "timecode"); s.Type == "data" && tc != "" {
			return label{text: tc}, nil
		}
	}
	return label{text: tag(raw.Format.Tags, "timecode")}, nil
}

// timecodeTrack returns the QuickTime timecode track of the picture. ffprobe copies the track's label to the picture
// that refers to the track.
func (p *probed) timecodeTrack(own string) *stream {
	var track *stream
	for i := range p.Streams {
		s := &p.Streams[i]
		if tc := tag(s.Tags, "timecode"); s.Mark != "tmcd" || tc == "" {
			continue
		} else if tc == own {
			return s
		}
		if track == nil {
			track = s
		}
	}
	return track
}

// trackLabel reads a QuickTime timecode track. Labels count by the rate of the track, from the time of the track's sample on the clock of the movie.
// The edit list of the track moves that time, as an edit list moves pictures (QuickTime File Format, edit lists and timecode media). ffprobe names
// the first sample and ignores the edit list.
func (r *Reader) trackLabel(ctx context.Context, path string, track, picture *stream, times timestamps, v *cinedexv1.VideoTrack) (label, error) {
	l := label{text: tag(track.Tags, "timecode"), rate: parseRate(track.Average)}
	base, ok := parseTicks(track.TimeBase)
	if !ok {
		return l, nil
	}
	first := schema.Time(v.GetStart())
	if times.decoded == 0 {
		first = 0 // the picture has no edit list: its late start comes from decoding before display
	}
	samples, err := r.timecodeSamples(ctx, path, track.Index)
	if err != nil {
		return label{}, err
	}
	film := schema.RateOf(v.GetRate())
	half := film.FrameStart(1) / 2
	for i, s := range samples {
		at := base.time(s.pts)
		if i > 0 && at > first+half {
			break
		}
		if i > 0 { // the timecode jumps before the first picture
			scale, err := l.ofTrack()
			if err != nil {
				break
			}
			l.text = scale.Format(s.count - scale.Number())
		}
		l.ahead = film.FrameAt(first - at + half)
	}
	return l, nil
}

// timecodeSample is a stretch of a timecode track.
type timecodeSample struct {
	pts   int64 // on the clock of the movie
	count int64 // frames since 00:00:00:00
}

// maxTimecodeJSON bounds the answer about a timecode track. Some thousand jumps of the timecode fit.
const maxTimecodeJSON = 1 << 20

func (r *Reader) timecodeSamples(ctx context.Context, path string, index int32) ([]timecodeSample, error) {
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	// With advanced edit lists, ffprobe gives the first sample the time 0 wherever the edit begins within the sample.
	args := append(sandboxed("-v", "error", "-advanced_editlist", "0"), "-select_streams", strconv.Itoa(int(index)),
		"-show_data", "-show_entries", "packet=pts,data", "-of", "json", url)
	var raw struct {
		Packets []struct {
			PTS  *int64 `json:"pts"`
			Data string `json:"data"`
		} `json:"packets"`
	}
	stderr, err := r.run(ctx, r.tools.FFprobe, args, func(out io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(out, maxTimecodeJSON+1))
		switch {
		case err != nil:
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		case len(text) > maxTimecodeJSON:
			return errkind.New(errkind.Invalid, "%s has a timecode that jumps too often", nameOf(path))
		}
		if err := json.Unmarshal(text, &raw); err != nil && ctx.Err() == nil {
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the timecode track: %w", explain(path, stderr, err))
	}
	var samples []timecodeSample
	for _, p := range raw.Packets {
		// "00000000: 000d bb6e ...n"
		words := strings.Fields(p.Data)
		if p.PTS == nil || len(words) < 3 {
			continue
		}
		n, err := strconv.ParseUint(words[1]+words[2], 16, 32)
		if err != nil {
			continue
		}
		samples = append(samples, timecodeSample{*p.PTS, int64(n)})
	}
	slices.SortStableFunc(samples, func(a, b timecodeSample) int { return int(min(max(a.pts-b.pts, -1), 1)) })
	return samples, nil
}

// ofTrack returns the scale of the label at the track's rate.
func (l label) ofTrack() (schema.TimecodeScale, error) {
	tc, err := schema.ParseTimecode(l.text)
	if err != nil {
		return schema.TimecodeScale{}, err
	}
	rate := l.rate.Nominal()
	if tc.Drop && rate.Den == 1 { // tracks of 29.97 with a declared rate of 30
		rate = schema.Rate{Num: rate.Num * 1000, Den: 1001}
	}
	return schema.ScaleOf(rate, false, l.text)
}

// scale converts the label to labels of the film's rate. A film of 60000/1001 with labels counting 30 gets labels of
// 60, so each picture has a label of its own (SMPTE ST 12-3). The seconds stay.
func (l label) scale(film schema.Rate) (schema.TimecodeScale, error) {
	if l.rate.Validate() != nil {
		return schema.ScaleOf(film, false, l.text)
	}
	own, err := l.ofTrack()
	if err != nil {
		return schema.TimecodeScale{}, err
	}
	of, err := schema.ScaleOf(film, false, "")
	if err != nil {
		return schema.TimecodeScale{}, err
	}
	tc, from, to := own.Label(0), own.FPS(), of.FPS()
	if from != to && to%from != 0 && from%to != 0 && film.Nominal().Den != l.rate.Nominal().Den {
		return schema.TimecodeScale{}, errkind.New(errkind.Invalid, "labels of %s a second do not fit pictures of %s", l.rate, film)
	}
	tc.Frames = tc.Frames * to / from
	return schema.ScaleOf(film, tc.Drop, tc.String())
}
