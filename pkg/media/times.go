package media

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// timestamps holds the presentation times of all frames, in ticks, in order.
type timestamps struct {
	pts []int64
	end int64
	// decoded is the decoding time of the first packet; 0 where the container has no such time.
	decoded int64
	// delay is the difference between a decoder's times of pictures and pts: VideoTrack.DecoderDelay.
	delay int64
	// unshown is VideoTrack.UnshownFrames.
	unshown int64
	// sparse is VideoTrack.SparseTimes.
	sparse bool
	// reordered is VideoTrack.Reordered.
	reordered bool
	// openGroups is VideoTrack.OpenGroups.
	openGroups bool
	// slack is the largest distance of pts from a constant rate, in ticks. The distance is a tick if each time was
	// rounded on its own, and a hundredth of a frame if the container gives some pictures no time, because readers add
	// up rounded lengths.
	slack int64
}

// even spaces the unshown frames of a constant rate as evenly as the later frames. A recording may be cut between a
// picture and the pictures that are decoded after and shown before the picture. Then a picture is missing, and so is
// the picture's time.
func (t *timestamps) even(base ticks, declared, average schema.Rate) {
	if t.unshown == 0 || t.unshown >= int64(len(t.pts)) {
		return
	}
	shown := t.pts[t.unshown:]
	rate, constant := recoverRate(shown, base, t.slack, declared, average)
	if !constant || len(shown) < 2 {
		return
	}
	perFrame := float64(rate.Den) * float64(base.Den) / (float64(rate.Num) * float64(base.Num)) // in ticks
	unshown := int64(math.Round(float64(shown[0]-t.pts[0]) / perFrame))
	if unshown > int64(len(shown)) {
		return // more frames than probing accepts
	}
	pts := make([]int64, 0, unshown+int64(len(shown)))
	for i := unshown; i > 0; i-- {
		pts = append(pts, shown[0]-int64(math.Round(float64(i)*perFrame)))
	}
	t.pts, t.unshown = append(pts, shown...), unshown
}

// table returns the start of every frame, and the nominal rate.
func (t timestamps) table(base ticks) (schema.FrameTable, schema.Rate) {
	origin := base.time(t.pts[0])
	table := make(schema.FrameTable, 0, len(t.pts)+1)
	for _, p := range t.pts {
		// Where a tick is shorter than a flick, two frames could get the same time.
		at := base.time(p) - origin
		if n := len(table); n > 0 {
			at = max(at, table[n-1]+1)
		}
		table = append(table, at)
	}
	rate, last := nominalRate(table, base.time(1)), table[len(table)-1]
	end := base.time(t.end) - origin
	switch n := len(table); {
	case end > last:
	case n > 1: // the container does not give the length of the last frame: repeat the length of the frame before
		end = last + last - table[n-2]
	default:
		end = rate.FrameStart(1)
	}
	return append(table, end), rate
}

// timestamps reads the time of every frame from the container. A film is decoded only if the container keeps no presentation times (AVI), or too few.
func (r *Reader) timestamps(ctx context.Context, path string, raw *probed, s *stream) (timestamps, error) {
	p, err := r.packets(ctx, path, s)
	if err != nil {
		return timestamps{}, err
	}
	t := timestamps{end: p.end, decoded: p.first, slack: 1, reordered: !slices.IsSorted(p.pts), openGroups: p.openGroups}
	if p.undated > 0 {
		t.slack = max(p.step/100, 1)
	}
	display, ok := p.display()
	if !ok && raw.Format.Name != "avi" {
		if base, valid := parseTicks(s.TimeBase); valid {
			display, ok = p.grid(base, parseRate(s.Declared))
			t.sparse = ok
		}
	}
	if !ok {
		if display, err = r.decodedTimes(ctx, path, p.step); err != nil {
			return timestamps{}, err
		}
	}
	slices.Sort(display)
	t.pts = slices.Compact(display)
	switch {
	case len(t.pts) == 0:
	case raw.Format.Name != "avi":
		t.unshown = p.beforeKey(t.pts)
	case !ok: // AVI has no display times: frame n is displayed at position n of the track
		t.slack = 1
		t.delay = t.pts[0] - p.first
		for i := range t.pts {
			t.pts[i] -= t.delay
		}
	}
	return t, nil
}

