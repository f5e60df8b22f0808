package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// An Encoder encodes raw pictures and sound by ffmpeg. The same input gives the same bytes with the same ffmpeg: the number of threads is fixed. An
// Encoder is safe for concurrent use.
type Encoder struct{ r *Reader }

// NewEncoder returns an Encoder over the program ffmpeg.
func NewEncoder(ffmpeg string, log *slog.Logger) *Encoder {
	return &Encoder{&Reader{cfg: Default(), tools: Tools{FFmpeg: ffmpeg}, log: log, setLimit: prlimit}}
}

// An Encoding is ffmpeg at work. One goroutine writes and then calls CloseWrite; another goroutine reads to io.EOF. The caller MUST close the Encoding.
type Encoding struct {
	ctx     context.Context // of the process; ends with Close
	cancel  context.CancelCauseFunc
	proc    *process
	in, out *os.File
	ended   bool
}

// Pictures encodes packed RGB as H.264, as a byte stream with a delimiter before each picture, and without B-frames. Every keyEvery-th picture is a key
// picture.
func (e *Encoder) Pictures(ctx context.Context, width, height, keyEvery int) (*Encoding, error) {
	key := strconv.Itoa(keyEvery)
	return e.start(ctx, "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", fmt.Sprintf("%dx%d", width, height), "-framerate", "25", "-i", "pipe:0",
		// Without the colours as tags, browsers take small pictures for BT.601 and large pictures for BT.709.
		"-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic,format=yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
		"-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high", "-bf", "0", "-g", key, "-keyint_min", key, "-sc_threshold", "0",
		"-threads", "2", "-x264-params", "aud=1:cpu-independent=1:rc-lookahead=12", "-flags", "+bitexact", "-f", "h264", "pipe:1")
}

// Sound encodes signed 16-bit little-endian samples, channels interleaved, as AAC in ADTS. More than two channels are mixed to two.
func (e *Encoder) Sound(ctx context.Context, rate, channels int) (*Encoding, error) {
	out := strconv.Itoa(min(channels, 2))
	// The coder of ffmpeg gives other bytes with other instructions of the processor, also with bitexact. Plain C is as quick here.
	return e.start(ctx, "-cpuflags", "0", "-f", "s16le", "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(channels), "-i", "pipe:0",
		"-c:a", "aac", "-b:a", strconv.Itoa(64*min(channels, 2))+"k", "-ac", out, "-threads", "1", "-flags", "+bitexact", "-f", "adts", "pipe:1")
}

func (e *Encoder) start(ctx context.Context, args ...string) (_ *Encoding, err error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	defer theirOut.Close()
	widen(in)
	c := &Encoding{in: in, out: out}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.proc = e.r.command(c.ctx, e.r.tools.FFmpeg, append([]string{"-v", "error", "-nostdin", "-protocol_whitelist", "pipe"}, args...), theirOut) //nolint:contextcheck // the encoding's context is made from the caller's
	c.proc.cmd.Stdin = theirIn
	if err := e.r.start(c.proc); err != nil {
		c.cancel(nil)
		in.Close()
		out.Close()
		return nil, err
	}
	return c, nil
}

// Write writes the next raw bytes. A process that has ended fails the Write; Read then tells the fault.
func (c *Encoding) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseWrite tells ffmpeg that the last byte was written.
func (c *Encoding) CloseWrite() error { return c.in.Close() }

// Read reads encoded bytes. After the last byte, Read returns io.EOF, or the fault that ended the encoding early.
func (c *Encoding) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	n, err := c.out.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	c.ended = true
	if err := c.proc.wait(c.ctx); err != nil {
		if c.ctx.Err() != nil {
			return n, context.Cause(c.ctx)
		}
		said, _, _ := strings.Cut(strings.TrimSpace(c.proc.stderr.String()), "\n")
		if strings.Contains(said, "Unknown encoder") {
			return n, errkind.New(errkind.Unavailable, "this ffmpeg has no encoder for H.264 or AAC: run `cinedex models fetch`, or install an ffmpeg with libx264")
		}
		return n, errkind.New(errkind.Internal, "encoding ended early: %s (%w)", said, err)
	}
	return n, io.EOF
}

// Close ends the encoding at any point, and waits until the process has ended.
func (c *Encoding) Close() error {
	c.cancel(nil)
	_ = c.in.Close()
	if !c.ended {
		c.ended = true
		_ = c.proc.wait(c.ctx) // killed by cancel
	}
	return c.out.Close()
}
