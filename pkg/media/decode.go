package media

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Fit says how a picture is brought to the size asked for.
type Fit uint8

const (
	// Squeeze shows the whole picture in exactly Width x Height, whatever that does to its shape.
	Squeeze Fit = iota
	// Crop shows the middle of the picture, cut to the shape of Width x Height.
	Crop
	// Keep shows the whole picture in its own shape: Width is kept, and Height, even, follows from it.
	Keep
)

// A FrameSpec is one size in which frames are wanted.
type FrameSpec struct {
	Width, Height int
	Fit           Fit
	// Stride asks for every n-th frame only, from frame 0; 0 and 1 mean every frame.
	Stride int
}

func (s FrameSpec) stride() int64 { return int64(max(s.Stride, 1)) }

// shape is the width of a film's picture over its height, as it is shown.
func shape(v *cinedexv1.VideoTrack) (num, den int64) {
	num, den = int64(v.GetWidth()), int64(v.GetHeight())
	if v.GetSarNum() > 0 && v.GetSarDen() > 0 {
		num, den = num*int64(v.GetSarNum()), den*int64(v.GetSarDen())
	}
	return num, den
}

// Size returns the size of the pictures that s gives of v.
func (s FrameSpec) Size(v *cinedexv1.VideoTrack) (width, height int) {
	if s.Fit != Keep {
		return s.Width, s.Height
	}
	num, den := shape(v)
	if num <= 0 {
		return s.Width, s.Height
	}
	half := (int64(s.Width)*den + num) / (2 * num) // rounded
	return s.Width, int(max(half, 1) * 2)
}

// filter is the filter chain that brings a frame to the size of s as packed RGB.
// The scaler is ffmpeg's default one, since models were trained on its output.
func (s FrameSpec) filter(v *cinedexv1.VideoTrack) string {
	var chain []string
	if s.Stride > 1 {
		chain = append(chain, fmt.Sprintf(`select='not(mod(n\,%d))'`, s.Stride))
	}
	if s.Fit == Crop {
		num, den := shape(v)
		// In coded pixels: wide is how much of the height is as wide as what is wanted.
		wide := fmt.Sprintf("%d/%d", int64(s.Width)*den*int64(v.GetWidth()), int64(s.Height)*num*int64(v.GetHeight()))
		chain = append(chain, fmt.Sprintf(`crop=w='min(iw\,ih*%s)':h='min(ih\,iw/(%s))'`, wide, wide))
	}
	w, h := s.Size(v)
	chain = append(chain, fmt.Sprintf("scale=%d:%d:flags=bicubic", w, h), "format=rgb24")
	return strings.Join(chain, ",")
}

// A Picture is packed RGB, three bytes a pixel, rows from the top without padding.
type Picture struct {
	Width, Height int
	Pix           []byte
}

// Image copies the picture for the standard library's encoders.
func (p *Picture) Image() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i, o := 0, 0; i+2 < len(p.Pix); i, o = i+3, o+4 {
		img.Pix[o], img.Pix[o+1], img.Pix[o+2], img.Pix[o+3] = p.Pix[i], p.Pix[i+1], p.Pix[i+2], 0xff
	}
	return img
}

// A Frame is one frame in all sizes asked for. Its pictures belong to whoever got
// it, are never written again, and may be shared and kept.
type Frame struct {
	N int64
	// Pictures are in the order of the specs; nil where the stride leaves this frame out.
	Pictures []*Picture
}

// A Source is a film to decode: the file, and what Probe said of its pictures.
type Source struct {
	Path  string
	Video *cinedexv1.VideoTrack
	Clock schema.Clock
}

// Decode decodes a film once, from its first frame to its last, in every size of
// specs. The stream decodes ahead of its reader by a few frames only, so a reader
// that is slow, or pauses, holds the decoder back. The caller must Close it.
func (r *Reader) Decode(ctx context.Context, src Source, specs ...FrameSpec) (*Stream, error) {
	if err := checkSpecs(src, specs); err != nil {
		return nil, err
	}
	return r.decode(ctx, src, excerpt{}, specs)
}

// A frame in one size has at most so many pixels, as a coded picture has (maxPixels).
const maxFrame = 8192 * 8192

// maxTall bounds the height that follows from a width: a film's header may claim any shape.
const maxTall = 16

