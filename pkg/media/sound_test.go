package media_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A tone with a known start sounds at the sample of the start's time, for any beginning of the container's clock.
func TestSound(t *testing.T) {
	r := reader(t)
	film := suite(t)["film-25"].Path
	for name, args := range map[string][]string{
		"a.mp4": nil, "b.mkv": {"-output_ts_offset", "2.5"}, "c.ts": nil,
	} {
		path := filepath.Join(t.TempDir(), name)
		run(t, append(append([]string{"-i", film, "-f", "lavfi", "-i", "aevalsrc='gte(t,1.5)*sin(2*PI*500*t)':d=4:s=48000",
			"-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-shortest"}, args...), path)...)
		probed, err := r.Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Sound(t.Context(), path, probed.Asset.Audio[0], media.SoundSpec{Rate: 16000}, schema.Time(probed.Asset.Video.Start))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		first := -1
		for i := 0; 2*i+1 < len(raw); i++ {
			if v := int16(binary.LittleEndian.Uint16(raw[2*i:])); v > 3000 || v < -3000 {
				first = i
				break
			}
		}
		// AAC smears an onset over a few milliseconds, and containers round times.
		if off := schema.FromSamples(int64(first), 16000).Millis() - 1500; off < -30 || off > 30 {
			t.Errorf("%s: the tone is heard at %d ms, want 1500", name, off+1500)
		}
	}
	for name, refused := range map[string]struct {
		track *pb.AudioTrack
		spec  media.SoundSpec
	}{
		"no rate":     {&pb.AudioTrack{Channels: 2}, media.SoundSpec{}},
		"no channels": {&pb.AudioTrack{}, media.SoundSpec{Rate: 48000, EveryChannel: true}},
		"a thousand":  {&pb.AudioTrack{Channels: 1000}, media.SoundSpec{Rate: 48000, EveryChannel: true}},
	} {
		if _, err := r.Sound(t.Context(), film, refused.track, refused.spec, 0); errkind.Of(err) != errkind.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := r.Sound(t.Context(), film, &pb.AudioTrack{Index: 7, Channels: 1}, media.SoundSpec{Rate: 16000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(s); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no track: %v", err)
	}
	s.Close()
	noChildren(t)
}

// Every channel keeps its place and its own sound, for the usual layouts and for others. A tone of another pitch sounds in each channel.
func TestEveryChannel(t *testing.T) {
	r := reader(t)
	for _, layout := range []string{"mono", "stereo", "2.1", "3.0", "quad", "5.1", "5.1(side)", "7.1"} {
		path := filepath.Join(t.TempDir(), "channels.wav")
		channels := map[string]int{"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "quad": 4, "5.1": 6, "5.1(side)": 6, "7.1": 8}[layout]
		var tones []string
		for c := range channels {
			tones = append(tones, fmt.Sprintf("0.1*sin(2*PI*%d*t)", 100*(c+1)))
		}
		run(t, "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='%s':d=1:s=8000:c=%s", strings.Join(tones, "|"), layout), path)
		probed, err := r.Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Sound(t.Context(), path, probed.Asset.Audio[0], media.SoundSpec{Rate: 8000, EveryChannel: true}, 0)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if len(raw) != 2*channels*8000 {
			t.Fatalf("%s: %d bytes for a second of %d channels", layout, len(raw), channels)
		}
		for c := range channels {
			ups, last := 0, int16(-1)
			for n := range 8000 {
				v := int16(binary.LittleEndian.Uint16(raw[2*(n*channels+c):]))
				if last < 0 && v >= 0 {
					ups++
				}
				last = v
			}
			if want := 100 * (c + 1); ups < want-1 || ups > want+1 {
				t.Errorf("%s: channel %d sounds at %d Hz, want %d", layout, c, ups, want)
			}
		}
	}
	noChildren(t)
}

// A reader that stops reading, or whose context ends, leaves no process behind.
func TestSoundCancelled(t *testing.T) {
	r := reader(t)
	path := filepath.Join(t.TempDir(), "long.wav")
	run(t, "-f", "lavfi", "-i", "sine=d=600:r=8000", path)
	track := &pb.AudioTrack{Channels: 1}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := r.Sound(ctx, path, track, media.SoundSpec{Rate: 48000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context's end: %v", err)
	}
	s.Close()
	noChildren(t)
}