// packets holds the times of the picture's packets in decoding order, without packets cut away by an edit list.
type packets struct {
	pts []int64 // of the packets with a presentation time
	dts []int64 // of the packets with a decoding time
	// undated counts packets without pts, unordered counts packets without dts.
	undated, unordered int
	first              int64 // dts of the first packet
	end                int64 // the latest end of a packet
	step               int64 // the length of the last packet; 0 where the container gives no length
	// keyPTS and keyDTS are the times of the first key packet with both times; keyed is false without such a packet.
	keyed          bool
	keyPTS, keyDTS int64
	// early counts the packets before the first key packet.
	early int
	// openGroups holds if a packet after a key packet has an earlier presentation time than the key packet.
	openGroups bool
}

func (r *Reader) packets(ctx context.Context, path string, s *stream) (p packets, err error) {
	var all, kept int64
	key, lastKey := false, int64(math.MinInt64) // lastKey is the time of the key packet before
	stderr, err := r.table(ctx, path, "packet=pts,dts,duration,flags", func(row []string) error {
		all++
		if len(row) < 4 {
			return nil
		}
		pts, errPTS := strconv.ParseInt(row[0], 10, 64)
		dts, errDTS := strconv.ParseInt(row[1], 10, 64)
		if strings.Contains(row[3], "K") {
			key = true
			if errPTS == nil {
				lastKey = pts
			}
			if !p.keyed && errPTS == nil && errDTS == nil {
				p.keyed, p.keyPTS, p.keyDTS = true, pts, dts
			}
		}
		p.openGroups = p.openGroups || errPTS == nil && pts < lastKey
		if strings.Contains(row[3], "D") {
			return nil // cut away by an edit list
		}
		if kept++; kept == 1 && errDTS == nil {
			p.first = dts
		}
		if !key {
			p.early++
		}
		if errPTS == nil {
			p.pts = append(p.pts, pts)
		} else {
			p.undated++
		}
		if errDTS == nil {
			p.dts = append(p.dts, dts)
		} else {
			p.unordered++
		}
		if d, err := strconv.ParseInt(row[2], 10, 64); err == nil {
			p.step = d
			p.end = max(p.end, pts+d)
		}
		return r.countFrames(path, int(kept))
	})
	if err != nil {
		return packets{}, err
	}
	// ffprobe reports a missing end on stderr, and exits with success.
	low := strings.ToLower(stderr)
	if strings.Contains(low, "partial file") || strings.Contains(low, "ended prematurely") || strings.Contains(low, "truncat") {
		detail := ""
		if declared, err := strconv.ParseInt(s.Count, 10, 64); err == nil && declared > all {
			detail = fmt.Sprintf(": %d of %d frames are present", all, declared)
		}
		return packets{}, errkind.New(errkind.Invalid, "%s is cut short%s", nameOf(path), detail)
	}
	return p, nil
}

// display returns the display times of all frames, in any order; false where the packets do not determine the times.
//
// MPEG program streams give a time only to the first picture of each packet of the multiplex (ISO/IEC 13818-1, 2.4.3.7), and readers fill in the
// decoding times. Pictures are displayed at the same intervals as they are decoded, later by the delay of key pictures. If every known display time
// fits this rule, the rule gives the missing times.
func (p packets) display() ([]int64, bool) {
	if p.undated == 0 {
		return p.pts, true
	}
	if !p.keyed || p.unordered > 0 {
		return nil, false
	}
	delay := p.keyPTS - p.keyDTS
	for i := 1; i < len(p.dts); i++ {
		if p.dts[i] <= p.dts[i-1] {
			return nil, false
		}
	}
	for _, pts := range p.pts {
		i, _ := slices.BinarySearch(p.dts, pts-delay-p.step/4)
		if i == len(p.dts) || p.dts[i] > pts-delay+p.step/4 {
			return nil, false
		}
	}
	display := slices.Clone(p.dts)
	for i := range display {
		display[i] += delay
	}
	return display, true
}

