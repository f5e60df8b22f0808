package media

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A Cut is a range of frames of a film, to be written as a film of its own.
type Cut struct {
	// Start and End are frames, half-open.
	Start, End int64
	// With Exact, the pictures are encoded anew (H.264), and the film has exactly the frames. Without Exact, the tracks are copied as they are, and the
	// film begins at a key frame at or before Start.
	Exact bool
	// Timecode returns the label of the first frame; nil writes none.
	Timecode func(first int64) string
}

// seekLate is how much behind a frame ffmpeg is asked to seek for a copy. In films with B-frames ffmpeg seeks 3/23 s before the asked time, and would
// miss a key frame within that time.
const seekLate = 135 * schema.Millisecond

// copySeek returns the time to seek for a copy, and the key frame to which the time leads: the latest that is not behind frame n.
func (r *Reader) copySeek(ctx context.Context, src Source, n int64, url string) (at schema.Time, first int64, err error) {
	base := schema.Time(src.Video.GetStart() + src.Video.GetDecoderDelay())
	first = -1
	for _, late := range []schema.Time{0, seekLate} {
		t := max(src.Clock.FrameStart(n)+halfFrame(src, n)+base+late, 0)
		pts, err := r.firstCopied(ctx, src, t, url)
		if err != nil {
			return 0, 0, err
		}
		if f := src.Clock.FrameAt(pts - base + halfFrame(src, n)/2); f <= n && f > first {
			at, first = t, f
		}
	}
	if first < 0 { // a picture without a time, or an index that leads behind the frame: the beginning is sure
		return 0, 0, nil
	}
	return at, first, nil
}

// firstCopied returns the time of the first picture of a copy after seeking.
func (r *Reader) firstCopied(ctx context.Context, src Source, t schema.Time, url string) (pts schema.Time, err error) {
	args := append(sandboxed("-v", "error", "-nostdin"), "-copyts", "-ss", seconds(t), "-i", url, "-map", "0:v:0", "-c", "copy", "-frames:v", "1", "-f", "framecrc", "pipe:1")
	var text []byte
	stderr, err := r.run(ctx, r.tools.FFmpeg, args, func(out io.Reader) (err error) {
		text, err = io.ReadAll(io.LimitReader(out, maxTimecodeJSON))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("finding a key frame: %w", explain(src.Path, stderr, err))
	}
	var unit ticks
	for l := range strings.Lines(string(text)) {
		if tb, ok := strings.CutPrefix(l, "#tb 0:"); ok {
			unit, _ = parseTicks(strings.TrimSpace(tb))
		}
		if f := strings.Split(l, ","); !strings.HasPrefix(l, "#") && len(f) > 2 {
			if n, err := strconv.ParseInt(strings.TrimSpace(f[2]), 10, 64); err == nil {
				return unit.time(n), nil
			}
		}
	}
	return schema.MaxTime, nil
}

// halfFrame is half the length of the frame before n, or of frame 0.
func halfFrame(src Source, n int64) schema.Time {
	n = max(n, 1)
	return (src.Clock.FrameStart(n) - src.Clock.FrameStart(n-1)) / 2
}

// WriteCut writes a range of a film as fragmented MP4, with the first track of sound. first is the frame that the written film begins with.
//
//   - Invalid: the range is not in the film, or the tracks do not fit into MP4 without encoding.
//   - An error leaves w with a part of a film.
func (r *Reader) WriteCut(ctx context.Context, src Source, c Cut, w io.Writer) (first int64, err error) {
	if src.Clock == nil || c.Start < 0 || c.End <= c.Start || c.End > src.Clock.Frames() {
		return 0, errkind.New(errkind.Invalid, "%s has no frames %d to %d", nameOf(src.Path), c.Start, c.End)
	}
	if _, err := r.inspect(src.Path); err != nil {
		return 0, fmt.Errorf("cutting: %w", err)
	}
	url, err := fileURL(src.Path)
	if err != nil {
		return 0, err
	}
	args := sandboxed("-v", "error", "-nostdin")
	if first = c.Start; c.Exact {
		args = append(args, encoded(src, c, url)...)
	} else {
		var at schema.Time
		if at, first, err = r.copySeek(ctx, src, c.Start, url); err != nil {
			return 0, err
		}
		end := src.Clock.FrameStart(c.End) - halfFrame(src, c.End) + schema.Time(src.Video.GetStart()+src.Video.GetDecoderDelay())
		args = append(args, "-copyts", "-ss", seconds(at), "-i", url, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-to", seconds(max(end, 0)), "-avoid_negative_ts", "make_zero")
	}
	if c.Timecode != nil {
		args = append(args, "-timecode", c.Timecode(first))
	}
	args = append(args, "-map_metadata", "-1", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1")
	stderr, err := r.run(ctx, r.tools.FFmpeg, args, func(out io.Reader) error {
		_, err := io.Copy(w, out)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("cutting frames %d to %d: %w", c.Start, c.End, explain(src.Path, stderr, err))
	}
	return first, nil
}

// encoded are the arguments for encoding exactly the frames.
func encoded(src Source, c Cut, url string) (args []string) {
	early := halfFrame(src, c.Start)
	// Between two frames, so that rounding cannot take another frame.
	from := src.Clock.FrameStart(c.Start) + schema.Time(src.Video.GetStart()+src.Video.GetDecoderDelay()) - early
	length := src.Clock.FrameStart(c.End) - src.Clock.FrameStart(c.Start)
	if from > 0 {
		args = append(args, "-ss", seconds(from))
	} else {
		early = max(early+from, 0)
	}
	args = append(args, "-i", url, "-map", "0:v:0", "-map", "0:a:0?", "-frames:v", strconv.FormatInt(c.End-c.Start, 10), "-fps_mode", "passthrough")
	if src.Video.GetVariableRate() {
		args = append(args, "-enc_time_base:v", "1/90000") // otherwise times are rounded to frames of the average rate
	}
	return append(args, "-vf", "setpts=PTS-STARTPTS", "-af", fmt.Sprintf("atrim=start=%s:duration=%s,asetpts=PTS-STARTPTS", seconds(early), seconds(length)),
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "256k")
}
