package rpcapi

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"
	"unicode"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// exportChunk is the size of a message of an export.
const exportChunk = 64 << 10

// Export writes clips as a file of an editing program.
func (s *Server) Export(ctx context.Context, req *connect.Request[pb.ExportRequest], stream *connect.ServerStream[pb.ExportResponse]) error {
	ctx, end := rpc.BeginStream(ctx)
	defer end()
	return s.export(ctx, req.Msg, stream.Send)
}

// export gives send the messages of an export, each while the caller has the rights of the beginning. An error before the first message leaves nothing sent.
func (s *Server) export(ctx context.Context, m *pb.ExportRequest, send func(*pb.ExportResponse) error) error {
	format, err := handoff.FormatOf(m.GetFormat())
	if err != nil {
		return err
	}
	l, notes, err := s.deps.Gateway.Clips(ctx, rpc.CallerFrom(ctx), m)
	if err != nil {
		return err
	}
	out := &exporting{send: func(m *pb.ExportResponse) error {
		if err := rpc.StillAuthorised(ctx); err != nil {
			return err
		}
		return send(m)
	}, next: &pb.ExportResponse{File: &pb.ExportFile{Name: fileName(l.Name) + "." + format.Extension, MediaType: format.MediaType, Clips: int32(len(l.Clips))}}}
	told, err := s.write(ctx, out, format, l, m)
	if err != nil {
		return err
	}
	out.next.Notes = append(notes, told...)
	return out.flush()
}

// write writes the file, and returns the notes of the writing. A check writes nothing, and reads no film.
func (s *Server) write(ctx context.Context, out *exporting, format handoff.Format, l handoff.List, m *pb.ExportRequest) ([]string, error) {
	o := s.exportOptions(ctx, m)
	if !m.GetCheck() {
		return format.Write(out, l, o)
	}
	if format.Name == "clips" {
		return nil, nil
	}
	if o.Media = nil; o.Poster != nil {
		o.Poster = func(*handoff.Source, int64) ([]byte, error) { return blank() }
	}
	return format.Write(io.Discard, l, o)
}

// blank is a small grey picture as JPEG.
func blank() ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 9)), nil); err != nil {
		return nil, fmt.Errorf("drawing: %w", err)
	}
	return b.Bytes(), nil
}

// Films gives exports the pictures and the bytes of films.
type Films interface {
	// Picture returns a frame as JPEG.
	Picture(ctx context.Context, a *pb.Asset, clock schema.Clock, n int64) ([]byte, error)
	// Open returns the bytes of the film and their number.
	Open(ctx context.Context, a *pb.Asset) (io.ReadCloser, int64, error)
	// Cut writes a range of frames as a film, and returns the frame that the film begins with.
	Cut(ctx context.Context, a *pb.Asset, clock schema.Clock, c media.Cut, w io.Writer) (int64, error)
}

// exportOptions are the choices of a request. The films are those that the caller may see at the time of the reading.
func (s *Server) exportOptions(ctx context.Context, m *pb.ExportRequest) handoff.Options {
	o := handoff.Options{Reel: m.GetReel(), Language: m.GetLanguage(), RecordStart: m.GetRecordStart()}
	if s.deps.Films == nil {
		return o
	}
	asset := func(src *handoff.Source) (*pb.Asset, error) {
		a, _, err := s.deps.Gateway.Asset(ctx, rpc.CallerFrom(ctx), src.Asset)
		return a, err
	}
	o.Poster = func(src *handoff.Source, n int64) ([]byte, error) {
		a, err := asset(src)
		if err != nil {
			return nil, err
		}
		return s.deps.Films.Picture(ctx, a, src.Clock, n)
	}
	if m.GetMedia() {
		o.Media = func(src *handoff.Source) (io.ReadCloser, int64, error) {
			a, err := asset(src)
			if err != nil {
				return nil, 0, err
			}
			return s.deps.Films.Open(ctx, a)
		}
	}
	o.Cut = func(w io.Writer, c handoff.Clip) (int64, error) {
		a, err := asset(c.Source)
		if err != nil {
			return 0, err
		}
		return s.deps.Films.Cut(ctx, a, c.Source.Clock, media.Cut{Start: c.Start, End: c.End, Exact: m.GetExact()}, w)
	}
	return o
}

// exporting sends bytes in messages of exportChunk. An error before the first full message leaves the stream without a file.
type exporting struct {
	send func(*pb.ExportResponse) error
	next *pb.ExportResponse
}

func (e *exporting) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		k := min(len(p)-n, exportChunk-len(e.next.Data))
		e.next.Data = append(e.next.Data, p[n:n+k]...)
		n += k
		if len(e.next.Data) == exportChunk {
			if err := e.flush(); err != nil {
				return n, err
			}
		}
	}
	return len(p), nil
}

func (e *exporting) flush() error {
	if err := e.send(e.next); err != nil {
		return fmt.Errorf("sending the file: %w", err)
	}
	e.next = &pb.ExportResponse{}
	return nil
}

// fileName makes the name of a file for a list: letters and digits of any language, and hyphens.
func fileName(list string) string {
	words := strings.FieldsFunc(list, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	r := []rune(strings.ToLower(strings.Join(words, "-")))
	if len(r) == 0 {
		return "clips"
	}
	return strings.Trim(string(r[:min(len(r), 60)]), "-")
}

// ReadMarkers reads markers for a film, and keeps nothing.
func (s *Server) ReadMarkers(ctx context.Context, req *connect.Request[pb.ReadMarkersRequest]) (*connect.Response[pb.ReadMarkersResponse], error) {
	return rpc.Respond(s.deps.Gateway.ReadMarkers(ctx, rpc.CallerFrom(ctx), req.Msg))
}
