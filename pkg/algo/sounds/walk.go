package sounds

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Stretch is the samples [From, To) of a track in which speech, singing or music is heard.
type Stretch struct{ From, To int64 }

// Stretches returns the stretches of a label in a track, in the order of time, for an algorithm that hears at a rate and needs the kind "sound".
// Stretches longer than most samples are cut, and stretches shorter than least samples are left out.
func Stretches(ctx context.Context, in algo.Input, track *pb.AudioTrack, label string, rate int, least, most int64) ([]Stretch, error) {
	var out []Stretch
	for a, err := range in.Annotations(ctx, Kind) {
		if err != nil {
			return nil, fmt.Errorf("reading where %s is heard: %w", label, err)
		}
		if a.GetLabel() != label || a.GetAttributes()["track"].GetInteger() != int64(track.GetIndex()) {
			continue
		}
		s := Stretch{schema.Samples(schema.Time(a.GetStart()), rate), schema.Samples(schema.Time(a.GetEnd()), rate)}
		for ; s.To-s.From > most; s.From += most {
			out = append(out, Stretch{s.From, s.From + most})
		}
		if s.To-s.From >= least {
			out = append(out, s)
		}
	}
	return out, nil
}

// Walk calls each with the sound of each stretch, in order: the mean of the channels, from -1 to 1. A track that ends early ends the last stretch, which
// each then MUST expect shorter. Walk holds the sound of a single stretch.
func Walk(ctx context.Context, in algo.Input, out algo.Output, track *pb.AudioTrack, stretches []Stretch, each func(ctx context.Context, s Stretch, sound []float32) error) error {
	if len(stretches) == 0 {
		return nil
	}
	total := stretches[len(stretches)-1].To
	var sound []float32
	for s, err := range in.Sound(ctx, track) {
		if err != nil {
			return fmt.Errorf("hearing track %d: %w", track.GetIndex(), err)
		}
		mono := s.Mono()
		end := s.First + int64(len(mono))
		for len(stretches) > 0 {
			next := stretches[0]
			if from, to := max(next.From, s.First), min(next.To, end); from < to {
				sound = append(sound, mono[from-s.First:to-s.First]...)
			}
			if next.To > end {
				break
			}
			if err := each(ctx, next, sound); err != nil {
				return err
			}
			stretches, sound = stretches[1:], nil
		}
		if len(stretches) == 0 {
			return nil
		}
		out.Progress(end, total)
	}
	if len(sound) == 0 {
		return nil
	}
	last := stretches[0]
	last.To = last.From + int64(len(sound))
	return each(ctx, last, sound)
}
