package transcript

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/whisper"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// maxWindow is the longest window, in samples: two seconds less than the model hears at a time.
	maxWindow = 28 * whisper.Rate
	// maxGap is the longest silence inside a window.
	maxGap = 3 * whisper.Rate
	// margin is the sound before and after the speech of a window.
	margin = whisper.Rate / 5
	// minSpeech is the shortest speech that is written down.
	minSpeech = whisper.Rate / 4
	// search is the last part of a window that is too long, in which the quietest place is looked for.
	search = 6 * whisper.Rate
)

// A window is the samples [from, to) of a track.
type window struct{ from, to int64 }

// windowsOf returns the windows of a track's speech. Stretches of speech close to each other share a window, so that the model hears the context and
// runs rarely.
func windowsOf(ctx context.Context, in algo.Input, track *pb.AudioTrack) ([]window, error) {
	var out []window
	for a, err := range in.Annotations(ctx, sounds.Kind) {
		if err != nil {
			return nil, fmt.Errorf("reading where somebody speaks: %w", err)
		}
		if a.GetLabel() != sounds.Speech || a.GetAttributes()["track"].GetInteger() != int64(track.GetIndex()) {
			continue
		}
		next := window{schema.Samples(schema.Time(a.GetStart()), whisper.Rate), schema.Samples(schema.Time(a.GetEnd()), whisper.Rate)}
		if next.to-next.from < minSpeech {
			continue
		}
		if n := len(out) - 1; n >= 0 && next.from-out[n].to <= maxGap && next.to-out[n].from <= maxWindow-2*margin {
			out[n].to = next.to
			continue
		}
		out = append(out, next)
	}
	for i := range out {
		before, after := int64(margin), int64(margin)
		if i > 0 {
			before = min(before, max(out[i].from-out[i-1].to, 0)/2)
		}
		if i+1 < len(out) {
			after = min(after, max(out[i+1].from-out[i].to, 0)/2)
		}
		out[i] = window{max(out[i].from-before, 0), out[i].to + after}
	}
	return out, nil
}

// A clip is the sound of a window.
type clip struct {
	from  int64
	sound []float32
}

// A cutter cuts windows out of a track. A window that is too long is cut at the quietest place.
type cutter struct {
	windows []window
	current clip
	open    bool
}

// done reports whether all windows were cut.
func (c *cutter) done() bool { return !c.open && len(c.windows) == 0 }

// push adds the next block, and returns the clips that are complete.
func (c *cutter) push(s algo.Samples) (out []clip) {
	mono := s.Mono()
	for len(c.windows) > 0 {
		w := c.windows[0]
		from, to := max(w.from, s.First), min(w.to, s.First+int64(len(mono)))
		if from < to {
			if !c.open {
				c.open, c.current = true, clip{from: from}
			}
			c.current.sound = append(c.current.sound, mono[from-s.First:to-s.First]...)
		}
		for len(c.current.sound) > maxWindow {
			out = append(out, c.split())
		}
		if w.to > s.First+int64(len(mono)) {
			return out
		}
		c.windows = c.windows[1:]
		out = append(out, c.close()...)
	}
	return out
}

func (c *cutter) close() []clip {
	if !c.open {
		return nil
	}
	c.open = false
	done := c.current
	c.current = clip{}
	if len(done.sound) < minSpeech {
		return nil
	}
	return []clip{done}
}

// end returns the last clip of a track that ends early.
func (c *cutter) end() []clip {
	c.windows = nil
	return c.close()
}

// split takes the beginning of the current clip, up to the quietest tenth of a second in the last part that fits.
func (c *cutter) split() clip {
	const step = whisper.Rate / 10
	best, least := maxWindow, float32(-1)
	for at := maxWindow - search; at+step <= maxWindow; at += step / 2 {
		energy := float32(0)
		for _, v := range c.current.sound[at : at+step] {
			energy += v * v
		}
		if least < 0 || energy < least {
			best, least = at+step/2, energy
		}
	}
	first := clip{c.current.from, c.current.sound[:best:best]}
	c.current = clip{c.current.from + int64(best), append([]float32(nil), c.current.sound[best:]...)}
	return first
}
