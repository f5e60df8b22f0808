package encode

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An Offer is an encoder with its space and its kinds of input.
type Offer struct {
	Space   *pb.Space
	Takes   []Kind
	Encoder Encoder
}

// A Provider has encoders: an algorithm with a space.
type Provider interface {
	Encoders() []Offer
}

// Encoders finds the encoder of a space.
type Encoders interface {
	// Encoder returns the encoder of a kind of input into a space, "name@version". Unavailable: nothing encodes into the
	// space here. Invalid: the space has no encoder of this kind.
	Encoder(space string, kind Kind) (Encoder, error)
}

// Several asks each of its members in order, and returns the first encoder. A member that may know the space later answers Unavailable, and the next
// member is asked. If every member answers Unavailable, the error is the first member's.
type Several []Encoders

// Encoder implements Encoders.
func (s Several) Encoder(space string, kind Kind) (Encoder, error) {
	var first error
	for _, member := range s {
		e, err := member.Encoder(space, kind)
		if err == nil || !errkind.Is(err, errkind.Unavailable) {
			return e, err
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = errkind.New(errkind.Unavailable, "nothing encodes into the space %s", space)
	}
	return nil, first
}

// A Set is the encoders of a process. A Set does not change, and may be used by many goroutines at once.
type Set struct{ by map[string]map[Kind]Encoder }

// NewSet collects encoders. Two of one kind for one space, and an encoder of a kind not declared by its space, are Invalid.
func NewSet(offers ...Offer) (*Set, error) {
	s := &Set{by: map[string]map[Kind]Encoder{}}
	for _, o := range offers {
		id := schema.SpaceID(o.Space)
		if s.by[id] == nil {
			s.by[id] = map[Kind]Encoder{}
		}
		for _, k := range o.Takes {
			switch {
			case s.by[id][k] != nil:
				return nil, errkind.New(errkind.Invalid, "two encoders of %s are for the space %s", k, id)
			case !slices.Contains(o.Space.GetEncoders(), string(k)):
				return nil, errkind.New(errkind.Invalid, "an encoder of %s is for the space %s, which declares %v", k, id, o.Space.GetEncoders())
			}
			s.by[id][k] = check(o, id)
		}
	}
	return s, nil
}

// With returns the set with other encoders in place of the encoders for the same space and kind.
func (s *Set) With(offers ...Offer) *Set {
	out := &Set{by: maps.Clone(s.by)}
	for _, o := range offers {
		id := schema.SpaceID(o.Space)
		kinds := maps.Clone(out.by[id])
		if kinds == nil {
			kinds = map[Kind]Encoder{}
		}
		for _, k := range o.Takes {
			kinds[k] = check(o, id)
		}
		out.by[id] = kinds
	}
	return out
}

// Encoder implements Encoders.
func (s *Set) Encoder(space string, kind Kind) (Encoder, error) {
	kinds, ok := s.by[space]
	if !ok {
		return nil, errkind.New(errkind.Unavailable, "nothing encodes into the space %s", space)
	}
	e, ok := kinds[kind]
	if !ok {
		return nil, errkind.New(errkind.Invalid, "the space %s has no encoder for %s", space, kind)
	}
	return e, nil
}

// A Chain finds encoders in several places, the first place first.
type Chain []Encoders

// Encoder implements Encoders. A place without the space is passed over; any other error of a place is the answer.
func (c Chain) Encoder(space string, kind Kind) (Encoder, error) {
	err := errkind.New(errkind.Unavailable, "nothing encodes into the space %s", space)
	for _, place := range c {
		var e Encoder
		if e, err = place.Encoder(space, kind); err == nil || !errkind.Is(err, errkind.Unavailable) {
			return e, err
		}
	}
	return nil, err
}

// check holds the vectors of an encoder to the dimension of the space.
func check(o Offer, id string) Encoder {
	c := checked{o.Encoder, id, int(o.Space.GetDimension())}
	if p, ok := o.Encoder.(Placer); ok {
		return checkedPlacer{c, p}
	}
	return c
}

type checked struct {
	Encoder
	space     string
	dimension int
}

func (c checked) Encode(ctx context.Context, in Input) ([]float32, error) {
	v, err := c.Encoder.Encode(ctx, in)
	if err != nil {
		return nil, err
	}
	return c.fit(v)
}

func (c checked) fit(v []float32) ([]float32, error) {
	if len(v) != c.dimension {
		return nil, errkind.New(errkind.Internal, "an encoder of the space %s returned %d dimensions in place of %d", c.space, len(v), c.dimension)
	}
	for i, x := range v {
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errkind.New(errkind.Internal, "an encoder of the space %s returned a number that is not finite, at %d", c.space, i)
		}
	}
	return v, nil
}

type checkedPlacer struct {
	checked
	placer Placer
}

func (c checkedPlacer) From() string { return c.placer.From() }

func (c checkedPlacer) Place(ctx context.Context, words string, vector []float32) ([]float32, error) {
	v, err := c.placer.Place(ctx, words, vector)
	if err != nil {
		return nil, fmt.Errorf("placing words of %s: %w", c.From(), err)
	}
	return c.fit(v)
}