func checkSpecs(src Source, specs []FrameSpec) error {
	if src.Video == nil || src.Clock == nil || src.Clock.Frames() == 0 {
		return errkind.New(errkind.Invalid, "%s has no pictures to decode", nameOf(src.Path))
	}
	if len(specs) == 0 {
		return errkind.New(errkind.Invalid, "decoding needs at least one size of picture")
	}
	for _, s := range specs {
		w, h := s.Size(src.Video)
		if s.Fit == Keep && h > maxTall*w {
			return errkind.New(errkind.Invalid, "%s is more than %d times as high as wide: its pictures are not decoded", nameOf(src.Path), maxTall)
		}
		if int64(w)*int64(h) > maxFrame {
			return errkind.New(errkind.Invalid, "pictures of %dx%d have more than the %d pixels that a frame may have", w, h, maxFrame)
		}
		if w < 1 || h < 1 || w > 16384 || h > 16384 || s.Stride < 0 {
			return errkind.New(errkind.Invalid, "pictures of %dx%d, every %d, cannot be decoded", w, h, s.Stride)
		}
	}
	return nil
}

// A Stream is a film being decoded. One goroutine may read it.
//
// ffmpeg splits each decoded frame to one pipe for each size, and names the
// frame's time on one more. It writes them in no order that may be relied on, so
// each pipe has its own goroutine, which stops reading only where a whole frame
// waits to be taken: then the decoder waits for us, and never we for it on one
// pipe while it waits on another.
type Stream struct {
	src    Source
	specs  []FrameSpec
	ctx    context.Context // of the process: ends with Close
	cancel context.CancelCauseFunc
	proc   *process
	done   chan struct{} // all goroutines have ended, and the process is reaped

	mu     sync.Mutex
	cond   sync.Cond
	marks  []mark       // frames that were decoded and not yet taken, oldest first
	queues [][]*Picture // by spec
	queued int64        // bytes in queues
	moved  time.Time    // when something last arrived, or was last asked for
	ended  bool         // every pipe is at its end, and the process is reaped
	err    error        // why it ended, where it should not have

	// Of the reader alone.
	next    int64      // the frame that Next returns
	pending *Frame     // decoded, of a frame at or after next
	newest  []*Picture // by spec: the last one decoded at or before next
	missing int64      // frames that another stands in for, without those before the first picture
	lead    int64      // frames before the first picture
	drained bool       // nothing more is decoded
}

// mark is what ffmpeg says of a decoded frame before its pictures: its number
// since the filters were set up (the stride counts by it), and its time.
type mark struct {
	number int64
	n      int64 // frame of the asset
}

const (
	// ahead is how many frames may wait when the reader is the slower one.
	ahead = 16
	// aheadBytes is how many bytes of frames may wait then, where frames are large.
	aheadBytes = 256 << 20
	// maxQueued bounds the pictures that wait because the pipes are out of step: far
	// above what ffmpeg's own queues can hold back.
	maxQueued = 1 << 30
)

// graph is the filter graph for specs: times in flicks, each printed on
// descriptor 3, then one branch per size. metadata=print only prints frames that
// have some, so each is given one.
func graph(src Source, part excerpt, specs []FrameSpec) string {
	var g strings.Builder
	fmt.Fprintf(&g, `[0:V:0]settb=1/%d,`, schema.Second)
	switch {
	case part.one && part.seek > 0:
		// Seeking may lead into the middle of a group of pictures, of which some decoders show what they make of it.
		fmt.Fprintf(&g, `select='if(key\,st(0\,1)\,0);ld(0)*gte(pts\,%d)',`, part.from)
	case part.one:
		fmt.Fprintf(&g, `select='gte(pts\,%d)',`, part.from)
	}
	fmt.Fprintf(&g, `metadata=mode=add:key=k:value=1,metadata=mode=print:key=k:file='pipe\:3':direct=1,split=%d`, len(specs))
	for i := range specs {
		fmt.Fprintf(&g, "[s%d]", i)
	}
	for i, s := range specs {
		fmt.Fprintf(&g, ";[s%d]%s[o%d]", i, s.filter(src.Video), i)
	}
	return g.String()
}

// excerpt is what part of a film is decoded: the zero value is all of it.
type excerpt struct {
	one  bool        // only one frame:
	from schema.Time // the first that the decoder dates at this time or after it
	more bool        // and those after it
	seek schema.Time // where to begin to read, on the container's clock; 0 for the beginning of the file
}

