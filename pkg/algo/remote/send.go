package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// The bounds of a message of input. A message holds one item at least.
	messageItems = 200
	messageBytes = 4 << 20
	// framesAtOnce is the platform's choice for an algorithm that has no preference.
	framesAtOnce = 8
)

// send sends the first request, and then every source, until all input is sent or ctx ends. A worker that takes no more input is no error here:
// the responses of the worker say what became of the run.
func (s *session) send(ctx context.Context, begin *pb.Begin, cancel context.CancelCauseFunc) error {
	if err := s.message(&pb.AnnotateRequest{Input: &pb.AnnotateRequest_Begin{Begin: begin}}); err != nil {
		return deaf(err)
	}
	var senders sync.WaitGroup
	for name, src := range s.sources {
		senders.Go(func() {
			if err := s.sendSource(ctx, name, src); err != nil && deaf(err) != nil {
				cancel(err) // the other sources need not wait
			}
		})
	}
	senders.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	return deaf(s.stream.CloseRequest())
}

// errDeaf marks a message that could not be sent.
var errDeaf = errors.New("the worker takes no more input")

// deaf is nil for an error of sending.
func deaf(err error) error {
	if errors.Is(err, errDeaf) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// message sends a message.
func (s *session) message(m *pb.AnnotateRequest) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if err := s.stream.Send(m); err != nil {
		return errDeaf
	}
	return nil
}

func (s *session) sendSource(ctx context.Context, name string, src *source) (err error) {
	switch name {
	case sourceFrames:
		err = s.sendFrames(ctx, src)
	case sourceSound:
		err = s.sendSound(ctx, src)
	case sourceCues:
		err = s.sendCues(ctx, src)
	default:
		if _, _, space := schema.ParseSpaceID(name); space == nil {
			err = sendItems(ctx, s, src, s.in.Embeddings(ctx, name), func(items []*pb.Embedding) *pb.AnnotateRequest {
				return &pb.AnnotateRequest{Input: &pb.AnnotateRequest_Embeddings{Embeddings: &pb.Embeddings{Embeddings: items}}}
			})
			break
		}
		err = sendItems(ctx, s, src, s.in.Annotations(ctx, name), func(items []*pb.Annotation) *pb.AnnotateRequest {
			return &pb.AnnotateRequest{Input: &pb.AnnotateRequest_Annotations{Annotations: &pb.Annotations{Annotations: items}}}
		})
	}
	if err != nil {
		return err
	}
	err = s.message(&pb.AnnotateRequest{Input: &pb.AnnotateRequest_End{End: name}})
	src.end()
	return err
}

// sendFrames sends the frames of the film through the slots of the area, or in messages.
func (s *session) sendFrames(ctx context.Context, src *source) error {
	atOnce := int(s.algorithm.declared.GetFramesAtOnce())
	if atOnce == 0 {
		atOnce = framesAtOnce
	}
	atOnce = max(1, min(atOnce, src.slots()/2))
	if s.area.file == nil {
		atOnce = max(1, min(atOnce, messageBytes/int(s.area.slotBytes)))
	}
	clock := s.in.Clock()
	var frames []*pb.Frame
	flush := func() error {
		if len(frames) == 0 {
			return nil
		}
		m := &pb.AnnotateRequest{Input: &pb.AnnotateRequest_Frames{Frames: &pb.Frames{Frames: frames}}}
		frames = nil
		return s.message(m)
	}
	for f, err := range s.in.Frames(ctx) {
		if err != nil {
			return err
		}
		if src.full() { // the worker may wait for the frames that are not sent yet
			if err := flush(); err != nil {
				return err
			}
		}
		slot, err := src.slot(ctx)
		if err != nil {
			return err
		}
		out := &pb.Frame{Number: f.N, Start: int64(clock.FrameStart(f.N)), End: int64(clock.FrameStart(f.N + 1)),
			Width: int32(f.Picture.Width), Height: int32(f.Picture.Height), Slot: slot}
		if s.area.file == nil {
			out.Pixels = f.Picture.Pix
		} else if err := s.area.write(slot, f.Picture.Pix); err != nil {
			return err
		}
		if frames = append(frames, out); len(frames) >= atOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// sendSound sends the sound of every audio track, a second in a message.
func (s *session) sendSound(ctx context.Context, src *source) error {
	for _, track := range s.in.Asset().GetAudio() {
		for block, err := range s.in.Sound(ctx, track) {
			if err != nil {
				return err
			}
			slot, err := src.slot(ctx)
			if err != nil {
				return err
			}
			bytes := make([]byte, 0, 2*len(block.Data))
			for _, v := range block.Data {
				bytes = binary.LittleEndian.AppendUint16(bytes, uint16(v))
			}
			m := &pb.Sound{Track: track.GetIndex(), First: block.First, Count: int64(block.Count()), Slot: slot, Channels: int32(block.Channels)}
			if s.area.file == nil {
				m.Samples = bytes
			} else if err := s.area.write(slot, bytes); err != nil {
				return err
			}
			if err := s.message(&pb.AnnotateRequest{Input: &pb.AnnotateRequest_Sound{Sound: m}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendCues sends the cues of every text track.
func (s *session) sendCues(ctx context.Context, src *source) error {
	for i, track := range s.in.Asset().GetText() {
		cues, err := s.in.Cues(ctx, track)
		if err != nil {
			return err
		}
		for first := 0; first == 0 || first < len(cues); first += messageItems {
			m := &pb.Cues{Track: int32(i), Language: track.GetLanguage()}
			for _, c := range cues[first:min(first+messageItems, len(cues))] {
				m.Cues = append(m.Cues, &pb.WorkerCue{Start: int64(c.Start), End: int64(c.End), Text: c.Text, Speaker: c.Speaker})
			}
			if err := src.room(ctx); err != nil {
				return err
			}
			if err := s.message(&pb.AnnotateRequest{Input: &pb.AnnotateRequest_Cues{Cues: m}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendItems sends items of another algorithm. A message holds the items that are there, so that an item of an algorithm that runs beside is sent at
// once, and the items of an earlier run are sent in large messages.
func sendItems[T proto.Message](ctx context.Context, s *session, src *source, items iter.Seq2[T, error], pack func([]T) *pb.AnnotateRequest) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	read := make(chan T, messageItems)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel(nil)
	var failed error
	reader.Go(func() {
		defer close(read)
		for item, err := range items {
			if err != nil {
				failed = err
				return
			}
			select {
			case read <- item:
			case <-ctx.Done():
				return
			}
		}
	})
	for item := range read {
		batch, size := []T{item}, proto.Size(item)
		for more := true; more && len(batch) < messageItems && size < messageBytes; {
			select {
			case next, ok := <-read:
				if more = ok; ok {
					batch, size = append(batch, next), size+proto.Size(next)
				}
			default:
				more = false
			}
		}
		if err := src.room(ctx); err != nil {
			return err
		}
		if err := s.message(pack(batch)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return errkind.New(errkind.Cancelled, "sending input: %w", context.Cause(ctx))
	}
	return failed
}