// grid returns the display times of the constant rate in the sequence header (ISO/IEC 13818-2, frame_rate_code), a time
// for each packet; false if the container's times do not fit. Readers date some pictures of a program stream by the
// time of the next picture. Then decoding times step back.
func (p packets) grid(base ticks, rate schema.Rate) ([]int64, bool) {
	if len(p.pts) == 0 || p.early > 0 || rate.Validate() != nil || rate.Num/rate.Den > fastest {
		return nil, false
	}
	count := len(p.pts) + p.undated
	perFrame := float64(rate.Den) * float64(base.Den) / (float64(rate.Num) * float64(base.Num)) // in ticks
	first, last, off := slices.Min(p.pts), slices.Max(p.pts), 0
	for _, pts := range p.pts {
		n := float64(pts-first) / perFrame
		if d := n - math.Round(n); d > 0.25 || d < -0.25 {
			off++
		}
	}
	const few, tail = 0.05, 16 // few: allowed share of misfit times; tail: pictures at the end without a time
	end := math.Round(float64(last-first) / perFrame)
	if float64(off) > few*float64(len(p.pts)) || end > float64(count-1) || end < float64(count-1-tail) {
		return nil, false
	}
	display := make([]int64, count)
	for i := range display {
		display[i] = first + int64(math.Round(float64(i)*perFrame))
	}
	return display, true
}

// beforeKey returns the number of frames displayed before the first key frame, for a track with other packets first.
// pts holds the display times of all frames, in order. A key frame without a display time is displayed at its decoding
// time or later.
func (p packets) beforeKey(pts []int64) int64 {
	if p.early == 0 || !p.keyed {
		return 0
	}
	n, _ := slices.BinarySearch(pts, p.keyPTS)
	return int64(n)
}

// decodedTimes returns a decoder's times of the pictures. A picture without a time follows the picture before by a step.
func (r *Reader) decodedTimes(ctx context.Context, path string, step int64) (pts []int64, err error) {
	early := 0 // pictures before the first picture with a time
	_, err = r.table(ctx, path, "frame=best_effort_timestamp", func(row []string) error {
		at, err := strconv.ParseInt(row[0], 10, 64)
		switch {
		case err == nil:
			pts = append(pts, at)
		case len(pts) == 0:
			early++
		default:
			pts = append(pts, pts[len(pts)-1]+max(step, 1))
		}
		return r.countFrames(path, len(pts)+early)
	})
	for i := 1; i <= early && len(pts) > 0; i++ {
		pts = append(pts, pts[0]-int64(i)*max(step, 1))
	}
	return pts, err
}

func (r *Reader) countFrames(path string, n int) error {
	if int64(n) > r.cfg.MaxFrames {
		return fmt.Errorf("%s has more than %d frames: %w", nameOf(path), r.cfg.MaxFrames, ErrTooLarge)
	}
	return nil
}

// table runs ffprobe over the picture, and calls row with each row of entries.
func (r *Reader) table(ctx context.Context, path, entries string, row func([]string) error) (stderr string, err error) {
	url, err := fileURL(path)
	if err != nil {
		return "", err
	}
	args := append(sandboxed("-v", "error"), "-select_streams", "V:0", "-show_entries", entries, "-of", "csv=p=0", url)
	stderr, err = r.run(ctx, r.tools.FFprobe, args, func(out io.Reader) error {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			if err := row(strings.Split(lines.Text(), ",")); err != nil {
				return err
			}
		}
		return lines.Err()
	})
	if err != nil {
		return "", fmt.Errorf("reading the frame times: %w", explain(path, stderr, err))
	}
	return stderr, nil
}
