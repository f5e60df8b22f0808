package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A studio makes films, and proxies of the films.
type studio struct {
	t      *testing.T
	tools  media.Tools
	reader *media.Reader
	reg    *algo.Registry
	dir    string // of the films
	truths map[string]mediatest.Truth
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	s := &studio{t: t, dir: t.TempDir(), truths: map[string]mediatest.Truth{}}
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	s.tools.FFmpeg, s.tools.FFprobe = modeltest.Tools(t, cache)
	if s.reader, err = media.NewReader(media.Default(), s.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if s.reg, err = algo.NewRegistry(proxy.New(func() (string, error) { return s.tools.FFmpeg, nil })); err != nil {
		t.Fatal(err)
	}
	return s
}

// truth makes a film of a clock. The film of 59.94 is longer than a piece.
func (s *studio) truth(name string) mediatest.Truth {
	s.t.Helper()
	if t, made := s.truths[name]; made {
		return t
	}
	r := func(num, den int64) schema.Rate { return schema.Rate{Num: num, Den: den} }
	f := mediatest.Film{Name: name, Width: 320, Height: 180, StartTimecode: "00:59:58:00", Scenes: []mediatest.Scene{{Frames: 50, Seed: 10}, {Frames: 35, Seed: 11}}}
	switch name {
	case "film-23976":
		f.Rate = r(24000, 1001)
	case "film-25":
		f.Rate = r(25, 1)
	case "film-2997df":
		f.Rate, f.StartTimecode = r(30000, 1001), "00:59:58;00"
	case "film-5994":
		f.Rate, f.Scenes[0].Frames = r(60000, 1001), 230
	case "variable":
		f.Rate, f.StartTimecode = r(25, 1), ""
		f.Variable = []mediatest.Part{{Frames: 40, Rate: r(30000, 1001)}, {Frames: 25, Rate: r(24000, 1001)}, {Frames: 20, Rate: r(15, 1)}}
	}
	t, err := f.Write(s.t.Context(), s.dir, mediatest.Tools{FFmpeg: s.tools.FFmpeg})
	if err != nil {
		s.t.Fatal(err)
	}
	s.truths[name] = t
	return t
}

// made is a proxy as a file.
type made struct {
	clip *algotest.Clip
	path string
	data []byte
}

// proxy makes the proxy of a film, and writes the film that search-api serves.
func (s *studio) proxy(path string) made {
	s.t.Helper()
	clip, err := algotest.OpenClip(s.t.Context(), s.reader, path)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := algotest.Run(s.t.Context(), s.reg, "proxy", clip)
	if err != nil {
		s.t.Fatal(err)
	}
	m := made{clip: clip, path: filepath.Join(s.t.TempDir(), "proxy.mp4")}
	if len(r.Annotations) == 0 {
		return m
	}
	f, err := proxy.Read(r.Annotations)
	if err != nil {
		s.t.Fatal(err)
	}
	m.data = f.Head
	for _, p := range f.Pieces {
		b := r.Blobs[filepath.Base(p.Ref.GetKey())]
		if int64(len(b)) != p.Size {
			s.t.Fatalf("a piece of %d bytes is told as %d", len(b), p.Size)
		}
		m.data = append(m.data, b...)
	}
	if int64(len(m.data)) != f.Size {
		s.t.Fatalf("the proxy has %d bytes, and is told as %d", len(m.data), f.Size)
	}
	if err := os.WriteFile(m.path, m.data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// stamps decodes every frame of a film and reads the burnt-in codes, and returns the clock.
func (s *studio) stamps(path string) ([]mediatest.Stamp, schema.Clock, *pb.Asset) {
	s.t.Helper()
	film, err := s.reader.Probe(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		s.t.Fatal(err)
	}
	stream, err := s.reader.Decode(s.t.Context(), media.Source{Path: path, Video: film.Asset.GetVideo(), Clock: clock}, media.FrameSpec{Width: 320, Height: 180})
	if err != nil {
		s.t.Fatal(err)
	}
	defer stream.Close()
	var out []mediatest.Stamp
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return out, clock, film.Asset
		}
		if err != nil {
			s.t.Fatal(err)
		}
		stamp, readable := mediatest.ReadStamp(f.Pictures[0].Image())
		if !readable {
			s.t.Fatalf("frame %d of %s has no code that can be read", f.N, filepath.Base(path))
		}
		out = append(out, stamp)
	}
}

func (s *studio) ffmpeg(args ...string) {
	s.t.Helper()
	if out, err := exec.CommandContext(s.t.Context(), s.tools.FFmpeg, append([]string{"-v", "error", "-nostdin", "-y"}, args...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
}

// recordings are films that browsers do not play, of every clock.
var recordings = map[string]struct {
	from, file string
	args       []string
}{
	"ProRes, 23.976":                 {"film-23976", "a.mov", []string{"-c:v", "prores", "-profile:v", "1"}},
	"DNxHR in MXF, 25":               {"film-25", "b.mxf", []string{"-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p"}},
	"MPEG-2 in MXF, interlaced":      {"film-25", "c.mxf", []string{"-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", "1", "-q:v", "2", "-bf", "2"}},
	"HEVC, 59.94":                    {"film-5994", "d.mp4", []string{"-c:v", "libx265", "-x265-params", "log-level=none:pools=2", "-preset", "ultrafast", "-crf", "18", "-tag:v", "hvc1"}},
	"ten bits, variable, edit list":  {"variable", "e.mp4", []string{"-ss", "0.7", "-fps_mode", "passthrough", "-enc_time_base", "1/120000", "-video_track_timescale", "120000", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high422", "-pix_fmt", "yuv422p10le", "-crf", "16"}},
	"transport stream, 29.97, B":     {"film-2997df", "f.ts", []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-crf", "16", "-output_ts_offset", "7.3"}},
	"Motion JPEG in AVI, 23.976":     {"film-23976", "g.avi", []string{"-c:v", "mjpeg", "-q:v", "2"}},
	"PAL in a narrow shape, ProRes":  {"film-25", "h.mov", []string{"-vf", "scale=352:288,setsar=16/11", "-c:v", "prores", "-profile:v", "1"}},
	"late start in Matroska, 29.97":  {"film-2997df", "i.mkv", []string{"-c:v", "ffv1", "-output_ts_offset", "2.5"}},
	"MPEG-4 in a program with edits": {"film-25", "j.mov", []string{"-ss", "0.5", "-c:v", "mpeg4", "-q:v", "2", "-bf", "2"}},
}

// Every frame of a proxy shows the code of the frame of the asset, at the time of the asset, by decoding both.
func TestEveryFrameIsTheAssets(t *testing.T) {
	s := newStudio(t)
	for name, rec := range recordings {
		t.Run(name, func(t *testing.T) {
			s := &studio{t, s.tools, s.reader, s.reg, s.dir, s.truths}
			path := filepath.Join(t.TempDir(), rec.file)
			s.ffmpeg(append(append([]string{"-i", s.truth(rec.from).Path, "-map", "0:v"}, rec.args...), path)...)
			m := s.proxy(path)
			if m.data == nil {
				t.Fatalf("browsers are said to play the film: %v", m.clip.Asset.GetVideo())
			}
			want, clock, _ := s.stamps(path)
			got, own, asset := s.stamps(m.path)
			if !slices.Equal(got, want) {
				t.Fatalf("%d frames of %d: the codes differ: %v, want %v", len(got), len(want), got[:min(3, len(got))], want[:min(3, len(want))])
			}
			if v := asset.GetVideo(); v.GetCodec() != "h264" || v.GetStart() != 0 || media.Original(asset).GetPlayable() != pb.Playable_PLAYABLE_YES {
				t.Errorf("the proxy is %v", v)
			}
			for n := range own.Frames() {
				// A film of variable rate is told to a tick of 1/90000 s.
				if off := own.FrameStart(n) - clock.FrameStart(n); max(off, -off) > schema.Second/90_000 {
					t.Fatalf("frame %d begins %d flicks away from its time", n, off)
				}
			}
		})
	}
}

// The same film gives the same bytes.
func TestSameBytes(t *testing.T) {
	s := newStudio(t)
	path := filepath.Join(t.TempDir(), "film.mov")
	s.ffmpeg("-i", s.truth("film-23976").Path, "-f", "lavfi", "-i", "anoisesrc=d=5:seed=3:r=48000", "-map", "0:v", "-map", "1:a", "-c:v", "prores", "-profile:v", "0", "-c:a", "pcm_s16le", "-shortest", path)
	first := s.proxy(path)
	if again := s.proxy(path); len(first.data) == 0 || !bytes.Equal(first.data, again.data) {
		t.Errorf("two executions give %d and %d bytes, which differ", len(first.data), len(again.data))
	}
}

// Sound and pictures meet: a click that lies at a frame of the asset lies at the frame of the proxy. Two mono tracks are left and right.
func TestSound(t *testing.T) {
	const click = 2 // seconds
	pulse := "aevalsrc='if(between(t\\,2\\,2.02)\\,0.8*sin(6000*t)\\,0)':s=48000:d=5"
	silence := "anullsrc=r=48000:cl=mono:d=5"
	s := newStudio(t)
	for name, c := range map[string]struct {
		inputs, args []string
		channels     int32
	}{
		"mono":               {[]string{pulse}, []string{"-map", "1:a"}, 1},
		"stereo":             {[]string{pulse}, []string{"-map", "1:a", "-ac", "2"}, 2},
		"left and right":     {[]string{pulse, silence}, []string{"-map", "1:a", "-map", "2:a"}, 2},
		"5.1":                {[]string{pulse}, []string{"-map", "1:a", "-af", "pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0"}, 2},
		"a start in between": {[]string{pulse}, []string{"-map", "1:a", "-ac", "2", "-output_ts_offset", "3.3"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &studio{t, s.tools, s.reader, s.reg, s.dir, s.truths}
			path := filepath.Join(t.TempDir(), "film.mov")
			args := []string{"-i", s.truth("film-25").Path}
			for _, in := range c.inputs {
				args = append(args, "-f", "lavfi", "-i", in)
			}
			s.ffmpeg(append(append(append(args, "-map", "0:v"), c.args...), "-c:v", "prores", "-profile:v", "0", "-c:a", "pcm_s16le", path)...)
			m := s.proxy(path)
			got, err := algotest.OpenClip(t.Context(), s.reader, m.path)
			if err != nil {
				t.Fatal(err)
			}
			tracks := got.Asset.GetAudio()
			if len(tracks) != 1 || tracks[0].GetCodec() != "aac" || tracks[0].GetChannels() != c.channels {
				t.Fatalf("the sound is %v", tracks)
			}
			begin := s.firstSound(m.path, tracks[0])
			if off := begin - click; math.Abs(off) > 0.003 {
				t.Errorf("the click is %.1f ms away from its time", 1000*off)
			}
			if name == "left and right" {
				if l, r := s.loudest(m.path, tracks[0]); l < 8000 || r > 300 {
					t.Errorf("left is up to %d, right up to %d", l, r)
				}
			}
		})
	}
}

// sound decodes a track.
func (s *studio) sound(path string, track *pb.AudioTrack) (all algo.Samples) {
	s.t.Helper()
	film, err := s.reader.Probe(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		s.t.Fatal(err)
	}
	for b, err := range (algo.Film{Path: path, Asset: film.Asset, Clock: clock}).Sound(s.t.Context(), s.reader, track, media.SoundSpec{Rate: 48000, EveryChannel: true}) {
		if err != nil {
			s.t.Fatal(err)
		}
		all.Channels, all.Rate, all.Data = b.Channels, b.Rate, append(all.Data, b.Data...)
	}
	return all
}

// firstSound returns the time of the first loud sample, in seconds.
func (s *studio) firstSound(path string, track *pb.AudioTrack) float64 {
	all := s.sound(path, track)
	for i, v := range all.Data {
		if v > 3000 || v < -3000 {
			return float64(i/all.Channels) / float64(all.Rate)
		}
	}
	s.t.Fatal("the proxy is silent")
	return 0
}

func (s *studio) loudest(path string, track *pb.AudioTrack) (left, right int) {
	all := s.sound(path, track)
	for i := 0; i+1 < len(all.Data); i += 2 {
		left, right = max(left, int(all.Data[i])), max(right, int(all.Data[i+1]))
	}
	return left, right
}

// A film that browsers play gets no proxy.
func TestNotNeeded(t *testing.T) {
	s := newStudio(t)
	if m := s.proxy(s.truth("film-25").Path); m.data != nil {
		t.Errorf("a film that browsers play has a proxy of %d bytes", len(m.data))
	}
}

// A proxy has the shape of the film, and is never larger than the film or than the bound.
func TestSize(t *testing.T) {
	for _, c := range []struct{ w, h, num, den, wantW, wantH int32 }{
		{1920, 1080, 1, 1, 960, 540},
		{3840, 2160, 0, 0, 960, 540},
		{720, 576, 16, 11, 960, 528},
		{720, 576, 64, 45, 960, 540},
		{640, 360, 1, 1, 640, 360},
		{1080, 1920, 1, 1, 304, 540},
		{2048, 858, 1, 1, 960, 402},
		{2, 4000, 1, 1, 16, 540},
	} {
		w, h := proxy.Size(&pb.VideoTrack{Width: c.w, Height: c.h, SarNum: c.num, SarDen: c.den})
		if w != int(c.wantW) || h != int(c.wantH) {
			t.Errorf("%dx%d (%d:%d): %dx%d, want %dx%d", c.w, c.h, c.num, c.den, w, h, c.wantW, c.wantH)
		}
	}
}

// A frame of a constant rate is a whole number of ticks, and many: browsers round the time of a seek to ticks.
func TestTimescale(t *testing.T) {
	for _, r := range []*pb.FrameRate{{Num: 24000, Den: 1001}, {Num: 24, Den: 1}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 60000, Den: 1001}, {Num: 120, Den: 1}, {Num: 12, Den: 1}, {Num: 2147483647, Den: 89478485}} {
		scale := int64(proxy.Timescale(&pb.VideoTrack{Rate: r}))
		if scale < 90_000 || scale%int64(r.GetNum()) != 0 {
			t.Errorf("%v: %d ticks a second", r, scale)
		}
	}
	if scale := proxy.Timescale(&pb.VideoTrack{Rate: &pb.FrameRate{Num: 25, Den: 1}, VariableRate: true}); scale != 90_000 {
		t.Errorf("variable: %d ticks a second", scale)
	}
}
