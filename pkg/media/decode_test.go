package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestProbeAndDecodeAgreeWithTheTruth(t *testing.T) {
	t.Parallel()
	r := reader(t)
	want := map[string]struct {
		rate     schema.Rate
		variable bool
		start    string
		drop     bool
	}{
		"film-23976":  {rateOf(24000, 1001), false, "01:00:00:00", false},
		"film-25":     {rateOf(25, 1), false, "10:00:00:00", false},
		"film-2997df": {rateOf(30000, 1001), false, "00:58:50;00", true},
		"film-5994":   {rateOf(60000, 1001), false, "", false},
		"variable":    {rateOf(25, 1), true, "", false},
	}
	for name, truth := range suite(t) {
		t.Run(name, func(t *testing.T) {
			film, err := r.Probe(t.Context(), truth.Path)
			if err != nil {
				t.Fatal(err)
			}
			v, w := film.Asset.Video, want[name]
			if v.VariableRate != w.variable || v.StartTimecode != w.start || v.DropFrame != w.drop ||
				v.Frames != truth.Frames() || v.Width != 320 || v.Height != 180 || v.Codec != "h264" {
				t.Errorf("probed %v", v)
			}
			if got := schema.RateOf(v.Rate); got != w.rate {
				t.Errorf("rate %s, want %s", got, w.rate)
			}
			if n := len(film.Asset.Text); n != 1 || film.Asset.Text[0].Language != "en" || film.Asset.Text[0].Format != "mov_text" {
				t.Errorf("text tracks %v", film.Asset.Text)
			}
			clock, err := film.Clock()
			if err != nil {
				t.Fatal(err)
			}
			for n := range truth.Frames() + 1 {
				if clock.FrameStart(n) != truth.Clock.FrameStart(n) {
					t.Fatalf("frame %d starts at %d, want %d", n, clock.FrameStart(n), truth.Clock.FrameStart(n))
				}
			}
			for n, got := range stamps(t, r, source(t, r, truth.Path)) {
				if want := truth.Stamp(int64(n)); got != want {
					t.Fatalf("frame %d says %+v, want %+v", n, got, want)
				}
			}
		})
	}
}

// For any container, delay and edit list, entry n of the table is frame n of the decoding. The time of an entry is the burnt-in time, counted from
// the first frame.
func TestContainers(t *testing.T) {
	t.Parallel()
	r := reader(t)
	truth := suite(t)["film-23976"]
	for name, c := range map[string]struct {
		file string
		args []string
		// shift is the burnt-in number of the first frame. frames is the number of frames; 0 means all frames from shift.
		shift, frames int64
		variable      bool
	}{
		"matroska":             {"a.mkv", []string{"-map", "0:v", "-c", "copy"}, 0, 0, false},
		"webm-like ms":         {"b.mkv", []string{"-map", "0:v", "-c:v", "mpeg4", "-q:v", "2"}, 0, 0, false},
		"quicktime":            {"c.mov", []string{"-map", "0:v", "-c", "copy"}, 0, 0, false},
		"transport stream":     {"d.ts", []string{"-map", "0:v", "-c", "copy"}, 0, 0, false},
		"avi":                  {"e.avi", []string{"-map", "0:v", "-c:v", "mpeg4", "-q:v", "2"}, 0, 0, false},
		"avi with h264":        {"f.avi", []string{"-map", "0:v", "-c:v", "libx264", "-bf", "0", "-crf", "18"}, 0, 0, false},
		"edit list":            {"g.mp4", []string{"-map", "0:v", "-c", "copy"}, 70, 0, false},
		"late start":           {"h.mp4", []string{"-map", "0:v", "-c", "copy", "-output_ts_offset", "3.5"}, 0, 0, false},
		"program stream":       {"i.mpg", []string{"-map", "0:v", "-c:v", "mpeg2video", "-q:v", "2", "-bf", "2"}, 0, 0, false},
		"open groups":          {"j.mp4", []string{"-map", "0:v", "-c:v", "libx264", "-x264-params", "open-gop=1:keyint=24:bframes=3", "-crf", "18"}, 0, 0, false},
		"mxf":                  {"k.mxf", []string{"-map", "0:v", "-c:v", "mpeg2video", "-q:v", "2", "-timecode", "01:00:00:00"}, 0, 0, false},
		"some frames left out": {"l.mp4", []string{"-map", "0:v", "-vf", `select=not(between(n\,100\,110))`, "-fps_mode", "passthrough", "-c:v", "libx264", "-crf", "18"}, 0, 512, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			in := []string{"-i", truth.Path}
			if c.shift > 0 {
				at := truth.Clock.FrameStart(c.shift)
				in = append([]string{"-ss", fmt.Sprintf("%.6f", at.Seconds()+0.001)}, in...)
			}
			run(t, append(append(in, c.args...), path)...)
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if film.Asset.Video.VariableRate != c.variable {
				t.Errorf("variable rate: %v, want %v (%v)", film.Asset.Video.VariableRate, c.variable, film.Asset.Video)
			}
			src := source(t, r, path)
			got := stamps(t, r, src)
			first := got[0].Frame
			if first < c.shift-1 || first > c.shift+1 {
				t.Errorf("the first frame is %d, want about %d", first, c.shift)
			}
			want := c.frames
			if want == 0 {
				want = truth.Frames() - first
			}
			if int64(len(got)) != want {
				t.Errorf("%d frames, want %d", len(got), want)
			}
			for n, s := range got {
				if !c.variable && s.Frame != first+int64(n) {
					t.Fatalf("frame %d says %d, want %d", n, s.Frame, first+int64(n))
				}
				start := truth.Clock.FrameStart(s.Frame) - truth.Clock.FrameStart(first)
				if off := src.Clock.FrameStart(int64(n)) - start; c.variable && max(off, -off) > schema.Millisecond || !c.variable && off != 0 {
					t.Fatalf("frame %d starts %d flicks away from its time", n, off)
				}
			}
			for _, n := range []int64{0, 1, 59, 60, 61, int64(len(got)) - 1} {
				sameFrame(t, r, src, n, got[n].Frame)
			}
		})
	}
}

