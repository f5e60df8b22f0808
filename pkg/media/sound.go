package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A Sound is a sound track being decoded: signed 16-bit little-endian samples of a single channel. Sample 0 sounds at
// the start of the picture, and gaps are silence, so schema.FromSamples gives a sample's time. The caller MUST close
// the Sound.
type Sound struct {
	path   string
	ctx    context.Context
	cancel context.CancelFunc
	proc   *process
	pipe   *os.File
	closed bool
}

// Sound decodes a sound track of the film at path. index is the stream index of Probe's answer. start is the start of the picture on the container's
// clock.
func (r *Reader) Sound(ctx context.Context, path string, index int32, rate int, start schema.Time) (*Sound, error) {
	if rate < 1000 || rate > 384_000 {
		return nil, errkind.New(errkind.Invalid, "sound cannot be given at %d samples a second", rate)
	}
	if _, err := r.inspect(path); err != nil {
		return nil, err
	}
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	filter := fmt.Sprintf("asetpts=PTS-(%d/%d)/TB,aresample=%d:async=1:first_pts=0,aformat=sample_fmts=s16:channel_layouts=mono", start, schema.Second, rate)
	args := append(sandboxed("-v", "error", "-nostdin", "-copyts"), "-i", url,
		"-map", fmt.Sprintf("0:%d", index), "-af", filter, "-f", "s16le", "pipe:1")
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	s := &Sound{path: path, pipe: out}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.proc = r.command(s.ctx, r.tools.FFmpeg, args, in) //nolint:contextcheck // the sound's context is made from the caller's
	err = r.start(s.proc)
	in.Close()
	if err != nil {
		s.cancel()
		out.Close()
		return nil, err
	}
	return s, nil
}

// Read reads samples. After the last sample, Read returns io.EOF, or the fault that ended the decoding early.
func (s *Sound) Read(p []byte) (int, error) {
	n, err := s.pipe.Read(p)
	if errors.Is(err, io.EOF) && !s.closed {
		s.closed = true
		if err := s.proc.wait(s.ctx); err != nil {
			return n, fmt.Errorf("decoding sound: %w", explain(s.path, s.proc.stderr.String(), err))
		}
	}
	return n, err
}

// Close ends the decoding, and waits until the process has ended.
func (s *Sound) Close() error {
	s.cancel()
	if !s.closed {
		s.closed = true
		_ = s.proc.wait(s.ctx) // killed by cancel
	}
	return s.pipe.Close()
}
