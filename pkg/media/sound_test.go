package media_test

import (
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
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
		s, err := r.Sound(t.Context(), path, probed.Asset.Audio[0].Index, 16000, schema.Time(probed.Asset.Video.Start))
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
	if _, err := r.Sound(t.Context(), film, 0, 0, 0); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no rate: %v", err)
	}
	s, err := r.Sound(t.Context(), film, 7, 16000, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(s); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no track: %v", err)
	}
	s.Close()
	noChildren(t)
}