// sameFrame checks that FrameAt returns the frame whose stamp is want.
func sameFrame(t *testing.T, r *media.Reader, src media.Source, n, want int64) {
	t.Helper()
	p, err := r.FrameAt(t.Context(), src, n, whole)
	if err != nil {
		t.Fatalf("frame %d: %v", n, err)
	}
	if s := mustStamp(t, p); s.Frame != want {
		t.Errorf("frame %d fetched alone says %d, want %d", n, s.Frame, want)
	}
}

func TestFrameAtGivesTheVeryBytes(t *testing.T) {
	t.Parallel()
	r := reader(t)
	for name, truth := range suite(t) {
		src := source(t, r, truth.Path)
		rng := rand.New(rand.NewPCG(7, 7))
		wanted := map[int64]bool{0: true, truth.Frames() - 1: true}
		for len(wanted) < 8 {
			wanted[rng.Int64N(truth.Frames())] = true
		}
		specs := []media.FrameSpec{{Width: 48, Height: 27}, {Width: 260, Height: 260, Fit: media.Crop}}
		s, err := r.Decode(t.Context(), src, specs...)
		if err != nil {
			t.Fatal(err)
		}
		for {
			f, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, spec := range specs {
				if !wanted[f.N] {
					continue
				}
				p, err := r.FrameAt(t.Context(), src, f.N, spec)
				if err != nil {
					t.Fatalf("%s frame %d: %v", name, f.N, err)
				}
				if !bytes.Equal(p.Pix, f.Pictures[i].Pix) {
					t.Errorf("%s frame %d alone differs from the one in the stream", name, f.N)
				}
			}
		}
		s.Close()
	}
	src := source(t, r, suite(t)["film-25"].Path)
	for _, n := range []int64{-1, src.Clock.Frames()} {
		if _, err := r.FrameAt(t.Context(), src, n, whole); errkind.Of(err) != errkind.NotFound {
			t.Errorf("frame %d: %v", n, err)
		}
	}
}

// Models must see the pictures of their training: ffmpeg's own scaling, with default settings.
func TestSqueezeIsFFmpegsOwnScaling(t *testing.T) {
	r := reader(t)
	truth := suite(t)["film-25"]
	want := filepath.Join(t.TempDir(), "raw")
	run(t, "-i", truth.Path, "-s", "48x27", "-pix_fmt", "rgb24", "-f", "rawvideo", want)
	raw, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Decode(t.Context(), source(t, r, truth.Path), media.FrameSpec{Width: 48, Height: 27})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []byte
	for {
		f, err := s.Next()
		if err != nil {
			break
		}
		got = append(got, f.Pictures[0].Pix...)
	}
	if !bytes.Equal(raw, got) {
		t.Errorf("%d bytes, and ffmpeg's own %d, or they differ", len(got), len(raw))
	}
}

