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

// captioned writes a film of 120 frames whose pictures carry captions (ATSC A/53): CC1 says "Hello" in the frames 19 to 79, and
// CC3 "Hola" in the frames 49 to 79.
func captioned(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	bare := filepath.Join(dir, "bare.264")
	run(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30000/1001", "-frames:v", "120", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "aud=1", "-f", "h264", bare)
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
	delimiter := []byte{0, 0, 0, 1, 9}
	var out bytes.Buffer
	for i, unit := range bytes.Split(data, delimiter)[1:] {
		out.Write(delimiter)
		out.WriteByte(unit[0])
		out.Write(information(fields[0][i], fields[1][i]))
		out.Write(unit[1:])
	}
	raw := write(t, dir, "cc.264", out.Bytes())
	film := filepath.Join(dir, "cc.mp4")
	run(t, "-r", "30000/1001", "-i", raw, "-c", "copy", film)
	return film
}

// information is a unit of supplemental enhancement information with a pair of each field.
func information(first, second [2]byte) []byte {
	odd := func(b byte) byte {
		if bits.OnesCount8(b)%2 == 0 {
			return b | 0x80
		}
		return b
	}
	message := append([]byte("\xb5\x00\x31GA94\x03"), 0xc2, 0xff, 0xfc, odd(first[0]), odd(first[1]), 0xfd, odd(second[0]), odd(second[1]), 0xff)
	unit := append([]byte{4, byte(len(message))}, message...)
	return append(append([]byte{0, 0, 0, 1, 6}, unit...), 0x80)
}

// TestCaptionsInsideTheVideo: captions come out of every codec and container that carries them, at their frames, by each
// line of ffmpeg. The caption is there from its end-of-caption code to its erasure (CEA-608; 47 CFR 15.119).
func TestCaptionsInsideTheVideo(t *testing.T) {
	source := captioned(t)
	dir := t.TempDir()
	films := map[string]string{"h264 in MP4": source}
	for name, args := range map[string][]string{
		"h264.mkv":        {"-c", "copy"},
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
	near := within(schema.Millisecond) // MP4, MPEG and Matroska round their times
	for _, l := range lines(t) {
		r := l.reader(t)
		for name, path := range films {
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Captions(t.Context(), path, schema.Time(film.Asset.Video.Start), timedtext.Options{})
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
		// A film without captions has no tracks of them.
		if got, err := r.Captions(t.Context(), filepath.Join("testdata", "clips", "stpp.mp4"), 0, timedtext.Options{}); err != nil || len(got) > 0 {
			t.Errorf("%s: a film without captions: %v, %v", l.name, got, err)
		}
	}
}

// within takes times for the same that are within a margin.
func within(margin schema.Time) gocmp.Option {
	return gocmp.Options{cmpopts.EquateEmpty(), gocmp.Comparer(func(a, b schema.Time) bool { return max(a-b, b-a) <= margin })}
}
