package byshot

import (
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
)

const (
	// PerSecond is the number of frames a second that a Sampler examines. Algorithms with a Sampler set FramesSpec.per_second to PerSecond.
	PerSecond = 8
	// step is the longest time between two picked frames.
	step = schema.Second / 2
	// jump is the mean difference of two signatures above which a frame shows a new picture. Cuts of real films are far above, motion is mostly
	// below. A lower value costs time. A higher value misses the pictures of very short shots.
	jump = 18
	// A signature is the mean colour of columns x rows tiles.
	columns, rows = 12, 8
)

// A Sampler picks the frames that represent a film: the first frame of each half second, and every frame that looks unlike the frame before. Through
// the second rule, a shot between two half seconds gets a picture, too. The picks depend only on the frames.
type Sampler struct {
	clock schema.Clock
	begun bool
	slot  schema.Time
	last  [columns * rows * 3]int32
}

// NewSampler returns a Sampler for the frames of an asset.
func NewSampler(clock schema.Clock) *Sampler { return &Sampler{clock: clock} }

// Pick reports whether to take the frame. Callers call Pick for each frame, in order.
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
