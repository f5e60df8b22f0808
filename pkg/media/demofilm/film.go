package demofilm

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Inside are the languages of the subtitles inside the film's file. The others lie beside the file.
var Inside = []string{"en", "de"}

// Tools are the programs for writing the film. Without ESpeak nobody speaks; all else is the same.
type Tools struct {
	FFmpeg, ESpeak string
}

// Path is the film's file in a folder.
func Path(dir string) string { return filepath.Join(dir, Name+".mp4") }

// SideCar is the file of subtitles in a folder.
func SideCar(dir, lang string) string { return filepath.Join(dir, Name+"."+lang+".vtt") }

// Write makes the film and the subtitles beside the film in dir. The file of the film appears under its name when whole.
func Write(ctx context.Context, dir string, tools Tools) error {
	wav := filepath.Join(dir, Name+".part.wav")
	defer os.Remove(wav)
	if err := writeSound(ctx, wav, tools.ESpeak); err != nil {
		return err
	}
	args := []string{"-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", fmt.Sprintf("%dx%d", Width, Height),
		"-framerate", fmt.Sprint(fps), "-i", "pipe:0", "-i", "file:" + wav}
	maps := []string{"-map", "0:v", "-map", "1:a"}
	for i, lang := range Inside {
		path := SideCar(dir, lang)
		defer os.Remove(path)
		args = append(args, "-i", "file:"+path)
		base, _ := language.Make(lang).Base()
		maps = append(maps, "-map", fmt.Sprintf("%d:s", i+2), fmt.Sprintf("-metadata:s:s:%d", i), "language="+base.ISO3())
	}
	for _, lang := range Languages {
		if err := writeSubtitles(SideCar(dir, lang), lang); err != nil {
			return err
		}
	}
	part := filepath.Join(dir, Name+".part.mp4")
	args = append(append(args, maps...), "-c:s", "mov_text", "-c:a", "aac", "-b:a", "112k", "-c:v", "libx264", "-preset", "veryfast", "-crf", "21",
		"-tune", "animation", "-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-vf", "scale=out_color_matrix=bt709",
		"-g", "48", "-bf", "2", "-threads", "2", "-timecode", StartTimecode, "-movflags", "+faststart", "-fflags", "+bitexact", "file:"+part)
	if err := encode(ctx, tools.FFmpeg, args, func(out func(*image.RGBA) error) error { return pictures(ctx, out) }); err != nil {
		return err
	}
	return os.Rename(part, Path(dir))
}

// encode gives the pictures of draw to ffmpeg.
func encode(ctx context.Context, ffmpeg string, args []string, draw func(out func(*image.RGBA) error) error) error {
	cmd := exec.CommandContext(ctx, ffmpeg, args...)
	var said strings.Builder
	cmd.Stderr = &said
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("opening a pipe to ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting ffmpeg: %w", err)
	}
	drawErr := draw(func(img *image.RGBA) error {
		_, err := pipe.Write(img.Pix)
		return err
	})
	closeErr := pipe.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("encoding the film of the demo: %w: %s", err, strings.TrimSpace(said.String()))
	}
	if drawErr != nil {
		return fmt.Errorf("drawing the film of the demo: %w", drawErr)
	}
	return closeErr
}

// pictures draws the frames on all processors, and gives them out in their order.
func pictures(ctx context.Context, out func(*image.RGBA) error) error {
	shots := script()
	for i := range shots {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := drawShot(shots, i, out); err != nil {
			return err
		}
	}
	return nil
}

// drawShot draws shot i, with the transitions at its ends.
func drawShot(shots []shot, i int, out func(*image.RGBA) error) error {
	st := shots[i].stage()
	var before, after *stage
	if i > 0 && shots[i].over > 0 {
		before = shots[i-1].stage()
	}
	if i+1 < len(shots) && shots[i+1].over > 0 {
		after = shots[i+1].stage()
	}
	type drawn struct {
		c     *canvas
		ok    chan struct{}
		times int // of the same picture in the film
	}
	workers := max(runtime.GOMAXPROCS(0), 1)
	free, queue := make(chan *canvas, 2*workers), make(chan drawn, workers)
	for range cap(free) {
		free <- newCanvas(Width, Height, 1)
	}
	n := frameOf(st.seconds)
	go func() {
		defer close(queue)
		for f := int64(0); f < n; f++ {
			d, at := drawn{<-free, make(chan struct{}), 1}, f
			for f+1 < n && st.clock(f+1) == st.clock(at) && !st.changes(f+1, n, i, after) && !st.changes(at, n, i, after) {
				d.times++
				f++
			}
			queue <- d
			go func() {
				defer close(d.ok)
				draft(d.c, at, n, i, st, before, after)
			}()
		}
	}()
	var failed error
	for d := range queue {
		<-d.ok
		for range d.times {
			if failed == nil {
				failed = out(d.c.img)
			}
		}
		free <- d.c
	}
	return failed
}

// changes tells whether frame f of the n frames of a shot is in a transition.
func (st *stage) changes(f, n int64, i int, after *stage) bool {
	return f < frameOf(st.over)/2 || i == 0 && f < fps || after != nil && f >= n-frameOf(after.over)/2
}

// draft draws frame f of the n frames of a shot.
func draft(c *canvas, f, n int64, i int, st, before, after *stage) {
	st.frame(c, st.clock(f))
	blend := func(how How, over float64, other *stage, at float64, share float64) {
		if how == Fade {
			dim(c.img, 1-2*min(share, 0.5))
			return
		}
		o := newCanvas(Width, Height, 1)
		other.frame(o, at)
		merge(c.img, o.img, share)
	}
	if before != nil {
		if half := frameOf(st.over) / 2; f < half {
			share := 0.5 - (float64(f)+0.5)/float64(2*half)
			blend(st.begin, st.over, before, before.seconds+float64(f)/fps, share)
		}
	}
	if after != nil {
		if half := frameOf(after.over) / 2; f >= n-half {
			share := (float64(f-(n-half)) + 0.5) / float64(2*half)
			blend(after.begin, after.over, after, 0, share)
		}
	}
	if i == 0 && f < fps {
		dim(c.img, float64(f)/fps)
	}
}

// merge mixes a share of b into a.
func merge(a, b *image.RGBA, share float64) {
	s := int(share * 256)
	for i := range a.Pix {
		a.Pix[i] = uint8((int(a.Pix[i])*(256-s) + int(b.Pix[i])*s) >> 8)
	}
}

// dim keeps a share of the light.
func dim(a *image.RGBA, share float64) {
	s := int(share * 256)
	for i := range a.Pix {
		if i%4 != 3 {
			a.Pix[i] = uint8(int(a.Pix[i]) * s >> 8)
		}
	}
}

func writeSubtitles(path, lang string) error {
	t, err := TruthOf()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for _, l := range t.Lines {
		fmt.Fprintf(&b, "\n%s --> %s\n<v %s>%s\n", stamp(Rate.FrameStart(l.Start)), stamp(Rate.FrameStart(l.End)), l.Speaker, l.Text[lang])
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func stamp(t schema.Time) string {
	ms := schema.Millis(t)
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

func writeSound(ctx context.Context, path, espeak string) error {
	samples, err := sound(ctx, espeak)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("RIFF")
	size := uint32(2 * len(samples))
	for _, v := range []any{36 + size, [8]byte([]byte("WAVEfmt ")), uint32(16), uint16(1), uint16(2), uint32(hertz), uint32(4 * hertz), uint16(4), uint16(16), [4]byte([]byte("data")), size, samples} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the sound: %w", err)
	}
	return nil
}
