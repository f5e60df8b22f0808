package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Dimension is the dimension of the space that workers declare.
const Dimension = 4

// worker serves an algorithm that reads small frames, and writes a sign and a vector for every frame.
type worker struct {
	late     time.Duration // before the worker answers
	hangUp   func() error  // ends all connections
	declared func() *pb.DeclareResponse
	// annotate answers a run after Begin.
	annotate func(ctx context.Context, s *stream) error
	encode   func(*pb.EncodeRequest) ([]float32, error)
}

type bidi = connect.BidiStream[pb.AnnotateRequest, pb.AnnotateResponse]

// stream is a run, as an algorithm of a test sees the run.
type stream struct {
	*bidi
	begin *pb.Begin
	area  *os.File // nil where messages carry the pixels
	mu    sync.Mutex
}

// write sends a response.
func (s *stream) write(m *pb.AnnotateResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Send(m)
}

func (s *stream) annotation(a *pb.Annotation) error {
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Annotation{Annotation: a}})
}

func (s *stream) embedding(e *pb.WorkerEmbedding) error {
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Embedding{Embedding: e}})
}

func (s *stream) heartbeat() error {
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}})
}

func (s *stream) done() error {
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Done{Done: &pb.Done{}}})
}

// frames calls f for each frame, returns the slot, and ends with the input.
func (s *stream) frames(f func(*pb.Frame, []byte) error) error {
	for {
		m, err := s.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, frame := range m.GetFrames().GetFrames() {
			pixels := frame.GetPixels()
			if s.area != nil {
				pixels = make([]byte, 3*frame.GetWidth()*frame.GetHeight())
				if _, err := s.area.ReadAt(pixels, int64(frame.GetSlot())*s.begin.GetArea().GetSlotBytes()); err != nil {
					return err
				}
			}
			if err := f(frame, pixels); err != nil {
				return err
			}
			if err := s.release(frame.GetSlot()); err != nil {
				return err
			}
		}
		if err := s.taken(m); err != nil {
			return err
		}
	}
}

// taken acknowledges a message of another source.
func (s *stream) taken(m *pb.AnnotateRequest) error {
	source := ""
	switch in := m.GetInput().(type) {
	case *pb.AnnotateRequest_Cues:
		source = "cues"
	case *pb.AnnotateRequest_Annotations:
		source = in.Annotations.GetAnnotations()[0].GetKind()
	case *pb.AnnotateRequest_Embeddings:
		source = in.Embeddings.GetEmbeddings()[0].GetSpace()
	default:
		return nil
	}
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Taken{Taken: &pb.Taken{Source: source, Messages: 1}}})
}

// sign is the annotation of a frame: the sum of the pixels tells frames apart.
func sign(kind string, f *pb.Frame, pixels []byte) *pb.Annotation {
	sum := 0
	for _, p := range pixels {
		sum += int(p)
	}
	label := "dark"
	if sum > 100*len(pixels) {
		label = "bright"
	}
	return &pb.Annotation{Kind: kind, Label: label, Language: "en", Start: f.GetStart(), End: f.GetEnd(), Confidence: 1}
}

func (w *worker) Declare(context.Context, *connect.Request[pb.DeclareRequest]) (*connect.Response[pb.DeclareResponse], error) {
	return connect.NewResponse(w.declared()), nil
}

func (w *worker) Annotate(ctx context.Context, b *bidi) error {
	first, err := b.Receive()
	if err != nil {
		return err
	}
	s := &stream{bidi: b, begin: first.GetBegin()}
	if path := s.begin.GetArea().GetPath(); path != "" {
		if s.area, err = os.Open(path); err != nil {
			return err
		}
		defer s.area.Close()
	}
	return w.annotate(ctx, s)
}

func (w *worker) Encode(_ context.Context, r *connect.Request[pb.EncodeRequest]) (*connect.Response[pb.EncodeResponse], error) {
	v, err := w.encode(r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&pb.EncodeResponse{Vector: v}), nil
}

