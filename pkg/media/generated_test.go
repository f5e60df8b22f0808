package media_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A generated clip is a clip of generated pictures, made by ffmpeg. Every picture is different.
type generated struct {
	clip
	// steps are runs of ffmpeg in a shared folder. The last run writes the clip's file.
	steps [][]string
	// replace changes bytes of the file, where ffmpeg cannot write the wanted bytes.
	replace [2]string
}

// anyFirst stands for a first time of the muxer's choice. Both lines of ffmpeg have to read the same time.
const anyFirst = -1

// film is an input of ffmpeg: numbered pictures at a rate.
func film(rate string, frames int) []string {
	return []string{"-f", "lavfi", "-i", "testsrc2=s=64x36:r=" + rate, "-frames:v", fmt.Sprint(frames)}
}

func step(parts ...any) (all []string) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, p)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

var (
	h264   = []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "bframes=2:keyint=12:scenecut=0:b-adapt=0"}
	open   = []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "bframes=3:b-pyramid=normal:keyint=12:scenecut=0:b-adapt=0:open-gop=1"}
	mpeg2  = []string{"-c:v", "mpeg2video", "-bf", "2", "-q:v", "4"}
	mpeg4  = []string{"-c:v", "mpeg4", "-bf", "2", "-q:v", "4", "-g", "12"}
	copied = []string{"-c", "copy"}
)

// rates are clips in containers that round the rate in different ways.
func rates() (all []generated) {
	names := []string{"24000/1001", "24", "25", "30000/1001", "30", "48000/1001", "50", "60000/1001", "60", "29.97", "59.94", "23.976", "18", "12.5"}
	for _, name := range names {
		rate, err := schema.ParseRate(name)
		if err != nil {
			panic(err)
		}
		for _, c := range []struct {
			ext    string
			codec  []string
			format string
		}{{"mkv", h264, ""}, {"mp4", h264, ""}, {"mov", h264, ""}, {"ts", h264, ""}, {"flv", h264, ""}, {"nut", h264, ""}, {"avi", h264, ""}, {"avi", mpeg4, ""}, {"avi", open, ""}, {"mpg", mpeg2, ""}, {"mxf", mpeg2, ""}} {
			if (c.ext == "mpg" || c.ext == "mxf") && !slices.Contains([]string{"24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"}, name) {
				continue // MPEG-2 has no such frame_rate_code
			}
			m := generated{clip: clip{file: fmt.Sprintf("rate-%d.%s", len(all), c.ext), frames: 40, rate: rate, first: anyFirst, source: name + " in " + c.ext + ", " + c.codec[1]},
				steps: [][]string{step(film(name, 40), c.codec)}}
			if c.ext == "mxf" {
				m.start = "00:00:00:00"
			}
			all = append(all, m)
		}
	}
	return all
}

