package media

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// ttmlMark is the mark of TTML in MP4 (ISO/IEC 14496-30). ffmpeg has no codec for such tracks.
const ttmlMark = "stpp"

func (p *probed) track(index int32) *stream {
	for i := range p.Streams {
		if p.Streams[i].Index == index {
			return &p.Streams[i]
		}
	}
	return nil
}

// sampled reports whether a text track is read from its stored samples.
func (s *stream) sampled() bool { return s.Mark == ttmlMark || s.Codec == "eia_608" }

// sampledTrack reads a text track from its samples.
func (r *Reader) sampledTrack(ctx context.Context, path string, s *stream, film *Film) (*timedtext.Track, error) {
	samples, err := r.textSamples(ctx, path, s)
	if err != nil {
		return nil, err
	}
	opts := film.trackOptions()
	var t *timedtext.Track
	if s.Mark == ttmlMark {
		t, err = timedtext.ParseSamples(samples, opts)
	} else {
		t, err = captionTrack(samples, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("extracting text track %d: %w", s.Index, err)
	}
	return t, nil
}

// textSamples reads the stored samples of a text track, with times on the container's clock.
func (r *Reader) textSamples(ctx context.Context, path string, s *stream) ([]timedtext.Sample, error) {
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	base, ok := parseTicks(s.TimeBase)
	if !ok {
		return nil, errkind.New(errkind.Invalid, "text track %d has no time base", s.Index)
	}
	var raw struct {
		Packets []struct {
			PTS      *int64 `json:"pts"`
			Duration int64  `json:"duration"`
			Size     string `json:"size"`
		} `json:"packets"`
	}
	args := append(sandboxed("-v", "error"), "-select_streams", strconv.Itoa(int(s.Index)), "-show_entries", "packet=pts,duration,size", "-of", "json", url)
	stderr, err := r.run(ctx, r.tools.FFprobe, args, func(out io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(out, maxDescription+1))
		if err != nil {
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		}
		if len(text) > maxDescription {
			return fmt.Errorf("text track %d has too many samples: %w", s.Index, ErrTooLarge)
		}
		if err := json.Unmarshal(text, &raw); err != nil && ctx.Err() == nil {
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the samples of text track %d: %w", s.Index, explain(path, stderr, err))
	}
	args = append(sandboxed("-v", "error", "-nostdin"), "-i", url, "-map", fmt.Sprintf("0:%d", s.Index), "-c", "copy", "-f", "data", "pipe:1")
	data, err := r.textOf(ctx, path, args)
	if err != nil {
		return nil, fmt.Errorf("reading the samples of text track %d: %w", s.Index, err)
	}
	var out []timedtext.Sample
	for _, p := range raw.Packets {
		n, err := strconv.Atoi(p.Size)
		if err != nil || n < 0 || n > len(data) || p.PTS == nil {
			return nil, errkind.New(errkind.Invalid, "text track %d has samples without size or time", s.Index)
		}
		out = append(out, timedtext.Sample{Start: base.time(*p.PTS), End: base.time(*p.PTS + p.Duration), Data: data[:n]})
		data = data[n:]
	}
	return out, nil
}

// captionTrack reads a track of CEA-608 samples (c608 of QuickTime), which are triplets. Triplets of a field in the
// same sample follow each other by a frame of 29.97.
func captionTrack(samples []timedtext.Sample, opts timedtext.Options) (*timedtext.Track, error) {
	frame := schema.Rate{Num: 30000, Den: 1001}.FrameStart(1)
	var data []timedtext.CaptionData
	for _, s := range samples {
		var at [2]schema.Time
		for t := range slices.Chunk(s.Data, 3) {
			if len(t) == 3 {
				field := t[0] & 1
				data = append(data, timedtext.CaptionData{At: s.Start - opts.Offset + at[field], Triplets: t})
				at[field] += frame
			}
		}
	}
	slices.SortStableFunc(data, func(a, b timedtext.CaptionData) int { return int(min(max(a.At-b.At, -1), 1)) })
	tracks, err := timedtext.CaptionTracks(data, opts)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"CC1", "CC2", "CC3", "CC4"} {
		if t := tracks[name]; t != nil {
			for other, o := range tracks {
				if other != name {
					t.Notes = append(t.Notes, fmt.Sprintf("the track holds %s with %d captions beside %s; only %s was read", other, len(o.Cues), name, name))
				}
			}
			return t, nil
		}
	}
	return nil, errkind.New(errkind.Invalid, "the track has no captions")
}
