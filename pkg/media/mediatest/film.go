package mediatest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/schema"
)

// How is the way in which a scene begins.
type How string

// The ways from a scene to the next.
const (
	Cut      How = "cut"
	Dissolve How = "dissolve"
	Fade     How = "fade" // over black
)

// A Scene is a shot.
type Scene struct {
	Frames int64
	// Seed draws the scene. Scenes of different seeds look clearly different.
	Seed uint64
	// Begin is the transition from the scene before; empty means Cut.
	Begin How
	// Over is the number of frames of the transition. The scene's first frame is in the middle of the transition.
	Over int64
}

// A Part is a stretch of frames at a constant rate.
type Part struct {
	Frames int64
	Rate   schema.Rate
}

// A Line is a cue: text shown and spoken during the frames [Start, End).
type Line struct {
	Start, End int64
	Text       string
	Speaker    string
}

// A Text is a subtitle track.
type Text struct {
	// Language is BCP 47.
	Language string
	// Format is "srt" or "vtt".
	Format string
	// Inside puts the track into the film's file. Otherwise the track is a side-car.
	Inside bool
	Lines  []Line
}

// A Film describes a film to make.
type Film struct {
	// Name is the file's name without extension.
	Name string
	// Container is "mp4" (the default) or "mkv".
	Container string
	// Width and Height are the size in pixels; 640 x 360 where 0.
	Width, Height int
	Rate          schema.Rate
	// Variable, if set, makes a film of variable rate. Then the timecode counts by Rate.
	Variable []Part
	// StartTimecode is the label of frame 0. The notation of drop frame makes the film drop frame.
	StartTimecode string
	Scenes        []Scene
	Texts         []Text
	// Speak is the language of the Text whose lines are spoken; empty for silence.
	Speak string
	// ToneStart and ToneEnd are the frames, half-open, with a test tone of 1 kHz at -20 dBFS in a film that speaks. Both 0: no tone.
	ToneStart, ToneEnd int64
}

// A Change is a gradual transition, over the frames [Start, End). Middle is the first frame in which the new scene dominates.
type Change struct {
	How                How
	Start, Middle, End int64
}

// Truth describes a written film.
type Truth struct {
	Path string
	// Clock has the start of each frame, and the end of the last frame.
	Clock   schema.FrameTable
	Scale   schema.TimecodeScale
	Cuts    []int64
	Changes []Change
	// SideCars are the paths of the subtitle files, by language.
	SideCars map[string]string
	Texts    []Text
}

// Frames returns the number of frames.
func (t Truth) Frames() int64 { return t.Clock.Frames() }

// Stamp returns the stamp of frame n.
func (t Truth) Stamp(n int64) Stamp {
	return Stamp{Frame: n, Timecode: t.Scale.Format(n), Millis: schema.Millis(t.Clock.FrameStart(n))}
}

// Tools are the programs for writing a film. Speech needs ESpeak; without ESpeak, a film with Speak stays silent.
type Tools struct {
	FFmpeg string
	ESpeak string
}

// timescale is the time base of films of variable rate. A frame of every usual rate is a whole number of ticks.
const timescale = 120_000

// Frames returns the number of frames of all scenes.
func (f Film) Frames() int64 {
	var n int64
	for _, s := range f.Scenes {
		n += s.Frames
	}
	return n
}

// Truth returns the truth of the film, without making the film.
func (f Film) Truth() (Truth, error) {
	total := f.Frames()
	t := Truth{Texts: f.Texts, SideCars: map[string]string{}}
	if total == 0 {
		return t, fmt.Errorf("film %q has no scenes", f.Name)
	}
	scale, err := schema.ScaleOf(f.Rate, false, f.StartTimecode)
	if err != nil {
		return t, fmt.Errorf("making film %q: %w", f.Name, err)
	}
	t.Scale = scale
	parts := f.Variable
	if parts == nil {
		parts = []Part{{total, f.Rate}}
	}
	t.Clock = schema.FrameTable{0}
	var at schema.Time
	for _, p := range parts {
		for n := range p.Frames {
			t.Clock = append(t.Clock, at+p.Rate.FrameStart(n+1))
		}
		at += p.Rate.FrameStart(p.Frames)
	}
	if t.Clock.Frames() != total {
		return t, fmt.Errorf("film %q: its scenes have %d frames, its parts %d", f.Name, total, t.Clock.Frames())
	}
	start := int64(0)
	for i, s := range f.Scenes {
		switch {
		case i == 0:
		case s.Begin == "" || s.Begin == Cut:
			t.Cuts = append(t.Cuts, start)
		default:
			t.Changes = append(t.Changes, Change{s.Begin, start - s.Over/2, start, start - s.Over/2 + s.Over})
		}
		start += s.Frames
	}
	return t, nil
}