// kinds are further ways in which containers change clocks.
var kinds = []generated{
	{clip: clip{file: "file-tag.mkv", frames: 50, rate: rateOf(25, 1), start: "10:00:00:00", source: "Matroska tags: of the file"},
		steps: [][]string{step(film("25", 50), h264, "-metadata", "timecode=10:00:00:00")}},
	{clip: clip{file: "small-tag.mkv", frames: 50, rate: rateOf(25, 1), start: "10:00:00:00", source: "Matroska tags: in small letters"},
		steps: [][]string{step(film("25", 50), h264, "-write_crc32", "0", "-metadata:s:v", "timecode=10:00:00:00")}, replace: [2]string{"TIMECODE", "TimeCode"}},
	{clip: clip{file: "dropped.mkv", frames: 50, rate: rateOf(60000, 1001), start: "01:00:00;00", labels: map[int64]string{49: "01:00:00;49"}, source: "RFC 9559, DefaultDuration"},
		steps: [][]string{step(film("60000/1001", 50), h264, "-metadata:s:v", "timecode=01:00:00;00")}},
	{clip: clip{file: "cut.mov", frames: 65, rate: rateOf(25, 1), start: "01:00:01:10", source: "QuickTime File Format: cut by an edit list within a group of pictures"},
		steps: [][]string{step(film("25", 100), h264, "-timecode", "01:00:00:00", "whole.mov"), step("-ss", "1.4", "-i", "whole.mov", "-map", "0", copied)}},
	{clip: clip{file: "cut-drop.mov", frames: 70, rate: rateOf(30000, 1001), start: "00:01:00;02", source: "the same, over a minute that drops labels"},
		steps: [][]string{step(film("30000/1001", 100), h264, "-timecode", "00:00:59;00", "whole.mov"), step("-ss", "1.001", "-i", "whole.mov", "-map", "0", copied)},
		// Copying loses the drop-frame flag.
		replace: [2]string{"tmcd" + string(make([]byte, 7)) + "\x01" + string(make([]byte, 8)), "tmcd" + string(make([]byte, 7)) + "\x01" + string(make([]byte, 7)) + "\x01"}},
	{clip: clip{file: "late.mov", frames: 50, rate: rateOf(25, 1), start: "01:00:00:13", first: 520, source: "QuickTime File Format: an empty edit of the picture, none of the timecode"},
		steps: [][]string{step(film("25", 50), h264, "early.mov"), step("-f", "lavfi", "-i", "sine=d=2", "-itsoffset", "0.52", "-i", "early.mov", "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-c:a", "aac", "-timecode", "01:00:00:00")}},
	{clip: clip{file: "no-edits.mov", frames: 50, rate: rateOf(25, 1), start: "01:00:00:00", first: 80, source: "no edit list: decoding goes ahead of showing"},
		steps: [][]string{step(film("25", 50), h264, "-timecode", "01:00:00:00", "-use_editlist", "0")}},
	{clip: clip{file: "50-in-25.mov", frames: 50, rate: rateOf(50, 1), start: "10:00:00:24", labels: map[int64]string{1: "10:00:00:25", 26: "10:00:01:00"}, source: "SMPTE ST 12-3: pictures of 50, labels of 25"},
		steps: [][]string{step(film("25", 25), h264, "-timecode", "10:00:00:12", "25.mov"), step(film("50", 50), h264, "50.mov"), step("-i", "50.mov", "-i", "25.mov", "-map", "0:v", "-map", "1:d", copied)}},
	{clip: clip{file: "gaps.mkv", frames: 72, rate: rateOf(30000, 1001), variable: true, source: "PySceneDetect#168: pictures left out, times in milliseconds"},
		steps: [][]string{step("-f", "lavfi", "-i", "testsrc2=s=64x36:r=30000/1001:d=3", "-vf", `select=mod(n\,5)-2`, "-fps_mode", "passthrough", h264)}},
	{clip: clip{file: "gaps60.mkv", frames: 144, rate: rateOf(60000, 1001), variable: true, source: "the same at 59.94"},
		steps: [][]string{step("-f", "lavfi", "-i", "testsrc2=s=64x36:r=60000/1001:d=3", "-vf", `select=mod(n\,5)-2`, "-fps_mode", "passthrough", h264)}},
	{clip: clip{file: "gaps24.mkv", frames: 58, rate: rateOf(24000, 1001), variable: true, source: "the same at 23.976"},
		steps: [][]string{step("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24000/1001:d=3", "-vf", `select=mod(n\,5)-2`, "-fps_mode", "passthrough", h264)}},
	{clip: clip{file: "mpeg1.mpg", frames: 50, rate: rateOf(25, 1), first: anyFirst, source: "ISO/IEC 11172-1"},
		steps: [][]string{step(film("25", 50), "-c:v", "mpeg1video", "-bf", "2", "-q:v", "4")}},
	{clip: clip{file: "several.vob", frames: 50, rate: rateOf(30000, 1001), first: anyFirst, source: "ISO/IEC 13818-1, 2.4.3.7"},
		steps: [][]string{step(film("30000/1001", 50), mpeg2, "-f", "dvd")}},
	{clip: clip{file: "mjpeg.avi", frames: 50, rate: rateOf(25, 1), source: "AVI without B pictures"},
		steps: [][]string{step(film("25", 50), "-c:v", "mjpeg", "-q:v", "4")}},
}

