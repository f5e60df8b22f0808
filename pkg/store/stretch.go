package store

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Stretch describes consecutive annotations of a run: when the annotations of each kind start. Implementations keep
// stretches beside the annotations, so LastBefore reads a few annotations and not the run.
//
//   - An implementation MUST write the stretches of a batch together with the batch.
//   - A stretch MAY be stale: a later batch over the same ordinals has stretches of its own, with true bounds.
//   - An implementation MAY forget stretches: LastBefore reads every annotation without a stretch. An implementation MUST NOT forget a
//     stretch and keep a stale stretch over the same ordinals.
type Stretch struct {
	First, Count int64
	Epoch        int64
	Kinds        []Starts
}

// Starts are the earliest and the latest start of a stretch's annotations of a kind.
type Starts struct {
	Kind           string
	Earliest, Last schema.Time
}

// stretchRows is how many annotations share a stretch: LastBefore reads all stretches of a run, and all annotations of a stretch.
const stretchRows = 128

// Stretches returns the stretches of a batch. A stretch never crosses a multiple of bucket.
func Stretches(b Batch, bucket int64) []Stretch {
	all := make([]Stretch, 0, len(b.Annotations)/stretchRows+2)
	for first, left := b.First, b.Annotations; len(left) > 0; {
		n := min(stretchRows, int64(len(left)), bucket-first%bucket)
		all = append(all, Stretch{First: first, Count: n, Epoch: b.Epoch, Kinds: startsOf(left[:n])})
		first, left = first+n, left[n:]
	}
	return all
}

func startsOf(annotations []*pb.Annotation) []Starts {
	kinds := make([]Starts, 0, 2)
	at := 0 // the kind before: most often the next is of the same
	for _, a := range annotations {
		kind, start := a.GetKind(), schema.Time(a.GetStart())
		if at >= len(kinds) || kinds[at].Kind != kind {
			if at = slices.IndexFunc(kinds, func(k Starts) bool { return k.Kind == kind }); at < 0 {
				at = len(kinds)
				kinds = append(kinds, Starts{kind, start, start})
			}
		}
		k := &kinds[at]
		k.Earliest, k.Last = min(k.Earliest, start), max(k.Last, start)
	}
	return kinds
}

// AppendBounds appends the count, the epoch and the kinds of a stretch to a row.
func (s Stretch) AppendBounds(row []byte) []byte {
	row = binary.AppendVarint(binary.AppendVarint(row, s.Count), s.Epoch)
	for _, k := range s.Kinds {
		row = append(binary.AppendUvarint(row, uint64(len(k.Kind))), k.Kind...)
		row = binary.AppendVarint(binary.AppendVarint(row, int64(k.Earliest)), int64(k.Last))
	}
	return row
}

// ParseStretch reads a row of AppendBounds.
func ParseStretch(first int64, row []byte) (Stretch, error) {
	s, bad := Stretch{First: first}, false
	number := func() (v int64) {
		v, n := binary.Varint(row)
		if n <= 0 {
			row, bad = nil, true
			return 0
		}
		row = row[n:]
		return v
	}
	s.Count, s.Epoch = number(), number()
	for len(row) > 0 {
		size, n := binary.Uvarint(row)
		if n <= 0 || size > uint64(len(row)-n) {
			bad = true
			break
		}
		k := Starts{Kind: string(row[n : n+int(size)])}
		row = row[n+int(size):]
		k.Earliest, k.Last = schema.Time(number()), schema.Time(number())
		s.Kinds = append(s.Kinds, k)
	}
	if bad || s.Count < 0 || s.Epoch < 0 || s.Count > math.MaxInt64-first {
		return Stretch{}, errkind.New(errkind.Internal, "decoding the stretch at ordinal %d", first)
	}
	return s, nil
}

func (s Stretch) end() int64 { return s.First + s.Count }

// A Moment is when an annotation of a run starts.
type Moment struct {
	Kind    string
	Start   schema.Time
	Ordinal int64
}

// A Finder finds annotations of a run by time, for implementations of LastBefore. A Finder is used by a single
// goroutine.
type Finder struct {
	spots []spot
	load  func(Stretch) ([]Moment, error)
}

// A spot is a stretch, with the moments of the stretch once the moments were read, sorted by kind, start, and ordinal
// from the highest down.
type spot struct {
	Stretch
	loaded bool
	at     []Moment
}

