package media_test

import (
	"cmp"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Browsers show a neighbour of some frames of an MP4 film whose pictures are stored in another order than they are shown, where the rate
// varies or the file is fragmented. Chromium ends a film with open groups of pictures by an error. TestBenchFrames plays such films in Chromium.
func TestOriginalsThatBrowsersShowInexactly(t *testing.T) {
	ffmpeg, r := tool(t, "ffmpeg"), reader(t)
	const closed, open, none = "bframes=2:b-adapt=0:keyint=12:scenecut=0", "bframes=2:b-adapt=0:keyint=12:scenecut=0:open-gop=1", "bframes=0:keyint=12"
	const pyramid = "bframes=3:b-pyramid=normal:b-adapt=0:keyint=12:scenecut=0"
	whole, fragmented := []string{"-movflags", "+faststart"}, []string{"-movflags", "+frag_keyframe"}
	type form struct{ variable, reordered, open, fragmented bool }
	for name, c := range map[string]struct {
		ext, params string
		args        []string
		form        form
		want        pb.Playable
	}{
		"even rate":                                {params: none, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames":                      {params: closed, form: form{reordered: true}, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames, table ahead":         {params: pyramid, args: whole, form: form{reordered: true}, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames, QuickTime":           {ext: "mov", params: pyramid, form: form{reordered: true}, want: pb.Playable_PLAYABLE_YES},
		"even rate, B-frames of the group after":   {params: open, form: form{reordered: true, open: true}, want: pb.Playable_PLAYABLE_NO},
		"QuickTime, B-frames of the group after":   {ext: "mov", params: open, args: whole, form: form{reordered: true, open: true}, want: pb.Playable_PLAYABLE_NO},
		"variable rate":                            {params: none, form: form{variable: true}, want: pb.Playable_PLAYABLE_YES},
		"variable rate, B-frames":                  {params: closed, form: form{variable: true, reordered: true}, want: pb.Playable_PLAYABLE_NO},
		"fragmented":                               {params: none, args: fragmented, form: form{fragmented: true}, want: pb.Playable_PLAYABLE_YES},
		"fragmented, B-frames":                     {params: closed, args: fragmented, form: form{reordered: true, fragmented: true}, want: pb.Playable_PLAYABLE_NO},
		"fragmented, B-frames, an empty table":     {params: closed, args: []string{"-movflags", "+frag_keyframe+empty_moov"}, form: form{reordered: true, fragmented: true}, want: pb.Playable_PLAYABLE_NO},
		"fragmented, B-frames, an index of pieces": {params: closed, args: []string{"-movflags", "+dash+global_sidx"}, form: form{reordered: true, fragmented: true}, want: pb.Playable_PLAYABLE_NO},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "film."+cmp.Or(c.ext, "mp4"))
			args := []string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2"}
			if c.form.variable {
				args = append(args, "-vf", `settb=1/100,setpts=4*N+2*mod(N\,2)`, "-enc_time_base", "1/100", "-fps_mode", "passthrough")
			}
			args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", c.params)
			if out, err := exec.CommandContext(t.Context(), ffmpeg, append(append(args, c.args...), path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			film, err := r.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			v := film.Asset.GetVideo()
			if got := (form{v.GetVariableRate(), v.GetReordered(), v.GetOpenGroups(), v.GetFragmented()}); got != c.form {
				t.Errorf("the film is %+v, want %+v", got, c.form)
			}
			got := media.Original(film.Asset)
			if got.GetPlayable() != c.want || (got.GetReason() == "") != (c.want == pb.Playable_PLAYABLE_YES) {
				t.Errorf("browsers play the film: %v, want %v", got, c.want)
			}
		})
	}
}
