package media_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A clip is a short film with a known clock. Frame n is the n-th picture in display order.
type clip struct {
	file     string
	frames   int64
	rate     schema.Rate
	variable bool
	// start is the timecode of frame 0; "" for none.
	start string
	// first is the time of frame 0 on the container's clock, in milliseconds.
	first float64
	// labels and times are the expected values of some frames. Times count from frame 0, in milliseconds.
	labels map[int64]string
	times  map[int64]int64
	source string
}

var clips = []clip{
	{file: "vfr.mkv", frames: 150, rate: rateOf(25, 1), variable: true, times: map[int64]int64{75: 3000, 100: 4000, 149: 7920}, source: "PySceneDetect#168, #569"},
	{file: "delayed.mp4", frames: 25, rate: rateOf(25, 1), first: 500, source: "ISO/IEC 14496-12, 8.6.6"},
	{file: "tc.mkv", frames: 100, rate: rateOf(25, 1), start: "09:59:58:00", first: 23, labels: map[int64]string{50: "10:00:00:00"}, source: "Matroska tags"},
	{file: "trimmed.mov", frames: 75, rate: rateOf(25, 1), start: "09:59:59:00", labels: map[int64]string{25: "10:00:00:00"}, source: "QuickTime File Format, edit lists and timecode media"},
	{file: "t2997.mov", frames: 240, rate: rateOf(30000, 1001), start: "00:59:58;00", labels: map[int64]string{59: "00:59:59;29", 60: "01:00:00;00", 239: "01:00:05;29"}, source: "SMPTE ST 12-1; eoyilmaz/timecode#13"},
	{file: "t5994_tc30.mov", frames: 240, rate: rateOf(60000, 1001), start: "02:00:00;40", labels: map[int64]string{30: "02:00:01;10", 239: "02:00:04;39"}, source: "SMPTE ST 12-1, ST 12-3; MediaArea/MediaInfoLib#1138"},
	{file: "m60.mkv", frames: 60, rate: rateOf(60000, 1001), start: "01:00:00;00", labels: map[int64]string{59: "01:00:00;59"}, source: "RFC 9559, DefaultDuration; SMPTE ST 12-1"},
	{file: "r2997.mp4", frames: 120, rate: rateOf(30000, 1001), source: "SMPTE ST 12-1"},
	{file: "p_25.mpg", frames: 50, rate: rateOf(25, 1), first: 540, times: map[int64]int64{49: 1960}, source: "ISO/IEC 13818-1, 2.4.3.7; 13818-2, frame_rate_code"},
	{file: "b.avi", frames: 50, rate: rateOf(25, 1), times: map[int64]int64{49: 1960}, source: "AVI, stream header"},
	{file: "x.avi", frames: 50, rate: rateOf(25, 1), times: map[int64]int64{49: 1960}, source: "AVI, stream header"},
	{file: "ass.mkv", frames: 250, rate: rateOf(25, 1), source: "checked by decoding"},
	{file: "vtt.mp4", frames: 100, rate: rateOf(25, 1), source: "checked by decoding"},
	{file: "stpp.mp4", frames: 100, rate: rateOf(25, 1), source: "checked by decoding"},
}

// line is a release of ffmpeg and ffprobe.
type line struct {
	name string
	media.Tools
}

// lines are a user's possible releases of ffmpeg: the distribution's release, and the packaged release.
func lines(t testing.TB) []line {
	t.Helper()
	cache := os.Getenv("CINEDEX_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, ".cache", "cinedex")
	}
	both := []line{{"distribution", media.Tools{FFmpeg: tool(t, "ffmpeg"), FFprobe: tool(t, "ffprobe")}}}
	packaged := media.Tools{FFmpeg: filepath.Join(cache, "bin", "ffmpeg"), FFprobe: filepath.Join(cache, "bin", "ffprobe")}
	for _, path := range []string{packaged.FFmpeg, packaged.FFprobe} {
		if _, err := exec.LookPath(path); err != nil {
			if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
				t.Fatalf("the packaged ffmpeg is not in the cache: %v", err)
			}
			t.Logf("only the distribution's ffmpeg is run: %v", err)
			return both
		}
	}
	return append(both, line{"packaged", packaged})
}

