package byshot

import (
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
)

const (
	// PerSecond is how many frames a second a Sampler wants to see: FramesSpec.per_second of the algorithm that uses one.
	PerSecond = 8
	// step is how often it picks one where nothing happens.
	step = schema.Second / 2
	// jump is the mean difference of two signatures above which the picture is another one: cuts of
	// real films are far above it, motion mostly below. Too low costs time, too high a very short shot's picture.
	jump = 18
	// A signature is the mean colour of columns x rows tiles.
	columns, rows = 12, 8
)

// A Sampler picks the frames that stand for a film: the first of each half second, and
// any that looks unlike the frame before it, so that a shot which lies between two of the
// former has a picture too. What it picks depends on the frames alone.
type Sampler struct {
	clock schema.Clock
	begun bool
	slot  schema.Time
	last  [columns * rows * 3]int32
}

// NewSampler returns a Sampler for the frames of one asset.
func NewSampler(clock schema.Clock) *Sampler { return &Sampler{clock: clock} }

// Pick reports whether to take the frame. It is asked for each frame, in order.
func (s *Sampler) Pick(f algo.Frame) bool {
	slot := s.clock.FrameStart(f.N) / step
	now := signature(f.Picture)
	var sum int32
	for i, v := range now {
		sum += max(v-s.last[i], s.last[i]-v)
	}
	pick := !s.begun || slot != s.slot || sum > jump*int32(len(now))
	s.begun, s.slot, s.last = true, slot, now
	return pick
}

func signature(p *media.Picture) (sig [columns * rows * 3]int32) {
	for ty := range rows {
		for tx := range columns {
			x0, x1 := tx*p.Width/columns, (tx+1)*p.Width/columns
			y0, y1 := ty*p.Height/rows, (ty+1)*p.Height/rows
			var sum [3]int32
			n := int32(0)
			// Every second pixel of every second row is enough for a mean.
			for y := y0; y < y1; y += 2 {
				row := p.Pix[3*(y*p.Width+x0) : 3*(y*p.Width+x1)]
				for i := 0; i+2 < len(row); i += 6 {
					sum[0] += int32(row[i])
					sum[1] += int32(row[i+1])
					sum[2] += int32(row[i+2])
					n++
				}
			}
			for c := range 3 {
				sig[3*(ty*columns+tx)+c] = sum[c] / max(n, 1)
			}
		}
	}
	return sig
}
