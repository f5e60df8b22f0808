package proxy

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media/fmp4"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// BlobName returns the name of the blob of the frames [first, end).
func BlobName(first, end int64) string { return fmt.Sprintf("%08d-%08d.m4s", first, end) }

// EncodedUntil returns the end of the frames of a blob, by the key of the blob; 0 for any other key.
func EncodedUntil(key string) int64 {
	name, ok := strings.CutSuffix(key, ".m4s")
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(name[strings.LastIndexByte(name, '-')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Codecs are the codecs of a proxy.
type Codecs struct {
	Video fmp4.Video
	Sound *fmp4.Sound // nil without sound
}

func (c Codecs) encode() []byte {
	var out []byte
	part := func(b []byte) { out = append(binary.AppendUvarint(out, uint64(len(b))), b...) }
	part(c.Video.SPS)
	part(c.Video.PPS)
	if c.Sound != nil {
		out = binary.AppendUvarint(out, uint64(c.Sound.Rate))     //nolint:gosec // a rate
		out = binary.AppendUvarint(out, uint64(c.Sound.Channels)) //nolint:gosec // channels
		part(c.Sound.Config)
	}
	return out
}

// A reader takes numbers and parts from an attribute.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) part() []byte {
	n := r.number()
	if r.bad || n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// A Piece is the bytes of an annotation.
type Piece struct {
	Ref  *pb.MediaRef
	Size int64
}

// A File is a proxy as a film: Head, and then the pieces.
type File struct {
	Head          []byte
	Pieces        []Piece
	Size          int64
	Width, Height int
}

// Read returns the film of the annotations of a run, which are in order. Internal: the annotations are not those of a proxy.
func Read(annotations []*pb.Annotation) (*File, error) {
	if len(annotations) == 0 {
		return nil, errkind.New(errkind.NotFound, "the proxy has no frames")
	}
	first := annotations[0].GetAttributes()
	video := fmp4.Video{Width: int(first["width"].GetInteger()), Height: int(first["height"].GetInteger()), Timescale: uint32(first["timescale"].GetInteger())} //nolint:gosec // checked below
	r := reader{b: first["init"].GetData()}
	video.SPS, video.PPS = r.part(), r.part()
	var sound *fmp4.Sound
	if len(r.b) > 0 {
		sound = &fmp4.Sound{Rate: int(r.number()), Channels: int(r.number()), Config: r.part()} //nolint:gosec // a rate, channels
	}
	if r.bad || len(video.SPS) < 4 || len(video.PPS) == 0 || video.Timescale == 0 {
		return nil, errkind.New(errkind.Internal, "the first piece of the proxy has no codecs")
	}
	f := &File{Width: video.Width, Height: video.Height}
	var index []fmp4.Reference
	var duration uint64
	for _, a := range annotations {
		attributes := a.GetAttributes()
		p := Piece{Ref: &pb.MediaRef{Bucket: attributes["bucket"].GetText(), Key: attributes["blob"].GetText()}}
		r := reader{b: attributes["fragments"].GetData()}
		for len(r.b) > 0 {
			bytes, ticks := r.number(), r.number()
			if r.bad || bytes > 1<<31-1 || ticks > 1<<32-1 {
				return nil, errkind.New(errkind.Internal, "piece %d of the proxy has a damaged list of fragments", a.GetOrdinal())
			}
			index = append(index, fmp4.Reference{Bytes: uint32(bytes), Duration: uint32(ticks)})
			p.Size += int64(bytes)
			duration += ticks
		}
		f.Size += p.Size
		f.Pieces = append(f.Pieces, p)
	}
	f.Head = append(fmp4.Init(video, sound, duration), fmp4.Index(video.Timescale, merged(index))...)
	f.Size += int64(len(f.Head))
	return f, nil
}

// merged joins neighbours until an index can hold the list: a film of many hours is sought less finely.
func merged(list []fmp4.Reference) []fmp4.Reference {
	for len(list) > fmp4.MaxReferences {
		half := make([]fmp4.Reference, 0, len(list)/2+1)
		for i := 0; i < len(list); i += 2 {
			r := list[i]
			if i+1 < len(list) {
				r.Bytes, r.Duration = r.Bytes+list[i+1].Bytes, r.Duration+list[i+1].Duration
			}
			half = append(half, r)
		}
		list = half
	}
	return list
}
