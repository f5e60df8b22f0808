package schema

import "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// Interval is the half-open range of time [Start, End). An interval whose End is not after its Start is empty.
type Interval struct{ Start, End Time }

// Spanning is any value with an interval: annotations, embeddings, hits, evidence.
type Spanning interface {
	GetStart() int64
	GetEnd() int64
}

// IntervalOf returns where s lies.
func IntervalOf(s Spanning) Interval { return Interval{Time(s.GetStart()), Time(s.GetEnd())} }

// Empty reports whether no time is in iv.
func (iv Interval) Empty() bool { return iv.End <= iv.Start }

// Duration returns the length of iv, or 0 if iv is empty.
func (iv Interval) Duration() Time { return max(iv.End-iv.Start, 0) }

// Contains reports whether t is in iv.
func (iv Interval) Contains(t Time) bool { return iv.Start <= t && t < iv.End }

// Covers reports whether all of o is in iv. Nothing is in everything.
func (iv Interval) Covers(o Interval) bool {
	return o.Empty() || iv.Start <= o.Start && o.End <= iv.End
}

// Overlaps reports whether iv and o share any time. Touching intervals share none.
func (iv Interval) Overlaps(o Interval) bool { return !iv.Intersect(o).Empty() }

// Intersect returns the time that iv and o share, or the zero Interval if they share none.
func (iv Interval) Intersect(o Interval) Interval {
	x := Interval{max(iv.Start, o.Start), min(iv.End, o.End)}
	if x.Empty() {
		return Interval{}
	}
	return x
}

// Hull returns the smallest interval that covers both. An empty interval adds nothing.
func (iv Interval) Hull(o Interval) Interval {
	switch {
	case iv.Empty():
		return o
	case o.Empty():
		return iv
	}
	return Interval{min(iv.Start, o.Start), max(iv.End, o.End)}
}

// Gap returns how much time lies between iv and o: 0 where they overlap or touch.
func (iv Interval) Gap(o Interval) Time {
	return max(iv.Start-o.End, o.Start-iv.End, 0)
}

// Before reports whether iv has ended when o starts.
func (iv Interval) Before(o Interval) bool { return iv.End <= o.Start }

// Compare orders intervals by start, then by end.
func (iv Interval) Compare(o Interval) int {
	switch {
	case iv.Start != o.Start:
		if iv.Start < o.Start {
			return -1
		}
		return 1
	case iv.End < o.End:
		return -1
	case iv.End > o.End:
		return 1
	}
	return 0
}

// String returns both ends for people, as Time.String does.
func (iv Interval) String() string { return "[" + iv.Start.String() + ", " + iv.End.String() + ")" }

// Region is a rectangle of the picture in 0..1 from the top left, for computing. The protobuf message Region is the
// form in messages.
type Region struct{ X, Y, W, H float64 }

// RegionOf returns the region of a message. A nil message is the whole picture.
func RegionOf(r *cinedexv1.Region) Region {
	if r == nil {
		return Region{W: 1, H: 1}
	}
	return Region{float64(r.GetX()), float64(r.GetY()), float64(r.GetW()), float64(r.GetH())}
}

// Proto returns r for a message.
func (r Region) Proto() *cinedexv1.Region {
	return &cinedexv1.Region{X: float32(r.X), Y: float32(r.Y), W: float32(r.W), H: float32(r.H)}
}

// Empty reports whether r has no area.
func (r Region) Empty() bool { return r.W <= 0 || r.H <= 0 }

// Area returns the share of the picture that r covers.
func (r Region) Area() float64 { return max(r.W, 0) * max(r.H, 0) }

// Intersect returns the rectangle that r and o share, or the zero Region if they share none.
func (r Region) Intersect(o Region) Region {
	x, y := max(r.X, o.X), max(r.Y, o.Y)
	i := Region{x, y, min(r.X+r.W, o.X+o.W) - x, min(r.Y+r.H, o.Y+o.H) - y}
	if i.Empty() {
		return Region{}
	}
	return i
}

// Overlaps reports whether r and o share any area.
func (r Region) Overlaps(o Region) bool { return !r.Intersect(o).Empty() }
