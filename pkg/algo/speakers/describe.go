package speakers

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/ge2e"
)

const (
	// step is the number of frames from a window to the next: 0.4 s.
	step = 40
	// leastSpeech is the number of samples of the shortest speech that has a speaker.
	leastSpeech = ge2e.Rate / 3
	// mostSpeech is the number of samples of the longest passage. Longer speech is cut.
	mostSpeech = 60 * ge2e.Rate
	// mostWindows bounds the windows of a title: four hours of speech.
	mostWindows = 4 * 3600 * 100 / step

	windowSamples = ge2e.Frames * ge2e.Hop
)

// A passage is described speech.
type passage struct {
	sounds.Stretch
	windows []window
}

// A window is a vector. The middle of the window is a sample of the track.
type window struct {
	middle int64
	vector []float32
}

// A describer describes the speech of a title.
type describer struct {
	model    *ge2e.Model
	passages []passage
	windows  int
}

// describe describes a stretch of speech.
func (d *describer) describe(ctx context.Context, s sounds.Stretch, sound []float32) error {
	if len(sound) < leastSpeech || d.windows >= mostWindows {
		return nil
	}
	p := passage{Stretch: s}
	sound = ge2e.Loud(sound)
	// Speech that is shorter than a window is repeated.
	length := len(sound)
	for len(sound) < windowSamples {
		sound = append(sound[:len(sound):len(sound)], sound...)
	}
	frames := ge2e.Spectrogram(sound[:max(length, windowSamples)])
	var inputs [][]float32
	last := len(frames)/ge2e.Bands - ge2e.Frames
	if length < windowSamples {
		last = 0
	}
	add := func(at int) {
		inputs = append(inputs, frames[at*ge2e.Bands:(at+ge2e.Frames)*ge2e.Bands])
		p.windows = append(p.windows, window{middle: p.From + int64(at)*ge2e.Hop + int64(min(length, windowSamples))/2})
	}
	for at := 0; at <= last; at += step {
		add(at)
	}
	if rest := last % step; rest >= step/2 {
		add(last)
	}
	vectors, err := d.model.Vectors(ctx, inputs)
	if err != nil {
		return err
	}
	kept := p.windows[:0]
	for i, w := range p.windows {
		if w.vector = vectors[i]; length2(w.vector) > 0.5 {
			kept = append(kept, w)
		}
	}
	if p.windows = kept; len(kept) > 0 {
		d.passages = append(d.passages, p)
		d.windows += len(kept)
	}
	return nil
}

// length2 is the square of a vector's length: 1, or 0 for silence.
func length2(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}
