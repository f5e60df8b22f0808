package schema_test

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"pgregory.net/rapid"
)

func iv(start, end schema.Time) schema.Interval { return schema.Interval{Start: start, End: end} }

func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		name            string
		a, b            schema.Interval
		overlaps        bool
		intersect, hull schema.Interval
		gap             schema.Time
	}{
		{"apart", iv(0, 10), iv(15, 20), false, iv(0, 0), iv(0, 20), 5},
		{"touching", iv(0, 10), iv(10, 20), false, iv(0, 0), iv(0, 20), 0},
		{"overlapping", iv(0, 10), iv(9, 20), true, iv(9, 10), iv(0, 20), 0},
		{"within", iv(0, 10), iv(3, 4), true, iv(3, 4), iv(0, 10), 0},
		{"equal", iv(3, 4), iv(3, 4), true, iv(3, 4), iv(3, 4), 0},
		{"nothing in something", iv(0, 10), iv(5, 5), false, iv(0, 0), iv(0, 10), 0},
		{"a moment away", iv(0, 10), iv(12, 12), false, iv(0, 0), iv(0, 10), 2},
		{"turned round", iv(0, 10), iv(8, 2), false, iv(0, 0), iv(0, 10), 0},
	} {
		for _, p := range [][2]schema.Interval{{c.a, c.b}, {c.b, c.a}} {
			a, b := p[0], p[1]
			if got := a.Overlaps(b); got != c.overlaps {
				t.Errorf("%s: %v overlaps %v: %t", c.name, a, b, got)
			}
			if got := a.Intersect(b); got != c.intersect {
				t.Errorf("%s: %v intersects %v in %v, want %v", c.name, a, b, got, c.intersect)
			}
			if got := a.Hull(b); got != c.hull {
				t.Errorf("%s: hull of %v and %v is %v, want %v", c.name, a, b, got, c.hull)
			}
			if got := a.Gap(b); got != c.gap {
				t.Errorf("%s: gap of %v and %v is %d, want %d", c.name, a, b, got, c.gap)
			}
		}
	}
}

// The algebra agrees with the sets of moments in the intervals.
func TestIntervalsAreSets(t *testing.T) {
	small := rapid.Custom(func(t *rapid.T) schema.Interval {
		return iv(schema.Time(rapid.IntRange(-9, 9).Draw(t, "start")), schema.Time(rapid.IntRange(-9, 9).Draw(t, "end")))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := small.Draw(t, "a"), small.Draw(t, "b")
		both, covers := false, true
		for m := schema.Time(-10); m <= 10; m++ {
			in := a.Contains(m) && b.Contains(m)
			both = both || in
			covers = covers && (a.Contains(m) || !b.Contains(m))
			if got := a.Intersect(b).Contains(m); got != in {
				t.Fatalf("%d in the intersection: %t", m, got)
			}
			if (a.Contains(m) || b.Contains(m)) && !a.Hull(b).Contains(m) {
				t.Fatalf("%d is not in the hull", m)
			}
		}
		if a.Overlaps(b) != both || b.Overlaps(a) != both {
			t.Fatalf("overlaps: %t", a.Overlaps(b))
		}
		if a.Covers(b) != covers {
			t.Fatalf("covers: %t", a.Covers(b))
		}
		if both && a.Gap(b) != 0 {
			t.Fatalf("they overlap with a gap of %d", a.Gap(b))
		}
		if !a.Empty() && !b.Empty() {
			if sum := a.Duration() + b.Duration() + a.Gap(b) - a.Intersect(b).Duration(); sum != a.Hull(b).Duration() {
				t.Fatalf("the parts make %d, the hull %d", sum, a.Hull(b).Duration())
			}
			if a.Before(b) && a.Compare(b) >= 0 {
				t.Fatalf("before, and not ordered before")
			}
		}
		if a.Compare(b) != -b.Compare(a) || (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("compare: %d and %d", a.Compare(b), b.Compare(a))
		}
	})
}

func TestIntervalOf(t *testing.T) {
	if got := schema.IntervalOf(&cinedexv1.Annotation{Start: 3, End: 7}); got != iv(3, 7) {
		t.Errorf("an annotation lies in %v", got)
	}
	if got := schema.IntervalOf(&cinedexv1.Hit{Start: 3, End: 7}); got != iv(3, 7) {
		t.Errorf("a hit lies in %v", got)
	}
}

func TestRegions(t *testing.T) {
	a := schema.Region{X: 0, Y: 0, W: 0.5, H: 0.5}
	for name, c := range map[string]struct {
		b    schema.Region
		want schema.Region
	}{
		"overlapping":       {schema.Region{X: 0.25, Y: 0.25, W: 0.5, H: 0.5}, schema.Region{X: 0.25, Y: 0.25, W: 0.25, H: 0.25}},
		"touching":          {schema.Region{X: 0.5, Y: 0, W: 0.5, H: 0.5}, schema.Region{}},
		"apart":             {schema.Region{X: 0.75, Y: 0.75, W: 0.25, H: 0.25}, schema.Region{}},
		"the whole picture": {schema.RegionOf(nil), a},
	} {
		if got := a.Intersect(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if a.Overlaps(c.b) != !c.want.Empty() || c.b.Overlaps(a) != !c.want.Empty() {
			t.Errorf("%s: overlaps %t", name, a.Overlaps(c.b))
		}
	}
	if got := a.Area(); got != 0.25 {
		t.Errorf("area %v", got)
	}
	if got := schema.RegionOf(a.Proto()); got != a {
		t.Errorf("through the proto: %v", got)
	}
}
