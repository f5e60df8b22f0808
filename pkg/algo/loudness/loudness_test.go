package loudness_test

import (
	"fmt"
	"log/slog"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/loudness"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func tools(t testing.TB) media.Tools {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	return tools
}

// measure runs the algorithm over a file.
func measure(t testing.TB, tools media.Tools, path string) []*pb.Annotation {
	t.Helper()
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, path)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := algo.NewRegistry(loudness.Algorithm{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := algotest.Run(t.Context(), reg, "loudness", clip)
	if err != nil {
		t.Fatal(err)
	}
	return r.Annotations
}

func sound(t testing.TB, tools media.Tools, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.wav")
	run(t, tools.FFmpeg, "-f", "lavfi", "-i", source, "-c:a", "pcm_s16le", path)
	return path
}

func run(t testing.TB, ffmpeg string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), ffmpeg, append([]string{"-hide_banner", "-nostdin", "-y"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// reference is the measure of ffmpeg's ebur128.
func reference(t testing.TB, ffmpeg, path string) (integrated, spread, peak float64) {
	t.Helper()
	out := run(t, ffmpeg, "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-")
	last := func(pattern string) float64 {
		all := regexp.MustCompile(pattern).FindAllStringSubmatch(out, -1)
		if len(all) == 0 {
			t.Fatalf("ffmpeg says nothing of %s: %s", pattern, out)
		}
		x, err := strconv.ParseFloat(all[len(all)-1][1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	return last(`I:\s+(-?[\d.]+) LUFS`), last(`LRA:\s+(-?[\d.]+) LU`), last(`Peak:\s+(-?[\d.]+) dBFS`)
}

// tone is a tone of a level in every channel, at 48 kHz.
func tone(hz, dbfs float64, seconds int, layout string, channels int) string {
	expr := fmt.Sprintf("%g*sin(2*PI*%g*t)", math.Pow(10, dbfs/20), hz)
	all := expr
	for range channels - 1 {
		all += "|" + expr
	}
	return fmt.Sprintf("aevalsrc='%s':d=%d:s=48000:c=%s", all, seconds, layout)
}

// The signals of EBU Tech 3341 and 3342 with known truth, shortened, and noise and steps without: within 0.1 LU of the truth, and of ffmpeg's ebur128.
// The last three were not looked at while the algorithm was written.
func TestTruth(t *testing.T) {
	tools := tools(t)
	none := math.NaN()
	step := func(parts ...string) string {
		graph := ""
		for i, p := range parts {
			graph += fmt.Sprintf("%s[a%d];", p, i)
		}
		for i := range parts {
			graph += fmt.Sprintf("[a%d]", i)
		}
		return graph + fmt.Sprintf("concat=n=%d:v=0:a=1", len(parts))
	}
	for name, c := range map[string]struct {
		source                   string
		integrated, spread, peak float64
	}{
		"3341-1": {tone(1000, -23, 20, "stereo", 2), -23, 0, -23},
		"3341-2": {tone(1000, -33, 20, "stereo", 2), -33, 0, -33},
		"3341-3": {step(tone(1000, -36, 5, "stereo", 2), tone(1000, -23, 30, "stereo", 2), tone(1000, -36, 5, "stereo", 2)), -23, none, -23},
		"3341-4": {step(tone(1000, -72, 5, "stereo", 2), tone(1000, -36, 5, "stereo", 2), tone(1000, -23, 30, "stereo", 2),
			tone(1000, -36, 5, "stereo", 2), tone(1000, -72, 5, "stereo", 2)), -23, none, -23},
		"3341-6":          {"aevalsrc='0.0398*sin(2*PI*1000*t)|0.0398*sin(2*PI*1000*t)|0.0631*sin(2*PI*1000*t)|0|0.0316*sin(2*PI*1000*t)|0.0316*sin(2*PI*1000*t)':d=20:s=48000:c=5.1", -23, 0, none},
		"3342-1":          {step(tone(1000, -20, 20, "stereo", 2), tone(1000, -30, 20, "stereo", 2)), none, 10, -20},
		"between samples": {"aevalsrc='0.5*min(1,t)*sin(2*PI*12000*t+PI/4)':d=5:s=48000:c=mono", none, 0, -6},
		"mono":            {tone(1000, -20, 5, "mono", 1), -23, 0, -20},
		"silence":         {"anullsrc=d=5:r=48000:cl=stereo", -70, 0, none},
		// Withheld.
		"noise":   {"anoisesrc=d=20:c=pink:r=48000:a=0.3:seed=7", none, none, none},
		"low":     {tone(60, -12, 8, "stereo", 2), none, 0, -12},
		"at 44.1": {"aevalsrc='0.2*sin(2*PI*997*t)|0.1*sin(2*PI*3000*t)':d=8:s=44100:c=stereo", none, 0, none},
	} {
		t.Run(name, func(t *testing.T) {
			path := sound(t, tools, c.source)
			whole := measure(t, tools, path)[0]
			got := func(name string) float64 { return whole.GetAttributes()[name].GetNumber() }
			close := func(what string, got, want, within float64) {
				if !math.IsNaN(want) && math.Abs(got-want) > within {
					t.Errorf("%s is %.2f, want %.2f", what, got, want)
				}
			}
			close("integrated", got("integrated"), c.integrated, 0.1)
			close("range", got("range"), c.spread, 1)
			close("true peak", got("true_peak"), c.peak, 0.4)
			if name == "silence" {
				return // of which ffmpeg measures nothing
			}
			integrated, spread, peak := reference(t, tools.FFmpeg, path)
			close("integrated, beside ffmpeg,", got("integrated"), integrated, 0.1)
			close("range, beside ffmpeg,", got("range"), spread, 0.2)
			close("true peak, beside ffmpeg,", got("true_peak"), peak, 0.3)
		})
	}
}

// Silence, loud and quiet passages are found where they are.
func TestPassages(t *testing.T) {
	tools := tools(t)
	// A tone of 1 kHz: 6 s loud, 1.5 s of silence, 12.5 s of a usual level, 10 s quiet.
	level := "if(lt(t,6),0.5,if(lt(t,7.5),0,if(lt(t,20),0.1,0.005)))"
	path := sound(t, tools, fmt.Sprintf("aevalsrc='%s*sin(2*PI*1000*t)':d=30:s=48000:c=mono", level))
	type span struct {
		name     string
		from, to float64
	}
	var got []span
	for _, a := range measure(t, tools, path)[1:] {
		got = append(got, span{a.GetKind() + " " + a.GetLabel(), schema.Time(a.GetStart()).Seconds(), schema.Time(a.GetEnd()).Seconds()})
	}
	want := []span{{"loudness quiet", 21, 30}, {"silence silence", 6, 7.5}, {"tone 1 kHz tone", 0, 6}, {"tone 1 kHz tone", 7.5, 30}}
	if len(got) != len(want) {
		t.Fatalf("found %v, want %v", got, want)
	}
	for i, w := range want {
		if g := got[i]; g.name != w.name || math.Abs(g.from-w.from) > 1 || math.Abs(g.to-w.to) > 1 {
			t.Errorf("found %v, want %v", g, w)
		}
	}
	// ffmpeg's silencedetect finds the same silence.
	out := run(t, tools.FFmpeg, "-i", path, "-af", "silencedetect=noise=-60dB:d=0.5", "-f", "null", "-")
	m := regexp.MustCompile(`silence_end: ([\d.]+) \| silence_duration: ([\d.]+)`).FindAllStringSubmatch(out, -1)
	if len(m) != 1 {
		t.Fatalf("ffmpeg: %s", out)
	}
	end, _ := strconv.ParseFloat(m[0][1], 64)
	if math.Abs(end-got[1].to) > 0.01 {
		t.Errorf("the silence ends at %g s, ffmpeg: %g s", got[1].to, end)
	}
}
