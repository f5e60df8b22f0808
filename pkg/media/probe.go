package media

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// ErrTooLarge marks a file, a picture or a text over its limit of size. The kind is Invalid, since a retry gets the same bytes.
var ErrTooLarge = errkind.New(errkind.Invalid, "over the limit of size")

// A Film is the result of Probe.
type Film struct {
	// Asset has size, container, duration and tracks. The caller adds identity, title and place. Text tracks are the tracks inside the file whose
	// cues are text; tracks of pictures of text are left out.
	Asset *cinedexv1.Asset
	// Frames holds the exact start of every frame for a variable rate, and is nil for a constant rate. Like all times of an asset, the starts count
	// from the start of the first frame. Asset.Video.Start is the time of the first frame on the container's clock.
	Frames schema.FrameTable
	// Origin is the time on the container's clock from which side-cars count. Origin is zero for most containers. In MPEG transport and program
	// streams the clock begins at any time, and in Ogg and FLV muxers may let the clock begin late: there, Origin is the first time of any track.
	Origin schema.Time

	probed *probed // ffprobe's answer; nil for a Film from elsewhere than Probe
}

// Clock returns the clock of the film's pictures; an error for a film without pictures.
func (f *Film) Clock() (schema.Clock, error) { return schema.ClockOf(f.Asset.GetVideo(), f.Frames) }

// Probe describes the file at path, down to the start of every frame. A fault of the file is an error of kind Invalid.
func (r *Reader) Probe(ctx context.Context, path string) (*Film, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.ProbeTimeout,
		errkind.New(errkind.Invalid, "%s takes longer than %s to probe", nameOf(path), r.cfg.ProbeTimeout))
	defer cancel()

	size, err := r.inspect(path)
	if err != nil {
		return nil, err
	}
	raw, err := r.streams(ctx, path)
	if err != nil {
		return nil, err
	}
	film := &Film{Asset: &cinedexv1.Asset{SizeBytes: size, Container: raw.Format.Name}, probed: raw}
	film.Asset.Duration = int64(decimalTime(raw.Format.Duration))
	raw.describeSound(film.Asset)
	raw.describeText(film.Asset)

	picture := raw.picture()
	switch {
	case picture != nil:
		if err := r.describePicture(ctx, path, raw, picture, film); err != nil {
			return nil, err
		}
	case len(film.Asset.Audio) == 0:
		return nil, errkind.New(errkind.Invalid, "%s has neither pictures nor sound", nameOf(path))
	}
	if film.Asset.Duration <= 0 {
		return nil, errkind.New(errkind.Invalid, "%s has a duration of zero", nameOf(path))
	}
	return film, nil
}

// inspect refuses files by name, size and first bytes, before a program is started.
func (r *Reader) inspect(path string) (size int64, err error) {
	name := nameOf(path)
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("opening %s: %w", name, err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return 0, fmt.Errorf("reading the attributes of %s: %w", name, err)
	case !st.Mode().IsRegular():
		return 0, errkind.New(errkind.Invalid, "%s is not a file", name)
	case st.Size() == 0:
		return 0, errkind.New(errkind.Invalid, "%s is empty", name)
	}
	if err := r.CheckSize(name, st.Size()); err != nil {
		return 0, err
	}
	begin := make([]byte, 4096)
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("reading %s: %w", name, err)
	}
	if isText(begin[:n]) {
		return 0, errkind.New(errkind.Invalid, "%s is a text file, not a film", name)
	}
	return st.Size(), nil
}

// CheckSize refuses a media file of more bytes than the limit. Callers call CheckSize before hashing or fetching a file.
func (r *Reader) CheckSize(name string, size int64) error {
	if size > r.cfg.MaxBytes {
		return fmt.Errorf("%s has %d bytes, and at most %d are taken: %w", name, size, r.cfg.MaxBytes, ErrTooLarge)
	}
	return nil
}

// isText reports whether b is the beginning of a text. All containers begin with binary lengths or marks.
func isText(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			return len(b) < utf8.UTFMax // a character cut by the end of the sample
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' {
			return false
		}
		b = b[n:]
	}
	return true
}

// probed is ffprobe's JSON, as far as media uses the fields.
type probed struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Name     string            `json:"format_name"`
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
	// complaints are ffprobe's messages beside its answer.
	complaints string
}

type stream struct {
	Index       int32             `json:"index"`
	Type        string            `json:"codec_type"`
	Mark        string            `json:"codec_tag_string"`
	StartPTS    *int64            `json:"start_pts"`
	Codec       string            `json:"codec_name"`
	PixelFormat string            `json:"pix_fmt"`
	Width       int32             `json:"width"`
	Height      int32             `json:"height"`
	SAR         string            `json:"sample_aspect_ratio"`
	Declared    string            `json:"r_frame_rate"`
	Average     string            `json:"avg_frame_rate"`
	TimeBase    string            `json:"time_base"`
	Count       string            `json:"nb_frames"`
	SampleRate  string            `json:"sample_rate"`
	Channels    int32             `json:"channels"`
	Tags        map[string]string `json:"tags"`
	Disposition map[string]int    `json:"disposition"`
	SideData    []struct {
		Rotation json.Number `json:"rotation"`
	} `json:"side_data_list"`
}