func (r *Reader) decode(ctx context.Context, src Source, part excerpt, specs []FrameSpec) (_ *Stream, err error) {
	if _, err := r.inspect(src.Path); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	url, err := fileURL(src.Path)
	if err != nil {
		return nil, err
	}
	args := sandboxed("-v", "error", "-nostdin", "-copyts")
	if part.one && part.seek > 0 {
		args = append(args, "-seek_timestamp", "1", "-noaccurate_seek", "-ss", seconds(part.seek))
	}
	args = append(args, "-i", url, "-filter_complex", graph(src, part, specs))
	var ours, theirs []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	defer func() {
		closeAll(theirs)
		if err != nil {
			closeAll(ours)
		}
	}()
	for i := range len(specs) + 1 {
		out, in, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("opening a pipe: %w", err)
		}
		widen(out)
		ours, theirs = append(ours, out), append(theirs, in)
		if i > 0 {
			args = append(args, "-map", fmt.Sprintf("[o%d]", i-1), "-fps_mode", "passthrough")
			if part.one && !part.more {
				args = append(args, "-frames:v", "1")
			}
			args = append(args, "-f", "rawvideo", "pipe:"+strconv.Itoa(3+i))
		}
	}
	s := &Stream{
		src: src, specs: specs, queues: make([][]*Picture, len(specs)),
		done: make(chan struct{}), moved: time.Now(), newest: make([]*Picture, len(specs)),
	}
	s.cond.L = &s.mu
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.proc = r.command(s.ctx, r.tools.FFmpeg, args, nil, theirs...) //nolint:contextcheck // the stream's context is made from the caller's
	if err := r.start(s.proc); err != nil {
		s.cancel(nil)
		return nil, err
	}
	go s.serve(ours, r.cfg.StallTimeout)
	return s, nil
}

// serve owns the stream's goroutines and its process.
func (s *Stream) serve(pipes []*os.File, stall time.Duration) {
	defer close(s.done)
	var readers sync.WaitGroup
	readers.Go(func() { s.readMarks(pipes[0]) })
	for i := range s.specs {
		readers.Go(func() { s.readPictures(i, pipes[1+i]) })
	}
	// A killed process closes its pipes, and a reader that waits for room is woken.
	stop := context.AfterFunc(s.ctx, s.wake)
	stopWatch := s.watch(stall)

	readers.Wait()
	stopWatch()
	err := s.proc.wait(s.ctx)
	stop()
	for _, p := range pipes {
		p.Close()
	}
	s.mu.Lock()
	s.ended = true
	if err != nil && s.err == nil {
		s.err = explain(s.src.Path, s.proc.stderr.String(), err)
	}
	s.mu.Unlock()
	s.cond.Broadcast()
}

// watch ends a decoding that gives nothing while its reader waits.
func (s *Stream) watch(stall time.Duration) (stop func()) {
	var timer *time.Timer
	timer = time.AfterFunc(stall, func() {
		s.mu.Lock()
		idle := time.Since(s.moved)
		if s.ready() {
			idle = 0 // it is the reader who takes its time
			s.moved = time.Now()
		}
		s.mu.Unlock()
		if idle >= stall {
			s.cancel(errkind.New(errkind.Invalid, "%s gave no frame for %s", nameOf(s.src.Path), stall))
			return
		}
		timer.Reset(stall - idle)
	})
	return func() { timer.Stop() }
}

func (s *Stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.cancel(err)
}

// readMarks reads "frame:12 pts:3528000 pts_time:0.005" lines; the lines between
// them are the metadata that made ffmpeg print.
func (s *Stream) readMarks(pipe io.Reader) {
	lines := bufio.NewScanner(pipe)
	last := int64(-1)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "frame:")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			continue
		}
		number, errN := strconv.ParseInt(fields[0], 10, 64)
		if errN != nil {
			s.fail(errkind.New(errkind.Internal, "ffmpeg named a frame as %q", lines.Text()))
			return
		}
		m := mark{number, -1} // a frame without a time has no place, but its pictures come all the same
		if pts, err := strconv.ParseInt(strings.TrimPrefix(fields[1], "pts:"), 10, 64); err == nil {
			m.n = s.src.frameNear(schema.Time(pts))
			if m.n < s.src.Video.GetUnshownFrames() {
				m.n = -1 // decoders differ in whether they show what they make of these
			}
		}
		if s.src.Video.GetSparseTimes() {
			m.n = max(m.n, last+1)
		}
		last = max(last, m.n)
		s.mu.Lock()
		s.marks = append(s.marks, m)
		s.moved = time.Now()
		s.mu.Unlock()
		s.cond.Broadcast()
	}
}

// frameNear returns the frame whose start is the nearest to the time by which a
// decoder dates a picture: containers round, so equality cannot be asked for.
func (src Source) frameNear(t schema.Time) int64 {
	t -= schema.Time(src.Video.GetStart() + src.Video.GetDecoderDelay())
	n := src.Clock.FrameAt(t)
	if n+1 <= src.Clock.Frames() && src.Clock.FrameStart(n+1)-t < t-src.Clock.FrameStart(n) {
		n++
	}
	return n
}