// Spec is the declaration of the algorithm of a worker: frames in, signs and vectors out. The leaf, the kind and the space have the algorithm's name.
func Spec(name string) *pb.AlgorithmSpec {
	space := &pb.Space{Name: name, Version: "1", Dimension: Dimension, Metric: "cosine", Encoders: []string{"text", "picture"}}
	return &pb.AlgorithmSpec{
		Name: name, Version: "1", Summary: "Says whether a frame is dark or bright", Reads: []string{schema.ReadsVideo},
		Frames: &pb.FramesSpec{Width: 32, Height: 18}, Kinds: []string{name}, Spaces: []*pb.Space{space},
		KindSpecs: []*pb.KindSpec{{Kind: name, Shown: &pb.Shown{Label: "Sign", Lane: name}}},
		Leaves:    []*pb.LeafSpec{{Name: name, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Shown: &pb.Shown{Label: "Sign", Hint: "Dark or bright"}}},
		Answers:   []*pb.AnswerSpec{{Leaves: []string{name}, By: "words", Kind: name, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
	}
}

// good is the worker that keeps the contract.
func good(name string) *worker {
	instance := fmt.Sprint(os.Getpid(), " ", time.Now().UnixNano())
	w := &worker{}
	w.declared = func() *pb.DeclareResponse {
		return &pb.DeclareResponse{Protocol: 1, Instance: instance, Program: "a worker of a test",
			Algorithms: []*pb.WorkerAlgorithm{{Algorithm: Spec(name), Digest: "first", FramesAtOnce: 4, RunsAtOnce: 2}}}
	}
	w.annotate = func(_ context.Context, s *stream) error { return s.signs(name) }
	w.encode = func(r *pb.EncodeRequest) ([]float32, error) {
		if r.GetWords() == "" && r.GetPicture() == nil {
			return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("there are no words"))
		}
		return []float32{0, 0, 1, 0}, nil
	}
	return w
}

// signs writes the signs of the film.
func (s *stream) signs(name string) error {
	n := int64(0)
	err := s.frames(func(f *pb.Frame, pixels []byte) error {
		if err := s.annotation(sign(name, f, pixels)); err != nil {
			return err
		}
		e := &pb.Embedding{Space: name + "@1", Start: f.GetStart(), End: f.GetEnd(), Vector: []float32{1, 0, 0, 0}}
		if err := s.embedding(&pb.WorkerEmbedding{Embedding: e, Annotation: &n}); err != nil {
			return err
		}
		n++
		return nil
	})
	if err != nil {
		return err
	}
	return s.done()
}

// spoiled is a worker that keeps the contract until its first frame, and then calls f.
func spoiled(f func(w *worker, s *stream, frame *pb.Frame, name string) error) func(string) *worker {
	return func(name string) *worker {
		w := good(name)
		w.annotate = func(_ context.Context, s *stream) error {
			err := s.frames(func(frame *pb.Frame, pixels []byte) error {
				if err := s.annotation(sign(name, frame, pixels)); err != nil {
					return err
				}
				return f(w, s, frame, name)
			})
			if err != nil {
				return err
			}
			return s.done()
		}
		return w
	}
}

// vector is a worker whose vectors are v.
func vector(v ...float32) func(string) *worker {
	return spoiled(func(_ *worker, s *stream, f *pb.Frame, name string) error {
		return s.embedding(&pb.WorkerEmbedding{Embedding: &pb.Embedding{Space: name + "@1", Start: f.GetStart(), End: f.GetEnd(), Vector: v}})
	})
}

// wrong is a worker that writes an annotation as change changes it.
func wrong(change func(*pb.Annotation)) func(string) *worker {
	return spoiled(func(_ *worker, s *stream, f *pb.Frame, name string) error {
		a := sign(name, f, nil)
		change(a)
		return s.annotation(a)
	})
}

// forever waits for the end of the run, or of the process.
func forever(s *stream) error {
	for {
		if _, err := s.Receive(); err != nil && !errors.Is(err, io.EOF) {
			return err
		} else if err != nil {
			time.Sleep(time.Hour) // until the process is killed
		}
	}
}

// behaviours are the workers, by name.
var behaviours = map[string]func(name string) *worker{
	"good": good,
	"slow start": func(name string) *worker {
		w := good(name)
		w.late = 1500 * time.Millisecond
		return w
	},
	"hangs": spoiled(func(_ *worker, s *stream, _ *pb.Frame, _ string) error { return forever(s) }),
	"stands still": spoiled(func(_ *worker, s *stream, _ *pb.Frame, _ string) error {
		for {
			if err := s.heartbeat(); err != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond) // the pace of heartbeats
		}
	}),
	"crashes":     spoiled(func(*worker, *stream, *pb.Frame, string) error { os.Exit(3); return nil }),
	"disconnects": spoiled(func(w *worker, s *stream, _ *pb.Frame, _ string) error { _ = w.hangUp(); return forever(s) }),
	"gives up": spoiled(func(*worker, *stream, *pb.Frame, string) error {
		return connect.NewError(connect.CodeInternal, errors.New("no GPU"))
	}),
	"is busy": spoiled(func(*worker, *stream, *pb.Frame, string) error {
		return connect.NewError(connect.CodeResourceExhausted, errors.New("another run has the GPU"))
	}),
	"ends early": func(name string) *worker {
		w := good(name)
		w.annotate = func(context.Context, *stream) error { return nil }
		return w
	},
	"floods": spoiled(func(_ *worker, s *stream, f *pb.Frame, name string) error {
		for {
			if err := s.annotation(sign(name, f, nil)); err != nil {
				return err
			}
		}
	}),
	"floods heartbeats": spoiled(func(_ *worker, s *stream, _ *pb.Frame, _ string) error {
		for {
			if err := s.heartbeat(); err != nil {
				return err
			}
		}
	}),
	"large message":   wrong(func(a *pb.Annotation) { a.Text = strings.Repeat("x", 17<<20) }),
	"wrong dimension": vector(1, 0, 0),
	"not a number":    vector(float32(math.NaN()), 0, 0, 1),
	"wrong length":    vector(3, 0, 0, 0),
	"outside":         wrong(func(a *pb.Annotation) { a.End = int64(1000 * schema.Second) }),
	"backwards":       wrong(func(a *pb.Annotation) { a.Start, a.End = a.End, a.Start }),
	"no confidence":   wrong(func(a *pb.Annotation) { a.Confidence = float32(math.NaN()) }),
	"undeclared kind": wrong(func(a *pb.Annotation) { a.Kind = "shot" }),
	"missing blob": wrong(func(a *pb.Annotation) {
		a.Attributes = map[string]*pb.Value{"blob": {Kind: &pb.Value_Text{Text: "none"}}}
	}),
	"foreign slot": spoiled(func(_ *worker, s *stream, _ *pb.Frame, _ string) error {
		return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Release{Release: &pb.Release{Slots: []int32{-7}}}})
	}),
	"truncates": spoiled(func(_ *worker, s *stream, _ *pb.Frame, _ string) error {
		return os.Truncate(s.begin.GetArea().GetPath(), 0)
	}),
	"is replaced": func(name string) *worker {
		w := good(name)
		running := atomic.Bool{}
		declared := w.declared
		w.declared = func() *pb.DeclareResponse {
			d := proto.CloneOf(declared())
			if running.Load() {
				d.Instance, d.Algorithms[0].Digest = d.GetInstance()+"'", "second"
			}
			return d
		}
		w.annotate = func(_ context.Context, s *stream) error { running.Store(true); return s.signs(name) }
		return w
	},
	"changes its declaration": func(name string) *worker {
		w := good(name)
		calls := atomic.Int64{}
		declared := w.declared
		w.declared = func() *pb.DeclareResponse {
			d := proto.CloneOf(declared())
			if calls.Add(1) > 1 {
				d.Algorithms[0].Algorithm.Summary = "Something else"
			}
			return d
		}
		return w
	},
	"other code": func(name string) *worker {
		w := good(name)
		declared := w.declared
		w.declared = func() *pb.DeclareResponse {
			d := declared()
			d.Algorithms[0].Digest = "second"
			return d
		}
		return w
	},
	"reads all": readsAll,
	"wrong encoder": func(name string) *worker {
		w := good(name)
		w.encode = func(*pb.EncodeRequest) ([]float32, error) { return []float32{float32(math.Inf(1)), 0, 0, 0}, nil }
		return w
	},
	"eats memory": spoiled(func(*worker, *stream, *pb.Frame, string) error { return eat() }),
}

