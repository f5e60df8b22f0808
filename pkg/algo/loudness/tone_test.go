package loudness_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo/loudness"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Line-up tone is told with the level and the time. Other tones, tone with noise, speech and a film's sound are no tone. The last rows of each half were
// not looked at while the algorithm was written.
func TestTone(t *testing.T) {
	tools := tools(t)
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	film, err := cache.Require("big-buck-bunny")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	speech, err := cache.Require("two-cities")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	lineUp := func(dbfs float64, seconds float64) string {
		return fmt.Sprintf("aevalsrc='%g*sin(2*PI*1000*t)|%g*sin(2*PI*1000*t)':d=%g:s=48000:c=stereo", math.Pow(10, dbfs/20), math.Pow(10, dbfs/20), seconds)
	}
	for name, c := range map[string]struct {
		source []string // of ffmpeg
		want   []string
	}{
		"EBU":                                {[]string{"-f", "lavfi", "-i", lineUp(-18, 4)}, []string{"0.0-4.0 -18.0 dBFS"}},
		"SMPTE at 44.1 kHz":                  {[]string{"-f", "lavfi", "-i", lineUp(-20, 3) + ",aresample=44100"}, []string{"0.0-3.0 -20.0 dBFS"}},
		"between silences":                   {[]string{"-f", "lavfi", "-i", lineUp(-18, 2) + ",adelay=1000:all=1,apad=pad_dur=1"}, []string{"1.0-3.0 -18.0 dBFS"}},
		"left with pauses":                   {[]string{"-f", "lavfi", "-i", "aevalsrc='0.126*sin(2*PI*1000*t)*gt(mod(t,3),0.25)|0.126*sin(2*PI*1000*t)':d=6:s=48000:c=stereo"}, []string{"0.0-6.0 -18.1 dBFS"}},
		"MP3, one channel":                   {[]string{"-f", "lavfi", "-i", lineUp(-18, 4), "-af", "pan=mono|c0=c0", "-c:a", "libmp3lame", "-b:a", "128k"}, []string{"0.1-4.0 -18.4 dBFS"}},
		"after a film":                       {[]string{"-ss", "60", "-t", "5", "-i", film, "-f", "lavfi", "-i", lineUp(-18, 3), "-filter_complex", "[0:a]aresample=48000,aformat=channel_layouts=stereo[a];[a][1]concat=n=2:v=0:a=1"}, []string{"5.0-8.0 -18.0 dBFS"}},
		"short":                              {[]string{"-f", "lavfi", "-i", lineUp(-18, 0.8)}, nil},
		"A":                                  {[]string{"-f", "lavfi", "-i", "sine=frequency=440:duration=3"}, nil},
		"a near tone":                        {[]string{"-f", "lavfi", "-i", "sine=frequency=960:duration=3"}, nil},
		"noise":                              {[]string{"-f", "lavfi", "-i", "anoisesrc=d=3:c=pink:a=0.3:seed=5"}, nil},
		"speech":                             {[]string{"-i", speech}, nil},
		"tone under speech, alone in pauses": {[]string{"-i", speech, "-f", "lavfi", "-i", lineUp(-40, 44), "-filter_complex", "[0:a]aresample=48000[a];[a][1]amix=normalize=0"}, []string{"0.0-1.2 -39.9 dBFS", "41.7-42.9 -39.9 dBFS"}},
		"a film":                             {[]string{"-ss", "120", "-t", "60", "-i", film, "-vn"}, nil},
		"a square of 1 kHz":                  {[]string{"-f", "lavfi", "-i", "aevalsrc='0.1*sgn(sin(2*PI*1000*t))':d=3:s=48000"}, nil},
		"two tones at once":                  {[]string{"-f", "lavfi", "-i", "aevalsrc='0.1*sin(2*PI*1000*t)+0.05*sin(2*PI*1500*t)':d=3:s=48000"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sound.mkv")
			args := append(c.source, "-vn", "-c:a", "pcm_s16le", path)
			if name == "MP3, one channel" {
				args = append(c.source, path)
			}
			run(t, tools.FFmpeg, args...)
			var got []string
			for _, a := range measure(t, tools, path) {
				if iv := schema.IntervalOf(a); a.GetKind() == loudness.KindTone {
					got = append(got, fmt.Sprintf("%.1f-%.1f %s", iv.Start.Seconds(), iv.End.Seconds(), a.GetText()))
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("tones differ (-want +got):\n%s", d)
			}
		})
	}
}
