// The parity program writes TransNet V2's probabilities of every frame of a film. pkg/model/testdata/parity.py compares the probabilities with
// Python's:
//
//	go run ./pkg/model/transnet/parity FILM OUT.f32
//
// OUT.f32 gets two little-endian float32 a frame: single and many.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/transnet"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: parity FILM OUT.f32")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, film, out string) (err error) {
	cache, err := model.OpenCache("")
	if err != nil {
		return err
	}
	ffmpeg, err := cache.Tool("ffmpeg")
	if err != nil {
		return err
	}
	m, err := transnet.Open(cache, 0)
	if err != nil {
		return err
	}
	defer m.Close()
	d, err := m.NewDetector()
	if err != nil {
		return err
	}
	defer d.Close()

	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()

	decode := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-i", film, "-an", "-sn", "-fps_mode", "passthrough",
		"-s", fmt.Sprintf("%dx%d", transnet.Width, transnet.Height), "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
	decode.Stderr = os.Stderr
	pipe, err := decode.StdoutPipe()
	if err != nil {
		return err
	}
	if err := decode.Start(); err != nil {
		return err
	}
	begin := time.Now()
	frames, err := detect(ctx, d, pipe, w)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Printf("frames %d in %v, %.1f a second\n", frames, took.Round(time.Millisecond), float64(frames)/took.Seconds())
	return decode.Wait()
}

// detect writes the probabilities of all frames of pipe, and returns the number of frames.
func detect(ctx context.Context, d *transnet.Detector, pipe io.Reader, w io.Writer) (frames int, err error) {
	frame := make([]byte, transnet.FrameSize)
	for r := bufio.NewReaderSize(pipe, 1<<20); ; frames++ {
		if _, err := io.ReadFull(r, frame); err == io.EOF {
			break
		} else if err != nil {
			return frames, fmt.Errorf("reading a frame: %w", err)
		}
		p, err := d.Push(ctx, frame)
		if err != nil {
			return frames, err
		}
		if err := binary.Write(w, binary.LittleEndian, p); err != nil {
			return frames, err
		}
	}
	p, err := d.Finish(ctx)
	if err != nil {
		return frames, err
	}
	return frames, binary.Write(w, binary.LittleEndian, p)
}
