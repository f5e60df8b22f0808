package subtitlecheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
)

func seconds(from, to float64) schema.Interval {
	return schema.Interval{Start: schema.Time(from * float64(schema.Second)), End: schema.Time(to * float64(schema.Second))}
}

func told(faults []fault) (out []string) {
	for _, f := range faults {
		s := fmt.Sprintf("%s %.1f-%.1f", f.label, f.Start.Seconds(), f.End.Seconds())
		if f.label == Fast {
			out = append(out, fmt.Sprintf("%s %g", s, f.cps))
			continue
		}
		out = append(out, fmt.Sprintf("%s %d", s, f.ms))
	}
	return out
}

// Cues beside speech, in seconds. A cue of ten characters a second is not fast.
func TestCheck(t *testing.T) {
	speech := [][2]float64{{1, 3}, {5, 7}, {9, 10.5}, {14, 18}, {18.3, 20}, {26, 28}}
	good := [][2]float64{{0.9, 3.5}, {5, 7.5}, {8.8, 11}, {13.9, 20.5}, {26, 29}}
	with := func(change func(c [][2]float64) [][2]float64) [][2]float64 { return change(slices.Clone(good)) }
	moved := func(by float64, of ...int) [][2]float64 {
		return with(func(c [][2]float64) [][2]float64 {
			for _, i := range of {
				c[i] = [2]float64{c[i][0] + by, c[i][1] + by}
			}
			return c
		})
	}
	for name, c := range map[string]struct {
		cues [][2]float64
		want []string
	}{
		"good":                {good, nil},
		"a late cue":          {moved(1.5, 1), []string{"late cue 6.5-9.0 1500"}},
		"an early cue":        {moved(-1.2, 4), []string{"early cue 24.8-27.8 1200"}},
		"a little late":       {moved(0.3, 0, 1, 2, 3, 4), nil},
		"a cue is missing":    {with(func(c [][2]float64) [][2]float64 { return slices.Delete(c, 1, 2) }), []string{"missing cue 5.0-7.0 2000"}},
		"the first, the last": {with(func(c [][2]float64) [][2]float64 { return c[1:4] }), []string{"missing cue 1.0-3.0 2000", "missing cue 26.0-28.0 2000"}},
		"two cues of a line": {with(func(c [][2]float64) [][2]float64 {
			return slices.Concat(c[:3], [][2]float64{{13.9, 16}, {16, 20.5}}, c[4:])
		}), nil},
		"half of a line":   {with(func(c [][2]float64) [][2]float64 { c[3] = [2]float64{13.9, 16}; return c }), []string{"missing cue 16.1-18.0 1900", "missing cue 18.3-20.0 1700"}},
		"a late track":     {moved(10, 0, 1, 2, 3, 4), []string{"late cue 10.9-13.5 9900", "late cue 15.0-17.5 10000", "late cue 18.8-21.0 9800", "late cue 23.9-30.5 9900", "late cue 36.0-39.0 10000"}},
		"a cue in silence": {with(func(c [][2]float64) [][2]float64 { return slices.Insert(c, 4, [2]float64{22, 24}) }), nil},
	} {
		var lines []line
		for _, x := range c.cues {
			iv := seconds(x[0], x[1])
			lines = append(lines, line{iv, strings.Repeat("x", int(10*iv.Duration().Seconds())), 20})
		}
		var heard []stretch
		for _, x := range speech {
			heard = append(heard, stretch{seconds(x[0], x[1]), 0.9})
		}
		if diff := cmp.Diff(c.want, told(check(lines, heard))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFast(t *testing.T) {
	lines := []line{{seconds(1, 2), strings.Repeat("x", 21), limitOf("en-GB")}, {seconds(2, 3), strings.Repeat("x", 20), limitOf("en")}, {seconds(3, 5), strings.Repeat("字", 19), limitOf("zh")},
		{seconds(5, 7), strings.Repeat("字", 18), limitOf("zh-Hant")}}
	if diff := cmp.Diff([]string{"fast cue 1.0-2.0 21", "fast cue 3.0-5.0 9.5"}, told(check(lines, nil))); diff != "" {
		t.Error(diff)
	}
}

func TestSaid(t *testing.T) {
	for text, want := range map[string]bool{
		"Hello.": true, "[door slams]": false, "[sighs] No.": true, "♪ la la ♪": false, "(music)": false, "…": false, "（笑）": false, "7": true, "はい": true, "": false, ") a": true,
	} {
		if got := said(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The work on hostile tracks is bounded: many cues at one time, and cues as long as the film.
func TestManyCues(t *testing.T) {
	var lines []line
	var heard []stretch
	for i := range 20_000 {
		lines = append(lines, line{seconds(0, 80_000), "x", 20})
		heard = append(heard, stretch{seconds(float64(4*i), float64(4*i)+0.7), 1})
	}
	check(lines, heard)
}
