package mediatest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// encode writes the track as a subtitle file. The formats count milliseconds: starts are rounded up and ends down, so
// the frames displayed in between are the line's own frames.
func (t Text) encode(clock schema.Clock) []byte {
	var b bytes.Buffer
	mark := ","
	if t.Format == "vtt" {
		b.WriteString("WEBVTT\n\n")
		mark = "."
	}
	for i, l := range t.Lines {
		start, end := l.Millis(clock)
		text := l.Text
		if l.Speaker != "" && t.Format == "vtt" {
			text = fmt.Sprintf("<v %s>%s</v>", l.Speaker, text)
		} else if l.Speaker != "" {
			text = strings.ToUpper(l.Speaker) + ": " + text
		}
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n\n", i+1, written(start, mark), written(end, mark), text)
	}
	return b.Bytes()
}

// Millis returns the line's times in a subtitle file.
func (l Line) Millis(clock schema.Clock) (start, end int64) {
	s, e := int64(clock.FrameStart(l.Start)), int64(clock.FrameStart(l.End))
	ms := int64(schema.Millisecond)
	return (s + ms - 1) / ms, e / ms
}

func written(ms int64, mark string) string {
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, mark, ms%1000)
}

const speechRate = 22050 // espeak-ng's sample rate

// speak writes the spoken lines of the film as a WAV file; "" for a silent film.
func (f Film) speak(ctx context.Context, dir string, tools Tools, t Truth) (string, error) {
	if f.Speak == "" || tools.ESpeak == "" {
		return "", nil
	}
	samples := make([]int16, schema.Samples(t.Clock.FrameStart(t.Frames()), speechRate))
	for _, text := range f.Texts {
		if text.Language != f.Speak {
			continue
		}
		for _, l := range text.Lines {
			spoken, err := utter(ctx, tools.ESpeak, f.Speak, l.Text)
			if err != nil {
				return "", err
			}
			from := schema.Samples(t.Clock.FrameStart(l.Start), speechRate)
			to := min(int64(len(samples)), schema.Samples(t.Clock.FrameStart(l.End), speechRate))
			if from < to {
				copy(samples[from:to], spoken)
			}
		}
	}
	for i := schema.Samples(t.Clock.FrameStart(f.ToneStart), speechRate); i < schema.Samples(t.Clock.FrameStart(f.ToneEnd), speechRate); i++ {
		samples[i] = int16(3277 * math.Sin(2*math.Pi*1000*float64(i)/speechRate))
	}
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+2*len(samples)))
	b.WriteString("WAVEfmt ")
	_ = binary.Write(&b, binary.LittleEndian, struct {
		Size             uint32
		Format, Channels uint16
		Rate, Bytes      uint32
		Align, Bits      uint16
	}{16, 1, 1, speechRate, 2 * speechRate, 2, 16})
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(2*len(samples)))
	_ = binary.Write(&b, binary.LittleEndian, samples)
	path := filepath.Join(dir, f.Name+".speech.wav")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("writing the speech: %w", err)
	}
	return path, nil
}

// utter returns a text as spoken by espeak-ng.
func utter(ctx context.Context, espeak, language, text string) ([]int16, error) {
	cmd := exec.CommandContext(ctx, espeak, "-v", language, "-s", "160", "--stdout", "--stdin")
	cmd.Stdin = strings.NewReader(text)
	wav, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("speaking %q: %w", text, err)
	}
	i := bytes.Index(wav, []byte("data"))
	if i < 0 || len(wav) < i+8 {
		return nil, errors.New("espeak-ng gave no sound")
	}
	// The length in the header is open-ended, since espeak-ng writes to a pipe.
	wav = wav[i+8:]
	samples := make([]int16, len(wav)/2)
	for j := range samples {
		samples[j] = int16(binary.LittleEndian.Uint16(wav[2*j:]))
	}
	return samples, nil
}
