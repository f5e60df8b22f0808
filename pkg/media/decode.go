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

// Fit is the way in which a picture is brought to a requested size.
type Fit uint8

const (
	// Squeeze shows the whole picture in exactly Width x Height, and may distort the picture's shape.
	Squeeze Fit = iota
	// Crop shows the middle of the picture, cut to the shape of Width x Height.
	Crop
	// Keep shows the whole picture in its own shape. Width is kept. Height, an even number, follows from Width.
	Keep
)

// A FrameSpec is a size in which a caller wants frames.
type FrameSpec struct {
	Width, Height int
	Fit           Fit
	// Stride n asks for every n-th frame, from frame 0; 0 and 1 mean every frame.
	Stride int
}

func (s FrameSpec) stride() int64 { return int64(max(s.Stride, 1)) }

// shape returns the ratio of a film's displayed width to the displayed height.
func shape(v *cinedexv1.VideoTrack) (num, den int64) {
	num, den = int64(v.GetWidth()), int64(v.GetHeight())
	if v.GetSarNum() > 0 && v.GetSarDen() > 0 {
		num, den = num*int64(v.GetSarNum()), den*int64(v.GetSarDen())
	}
	return num, den
}

// Size returns the size of the pictures that s yields of v.
func (s FrameSpec) Size(v *cinedexv1.VideoTrack) (width, height int) {
	if s.Fit != Keep {
		return s.Width, s.Height
	}
	num, den := shape(v)
	if num <= 0 {
		return s.Width, s.Height
	}
	half := (int64(s.Width)*den + num) / (2 * num) // rounded to the nearest
	return s.Width, int(max(half, 1) * 2)
}