// Write makes the film in dir, and the side-cars beside the film.
func (f Film) Write(ctx context.Context, dir string, tools Tools) (Truth, error) {
	f = f.defaults()
	t, err := f.Truth()
	if err != nil {
		return t, err
	}
	t.Path = filepath.Join(dir, f.Name+"."+f.Container)
	args := []string{"-v", "error", "-nostdin", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", fmt.Sprintf("%dx%d", f.Width, f.Height),
		"-framerate", f.Rate.String(), "-i", "pipe:0"}
	maps := []string{"-map", "0:v"}
	inputs := 1

	if speech, err := f.speak(ctx, dir, tools, t); err != nil {
		return t, err
	} else if speech != "" {
		defer os.Remove(speech)
		args = append(args, "-i", speech)
		maps = append(maps, "-map", fmt.Sprintf("%d:a", inputs), "-c:a", "aac", "-b:a", "64k", "-metadata:s:a:0", "language="+iso3(f.Speak))
		inputs++
	}
	inside := 0
	for _, text := range f.Texts {
		path := filepath.Join(dir, f.Name+"."+text.Language+"."+text.Format)
		if err := os.WriteFile(path, text.encode(t.Clock), 0o644); err != nil {
			return t, fmt.Errorf("writing subtitles: %w", err)
		}
		if !text.Inside {
			t.SideCars[text.Language] = path
			continue
		}
		defer os.Remove(path)
		args = append(args, "-i", path)
		maps = append(maps, "-map", fmt.Sprintf("%d:s", inputs), fmt.Sprintf("-metadata:s:s:%d", inside), "language="+iso3(text.Language))
		inputs++
		inside++
	}
	if inside > 0 {
		codec := "mov_text"
		if f.Container == "mkv" {
			codec = "srt"
		}
		maps = append(maps, "-c:s", codec)
	}
	args = append(args, maps...)
	if f.Variable != nil {
		args = append(args, "-vf", f.setpts(), "-enc_time_base", fmt.Sprintf("1/%d", timescale), "-video_track_timescale", fmt.Sprint(timescale))
	}
	args = append(args, "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
		"-pix_fmt", "yuv420p", "-g", "60", "-bf", "2", "-threads", "2", "-fflags", "+bitexact")
	if f.StartTimecode != "" {
		args = append(args, "-timecode", f.StartTimecode)
	}
	return t, f.encode(ctx, tools.FFmpeg, append(args, "file:"+t.Path), t)
}

func (f Film) defaults() Film {
	if f.Width == 0 {
		f.Width, f.Height = 640, 360
	}
	if f.Container == "" {
		f.Container = "mp4"
	}
	return f
}

// encode draws the frames and pipes them to ffmpeg.
func (f Film) encode(ctx context.Context, ffmpeg string, args []string, t Truth) error {
	cmd := exec.CommandContext(ctx, ffmpeg, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("opening a pipe to ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting ffmpeg: %w", err)
	}
	drawErr := f.draw(pipe, t)
	pipe.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("encoding film %q: %w: %s", f.Name, err, complaint.String())
	}
	return drawErr
}

// draw writes all frames as packed RGB.
func (f Film) draw(w io.Writer, t Truth) error {
	scenes := make([]*painter, len(f.Scenes))
	starts := make([]int64, len(f.Scenes)+1)
	for i, s := range f.Scenes {
		starts[i+1] = starts[i] + s.Frames
	}
	size := 3 * f.Width * f.Height
	frame, other := make([]byte, size), make([]byte, size)
	render := func(into []byte, scene int, n int64) {
		if scenes[scene] == nil {
			scenes[scene] = newPainter(f.Scenes[scene].Seed, f.Width, f.Height)
		}
		scenes[scene].render(into, (t.Clock.FrameStart(n) - t.Clock.FrameStart(starts[scene])).Seconds())
	}
	for n, scene := int64(0), 0; n < t.Frames(); n++ {
		if n >= starts[scene+1] {
			if scene > 0 {
				scenes[scene-1] = nil // a painter takes some megabytes
			}
			scene++
		}
		from, to, share, how := f.mix(n, scene, starts)
		render(frame, from, n)
		switch how {
		case Dissolve:
			render(other, to, n)
			blend(frame, other, share)
		case Fade:
			if share >= 0.5 {
				render(frame, to, n)
			}
			dim(frame, abs(2*share-1))
		}
		stamp(frame, f.Width, f.Height, t.Stamp(n))
		if _, err := w.Write(frame); err != nil {
			return fmt.Errorf("writing frame %d: %w", n, err)
		}
	}
	return nil
}

// mix returns the scenes that frame n shows, and the share of the second scene.
func (f Film) mix(n int64, scene int, starts []int64) (from, to int, share float64, how How) {
	for _, next := range []int{scene, scene + 1} {
		if next == 0 || next >= len(f.Scenes) {
			continue
		}
		s := f.Scenes[next]
		first := starts[next] - s.Over/2
		if s.Begin != "" && s.Begin != Cut && n >= first && n < first+s.Over {
			return next - 1, next, (float64(n-first) + 0.5) / float64(s.Over), s.Begin
		}
	}
	return scene, scene, 0, Cut
}

// setpts gives each frame the time of its part, since raw frames carry no time.
func (f Film) setpts() string {
	var expr strings.Builder
	var first, at int64
	for i, p := range f.Variable {
		step := timescale * p.Rate.Den / p.Rate.Num
		if i < len(f.Variable)-1 {
			fmt.Fprintf(&expr, `if(lt(N\,%d)\,%d+(N-%d)*%d\,`, first+p.Frames, at, first, step)
		} else {
			fmt.Fprintf(&expr, `%d+(N-%d)*%d`, at, first, step)
		}
		first += p.Frames
		at += p.Frames * step
	}
	return fmt.Sprintf("settb=1/%d,setpts='%s%s'", timescale, expr.String(), strings.Repeat(")", len(f.Variable)-1))
}

// iso3 returns a language in the form of containers: "deu" for "de".
func iso3(tag string) string {
	base, _ := language.Make(tag).Base()
	return base.ISO3()
}

func abs(x float64) float64 { return max(x, -x) }