// maxDescription bounds ffprobe's JSON. A thousand streams with tags fit.
const maxDescription = 16 << 20

func (r *Reader) streams(ctx context.Context, path string) (*probed, error) {
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	var raw probed
	args := append(sandboxed("-v", "error"), "-show_format", "-show_streams", "-of", "json", url)
	stderr, err := r.run(ctx, r.tools.FFprobe, args, func(out io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(out, maxDescription+1))
		if err != nil {
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		}
		if len(text) > maxDescription {
			return errkind.New(errkind.Invalid, "%s has too many streams or tags to describe", nameOf(path))
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return nil
		}
		if err := json.Unmarshal(text, &raw); err != nil && ctx.Err() == nil {
			return fmt.Errorf("reading ffprobe's answer: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, explain(path, stderr, err)
	}
	raw.complaints = stderr
	return &raw, nil
}

// described returns ffprobe's answer for the film at path. A Film of Probe holds the answer already.
func (r *Reader) described(ctx context.Context, path string, film *Film) (*probed, error) {
	if _, err := r.inspect(path); err != nil {
		return nil, err
	}
	if film.probed != nil {
		return film.probed, nil
	}
	return r.streams(ctx, path)
}

// picture returns the decoded video stream: the first video stream other than a cover picture. ffmpeg's "V:0" selects
// the same stream.
func (p *probed) picture() *stream {
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Type == "video" && s.Disposition["attached_pic"] == 0 && s.Disposition["timed_thumbnails"] == 0 {
			return s
		}
	}
	return nil
}

func (p *probed) describeSound(a *cinedexv1.Asset) {
	for _, s := range p.Streams {
		if s.Type != "audio" {
			continue
		}
		rate, _ := strconv.ParseInt(s.SampleRate, 10, 32)
		a.Audio = append(a.Audio, &cinedexv1.AudioTrack{
			Index: s.Index, Language: languageOf(s.Tags), Codec: s.Codec,
			SampleRate: int32(rate), Channels: s.Channels, Name: s.name(),
		})
	}
}

// textCodecs are the subtitle codecs whose cues are text.
var textCodecs = []string{"subrip", "srt", "webvtt", "mov_text", "ass", "ssa", "ttml", "text", "eia_608", "subviewer", "microdvd"}

func (p *probed) describeText(a *cinedexv1.Asset) {
	for _, s := range p.Streams {
		if s.Mark != ttmlMark && (s.Type != "subtitle" || !slices.Contains(textCodecs, s.Codec)) {
			continue
		}
		format := s.Codec
		if s.Mark == ttmlMark {
			format = "ttml"
		}
		a.Text = append(a.Text, &cinedexv1.TextTrack{
			Index: s.Index, Language: languageOf(s.Tags), Format: format, Role: s.role(), Name: s.name(),
		})
	}
}

func (s *stream) role() string {
	switch {
	case s.Disposition["forced"] != 0:
		return "forced"
	case s.Disposition["hearing_impaired"] != 0, s.Disposition["captions"] != 0:
		return "captions"
	case s.Disposition["descriptions"] != 0, s.Disposition["visual_impaired"] != 0:
		return "descriptions"
	}
	return "subtitles"
}

// name returns a track's title. MP4 muxers write the handler's name in place of a missing title.
func (s *stream) name() string {
	if t := tag(s.Tags, "title"); t != "" {
		return t
	}
	if h := tag(s.Tags, "handler_name"); h != "" && !strings.HasSuffix(h, "Handler") {
		return h
	}
	return ""
}

// languageOf returns a track's language as canonical BCP 47; empty for an unknown language.
func languageOf(tags map[string]string) string {
	name := tag(tags, "language")
	if name == "" || name == "und" {
		return ""
	}
	canonical, err := schema.CanonicalLanguage(name)
	if err != nil {
		return ""
	}
	return canonical
}

// tag returns the value of a tag. Muxers write the names of tags in any case.
func tag(tags map[string]string, name string) string {
	if v := tags[name]; v != "" {
		return v
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if strings.EqualFold(k, name) && tags[k] != "" {
			return tags[k]
		}
	}
	return ""
}

// describePicture fills the video track and the frame table.
func (r *Reader) describePicture(ctx context.Context, path string, raw *probed, s *stream, film *Film) error {
	name := nameOf(path)
	base, ok := parseTicks(s.TimeBase)
	if !ok || s.Width <= 0 || s.Height <= 0 {
		if strings.Contains(raw.complaints, "Picture size") {
			return errkind.New(errkind.Invalid, "%s declares pictures that are too large", name)
		}
		return errkind.New(errkind.Invalid, "%s has a video track without size or time base", name)
	}
	times, err := r.timestamps(ctx, path, raw, s)
	if err != nil {
		return err
	}
	if len(times.pts) == 0 {
		return errkind.New(errkind.Invalid, "%s has a video track without a single frame", name)
	}
	declared, average := parseRate(s.Declared), parseRate(s.Average)
	times.even(base, declared, average)
	v := &cinedexv1.VideoTrack{
		Width: s.Width, Height: s.Height, Codec: s.Codec, PixelFormat: s.PixelFormat,
		Frames: int64(len(times.pts)), Start: int64(base.time(times.pts[0])), UnshownFrames: times.unshown, SparseTimes: times.sparse, Reordered: times.reordered,
		OpenGroups: times.openGroups,
	}
	if firstOf(raw.Format.Name) == "mov" {
		if v.Fragmented, err = fragmented(path); err != nil {
			return fmt.Errorf("reading the boxes of %s: %w", name, err)
		}
	}
	v.DecoderDelay = int64(base.time(times.pts[0]+times.delay)) - v.Start
	if v.UnshownFrames > v.Frames/2 {
		return errkind.New(errkind.Invalid, "%s begins in the middle of a group of pictures: only %d of its %d frames can be shown", name, v.Frames-v.UnshownFrames, v.Frames)
	}
	v.SarNum, v.SarDen = parsePair(s.SAR, ":")
	if s.turned() {
		v.Width, v.Height = v.Height, v.Width
		v.SarNum, v.SarDen = v.SarDen, v.SarNum
	}
	rate, constant := recoverRate(times.pts, base, times.slack, declared, average)
	var end schema.Time
	if constant {
		end = rate.FrameStart(v.Frames)
	} else {
		v.VariableRate = true
		film.Frames, rate = times.table(base)
		end = film.Frames.FrameStart(v.Frames)
	}
	v.Rate = rate.Proto()
	film.Asset.Duration = max(film.Asset.Duration, int64(end))
	film.Asset.Video = v
	film.Origin = raw.origin(schema.Time(v.Start))
	return r.describeTimecode(ctx, path, raw, s, times, v)
}

// origin returns Film.Origin for a film whose first frame is at start on the container's clock.
func (p *probed) origin(start schema.Time) schema.Time {
	if !slices.Contains([]string{"mpegts", "mpeg", "ogg", "flv", "nut", "asf"}, p.Format.Name) {
		return 0
	}
	for _, s := range p.Streams {
		base, ok := parseTicks(s.TimeBase)
		if ok && s.StartPTS != nil && (s.Type == "audio" || s.Type == "video") {
			start = min(start, base.time(*s.StartPTS))
		}
	}
	return start
}

// turned reports whether the picture is rotated by a quarter turn for display. ffmpeg rotates decoded pictures, so width and height describe the
// upright picture.
func (s *stream) turned() bool {
	degrees := 0.0
	if t, err := strconv.ParseFloat(tag(s.Tags, "rotate"), 64); err == nil {
		degrees = t
	}
	for _, d := range s.SideData {
		if t, err := d.Rotation.Float64(); err == nil {
			degrees = t
		}
	}
	return int(math.Round(math.Abs(degrees)/90))%2 == 1
}

func parseTicks(s string) (ticks, bool) {
	num, den := parsePair(s, "/")
	return ticks{int64(num), int64(den)}, num > 0 && den > 0
}

func parseRate(s string) schema.Rate {
	num, den := parsePair(s, "/")
	return schema.Rate{Num: int64(num), Den: int64(den)}
}

// parsePair reads "a/b" or "a:b"; zeros for any other text.
func parsePair(s, sep string) (int32, int32) {
	a, b, _ := strings.Cut(s, sep)
	x, errX := strconv.ParseInt(a, 10, 32)
	y, errY := strconv.ParseInt(b, 10, 32)
	if errX != nil || errY != nil {
		return 0, 0
	}
	return int32(x), int32(y)
}

// decimalTime reads ffprobe's decimal seconds exactly, to ffprobe's microsecond.
func decimalTime(s string) schema.Time {
	whole, part, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < 0 || sec > math.MaxInt64/int64(schema.Second)-1 {
		return 0
	}
	micro, _ := strconv.ParseInt((part + "000000")[:6], 10, 64)
	return schema.Time(sec)*schema.Second + schema.Time(micro)*(schema.Second/1_000_000) + schema.Time(micro)*(schema.Second%1_000_000)/1_000_000
}
