package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// film is the shots of a long film in order, a second each, in batches of 250.
func film(n int64) (stretches []store.Stretch, moments []store.Moment) {
	var b store.Batch
	for i := range n {
		a := &pb.Annotation{Kind: schema.KindShot, Ordinal: i, Start: i * int64(schema.Second)}
		moments = append(moments, store.Moment{Kind: a.GetKind(), Start: schema.Time(a.GetStart()), Ordinal: i})
		if b.Annotations = append(b.Annotations, a); len(b.Annotations) == 250 || i == n-1 {
			stretches = append(stretches, store.Stretches(b, 1024)...)
			b = store.Batch{First: i + 1}
		}
	}
	return stretches, moments
}

// LastBefore reads a stretch for a point, however long the film is.
func TestFinderReadsLittle(t *testing.T) {
	const n = 20_000
	stretches, moments := film(n)
	read := 0
	f := store.NewFinder(stretches, n-1, 0, func(s store.Stretch) ([]store.Moment, error) {
		read += int(s.Count)
		return slices.Clone(moments[s.First : s.First+s.Count]), nil
	})
	const points = 10
	for i := range int64(points) {
		at := i * n / points
		m, ok, err := f.LastBefore(schema.KindShot, schema.Time(at)*schema.Second+1)
		if err != nil || !ok || m.Ordinal != at {
			t.Fatalf("the shot at second %d is %+v (%v, %v)", at, m, ok, err)
		}
	}
	if read > points*256 {
		t.Errorf("%d annotations were read for %d points", read, points)
	}
}

// Ordinals without a stretch are read, as of runs that an earlier release wrote. A stretch of an earlier epoch covers
// nothing.
func TestFinderReadsWhatIsNotCovered(t *testing.T) {
	const n = 1000
	stretches, moments := film(n)
	stretches = slices.Delete(stretches, 2, 4)
	for i := range stretches {
		stretches[i].Epoch = 2
	}
	stretches[0].Epoch, stretches[0].Kinds[0].Last, stretches[0].Kinds[0].Earliest = 1, 1<<60, 1<<60
	f := store.NewFinder(stretches, n-1, 2, func(s store.Stretch) ([]store.Moment, error) {
		return slices.Clone(moments[s.First : s.First+s.Count]), nil
	})
	for i := range int64(n) {
		m, ok, err := f.LastBefore(schema.KindShot, schema.Time(i)*schema.Second)
		if err != nil || !ok || m.Ordinal != i {
			t.Fatalf("the shot at second %d is %+v (%v, %v)", i, m, ok, err)
		}
	}
}

func TestStretchRows(t *testing.T) {
	b := store.Batch{First: 1000, Epoch: 7}
	for i := range int64(100) {
		b.Annotations = append(b.Annotations, &pb.Annotation{Kind: []string{"shot", "", "thumbnail"}[i%3], Start: 50 - i})
	}
	all := store.Stretches(b, 1024)
	if len(all) != 2 || all[0].Count != 24 || all[1].First != 1024 || all[1].Count != 76 {
		t.Fatalf("stretches are %+v", all)
	}
	for _, want := range all {
		row := want.AppendBounds(nil)
		got, err := store.ParseStretch(want.First, row)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("read back (-want +got, %v):\n%s", err, diff)
		}
		for n := range row {
			if got, err := store.ParseStretch(want.First, row[:n]); err == nil && len(got.Kinds) == len(want.Kinds) {
				t.Errorf("%d bytes of %d are read as %+v", n, len(row), got)
			}
		}
	}
}
