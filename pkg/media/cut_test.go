package media_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A recording is a film with a key frame every group frames.
type recording struct {
	name   string
	group  int64
	frames int64
	codec  []string
	file   string
}

var recordings = []recording{
	{"closed groups", 100, 250, []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "bframes=3:keyint=100:min-keyint=100:scenecut=0:b-adapt=0"}, "closed.ts"},
	{"open groups", 100, 250, []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "open-gop=1:bframes=3:b-pyramid=normal:keyint=100:min-keyint=100:scenecut=0:b-adapt=0"}, "open.ts"},
	{"MPEG-2", 60, 250, []string{"-c:v", "mpeg2video", "-bf", "2", "-q:v", "4", "-g", "60", "-sc_threshold", "1000000000"}, "mpeg2.ts"},
	{"HEVC", 100, 250, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=100:min-keyint=100:scenecut=0:bframes=3"}, "hevc.ts"},
	{"no group within 20 s", 500, 900, []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "bframes=2:keyint=500:min-keyint=500:scenecut=0:b-adapt=0"}, "long.ts"},
}

// whole makes the recording. whole returns the file, and the pictures in display order.
func (rec recording) whole(t *testing.T) (path string, pictures [][]byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), rec.file)
	cmd := exec.Command(tool(t, "ffmpeg"), step("-v", "error", "-nostdin", "-y", film("25", int(rec.frames)), rec.codec, "-muxrate", "4M", path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "Unknown encoder") {
			t.Skipf("this ffmpeg has no encoder: %s", out)
		}
		t.Fatalf("making %s: %v: %s", rec.file, err, out)
	}
	out, err := exec.Command(tool(t, "ffmpeg"), "-v", "error", "-nostdin", "-i", path, "-map", "0:V:0", "-fps_mode", "passthrough",
		"-vf", "scale=64:36:flags=bicubic,format=rgb24", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 * 64 * 36
	for i := 0; i+size <= len(out); i += size {
		pictures = append(pictures, out[i:i+size])
	}
	if int64(len(pictures)) != rec.frames {
		t.Fatalf("%d pictures of %d are decoded of the whole recording", len(pictures), rec.frames)
	}
	return path, pictures
}

// displayTimes reads the display times of the pictures of a transport stream, in ticks of 90 kHz and in file order, from the PES headers (ISO/IEC
// 13818-1, 2.4.3.7) of the first video packet identifier. Each PES packet has a single picture. at holds the packet in which each picture begins.
func displayTimes(data []byte) (pts []int64, at []int) {
	for i := 0; i+188 <= len(data); i += 188 {
		p := data[i : i+188]
		if p[0] != 0x47 || p[1]&0x40 == 0 || int(p[1]&0x1f)<<8|int(p[2]) != 0x100 {
			continue
		}
		body := p[4:]
		if p[3]&0x20 != 0 {
			body = body[1+int(body[0]):]
		}
		if len(body) < 14 || !bytes.Equal(body[:3], []byte{0, 0, 1}) || body[7]&0x80 == 0 {
			continue
		}
		b := body[9:14]
		pts = append(pts, int64(b[0]>>1&7)<<30|int64(b[1])<<22|int64(b[2]>>1)<<15|int64(b[3])<<7|int64(b[4]>>1))
		at = append(at, i)
	}
	return pts, at
}

// TestCutRecordings: a recording cut between packets of the multiplex, in the middle of a group of pictures, is the
// film from the first remaining picture. Pictures that cannot be shown are counted, and all later pictures keep their
// times (Motion#755, jellyfin#8284).
func TestCutRecordings(t *testing.T) {
	for _, rec := range recordings {
		t.Run(rec.name, func(t *testing.T) {
			t.Parallel()
			path, truth := rec.whole(t)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all, at := displayTimes(data)
			if int64(len(all)) != rec.frames {
				t.Fatalf("%d headers of %d pictures", len(all), rec.frames)
			}
			// Two thirds into the first group, between two packets of a picture.
			cut := at[rec.group*2/3] + 188
			left, _ := displayTimes(data[cut:])
			first := left[0]
			for _, p := range left {
				first = min(first, p)
			}
			zero := all[0] // the first picture is a key frame
			gone := (first - zero) / 3600
			file := write(t, t.TempDir(), "cut.ts", data[cut:])
			for _, l := range lines(t) {
				r := l.reader(t)
				src := source(t, r, file)
				v := src.Video
				if v.Frames != rec.frames-gone || v.UnshownFrames != rec.group-gone || v.VariableRate || schema.RateOf(v.Rate) != rateOf(25, 1) ||
					v.Start != first*int64(schema.Second)/90000 {
					t.Errorf("%s: %v, want %d frames at 25, %d unshown, first at %.2f s", l.name, v, rec.frames-gone, rec.group-gone, float64(first)/90000)
					continue
				}
				if err := shows(t, r, src, truth[gone:]); err != nil {
					t.Errorf("%s: %v", l.name, err)
				}
			}
		})
	}
}

// shows compares the frames of a cut recording with the pictures of the whole recording.
func shows(t *testing.T, r *media.Reader, src media.Source, truth [][]byte) error {
	t.Helper()
	spec := media.FrameSpec{Width: 64, Height: 36}
	unshown := src.Video.UnshownFrames
	s, err := r.Decode(t.Context(), src, spec)
	if err != nil {
		return err
	}
	defer s.Close()
	for n := int64(0); ; n++ {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(f.Pictures[0].Pix, truth[max(n, unshown)]) {
			return fmt.Errorf("frame %d shows another picture", n)
		}
	}
	if s.Missing() != unshown {
		return fmt.Errorf("%d frames have no picture of their own, want %d", s.Missing(), unshown)
	}
	for _, n := range []int64{0, unshown, unshown + 30, src.Clock.Frames() - 1} {
		if p, err := r.FrameAt(t.Context(), src, n, spec); err != nil {
			return err
		} else if !bytes.Equal(p.Pix, truth[max(n, unshown)]) {
			return fmt.Errorf("frame %d, fetched alone, shows another picture", n)
		}
	}
	return nil
}

// A recording with mostly unshowable pictures is refused, and the error names the number of remaining pictures.
func TestMostlyGone(t *testing.T) {
	rec := recordings[0]
	path, _ := rec.whole(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, at := displayTimes(data)
	file := write(t, t.TempDir(), "gone.ts", data[at[5]+188:at[150]/188*188])
	for _, l := range lines(t) {
		_, err := l.reader(t).Probe(t.Context(), file)
		if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "frames can be shown") {
			t.Errorf("%s: %v", l.name, err)
		}
	}
}