// NewFinder makes a finder of the stretches of a run, in the order of First.
//
//   - last is the highest ordinal of the run, -1 where the run has no annotation.
//   - epoch is the epoch of the run's record. Stretches of earlier epochs are left out: an earlier release, which writes no stretches,
//     may have written over their annotations.
//   - load reads the moments of a stretch. A stretch without Kinds stands for ordinals without any stretch.
func NewFinder(stretches []Stretch, last, epoch int64, load func(Stretch) ([]Moment, error)) *Finder {
	f := &Finder{load: load}
	end := int64(0)
	for _, s := range stretches {
		if s.Epoch < epoch || s.First > last {
			continue
		}
		f.uncovered(end, s.First)
		f.spots = append(f.spots, spot{Stretch: s})
		end = max(end, s.end())
	}
	f.uncovered(end, last+1)
	return f
}

func (f *Finder) uncovered(from, upto int64) {
	if from < upto {
		f.spots = append(f.spots, spot{Stretch: Stretch{First: from, Count: upto - from}})
	}
}

// bound returns the latest start at or before t of the kind, as far as the stretch knows.
func (s Stretch) bound(kind string, t schema.Time) (latest schema.Time, ok bool) {
	if len(s.Kinds) == 0 {
		return t, true
	}
	for _, k := range s.Kinds {
		if k.Kind == kind && k.Earliest <= t {
			return min(k.Last, t), true
		}
	}
	return 0, false
}

// LastBefore returns the moment of the kind with the latest start at or before t, and the lowest ordinal among equal
// starts.
func (f *Finder) LastBefore(kind string, t schema.Time) (best Moment, found bool, err error) {
	type candidate struct {
		spot   int
		latest schema.Time
	}
	var all []candidate
	for i := range f.spots {
		if latest, ok := f.spots[i].bound(kind, t); ok {
			all = append(all, candidate{i, latest})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(b.latest, a.latest) })
	for _, c := range all {
		if found && c.latest < best.Start {
			break
		}
		m, ok, err := f.in(&f.spots[c.spot], kind, t)
		if err != nil {
			return Moment{}, false, err
		}
		if ok && (!found || m.Start > best.Start || m.Start == best.Start && m.Ordinal < best.Ordinal) {
			best, found = m, true
		}
	}
	return best, found, nil
}

// mayStart reports whether an annotation of the kind may start within [from, to), as far as the stretch knows.
func (s Stretch) mayStart(kind string, from, to schema.Time) bool {
	return len(s.Kinds) == 0 || slices.ContainsFunc(s.Kinds, func(k Starts) bool { return k.Kind == kind && k.Earliest < to && k.Last >= from })
}

// Starting returns the moments of the kind that start within [from, to), by start and ordinal: the first MostStarting.
func (f *Finder) Starting(kind string, from, to schema.Time) (out []Moment, err error) {
	for i := range f.spots {
		s := &f.spots[i]
		if !s.mayStart(kind, from, to) {
			continue
		}
		if err := f.read(s); err != nil {
			return nil, err
		}
		first, _ := slices.BinarySearchFunc(s.at, Moment{Kind: kind, Start: from, Ordinal: math.MaxInt64}, compareMoments)
		for _, m := range s.at[first:] {
			if m.Kind != kind || m.Start >= to {
				break
			}
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Moment) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Ordinal, b.Ordinal)) })
	out = slices.Compact(out) // a stale stretch shares ordinals with a later stretch
	return out[:min(len(out), MostStarting)], nil
}

func compareMoments(a, b Moment) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start), cmp.Compare(b.Ordinal, a.Ordinal))
}

// read reads the moments of a stretch, once.
func (f *Finder) read(s *spot) (err error) {
	if s.loaded {
		return nil
	}
	if s.at, err = f.load(s.Stretch); err != nil {
		return err
	}
	slices.SortFunc(s.at, compareMoments)
	s.loaded = true
	return nil
}

// in is LastBefore within a single stretch.
func (f *Finder) in(s *spot, kind string, t schema.Time) (m Moment, found bool, err error) {
	if err := f.read(s); err != nil {
		return m, false, err
	}
	// i is behind every moment of the kind with a start at or before t.
	i, exact := slices.BinarySearchFunc(s.at, Moment{Kind: kind, Start: t, Ordinal: 0}, compareMoments)
	if exact {
		i++
	}
	if i == 0 || s.at[i-1].Kind != kind {
		return m, false, nil
	}
	return s.at[i-1], true, nil
}

// Parted gives each range of Starting its items, for implementations: counts[i] of the items belong to range i. An item that was deleted
// meanwhile is nil, and left out.
func Parted(items []*pb.Annotation, counts []int) [][]*pb.Annotation {
	out := make([][]*pb.Annotation, len(counts))
	for i, n := range counts {
		if n > len(items) {
			break
		}
		out[i] = slices.DeleteFunc(items[:n:n], func(a *pb.Annotation) bool { return a == nil })
		items = items[n:]
	}
	return out
}
