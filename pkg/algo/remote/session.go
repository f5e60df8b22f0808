package remote

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A session is a run that a worker executes.
type session struct {
	algorithm *Algorithm
	worker    *worker
	declared  *pb.DeclareResponse
	in        algo.Input
	out       algo.Output

	stream   Stream
	sending  sync.Mutex // held while a message is sent
	area     *area
	sources  map[string]*source // by name; fixed once the senders run
	written  written
	progress int64 // of the algorithm

	heard   atomic.Int64 // when the last response came, in nanoseconds
	moved   atomic.Int64 // when the algorithm last read, wrote or made progress
	writing atomic.Bool  // the platform is taking output, so the worker is not at fault for silence
}

// run executes the run.
func (s *session) run(ctx context.Context) error {
	same, err := s.same(ctx)
	if err != nil {
		return s.classified(err, true)
	}
	if !same {
		return &fault{faultAway, away("the worker was replaced; its declaration is read again")}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin, err := s.prepare()
	if err != nil {
		return err
	}
	defer s.area.close() //nolint:errcheck // the next start sweeps a file that cannot be removed
	s.stream = s.algorithm.host.open(ctx, s.worker)
	now := time.Now().UnixNano()
	s.heard.Store(now)
	s.moved.Store(now)
	var senders sync.WaitGroup
	watched := make(chan struct{})
	senders.Go(func() { s.watch(ctx, watched, cancel) })
	senders.Go(func() {
		if err := s.send(ctx, begin, cancel); err != nil {
			cancel(err)
		}
	})
	err = s.receive(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the reason for which the stream was cut
	}
	cancel(nil)
	close(watched)
	senders.Wait()
	if err != nil {
		return err
	}
	return s.confirm(context.WithoutCancel(ctx))
}

// confirm checks that the worker at the end of the run is the worker of the beginning.
func (s *session) confirm(ctx context.Context) error {
	same, err := s.same(ctx)
	if err != nil {
		return s.classified(err, false)
	}
	if !same {
		return faulty(faultChanged, errkind.Internal, "the worker changed during the run, so the output may be of two versions")
	}
	return nil
}

// classified is the fault of a failed call. Before the run has begun, nothing was lost: the run waits.
func (s *session) classified(err error, before bool) error {
	switch {
	case errors.Is(err, algo.ErrAway):
		return &fault{faultAway, err}
	case errkind.Is(err, errkind.Unavailable), before && errkind.Is(err, errkind.Internal), before && errkind.Is(err, errkind.Cancelled):
		return &fault{faultAway, away("%w", err)}
	case errors.Is(err, errGone):
		return &fault{faultGone, err}
	case errkind.Is(err, errkind.Cancelled):
		return &fault{faultSilent, errkind.Wrap(errkind.Internal, err)}
	case errkind.Is(err, errkind.Invalid):
		return &fault{faultOutput, err}
	}
	return &fault{faultStatus, err}
}

// prepare makes the shared area and the sources, and returns the first request.
func (s *session) prepare() (*pb.Begin, error) {
	spec, asset, clock := s.algorithm.Spec(), s.in.Asset(), s.in.Clock()
	begin := &pb.Begin{Run: &pb.Run{Asset: asset.GetId(), Algorithm: spec.GetName(), Version: spec.GetVersion(), Parameters: spec.GetParameters()},
		Asset: asset, HeartbeatMs: max(100, s.algorithm.host.cfg.Silence.Milliseconds()/3)}
	var slotBytes int64
	if clock != nil {
		begin.Frames = clock.Frames()
	}
	if spec.GetFrames() != nil && asset.GetVideo() != nil {
		w, h := algo.FramesOf(spec, asset).Size(asset.GetVideo())
		begin.Width, begin.Height = int32(w), int32(h)
		slotBytes = int64(w) * int64(h) * 3
	}
	var soundBytes int64
	if sound := spec.GetSound(); sound != nil && len(asset.GetAudio()) > 0 {
		begin.Rate = sound.GetRate()
		for _, track := range asset.GetAudio() {
			soundBytes = max(soundBytes, 2*int64(sound.GetRate())*int64(algo.SoundOf(spec).Channels(track)))
		}
	}
	if err := s.share(begin, slotBytes, soundBytes); err != nil {
		return nil, err
	}
	s.written = written{spec: spec, end: endOf(asset, clock), blobs: map[string]*pb.MediaRef{}}
	return begin, nil
}

// endOf is the end of an asset: the end of the container, or of the last frame.
func endOf(asset *pb.Asset, clock schema.Clock) int64 {
	end := asset.GetDuration()
	if clock != nil {
		end = max(end, int64(clock.FrameStart(clock.Frames())))
	}
	return end
}

// soundSlots is how many blocks of sound, of a second each, a worker may hold.
const soundSlots = 8

// share makes the area for frames and sound, and the sources of the declaration.
func (s *session) share(begin *pb.Begin, frameBytes, soundBytes int64) error {
	s.sources = map[string]*source{}
	spec := s.algorithm.Spec()
	if size := max(frameBytes, soundBytes); size > 0 {
		slots, slotBytes, err := slotsFor(size)
		if err != nil {
			return err
		}
		sound := int32(0)
		if soundBytes > 0 {
			sound = min(slots/2, soundSlots)
			s.sources[sourceSound] = slotSource(slots-sound, sound)
		}
		if frameBytes > 0 {
			s.sources[sourceFrames] = slotSource(0, slots-sound)
		} else {
			slots = sound
			s.sources[sourceSound] = slotSource(0, sound)
		}
		s.area = &area{slots: slots, slotBytes: slotBytes}
		if s.worker.place.socket != "" {
			if s.area, err = newArea(s.algorithm.host.cfg.Shared, slots, slotBytes); err != nil {
				return err
			}
		}
		begin.Area = s.area.describe()
	}
	if reads(spec, schema.ReadsText) {
		s.sources[sourceCues] = windowSource()
	}
	for _, need := range spec.GetNeeds() {
		s.sources[need] = windowSource()
	}
	return nil
}

func reads(spec *pb.AlgorithmSpec, track string) bool { return slices.Contains(spec.GetReads(), track) }

// open opens the stream of a run.
func (h *Host) open(ctx context.Context, w *worker) Stream { return w.conn.Annotate(ctx) }

// watch ends the run of a worker that is silent, stands still or takes too long.
func (s *session) watch(ctx context.Context, stop <-chan struct{}, cancel context.CancelCauseFunc) {
	cfg := s.algorithm.host.cfg
	began := time.Now()
	tick := time.NewTicker(max(50*time.Millisecond, min(cfg.Silence, cfg.Stall)/8))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if s.writing.Load() {
			s.heard.Store(now.UnixNano())
			s.moved.Store(now.UnixNano())
			continue
		}
		if !s.owed() {
			s.moved.Store(now.UnixNano())
		}
		switch {
		case now.Sub(time.Unix(0, s.heard.Load())) > cfg.Silence:
			cancel(faulty(faultSilent, errkind.Internal, "the worker has not been heard of for %s: it hangs, or sends no heartbeats", cfg.Silence))
		case now.Sub(time.Unix(0, s.moved.Load())) > cfg.Stall:
			cancel(faulty(faultStalled, errkind.Internal, "the algorithm has neither read, nor written, nor made progress for %s: it hangs", cfg.Stall))
		case now.Sub(began) > cfg.Deadline:
			cancel(faulty(faultLate, errkind.Internal, "the run is not done after %s", cfg.Deadline))
		default:
			continue
		}
		return
	}
}