// filter returns the filter chain for bringing a frame to the size of s as packed RGB. The scaler is ffmpeg's default
// scaler, because models were trained on its output.
func (s FrameSpec) filter(v *cinedexv1.VideoTrack) string {
	var chain []string
	if s.Stride > 1 {
		chain = append(chain, fmt.Sprintf(`select='not(mod(n\,%d))'`, s.Stride))
	}
	if s.Fit == Crop {
		num, den := shape(v)
		// wide is the ratio of the wanted width to the height, in coded pixels.
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

// A Frame is a frame in all requested sizes. Pictures are never written again: a receiver may keep and share them.
type Frame struct {
	N int64
	// Pictures are in the order of the specs. A picture is nil where the stride leaves the frame out.
	Pictures []*Picture
}

// A Source is a film to decode: the file, and Probe's description of the pictures.
type Source struct {
	Path  string
	Video *cinedexv1.VideoTrack
	Clock schema.Clock
}

// Decode decodes a film once, from the first frame to the last, in every size of specs. The stream decodes only a few frames ahead: a slow or paused
// reader holds the decoder back. The caller MUST close the stream.
func (r *Reader) Decode(ctx context.Context, src Source, specs ...FrameSpec) (*Stream, error) {
	if err := checkSpecs(src, specs); err != nil {
		return nil, err
	}
	return r.decode(ctx, src, excerpt{}, specs)
}

// maxFrame bounds the pixels of a frame in a single size. The bound equals maxPixels, the bound of a coded picture.
const maxFrame = 8192 * 8192

// maxTall bounds the height derived from a width, because a film's header may declare any shape.
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
			return errkind.New(errkind.Invalid, "%s is more than %d times as high as wide, and is not decoded", nameOf(src.Path), maxTall)
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

// A Stream is a film being decoded. Only a single goroutine may call Next.
//
// ffmpeg splits each decoded frame to a pipe per size, and prints the frame's time on a further pipe. The order of the
// writes is not defined. Therefore each pipe has a goroutine of its own, which stops reading only while a whole frame
// waits to be taken. The decoder may wait for the goroutines, but no goroutine waits for a pipe while the decoder waits
// for another.
type Stream struct {
	src    Source
	specs  []FrameSpec
	ctx    context.Context // of the process; ends with Close
	cancel context.CancelCauseFunc
	proc   *process
	done   chan struct{} // closed after all goroutines have ended and the process is reaped

	mu     sync.Mutex
	cond   sync.Cond
	marks  []mark       // frames decoded and not yet taken, oldest first
	queues [][]*Picture // by spec
	queued int64        // bytes in queues
	moved  time.Time    // the last arrival of data, or the last call of take
	ended  bool         // every pipe has ended, and the process is reaped
	err    error        // the fault at the end of the decoding

	// Used only by the goroutine of Next.
	next    int64      // the frame of the next call of Next
	pending *Frame     // a decoded frame at or after next
	newest  []*Picture // by spec: the last decoded picture at or before next
	missing int64      // frames repeated from the frame before; frames before the first picture are not counted
	lead    int64      // frames before the first picture
	drained bool       // the decoder has no more frames
}

// A mark is ffmpeg's line about a decoded frame, printed before the pictures: the frame's number since the setup of the filters, by which the stride
// counts, and the frame's time.
type mark struct {
	number int64
	n      int64 // frame of the asset; -1 for none
}

const (
	// ahead is the number of frames waiting for a slow reader.
	ahead = 16
	// aheadBytes bounds the bytes of the frames waiting for a slow reader.
	aheadBytes = 256 << 20
	// maxQueued bounds the bytes of pictures waiting because the pipes are out of step. ffmpeg's own queues hold far
	// less.
	maxQueued = 1 << 30
)

// graph returns the filter graph for specs: times in flicks, each printed on descriptor 3, then a branch per size.
// metadata=print prints only frames with metadata, so the graph adds an entry to each frame.
func graph(src Source, part excerpt, specs []FrameSpec) string {
	var g strings.Builder
	fmt.Fprintf(&g, `[0:V:0]settb=1/%d,`, schema.Second)
	switch {
	case part.starting && part.seek > 0:
		// Seeking may lead into the middle of a group of pictures. Some decoders show the incomplete pictures before the first key frame.
		fmt.Fprintf(&g, `select='if(key\,st(0\,1)\,0);ld(0)*gte(pts\,%d)',`, part.from)
	case part.starting:
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

// An excerpt is the part of a film to decode. The zero value is the whole film.
type excerpt struct {
	starting  bool        // begin at from, rather than at the first frame
	from      schema.Time // the first frame is the first frame with a decoder's date at this time or later
	following bool        // decode the frames after the first frame as well
	seek      schema.Time // the position where reading begins, on the container's clock; 0 for the beginning of the file
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
	if part.starting && part.seek > 0 {
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
			if part.starting && !part.following {
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

// serve owns the stream's goroutines and process.
func (s *Stream) serve(pipes []*os.File, stall time.Duration) {
	defer close(s.done)
	var readers sync.WaitGroup
	readers.Go(func() { s.readMarks(pipes[0]) })
	for i := range s.specs {
		readers.Go(func() { s.readPictures(i, pipes[1+i]) })
	}
	// Killing the process closes its pipes. A goroutine waiting for room needs a broadcast.
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

// watch ends a decoding without a frame while the reader waits.
func (s *Stream) watch(stall time.Duration) (stop func()) {
	var timer *time.Timer
	timer = time.AfterFunc(stall, func() {
		s.mu.Lock()
		idle := time.Since(s.moved)
		if s.ready() {
			idle = 0 // a whole frame waits: the reader is slow, not the decoder
			s.moved = time.Now()
		}
		s.mu.Unlock()
		if idle >= stall {
			s.cancel(errkind.New(errkind.Invalid, "%s yielded no frame for %s", nameOf(s.src.Path), stall))
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

// readMarks reads lines such as "frame:12 pts:3528000 pts_time:0.005". The lines in between are the metadata that makes
// ffmpeg print.
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
		m := mark{number, -1} // a frame without a time has no number, and still has pictures in the queues
		if pts, err := strconv.ParseInt(strings.TrimPrefix(fields[1], "pts:"), 10, 64); err == nil {
			m.n = s.src.frameNear(schema.Time(pts))
			if m.n < s.src.Video.GetUnshownFrames() {
				m.n = -1 // decoders differ in whether they show incomplete pictures
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

// frameNear returns the frame whose start is nearest to a decoder's time of a picture. Containers round times, so the times are rarely equal.
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
			return // the end of the pipe; serve reads the cause from the process
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
			s.fail(errkind.New(errkind.Internal, "ffmpeg's pipes are out of step: more than %d bytes wait", maxQueued))
			return
		}
	}
}

// ready reports whether all sizes of the oldest decoded frame have arrived.
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

// take waits for the oldest decoded frame and removes it from the queues; io.EOF after the last frame.
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

// Next returns the next frame; io.EOF after the last.
//
//   - Frames are numbered without gaps, from 0 to the last frame of the clock.
//   - An undecodable frame shows the picture of the frame before, as a screen would. At the beginning, the first
//     decoded picture stands in.
//   - A film with more than a tenth of its frames missing is an error of kind Invalid. At the beginning, up to half of
//     the frames may be missing: the recording was cut in the middle of a group of pictures.
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
		case f.N >= 0: // a second picture for a past time
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

// remember stores the pictures of a frame as the newest pictures.
func (s *Stream) remember(f Frame) {
	for i, p := range f.Pictures {
		if p != nil {
			s.newest[i] = p
		}
	}
}

// checkMissing refuses a film with too many missing frames. Most joins, and the ends of many files, lose a few frames.
func (s *Stream) checkMissing() error {
	total := s.src.Clock.Frames()
	if s.missing > max(total/10, min(10, total-1)) || s.lead > max(total/2, min(10, total-1)) {
		return errkind.New(errkind.Invalid, "%s is damaged: at most %d of %d frames can be decoded",
			nameOf(s.src.Path), total-s.missing-s.lead, total)
	}
	return nil
}

// Missing returns how many of the frames returned by Next had no picture of their own.
func (s *Stream) Missing() int64 { return s.missing + s.lead }

// Close ends the decoding at any point, and waits until the process and all goroutines have ended.
func (s *Stream) Close() error {
	s.cancel(nil)
	<-s.done
	return nil
}