func (s *Stream) readPictures(i int, pipe io.Reader) {
	w, h := s.specs[i].Size(s.src.Video)
	for {
		p := &Picture{w, h, make([]byte, 3*w*h)}
		if _, err := io.ReadFull(pipe, p.Pix); err != nil {
			return // its end; why is asked of the process
		}
		s.mu.Lock()
		s.queues[i] = append(s.queues[i], p)
		s.queued += int64(len(p.Pix))
		s.moved = time.Now()
		over := s.queued > maxQueued
		s.cond.Broadcast()
		for (len(s.queues[i]) >= ahead || s.queued >= aheadBytes) && s.ready() && s.ctx.Err() == nil {
			s.cond.Wait()
		}
		s.mu.Unlock()
		if over {
			s.fail(errkind.New(errkind.Internal, "ffmpeg gives pictures so out of step that more than %d bytes wait", maxQueued))
			return
		}
	}
}

// ready reports whether the oldest decoded frame is there in all its sizes.
func (s *Stream) ready() bool {
	if len(s.marks) == 0 {
		return false
	}
	for i, spec := range s.specs {
		if s.marks[0].number%spec.stride() == 0 && len(s.queues[i]) == 0 {
			return false
		}
	}
	return true
}

// take waits for the oldest decoded frame and takes it; io.EOF after the last one.
func (s *Stream) take() (Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = time.Now()
	for !s.ready() {
		if s.err != nil && s.ended {
			return Frame{}, fmt.Errorf("decoding: %w", s.err)
		}
		if s.ended {
			return Frame{}, io.EOF
		}
		s.cond.Wait()
	}
	m := s.marks[0]
	s.marks = s.marks[1:]
	f := Frame{N: m.n, Pictures: make([]*Picture, len(s.specs))}
	for i, spec := range s.specs {
		if m.number%spec.stride() == 0 {
			f.Pictures[i], s.queues[i][0] = s.queues[i][0], nil
			s.queues[i] = s.queues[i][1:]
			s.queued -= int64(len(f.Pictures[i].Pix))
		}
	}
	s.cond.Broadcast()
	return f, nil
}

// Next returns the next frame; io.EOF after the last. Frames are numbered without
// gaps from 0 to the last one of the clock: where one cannot be decoded, the one
// before it stands in, as on a screen (at the beginning, the first that can be).
// A film of which more than a tenth is missing is an error of kind Invalid. What is missing at the beginning
// may be up to half of the film: the recording was cut in the middle of a group of pictures.
func (s *Stream) Next() (Frame, error) {
	n := s.next
	if n >= s.src.Clock.Frames() {
		return Frame{}, io.EOF
	}
	for s.pending == nil && !s.drained {
		f, err := s.take()
		switch {
		case errors.Is(err, io.EOF):
			s.drained = true
			s.missing += s.src.Clock.Frames() - n
		case err != nil:
			return Frame{}, err
		case f.N >= n:
			s.pending = &f
			if gap := min(f.N, s.src.Clock.Frames()) - n; n == 0 {
				s.lead = gap
			} else {
				s.missing += gap
			}
		case f.N >= 0: // a second picture for a time that has passed
			s.remember(f)
		}
		if err := s.checkMissing(); err != nil {
			return Frame{}, err
		}
	}
	f := Frame{N: n, Pictures: make([]*Picture, len(s.specs))}
	switch p := s.pending; {
	case p == nil:
	case p.N == n:
		s.remember(*p)
		s.pending = nil
	case s.newest[0] == nil: // missing at the beginning
		s.remember(*p)
	}
	for i, spec := range s.specs {
		if n%spec.stride() == 0 {
			f.Pictures[i] = s.newest[i]
		}
	}
	s.next++
	return f, nil
}

// remember takes the pictures of a frame for the newest ones.
func (s *Stream) remember(f Frame) {
	for i, p := range f.Pictures {
		if p != nil {
			s.newest[i] = p
		}
	}
}

// checkMissing refuses a film that is more gap than film. Some frames are lost at
// most joins and at the ends of many files.
func (s *Stream) checkMissing() error {
	total := s.src.Clock.Frames()
	if s.missing > max(total/10, min(10, total-1)) || s.lead > max(total/2, min(10, total-1)) {
		return errkind.New(errkind.Invalid, "%s is damaged: only %d of its %d frames, or fewer, can be decoded",
			nameOf(s.src.Path), total-s.missing-s.lead, total)
	}
	return nil
}

// Missing returns how many of the frames so far had no picture of their own.
func (s *Stream) Missing() int64 { return s.missing + s.lead }

// Close ends the decoding, wherever it is, and waits until its process and
// goroutines are gone.
func (s *Stream) Close() error {
	s.cancel(nil)
	<-s.done
	return nil
}
