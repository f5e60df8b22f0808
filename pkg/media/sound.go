package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A SoundSpec is the form in which a caller wants a sound track.
type SoundSpec struct {
	// Rate is the number of samples a second.
	Rate int
	// EveryChannel keeps the channels of the track apart. Without EveryChannel, all channels are mixed to a single channel.
	EveryChannel bool
}

// maxChannels bounds the channels of a track that are kept apart: 7.1. ffmpeg has no names for most larger numbers.
const maxChannels = 8

// Channels returns the number of channels that s yields of a track.
func (s SoundSpec) Channels(track *cinedexv1.AudioTrack) int {
	if s.EveryChannel {
		return int(track.GetChannels())
	}
	return 1
}

func (s SoundSpec) check(track *cinedexv1.AudioTrack) error {
	if s.Rate < 1000 || s.Rate > 384_000 {
		return errkind.New(errkind.Invalid, "sound cannot be given at %d samples a second", s.Rate)
	}
	if n := s.Channels(track); n < 1 || n > maxChannels {
		return errkind.New(errkind.Invalid, "sound track %d has %d channels; 1 to %d can be kept apart", track.GetIndex(), n, maxChannels)
	}
	return nil
}

// layouts are ffmpeg's names of the usual layouts, by the number of channels. Channels are in the order of WAVE files: left, right, centre, low
// frequencies, back left, back right, side left, side right.
var layouts = map[int]string{1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}

// filter returns the filter chain that brings a track to the form of s. A track of another number of channels keeps the order of its own channels.
func (s SoundSpec) filter(track *cinedexv1.AudioTrack, start schema.Time) string {
	chain := []string{fmt.Sprintf("asetpts=PTS-(%d/%d)/TB", start, schema.Second), fmt.Sprintf("aresample=%d:async=1:first_pts=0", s.Rate)}
	n := s.Channels(track)
	if layout, usual := layouts[n]; usual {
		return strings.Join(append(chain, "aformat=sample_fmts=s16:channel_layouts="+layout), ",")
	}
	var order []string
	for i := range n {
		order = append(order, strconv.Itoa(i))
	}
	return strings.Join(append(chain, fmt.Sprintf("channelmap=%s:%dc", strings.Join(order, "|"), n), "aformat=sample_fmts=s16"), ",")
}

// A Sound is a sound track being decoded: signed 16-bit little-endian samples, channels interleaved. Sample 0 sounds at
// the start of the picture, and gaps are silence, so schema.FromSamples gives a sample's time. The caller MUST close
// the Sound.
type Sound struct {
	path   string
	stall  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	proc   *process
	pipe   *os.File
	closed bool
}

// Sound decodes a sound track of the film at path. track is a track of Probe's answer. start is the start of the picture on the container's clock.
func (r *Reader) Sound(ctx context.Context, path string, track *cinedexv1.AudioTrack, spec SoundSpec, start schema.Time) (*Sound, error) {
	if err := spec.check(track); err != nil {
		return nil, err
	}
	if _, err := r.inspect(path); err != nil {
		return nil, err
	}
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	args := append(sandboxed("-v", "error", "-nostdin", "-copyts"), "-i", url,
		"-map", fmt.Sprintf("0:%d", track.GetIndex()), "-af", spec.filter(track, start), "-f", "s16le", "pipe:1")
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	s := &Sound{path: path, stall: r.cfg.StallTimeout, pipe: out}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.proc = r.command(s.ctx, r.tools.FFmpeg, args, in) //nolint:contextcheck // the sound's context is made from the caller's
	err = r.start(s.proc)
	in.Close()
	if err != nil {
		s.cancel(nil)
		out.Close()
		return nil, err
	}
	return s, nil
}

// Read reads samples. After the last sample, Read returns io.EOF, or the fault that ended the decoding early.
func (s *Sound) Read(p []byte) (int, error) {
	if s.closed {
		return 0, io.EOF
	}
	if err := s.pipe.SetReadDeadline(time.Now().Add(s.stall)); err != nil {
		return 0, fmt.Errorf("decoding sound: %w", err)
	}
	n, err := s.pipe.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.cancel(errkind.New(errkind.Invalid, "%s yielded no sound for %s", nameOf(s.path), s.stall))
	case !errors.Is(err, io.EOF):
		return n, err
	}
	s.closed = true
	if err := s.proc.wait(s.ctx); err != nil {
		return n, fmt.Errorf("decoding sound: %w", explain(s.path, s.proc.stderr.String(), err))
	}
	return n, io.EOF
}

// Close ends the decoding, and waits until the process has ended.
func (s *Sound) Close() error {
	s.cancel(nil)
	if !s.closed {
		s.closed = true
		_ = s.proc.wait(s.ctx) // killed by cancel
	}
	return s.pipe.Close()
}
