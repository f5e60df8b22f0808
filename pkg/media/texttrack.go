package media

import (
	"context"
	"fmt"
	"io"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// TextOptions returns the film's facts for reading a text beside the film: clock, end, start timecode, and the time of the first picture.
func (f *Film) TextOptions() timedtext.Options {
	v := f.Asset.GetVideo()
	opts := timedtext.Options{Rate: schema.RateOf(v.GetRate()), StartTimecode: v.GetStartTimecode(), Duration: schema.Time(f.Asset.GetDuration())}
	if clock, err := f.Clock(); err == nil {
		opts.Clock = clock
		opts.Offset = schema.Time(v.GetStart()) - f.Origin
	}
	if f.Asset.GetContainer() == "mpegts" && v != nil {
		start := schema.Time(v.GetStart())
		opts.StreamStart = &start
	}
	return opts
}

// trackOptions returns the options for a track inside the film. Such a track counts times on the container's clock, from any beginning.
func (f *Film) trackOptions() timedtext.Options {
	opts := f.TextOptions()
	opts.StartTimecode, opts.StreamStart, opts.Offset = "", nil, schema.Time(f.Asset.GetVideo().GetStart())
	return opts
}

// A textForm is the format in which ffmpeg writes a track for package timedtext.
type textForm struct {
	codec, muxer, format string
	plain                bool
}

// textForms are the codecs copied unchanged. Converted to WebVTT, ASS would lose its speakers; converted to SRT, WebVTT
// would lose its voices.
var textForms = map[string]textForm{
	"ass": {codec: "copy", muxer: "ass", format: "ass"}, "ssa": {codec: "copy", muxer: "ass", format: "ass"},
	"webvtt": {codec: "copy", muxer: "webvtt", format: "webvtt"},
	"subrip": {codec: "copy", muxer: "srt", format: "srt"}, "srt": {codec: "copy", muxer: "srt", format: "srt"},
}

// plainText is the form of all other codecs, such as tx3g. ffmpeg removes styles, and leaves characters such as "<" unchanged.
var plainText = textForm{codec: "text", muxer: "srt", format: "srt", plain: true}

// TextTrack extracts text track t from the film at path. Unusable cues are listed in the track's Bad.
func (r *Reader) TextTrack(ctx context.Context, path string, film *Film, t *pb.TextTrack) (*timedtext.Track, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.ProbeTimeout,
		errkind.New(errkind.Invalid, "%s takes longer than %s to read a text track of", nameOf(path), r.cfg.ProbeTimeout))
	defer cancel()
	raw, err := r.described(ctx, path, film)
	if err != nil {
		return nil, err
	}
	if s := raw.track(t.GetIndex()); s != nil && s.sampled() {
		return r.sampledTrack(ctx, path, s, film)
	}
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	form, ok := textForms[t.GetFormat()]
	if !ok {
		form = plainText
	}
	args := append(sandboxed("-v", "error", "-nostdin", "-copyts"), "-i", url,
		"-map", fmt.Sprintf("0:%d", t.GetIndex()), "-c", form.codec, "-f", form.muxer, "pipe:1")
	data, err := r.textOf(ctx, path, args)
	if err != nil {
		return nil, fmt.Errorf("extracting text track %d: %w", t.GetIndex(), err)
	}
	opts := film.trackOptions()
	opts.Format, opts.Plain, opts.Language = form.format, form.plain, t.GetLanguage()
	text, err := timedtext.Parse(data, opts)
	if err != nil {
		return nil, fmt.Errorf("extracting text track %d: %w", t.GetIndex(), err)
	}
	return text, nil
}

// textOf returns ffmpeg's output for a text track.
func (r *Reader) textOf(ctx context.Context, path string, args []string) (data []byte, err error) {
	stderr, err := r.run(ctx, r.tools.FFmpeg, args, func(out io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(out, timedtext.MaxBytes+1))
		if len(data) > timedtext.MaxBytes {
			return fmt.Errorf("a text track has more than %d bytes: %w", timedtext.MaxBytes, ErrTooLarge)
		}
		return err
	})
	if err != nil {
		return nil, explain(path, stderr, err)
	}
	return data, nil
}