// owed reports whether the worker owes something: input that was sent and not read, or the end of the run after all input.
func (s *session) owed() bool {
	for _, src := range s.sources {
		if held, ended := src.state(); held > 0 {
			return true
		} else if !ended {
			return false
		}
	}
	return true
}

// receive takes the responses of the worker until Done.
func (s *session) receive(ctx context.Context) error {
	for {
		m, err := s.stream.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return faulty(faultGone, errkind.Internal, "the worker ended the stream without Done")
		case err != nil:
			return s.classified(err, false)
		}
		s.heard.Store(time.Now().UnixNano())
		done, err := s.take(ctx, m)
		if done || err != nil {
			return err
		}
	}
}

// take takes a response.
func (s *session) take(ctx context.Context, m *pb.AnnotateResponse) (done bool, err error) {
	moved := true
	switch o := m.GetOutput().(type) {
	case *pb.AnnotateResponse_Annotation:
		err = s.output(func() error { return s.written.annotation(ctx, s.out, o.Annotation) })
	case *pb.AnnotateResponse_Embedding:
		err = s.output(func() error { return s.written.embedding(ctx, s.out, o.Embedding) })
	case *pb.AnnotateResponse_Blob:
		err = s.output(func() error { return s.written.blob(ctx, s.out, o.Blob) })
	case *pb.AnnotateResponse_Release:
		moved, err = len(o.Release.GetSlots()) > 0, s.released(o.Release.GetSlots())
	case *pb.AnnotateResponse_Taken:
		moved, err = o.Taken.GetMessages() > 0, s.taken(o.Taken)
	case *pb.AnnotateResponse_Progress:
		moved = s.progress < o.Progress.GetDone()
		s.progress = o.Progress.GetDone()
		s.out.Progress(o.Progress.GetDone(), o.Progress.GetTotal())
	case *pb.AnnotateResponse_Done:
		return true, nil
	default: // a heartbeat, or a response of a later contract
		moved = false
	}
	switch {
	case err != nil:
		return false, err
	case moved:
		s.moved.Store(time.Now().UnixNano())
		s.written.idles = 0
		return false, nil
	}
	return false, s.written.idle()
}

// output writes output. Writing may wait for the log, which is no fault of the worker.
func (s *session) output(write func() error) error {
	s.writing.Store(true)
	defer s.writing.Store(false)
	return write()
}

// released takes slots back.
func (s *session) released(slots []int32) error {
	for _, slot := range slots {
		ok := false
		for _, name := range []string{sourceFrames, sourceSound} {
			if src := s.sources[name]; src != nil && src.release(slot) {
				ok = true
			}
		}
		if !ok {
			return broken("the worker returns slot %d, which the worker does not hold", slot)
		}
	}
	return nil
}

// taken makes room for messages of a source.
func (s *session) taken(t *pb.Taken) error {
	src := s.sources[t.GetSource()]
	if src == nil || !src.take(t.GetMessages()) {
		return broken("the worker has read %d messages of %q, which were not sent", t.GetMessages(), clip(t.GetSource()))
	}
	return nil
}

// broken is the error of output that breaks the contract.
func broken(format string, args ...any) error {
	return faulty(faultOutput, errkind.Invalid, "the worker breaks the contract: "+format, args...)
}
