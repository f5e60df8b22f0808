package algo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Samples is a block of the sound of a track. The algorithm MAY keep and change the block.
type Samples struct {
	// First is the number of the first sample. Sample 0 sounds at the start of the picture.
	First int64
	// Rate is the number of samples a second of each channel.
	Rate int
	// Channels is the number of interleaved channels.
	Channels int
	// Data holds Count samples of each channel: sample n of channel c is Data[n*Channels+c].
	Data []int16
}

// Count returns the number of samples of each channel.
func (s Samples) Count() int { return len(s.Data) / max(s.Channels, 1) }

// Interval returns the time in which the block sounds.
func (s Samples) Interval() schema.Interval {
	return schema.Interval{Start: schema.FromSamples(s.First, s.Rate), End: schema.FromSamples(s.First+int64(s.Count()), s.Rate)}
}

// Mono returns the block as numbers from -1 to 1: the mean of all channels.
func (s Samples) Mono() []float32 {
	out := make([]float32, s.Count())
	for i := range out {
		sum := 0
		for _, v := range s.Data[i*s.Channels : (i+1)*s.Channels] {
			sum += int(v)
		}
		out[i] = float32(sum) / float32(s.Channels) / 32768
	}
	return out
}

// SoundOf returns the sound of an asset that a declaration asks for.
func SoundOf(spec *pb.AlgorithmSpec) media.SoundSpec {
	return media.SoundSpec{Rate: int(spec.GetSound().GetRate()), EveryChannel: spec.GetSound().GetEveryChannel()}
}

// A Film is the file of an asset, opened by an executor.
type Film struct {
	Path  string
	Asset *pb.Asset
	Clock schema.Clock // nil for an asset without pictures
}

// End returns the end of the asset: of the container, or of the last frame.
func (f Film) End() schema.Time {
	end := schema.Time(f.Asset.GetDuration())
	if f.Clock != nil {
		end = max(end, f.Clock.FrameStart(f.Clock.Frames()))
	}
	return end
}

// Sound decodes a sound track of the film, from the start of the picture to the end of the film at most. Each block but the last lasts a second.
func (f Film) Sound(ctx context.Context, reader *media.Reader, track *pb.AudioTrack, spec media.SoundSpec) iter.Seq2[Samples, error] {
	return func(yield func(Samples, error) bool) {
		sound, err := reader.Sound(ctx, f.Path, track, spec, schema.Time(f.Asset.GetVideo().GetStart()))
		if err != nil {
			yield(Samples{}, fmt.Errorf("starting to decode sound track %d: %w", track.GetIndex(), err))
			return
		}
		defer sound.Close()
		channels, total := spec.Channels(track), schema.Samples(f.End(), spec.Rate)
		buf := make([]byte, 2*channels*spec.Rate)
		for first := int64(0); first < total; first += int64(spec.Rate) {
			n, err := io.ReadFull(sound, buf[:2*int64(channels)*min(int64(spec.Rate), total-first)])
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				yield(Samples{}, err)
				return
			}
			block := Samples{First: first, Rate: spec.Rate, Channels: channels, Data: make([]int16, n/(2*channels)*channels)}
			for i := range block.Data {
				block.Data[i] = int16(binary.LittleEndian.Uint16(buf[2*i:]))
			}
			if len(block.Data) > 0 && !yield(block, nil) || err != nil {
				return
			}
		}
	}
}