// make makes a clip, and returns the path.
func (m generated) make(t testing.TB, ffmpeg, dir string) string {
	t.Helper()
	path := filepath.Join(dir, m.file)
	for i, s := range m.steps {
		if i == len(m.steps)-1 {
			s = step(s, path)
		}
		cmd := exec.Command(ffmpeg, step("-v", "error", "-nostdin", "-y", s)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("making %s: %v: %.300s", m.file, err, out)
		}
	}
	if m.replace[0] != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(m.replace[0])) {
			t.Fatalf("%s does not hold %q", m.file, m.replace[0])
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(m.replace[0]), []byte(m.replace[1])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// agree makes a clip, and compares the values read by each line of ffmpeg with the right values and with the other line's values.
func (m generated) agree(t testing.TB, maker line, ls []line) (wrong []string) {
	t.Helper()
	path := m.make(t, maker.FFmpeg, t.TempDir())
	var before seen
	for i, l := range ls {
		saw, bad := m.wrong(t, l, path)
		for _, b := range bad {
			wrong = append(wrong, fmt.Sprintf("%s, made by %s and read by %s: %s (%s)", m.file, maker.name, l.name, b, m.source))
		}
		if i > 0 && saw != before {
			wrong = append(wrong, fmt.Sprintf("%s, made by %s: %s, and by %s %s", m.file, maker.name, before, l.name, saw))
		}
		before = saw
	}
	return wrong
}

// TestGeneratedClips: both lines of ffmpeg read the same frame count, first time, rate and timecode, and show the same pictures.
func TestGeneratedClips(t *testing.T) {
	ls := lines(t)
	for _, m := range kinds {
		t.Run(m.file, func(t *testing.T) {
			t.Parallel()
			for _, w := range m.agree(t, ls[0], ls) {
				t.Error(w)
			}
		})
	}
}

// TestManyPicturesWithoutATime: readers date some pictures of a program stream by the time of another picture. No frame is lost or moved by this
// (ISO/IEC 13818-1, 2.4.3.7).
func TestManyPicturesWithoutATime(t *testing.T) {
	t.Parallel()
	ls := lines(t)
	m := generated{clip: clip{file: "long.mpg", frames: 600, rate: rateOf(25, 1), first: anyFirst}, steps: [][]string{step(film("25", 600), mpeg2)}}
	for _, w := range m.agree(t, ls[0], ls) {
		t.Error(w)
	}
	path := m.make(t, ls[0].FFmpeg, t.TempDir())
	r := ls[0].reader(t)
	src := source(t, r, path)
	if !src.Video.SparseTimes {
		t.Error("the times are not sparse: this ffmpeg writes what the test does not mean")
	}
	spec := media.FrameSpec{Width: 64, Height: 36}
	s, err := r.Decode(t.Context(), src, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range src.Clock.Frames() {
		f, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if n < 425 || n > 445 || n%3 != 0 { // where the packets' times step back
			continue
		}
		if p, err := r.FrameAt(t.Context(), src, n, spec); err != nil || !bytes.Equal(p.Pix, f.Pictures[0].Pix) {
			t.Errorf("frame %d, fetched alone, shows another picture (%v)", n, err)
		}
	}
}

func TestFigureLines(t *testing.T) {
	figure.Begin(t, "material/ffmpeg")
	ls := lines(t)
	var wrong []string
	all := append(slices.Clone(kinds), rates()...)
	for _, maker := range ls {
		for _, m := range all {
			wrong = append(wrong, m.agree(t, maker, ls)...)
		}
	}
	for _, w := range wrong {
		t.Log(w)
	}
	figure.Report(t, true, figure.Result{Name: "material/ffmpeg", Claim: "generated clips read by both lines of ffmpeg: frame count, first time, rate, timecode and every picture the same, and right",
		Measured: fmt.Sprintf("%d clips by %d makers read by %d lines, %d faults", len(all), len(ls), len(ls), len(wrong)), Pass: len(wrong) == 0 && len(ls) == 2})
}
