// Package waveform is the algorithm that stores the peaks of the first sound track of an asset, as editing programs draw them.
//
// The contract: one annotation of kind "waveform" over the sound. Attributes "bucket" and "blob" are the reference of the peaks, in the format of
// audiowaveform (github.com/bbc/audiowaveform), version 1 with 8 bits. Pair 0 begins at the start of the picture. Channels are mixed to one.
package waveform

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotation.
const Kind = "waveform"

const (
	rate = 8000
	// perPeak is the number of samples of a pair: 20 ms.
	perPeak = 160
)

// Algorithm is the algorithm "waveform".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "waveform", Version: "1", Summary: "The peaks of the sound, to be drawn",
	Reads: []string{schema.ReadsAudio},
	Kinds: []string{Kind},
	Sound: &pb.SoundSpec{Rate: rate},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Role: pb.KindRole_KIND_ROLE_WAVEFORM, Shown: &pb.Shown{Label: "Waveform", Hint: "The peaks of the sound", Icon: "sound"},
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	var pairs []byte
	var end schema.Time
	for s, err := range in.Sound(ctx, in.Asset().GetAudio()[0]) {
		if err != nil {
			return err
		}
		pairs = appendPeaks(pairs, s.Data) // a block of a second is whole pairs; the last may be less
		end = s.Interval().End
	}
	if end == 0 {
		return nil
	}
	ref, err := out.Blob(ctx, "peaks.dat", "application/octet-stream", encode(pairs))
	if err != nil {
		return fmt.Errorf("keeping the peaks: %w", err)
	}
	_, err = out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, End: int64(end), Confidence: 1, Attributes: algo.Attributes{"bucket": algo.Text(ref.GetBucket()), "blob": algo.Text(ref.GetKey())},
	})
	return err
}

// appendPeaks appends the lowest and the highest of every perPeak samples, as signed bytes.
func appendPeaks(pairs []byte, samples []int16) []byte {
	for len(samples) > 0 {
		n := min(len(samples), perPeak)
		low, high := samples[0], samples[0]
		for _, v := range samples[:n] {
			low, high = min(low, v), max(high, v)
		}
		pairs = append(pairs, byte(low>>8), byte(high>>8)) //nolint:gosec // the bits
		samples = samples[n:]
	}
	return pairs
}

// encode puts the header before the pairs.
func encode(pairs []byte) []byte {
	const version, eightBits = 1, 1
	out := make([]byte, 0, 20+len(pairs))
	for _, v := range []int{version, eightBits, rate, perPeak, len(pairs) / 2} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v)) //nolint:gosec // a day of sound has some millions of pairs
	}
	return append(out, pairs...)
}
