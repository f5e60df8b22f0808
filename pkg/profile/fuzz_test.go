package profile_test

import (
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
)

// worked is the processor time of the process so far.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Bounds of the processor time of one input, far above the time that any input takes and below the time that a person notices.
const (
	toCompile = time.Second
	toScore   = 100 * time.Millisecond
)

// moments are inputs of a score, with the values at which arithmetic turns.
var moments = []*profile.Inputs{
	{},
	{Score: 1, Confidence: 0.5, StartMS: 1000, EndMS: 3000, DurationMS: 2000, Title: "a title", Series: "s", Kind: "dialogue", Language: "en", Leaves: map[string]float64{"look": 0.7}},
	{Score: math.MaxFloat64, Confidence: 1, StartMS: -1, EndMS: math.SmallestNonzeroFloat64, Title: "\x00\xff", Leaves: map[string]float64{"": 0}},
}

// score evaluates a score for each of the moments. A score is a finite number, or an Invalid error, within the time allowed.
func score(t *testing.T, s *profile.Score) {
	t.Helper()
	for i, in := range moments {
		before := worked(t)
		got, err := s.Of(in)
		if took := worked(t) - before; took > toScore {
			t.Fatalf("scoring moment %d took %s", i, took)
		}
		if err != nil && !errkind.Is(err, errkind.Invalid) {
			t.Fatalf("scoring moment %d: %v, want Invalid", i, err)
		}
		if err == nil && (math.IsNaN(got) || math.IsInf(got, 0)) {
			t.Fatalf("moment %d scores %v", i, got)
		}
	}
}

// FuzzCompile: an expression is refused, or scores every moment within its bounds.
func FuzzCompile(f *testing.F) {
	for _, expression := range []string{
		"score * 2.0", "leaves['look'] + (title == 'x' ? 1.0 : 0.0)", "score * (duration_ms < 4000 ? 1.5 : 1.0)", "'look' in leaves ? leaves['look'] : 0.0",
		"title.startsWith('b') ? 1 : 2", "size(title) + size(leaves)", "int(score) / 0", "double('1e999')", "[1, 2, 3].all(x, x > 0) ? 1 : 2", "title.matches('a+') ? 1 : 2",
		"9223372036854775807 + 1", "leaves == {'a': 1.0} ? 1 : 0", "(title + title).contains(kind) ? score : -score", "timestamp('2026-01-01T00:00:00Z').getFullYear()", "dyn(1) + 1",
	} {
		f.Add(expression)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		before := worked(t)
		s, err := profile.Compile(expression)
		if took := worked(t) - before; took > toCompile {
			t.Fatalf("compiling took %s: %v", took, err)
		}
		if err != nil {
			if !errkind.Is(err, errkind.Invalid) {
				t.Fatalf("%v, want Invalid", err)
			}
			return
		}
		score(t, s)
	})
}

// FuzzFile: a file is refused, or is a profile that holds to its bounds.
func FuzzFile(f *testing.F) {
	for _, file := range []string{
		"name: p\nversion: 1\n",
		"name: p\nversion: 2\nabout: an editor's\nleaves: {look: 2, dialogue: 0.5}\nfilter: {languages: [en, DE], min_confidence: 0.2}\nlimit: 12\nmax_limit: 50\norder: time\n",
		"name: p\nversion: 1\nscoring: score * 2.0\nfields: [title]\nvariety: {per_title: 2, apart: 10s}\nsplit: {profile: q, share: 0.5}\nalgorithms: [shots]\n",
		"name: &a p\nversion: 1\nabout: *a\n", "name: p\nversion: 1\n---\nname: q\n", "{name: p, version: 1e3}", "name: p\nversion: 0x10\nname: q\n", "? [a]\n: b\n", "!!binary aGk=\n",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		before := worked(t)
		p, err := profile.Parse(file)
		if took := worked(t) - before; took > toCompile {
			t.Fatalf("reading the file took %s: %v", took, err)
		}
		if err != nil {
			if !errkind.Is(err, errkind.Invalid) {
				t.Fatalf("%v, want Invalid", err)
			}
			return
		}
		for _, limit := range []int32{math.MinInt32, -1, 0, 1, 200, 201, math.MaxInt32} {
			if most, err := p.LimitOf(limit); err == nil && limit > 0 && most != limit || most > 200 {
				t.Fatalf("a limit of %d is %d", limit, most)
			}
		}
		if changes, err := profile.Diff(p, p); err != nil || len(changes) > 0 {
			t.Fatalf("the profile differs from itself: %v, %v", changes, err)
		}
		if p.Score() != nil {
			score(t, p.Score())
		}
	})
}