func (l line) reader(t testing.TB) *media.Reader {
	t.Helper()
	r, err := media.NewReader(media.Default(), l.Tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// seen is the clock of a film as reported by Probe.
type seen struct {
	frames, first int64
	rate          schema.Rate
	variable      bool
	start         string
}

func (s seen) String() string {
	rate, start := s.rate.String(), s.start
	if s.variable {
		rate = "variable, labels of " + rate
	}
	if start == "" {
		start = "no timecode"
	}
	return fmt.Sprintf("%d frames at %s, %s, first at %.4f s", s.frames, rate, start, schema.Time(s.first).Seconds())
}

// wrong describes the differences between Probe's answer and the expected values.
func (c clip) wrong(t testing.TB, l line, path string) (saw seen, wrong []string) {
	t.Helper()
	r := l.reader(t)
	film, err := r.Probe(t.Context(), path)
	if err != nil {
		return seen{}, []string{err.Error()}
	}
	v := film.Asset.Video
	saw = seen{v.Frames, v.Start, schema.RateOf(v.Rate), v.VariableRate, v.StartTimecode}
	want := seen{c.frames, int64(c.first * float64(schema.Millisecond)), c.rate, c.variable, c.start}
	if c.first == anyFirst {
		want.first = saw.first
	}
	if saw != want {
		wrong = append(wrong, fmt.Sprintf("%s, want %s", saw, want))
	}
	clock, err := film.Clock()
	if err != nil {
		return saw, append(wrong, err.Error())
	}
	for n, ms := range c.times {
		if at := clock.FrameStart(n); at != schema.FromMillis(ms) {
			wrong = append(wrong, fmt.Sprintf("frame %d is at %s, want %d ms", n, at, ms))
		}
	}
	scale, err := schema.NewTimecodeScale(v)
	if err != nil {
		return saw, append(wrong, err.Error())
	}
	for n, label := range c.labels {
		if got := scale.Format(n); got != label {
			wrong = append(wrong, fmt.Sprintf("frame %d is %s, want %s", n, got, label))
		}
	}
	return saw, append(wrong, pictures(t, l, r, media.Source{Path: path, Video: v, Clock: clock})...)
}

// pictures compares decoded pictures with the pictures of a plain run of ffmpeg: every frame of the clock, and single
// frames.
func pictures(t testing.TB, l line, r *media.Reader, src media.Source) (wrong []string) {
	t.Helper()
	spec := media.FrameSpec{Width: 64, Height: 36}
	out, err := exec.Command(l.FFmpeg, "-v", "error", "-nostdin", "-i", src.Path, "-map", "0:V:0", "-fps_mode", "passthrough",
		"-vf", "scale=64:36:flags=bicubic,format=rgb24", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatalf("decoding %s: %v", src.Path, err)
	}
	size := 3 * spec.Width * spec.Height
	picture := func(n int64) []byte {
		if n < 0 || int(n+1)*size > len(out) {
			return nil
		}
		return out[int(n)*size : int(n+1)*size]
	}
	if n := int64(len(out) / size); n != src.Clock.Frames() {
		wrong = append(wrong, fmt.Sprintf("%d pictures are decoded", n))
	}
	s, err := r.Decode(t.Context(), src, spec)
	if err != nil {
		return append(wrong, err.Error())
	}
	defer s.Close()
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(wrong, err.Error())
		}
		if !bytes.Equal(f.Pictures[0].Pix, picture(f.N)) {
			wrong = append(wrong, fmt.Sprintf("frame %d shows another picture", f.N))
		}
	}
	if s.Missing() > 0 {
		wrong = append(wrong, fmt.Sprintf("%d frames have no picture", s.Missing()))
	}
	for _, n := range []int64{0, src.Clock.Frames() * 3 / 4, src.Clock.Frames() - 1} {
		p, err := r.FrameAt(t.Context(), src, n, spec)
		switch {
		case err != nil:
			wrong = append(wrong, err.Error())
		case !bytes.Equal(p.Pix, picture(n)):
			wrong = append(wrong, fmt.Sprintf("frame %d, fetched alone, shows another picture", n))
		}
	}
	return wrong
}

// TestClips compares the clock of every clip with the value of specifications and bug reports, by each line of ffmpeg.
func TestClips(t *testing.T) {
	for _, l := range lines(t) {
		for _, c := range clips {
			t.Run(l.name+"/"+c.file, func(t *testing.T) {
				t.Parallel()
				if _, wrong := c.wrong(t, l, filepath.Join("testdata", "clips", c.file)); len(wrong) > 0 {
					t.Errorf("%s (%s)", wrong, c.source)
				}
			})
		}
	}
}

// TestFigureClips prints a row for each clip: expected value, value by each line of ffmpeg, verdict.
func TestFigureClips(t *testing.T) {
	figure.Begin(t, "material/clips")
	right := 0
	ls := lines(t)
	for _, c := range clips {
		want := seen{c.frames, int64(c.first * float64(schema.Millisecond)), c.rate, c.variable, c.start}
		for _, l := range ls {
			saw, wrong := c.wrong(t, l, filepath.Join("testdata", "clips", c.file))
			verdict := "right"
			if len(wrong) > 0 {
				verdict = strings.Join(wrong, "; ")
			} else {
				right++
			}
			fmt.Printf("figure material/clips | %s, %s | expected %s | seen %s | %s\n", c.file, l.name, want, saw, verdict)
		}
	}
	figure.Report(t, true, figure.Result{Name: "material/clips", Claim: "every clip has its frames, rate, timecode, first time and pictures, by both lines of ffmpeg",
		Measured: fmt.Sprintf("%d of %d right", right, len(ls)*len(clips)), Pass: right == len(ls)*len(clips)})
}