// readsAll is a worker that reads frames, sound and shots, says how many there were, and keeps a blob.
func readsAll(name string) *worker {
	w := good(name)
	declared := w.declared
	w.declared = func() *pb.DeclareResponse {
		d := declared()
		spec := d.Algorithms[0].Algorithm
		spec.Reads, spec.Needs, spec.Sound = []string{schema.ReadsVideo, schema.ReadsAudio}, []string{schema.KindShot}, &pb.SoundSpec{Rate: 16000}
		return d
	}
	w.annotate = func(_ context.Context, s *stream) error {
		frames, blocks, shots := 0, 0, int64(0)
		for {
			m, err := s.Receive()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			for _, f := range m.GetFrames().GetFrames() {
				frames++
				if err := s.release(f.GetSlot()); err != nil {
					return err
				}
			}
			if sound := m.GetSound(); sound != nil {
				b := make([]byte, 2)
				if _, err := s.area.ReadAt(b, int64(sound.GetSlot())*s.begin.GetArea().GetSlotBytes()); err != nil {
					return err
				}
				if int(b[0]) != blocks || sound.GetCount() != 16000 {
					return fmt.Errorf("block %d begins with %v: %v", blocks, b, sound)
				}
				blocks++
				if err := s.release(sound.GetSlot()); err != nil {
					return err
				}
			}
			for _, a := range m.GetAnnotations().GetAnnotations() {
				if a.GetOrdinal() != shots {
					return fmt.Errorf("shot %d comes as number %d", a.GetOrdinal(), shots)
				}
				shots++
			}
			if err := s.taken(m); err != nil {
				return err
			}
		}
		if err := s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Blob{Blob: &pb.Blob{Name: "read.txt", ContentType: "text/plain", Data: []byte("all")}}}); err != nil {
			return err
		}
		a := &pb.Annotation{Kind: name, Label: fmt.Sprintf("%d frames, %d blocks of sound, %d shots", frames, blocks, shots), End: 1, Confidence: 1,
			Attributes: map[string]*pb.Value{"blob": {Kind: &pb.Value_Text{Text: "read.txt"}}}}
		if err := s.annotation(a); err != nil {
			return err
		}
		return s.done()
	}
	return w
}

// release returns a slot.
func (s *stream) release(slot int32) error {
	return s.write(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Release{Release: &pb.Release{Slots: []int32{slot}}}})
}
