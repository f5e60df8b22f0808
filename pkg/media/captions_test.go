package media_test

import (
	"bytes"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// ntsc is the rate of the films with captions.
var ntsc = schema.Rate{Num: 30000, Den: 1001}

// captioned writes a film of 120 frames whose pictures carry captions (ATSC A/53). CC1 shows "Hello" in the frames 19 to 79, and CC3 shows "Hola" in
// the frames 49 to 79.
func captioned(t testing.TB, c captionCodec) string {
	t.Helper()
	dir := t.TempDir()
	bare := filepath.Join(dir, "bare."+c.format)
	run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30000/1001", "-frames:v", "120", "-preset", "ultrafast", "-bf", "0"}, c.args...), "-f", c.format, bare)...)
	data, err := os.ReadFile(bare)
	if err != nil {
		t.Fatal(err)
	}
	var fields [2][120][2]byte
	put := func(field, frame int, pairs ...string) {
		for i, p := range pairs {
			fields[field][frame+i] = [2]byte{p[0], p[1]}
		}
	}
	const rcl, row, eoc, edm = "\x14\x20", "\x14\x70", "\x14\x2f", "\x14\x2c"
	put(0, 12, rcl, rcl, row, row, "He", "ll", "o\x00", eoc, eoc)
	put(0, 80, edm, edm)
	put(1, 43, "\x15\x20", "\x15\x20", row, row, "Ho", "la", "\x15\x2f", "\x15\x2f")
	put(1, 80, "\x15\x2c", "\x15\x2c")
	var out bytes.Buffer
	for i, unit := range bytes.Split(data, c.delimiter)[1:] {
		out.Write(c.delimiter)
		out.WriteByte(unit[0])
		out.Write(append([]byte{0, 0, 0, 1}, c.head...))
		out.Write(message(fields[0][i], fields[1][i]))
		out.Write(unit[1:])
	}
	raw := write(t, dir, "cc."+c.format, out.Bytes())
	film := filepath.Join(dir, "cc.mp4")
	run(t, "-r", "30000/1001", "-i", raw, "-c", "copy", film)
	return film
}

// captionCodec describes how a codec stores units of supplemental enhancement information: after each delimiter of pictures, with a head.
type captionCodec struct {
	format          string
	args            []string
	delimiter, head []byte
}

var (
	captionsInH264 = captionCodec{"h264", []string{"-c:v", "libx264", "-x264-params", "aud=1"}, []byte{0, 0, 0, 1, 9}, []byte{6}}
	captionsInHEVC = captionCodec{"hevc", []string{"-c:v", "libx265", "-x265-params", "aud=1:log-level=none"}, []byte{0, 0, 0, 1, 0x46, 1}, []byte{0x4e, 1}}
)

// message is registered user data with a pair of each field, and the end of a unit.
func message(first, second [2]byte) []byte {
	odd := func(b byte) byte {
		if bits.OnesCount8(b)%2 == 0 {
			return b | 0x80
		}
		return b
	}
	data := append([]byte("\xb5\x00\x31GA94\x03"), 0xc2, 0xff, 0xfc, odd(first[0]), odd(first[1]), 0xfd, odd(second[0]), odd(second[1]), 0xff)
	return append(append([]byte{4, byte(len(data))}, data...), 0x80)
}

// TestCaptionsInsideTheVideo: captions are read from every codec and container with captions, on the right frames, by
// each line of ffmpeg. A caption is shown from its end-of-caption code to its erasure (CEA-608; 47 CFR 15.119).
func TestCaptionsInsideTheVideo(t *testing.T) {
	t.Parallel()
	source := captioned(t, captionsInH264)
	dir := t.TempDir()
	films := map[string]string{"h264 in MP4": source, "hevc in MP4": captioned(t, captionsInHEVC)}
	for name, args := range map[string][]string{
		"h264.ts":         {"-c", "copy"},
		"b-pictures.mp4":  {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-a53cc", "1"},
		"later.mkv":       {"-c", "copy", "-output_ts_offset", "0.5"},
		"mpeg2.mpg":       {"-c:v", "mpeg2video", "-bf", "2", "-a53cc", "1"},
		"mpeg2.ts":        {"-c:v", "mpeg2video", "-bf", "2", "-a53cc", "1"},
		"mpeg2-field.mxf": {"-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-a53cc", "1"},
	} {
		films[name] = filepath.Join(dir, name)
		run(t, append([]string{"-i", source}, append(args, films[name])...)...)
	}
	frames := func(start, end int64, text string) []timedtext.Cue {
		return []timedtext.Cue{{Start: ntsc.FrameStart(start), End: ntsc.FrameStart(end), Text: text}}
	}
	near := within(schema.Millisecond) // MP4, MPEG and Matroska round times
	for _, l := range lines(t) {
		r := l.reader(t)
		for name, path := range films {
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Captions(t.Context(), path, film)
			if err != nil {
				t.Errorf("%s, %s: %v", l.name, name, err)
				continue
			}
			if len(got) != 2 || got[0].Name != "CC1" || got[1].Name != "CC3" || got[0].Format != "cea-608" {
				t.Errorf("%s, %s: tracks %v", l.name, name, got)
				continue
			}
			for i, want := range [][]timedtext.Cue{frames(19, 80, "Hello"), frames(49, 80, "Hola")} {
				if diff := gocmp.Diff(want, got[i].Cues, near); diff != "" {
					t.Errorf("%s, %s, %s (-want +got):\n%s", l.name, name, got[i].Name, diff)
				}
			}
		}
		for _, name := range []string{"stpp.mp4", "x.avi", "p_25.mpg"} { // without captions
			path := filepath.Join("testdata", "clips", name)
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.Captions(t.Context(), path, film); err != nil || len(got) > 0 {
				t.Errorf("%s: %s, without captions: %v, %v", l.name, name, got, err)
			}
		}
	}
}

// within treats times with a difference of at most a margin as equal.
func within(margin schema.Time) gocmp.Option {
	return gocmp.Options{cmpopts.EquateEmpty(), gocmp.Comparer(func(a, b schema.Time) bool { return max(a-b, b-a) <= margin })}
}

// TestTTMLInMP4: a track of TTML documents is read from its samples (ISO/IEC 14496-30; TTML1).
func TestTTMLInMP4(t *testing.T) {
	for _, l := range lines(t) {
		r := l.reader(t)
		path := filepath.Join("testdata", "clips", "stpp.mp4")
		film, err := r.Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(film.Asset.Text); n != 1 || film.Asset.Text[0].Format != "ttml" || film.Asset.Text[0].Language != "" {
			t.Fatalf("%s: text tracks %v", l.name, film.Asset.Text)
		}
		got, err := r.TextTrack(t.Context(), path, film, film.Asset.Text[0])
		if err != nil {
			t.Fatal(err)
		}
		want := []timedtext.Cue{
			{Start: schema.FromMillis(500), End: schema.FromMillis(1000), Text: "wait here & there"},
			{Start: schema.FromMillis(1000), End: schema.FromMillis(1500), Text: "I am Mara", Speaker: "Mara"},
			{Start: schema.FromMillis(1500), End: schema.FromMillis(2000), Text: "x < y and z > w {curly}"},
			{Start: schema.FromMillis(2000), End: schema.FromMillis(2500), Text: "I <3 you"},
		}
		if diff := gocmp.Diff(want, got.Cues); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l.name, diff)
		}
	}
}

// TestCaptionTrackOfQuickTime: a track of CEA-608 samples (c608).
func TestCaptionTrackOfQuickTime(t *testing.T) {
	dir := t.TempDir()
	scc := write(t, dir, "a.scc", []byte("Scenarist_SCC V1.0\n\n00:00:01:00\t94ae 94ae 9420 9420 9470 9470 c8e5 ecec ef80 942f 942f\n\n00:00:03:00\t942c 942c\n\n00:00:03:15\t8080 8080\n"))
	path := filepath.Join(dir, "a.mov")
	run(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30000/1001", "-i", scc, "-map", "0:v", "-map", "1", "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-c:s", "copy", path)
	for _, l := range lines(t) {
		_, got := firstTrack(t, l.reader(t), path)
		// ffmpeg writes a line of SCC as a sample at the line's label, read as seconds.
		want := []timedtext.Cue{{Start: schema.Second + ntsc.FrameStart(9), End: 3 * schema.Second, Text: "Hello"}}
		if diff := gocmp.Diff(want, got.Cues); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l.name, diff)
		}
	}
}
