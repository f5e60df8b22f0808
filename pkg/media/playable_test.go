package media_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Browsers show a neighbour of some frames of an MP4 film whose pictures are stored in another order than they are shown, where the rate
// varies. TestBenchFrames plays such films in Chromium.
func TestOriginalsThatBrowsersShowInexactly(t *testing.T) {
	ffmpeg, r := tool(t, "ffmpeg"), reader(t)
	const closed, open, none = "bframes=2:b-adapt=0:keyint=12:scenecut=0", "bframes=2:b-adapt=0:keyint=12:scenecut=0:open-gop=1", "bframes=0:keyint=12"
	for name, c := range map[string]struct {
		params              string
		variable, reordered bool
		want                pb.Playable
	}{
		"even rate":                              {params: none, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames":                    {params: closed, reordered: true, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames of the group after": {params: open, reordered: true, want: pb.Playable_PLAYABLE_YES},
		"variable rate":                          {params: none, variable: true, want: pb.Playable_PLAYABLE_YES},
		"variable rate, B-frames":                {params: closed, variable: true, reordered: true, want: pb.Playable_PLAYABLE_NO},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "film.mp4")
			args := []string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2"}
			if c.variable {
				args = append(args, "-vf", `settb=1/100,setpts=4*N+2*mod(N\,2)`, "-enc_time_base", "1/100", "-fps_mode", "passthrough")
			}
			args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", c.params, path)
			if out, err := exec.CommandContext(t.Context(), ffmpeg, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			v := film.Asset.GetVideo()
			if v.GetVariableRate() != c.variable || v.GetReordered() != c.reordered {
				t.Errorf("the film is %v", v)
			}
			if got := media.Original(film.Asset); got.GetPlayable() != c.want {
				t.Errorf("browsers play the film: %v, want %v", got, c.want)
			}
		})
	}
}