func TestStridesAndSlowReaders(t *testing.T) {
	r := reader(t)
	truth := suite(t)["film-25"]
	src := source(t, r, truth.Path)
	specs := []media.FrameSpec{{Width: 48, Height: 27}, {Width: 260, Height: 260, Fit: media.Crop, Stride: 7}, {Width: 320, Fit: media.Keep, Stride: 100}, {Width: 64, Height: 64, Stride: 1}}
	s, err := r.Decode(t.Context(), src, specs...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n int64
	for ; ; n++ {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, spec := range specs {
			if due := n%int64(max(spec.Stride, 1)) == 0; due != (f.Pictures[i] != nil) {
				t.Fatalf("frame %d, size %d: there is a picture: %v", n, i, !due)
			}
		}
		if p := f.Pictures[2]; p != nil {
			if got := mustStamp(t, p); got.Frame != n {
				t.Errorf("frame %d says %d", n, got.Frame)
			}
		}
	}
	if n != truth.Frames() || s.Missing() != 0 {
		t.Errorf("%d frames, %d missing; want %d", n, s.Missing(), truth.Frames())
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOneStrideAlone(t *testing.T) {
	r := reader(t)
	truth := suite(t)["film-25"]
	s, err := r.Decode(t.Context(), source(t, r, truth.Path), media.FrameSpec{Width: 320, Fit: media.Keep, Stride: 250})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var seen []int64
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Pictures[0] != nil {
			seen = append(seen, mustStamp(t, f.Pictures[0]).Frame)
		}
	}
	if diff := cmp.Diff([]int64{0, 250, 500}, seen); diff != "" {
		t.Error(diff)
	}
}

// A film with overwritten bytes keeps its numbering: each frame shows its own picture, or the picture of the frame before.
func TestDamageMovesNothing(t *testing.T) {
	r := reader(t)
	truth := suite(t)["film-25"]
	data, err := os.ReadFile(truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("mdat"))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 25 {
		i := at + 8 + rng.IntN((len(data)-at)/2)
		for j := range 60 {
			data[i+j] = byte(rng.Uint32())
		}
	}
	path := write(t, t.TempDir(), "damaged.mp4", data)
	s, err := r.Decode(t.Context(), source(t, r, path), whole)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n, readable, wrong int64
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := readStamp(f.Pictures[0]); ok {
			readable++
			if st.Frame != f.N {
				wrong++
			}
		}
		n++
	}
	if n != truth.Frames() || readable < n/3 || wrong > s.Missing()+n/20 {
		t.Errorf("%d frames (want %d), %d readable, %d of them another, %d missing", n, truth.Frames(), readable, wrong, s.Missing())
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	r := reader(t)
	dir := t.TempDir()
	film := suite(t)["film-25"].Path
	turned, wide := filepath.Join(dir, "turned.mp4"), filepath.Join(dir, "anamorphic.mp4")
	// The option for rotating a film was renamed in ffmpeg 6.
	if err := exec.Command(tool(t, "ffmpeg"), "-v", "error", "-display_rotation", "90", "-i", film, "-map", "0:v", "-c", "copy", "-frames:v", "30", turned).Run(); err != nil {
		run(t, "-i", film, "-map", "0:v", "-c", "copy", "-metadata:s:v", "rotate=90", "-frames:v", "30", turned)
	}
	run(t, "-i", film, "-map", "0:v", "-vf", "setsar=2/1", "-frames:v", "30", "-c:v", "libx264", wide)
	for _, c := range []struct {
		path          string
		spec          media.FrameSpec
		width, height int
	}{
		{film, media.FrameSpec{Width: 160, Fit: media.Keep}, 160, 90},
		{film, media.FrameSpec{Width: 100, Fit: media.Keep}, 100, 56},
		{turned, media.FrameSpec{Width: 90, Fit: media.Keep}, 90, 160},
		{wide, media.FrameSpec{Width: 320, Fit: media.Keep}, 320, 90},
		{wide, media.FrameSpec{Width: 64, Height: 64, Fit: media.Crop}, 64, 64},
		{turned, media.FrameSpec{Width: 64, Height: 48, Fit: media.Crop}, 64, 48},
	} {
		p, err := r.FrameAt(t.Context(), source(t, r, c.path), 3, c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if p.Width != c.width || p.Height != c.height || len(p.Pix) != 3*c.width*c.height {
			t.Errorf("%s at %+v: %d x %d", filepath.Base(c.path), c.spec, p.Width, p.Height)
		}
	}
}

func TestCancelAndClose(t *testing.T) {
	r := reader(t)
	src := source(t, r, suite(t)["film-5994"].Path)

	ctx, cancel := context.WithCancel(t.Context())
	s, err := r.Decode(ctx, src, whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = s.Next()
	}
	if errkind.Of(err) != errkind.Cancelled {
		t.Errorf("after cancelling: %v", err)
	}
	s.Close()

	// Closed in the middle of the film, with no reader.
	s, err = r.Decode(t.Context(), src, whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	noChildren(t)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := r.Probe(ctx, src.Path); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("probing after cancelling: %v", err)
	}
	if _, err := r.FrameAt(ctx, src, 5, whole); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("fetching after cancelling: %v", err)
	}
	noChildren(t)
}

// noChildren fails if a child process, or a zombie, exists.
func noChildren(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(paths) == 0 {
		t.Skip("this system does not list a process's children")
	}
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil && len(strings.TrimSpace(string(b))) > 0 {
			t.Errorf("children are left: %s", b)
		}
	}
}

func TestStall(t *testing.T) {
	// A program without output stands for a hanging decoder.
	sleep := write(t, t.TempDir(), "ffmpeg", []byte("#!/bin/sh\nsleep 1000\n"))
	if err := os.Chmod(sleep, 0o755); err != nil {
		t.Fatal(err)
	}
	src := source(t, reader(t), suite(t)["film-25"].Path)
	t.Setenv("CINEDEX_FFMPEG", sleep)
	r := reader(t, func(c *media.Config) { c.StallTimeout = 200 * time.Millisecond })
	s, err := r.Decode(t.Context(), src, whole)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Next()
	if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "yielded no frame") {
		t.Errorf("a decoder that hangs: %v", err)
	}
	s.Close()
	sound, err := r.Sound(t.Context(), src.Path, &pb.AudioTrack{Channels: 1}, media.SoundSpec{Rate: 16000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(sound); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "yielded no sound") {
		t.Errorf("a decoder of sound that hangs: %v", err)
	}
	sound.Close()
	noChildren(t)
}

// If a film changes its size half way, ffmpeg sets up its filters again. Frame numbers, strides and sizes continue.
func TestSizeChangesHalfWay(t *testing.T) {
	t.Parallel()
	r := reader(t)
	truth := suite(t)["film-25"]
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.ts"), filepath.Join(dir, "b.ts")
	run(t, "-i", truth.Path, "-map", "0:v", "-frames:v", "250", "-c:v", "libx264", "-crf", "18", a)
	run(t, "-i", truth.Path, "-map", "0:v", "-vf", `select=gte(n\,250),scale=480:270`, "-fps_mode", "passthrough", "-copyts", "-output_ts_offset", "0.08", "-c:v", "libx264", "-crf", "18", b)
	var joined []byte
	for _, p := range []string{a, b} {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	src := source(t, r, write(t, dir, "joined.ts", joined))
	s, err := r.Decode(t.Context(), src, media.FrameSpec{Width: 48, Height: 27}, media.FrameSpec{Width: 320, Fit: media.Keep, Stride: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n int64
	for ; ; n++ {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := f.Pictures[1]; n%7 == 0 {
			// After the change the stride counts from the beginning: the picture is the newest decoded picture.
			if st := mustStamp(t, p); st.Frame > n || st.Frame <= n-7 || n < 250 && st.Frame != n {
				t.Errorf("frame %d says %d", n, st.Frame)
			}
		}
	}
	if n != truth.Frames() {
		t.Errorf("%d frames, want %d", n, truth.Frames())
	}
}

func TestLimitsOfTheDecoder(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "huge.avi")
	run(t, "-f", "lavfi", "-i", "color=s=9000x9000:d=0.1:r=10", "-c:v", "mjpeg", huge)
	r := reader(t)
	film, err := r.Probe(t.Context(), huge)
	if err == nil {
		clock, errClock := film.Clock()
		if errClock != nil {
			t.Fatal(errClock)
		}
		_, err = r.FrameAt(t.Context(), media.Source{Path: huge, Video: film.Asset.Video, Clock: clock}, 0, media.FrameSpec{Width: 48, Height: 27})
	}
	if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "too large") {
		t.Errorf("pictures of 81 million pixels: %v", err)
	}

	src := source(t, r, suite(t)["film-25"].Path)
	small := reader(t, func(c *media.Config) { c.MaxMemory = 256 << 20 })
	s, err := small.Decode(t.Context(), src, media.FrameSpec{Width: 8000, Height: 8000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for err == nil {
		_, err = s.Next()
	}
	if errkind.Of(err) != errkind.Exhausted {
		t.Errorf("more memory than allowed: %v", err)
	}
}

// TestTallFilms: a film's header may declare any shape. No frame is decoded whose height follows from an absurd shape.
func TestTallFilms(t *testing.T) {
	r := reader(t)
	film := suite(t)["film-25"].Path
	clock, err := schema.ClockOf(&pb.VideoTrack{Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		video *pb.VideoTrack
		spec  media.FrameSpec
		says  string
	}{
		"tall":   {&pb.VideoTrack{Width: 16, Height: 512}, media.FrameSpec{Width: 300, Fit: media.Keep}, "as high as wide"},
		"pixels": {&pb.VideoTrack{Width: 16, Height: 32, SarNum: 1, SarDen: 4000}, media.FrameSpec{Width: 300, Fit: media.Keep}, "as high as wide"},
		"large":  {&pb.VideoTrack{Width: 1920, Height: 1080}, media.FrameSpec{Width: 16384, Height: 16384}, "pixels"},
	} {
		if _, err := r.Decode(t.Context(), media.Source{Path: film, Video: c.video, Clock: clock}, c.spec); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error saying %q", name, err, c.says)
		}
	}
}
