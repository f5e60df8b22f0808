package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/fmp4"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// next reads the picture of frame n. After the last frame comes the end.
func (m *muxer) next(n int64) (fmp4.Picture, error) {
	pic, err := m.pictures.Next()
	switch {
	case errors.Is(err, io.EOF) && n == m.clock.Frames():
		return fmp4.Picture{}, nil
	case errors.Is(err, io.EOF):
		return fmp4.Picture{}, errkind.New(errkind.Internal, "the encoder gave %d pictures for %d frames", n, m.clock.Frames())
	case err != nil:
		return fmp4.Picture{}, fmt.Errorf("reading picture %d: %w", n, err)
	case n == m.clock.Frames():
		return fmp4.Picture{}, errkind.New(errkind.Internal, "the encoder gave more pictures than %d frames", n)
	}
	if n == 0 {
		if pic.SPS == nil || pic.PPS == nil || !pic.Key {
			return fmp4.Picture{}, errkind.New(errkind.Internal, "the stream of pictures begins without parameters")
		}
		m.video.SPS, m.video.PPS = pic.SPS, pic.PPS
	}
	return pic, nil
}

// fragment adds a fragment to the piece: a group of pictures from a key picture on, and the sound up to the end of the group.
func (m *muxer) fragment(first int64, group []fmp4.Sample, last bool) error {
	end := m.start(first + int64(len(group)))
	sound, err := m.soundUntil(end, last)
	if err != nil {
		return err
	}
	m.number++
	start := m.start(first)
	b := fmp4.Fragment(m.number, fmp4.Samples{Start: start, List: group}, sound)
	m.piece.data = append(m.piece.data, b...)
	m.piece.fragments = binary.AppendUvarint(m.piece.fragments, uint64(len(b)))
	m.piece.fragments = binary.AppendUvarint(m.piece.fragments, end-start)
	return nil
}

// soundUntil returns the blocks of sound that begin before a time of the pictures.
func (m *muxer) soundUntil(end uint64, last bool) (out fmp4.Samples, err error) {
	if m.blocks == nil {
		return out, nil
	}
	out.Start = m.heard * fmp4.BlockSamples
	for {
		if m.block == nil && !m.ended {
			if err := m.hear(); err != nil {
				return out, err
			}
		}
		if m.ended || !last && m.heard*fmp4.BlockSamples*uint64(m.video.Timescale) >= end*soundRate {
			return out, nil
		}
		out.List = append(out.List, fmp4.Sample{Key: true, Duration: fmp4.BlockSamples, Data: m.block})
		m.block = nil
		m.heard++
	}
}

// hear reads the next block. The first block is left out: it is the run-up of the encoder, and the second block decodes to sample 0.
func (m *muxer) hear() (err error) {
	if m.blocks.Config == nil {
		_, err = m.blocks.Next()
	}
	if err == nil {
		m.block, err = m.blocks.Next()
	}
	if errors.Is(err, io.EOF) {
		m.ended = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading encoded sound: %w", err)
	}
	return nil
}

// keep stores the piece, which ends before frame end.
func (m *muxer) keep(ctx context.Context, end int64) error {
	ref, err := m.out.Blob(ctx, BlobName(m.piece.first, end), "video/mp4", m.piece.data)
	if err != nil {
		return fmt.Errorf("keeping frames %d to %d: %w", m.piece.first, end, err)
	}
	attributes := algo.Attributes{"bucket": algo.Text(ref.GetBucket()), "blob": algo.Text(ref.GetKey()), "fragments": data(m.piece.fragments)}
	if !m.begun {
		m.begun = true
		var sound *fmp4.Sound
		if m.blocks != nil && m.blocks.Config != nil {
			sound = &fmp4.Sound{Rate: soundRate, Channels: m.channels, Config: m.blocks.Config}
		}
		attributes["init"] = data(Codecs{Video: m.video, Sound: sound}.encode())
		attributes["width"], attributes["height"] = algo.Integer(int64(m.video.Width)), algo.Integer(int64(m.video.Height))
		attributes["timescale"] = algo.Integer(int64(m.video.Timescale))
	}
	_, err = m.out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, Start: int64(m.clock.FrameStart(m.piece.first)), End: int64(m.clock.FrameStart(end)), Confidence: 1, Attributes: attributes,
	})
	m.piece = piece{first: end}
	return err
}

func data(b []byte) *pb.Value { return &pb.Value{Kind: &pb.Value_Data{Data: b}} }

// feeders are the goroutines that feed the encoders.
type feeders struct{ group sync.WaitGroup }

// start feeds an encoder. An error of the input ends the run with the error.
func (f *feeders) start(cancel func(error), to *media.Encoding, feed func() error) {
	f.group.Go(func() {
		if err := feed(); err != nil {
			var broken brokenPipe
			if !errors.As(err, &broken) { // the reader of the encoder tells why the encoder ended
				cancel(err)
			}
		}
		_ = to.CloseWrite()
	})
}

func (f *feeders) wait() { f.group.Wait() }

// A brokenPipe is an encoder that takes no more.
type brokenPipe struct{ error }

func (b brokenPipe) Unwrap() error { return b.error }

func write(to io.Writer, p []byte) error {
	if _, err := to.Write(p); err != nil {
		return brokenPipe{err}
	}
	return nil
}

// showTo writes every frame.
func showTo(ctx context.Context, in algo.Input, to io.Writer) error {
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		if err := write(to, f.Picture.Pix); err != nil {
			return err
		}
	}
	return nil
}

// playTo writes the sound of a track, or of two mono tracks.
func playTo(ctx context.Context, in algo.Input, tracks []*pb.AudioTrack, to io.Writer) error {
	if len(tracks) == 1 {
		for s, err := range in.Sound(ctx, tracks[0]) {
			if err != nil {
				return err
			}
			if err := write(to, bytesOf(s.Data)); err != nil {
				return err
			}
		}
		return nil
	}
	left, stopLeft := iter.Pull2(in.Sound(ctx, tracks[0]))
	defer stopLeft()
	right, stopRight := iter.Pull2(in.Sound(ctx, tracks[1]))
	defer stopRight()
	for {
		l, errL, okL := left()
		r, errR, okR := right()
		if err := errors.Join(errL, errR); err != nil {
			return err
		}
		if !okL && !okR {
			return nil
		}
		both := make([]int16, 2*max(len(l.Data), len(r.Data))) // a track that has ended is silent
		for i, v := range l.Data {
			both[2*i] = v
		}
		for i, v := range r.Data {
			both[2*i+1] = v
		}
		if err := write(to, bytesOf(both)); err != nil {
			return err
		}
	}
}

func bytesOf(samples []int16) []byte {
	out := make([]byte, 0, 2*len(samples))
	for _, v := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(v)) //nolint:gosec // the bits
	}
	return out
}
