package operating

import (
	"context"
	"maps"
	"slices"
)

// fewExamples is how many examples of one thing are told.
const fewExamples = 10

// A plan is what work would touch.
type plan struct {
	total int64
	unit  string
	lines []string
}

// A step is how far work is, and where it would go on from.
type step struct {
	done   int64
	cursor []byte
	lines  []string // for a person
	// first has the step noted before the work goes on.
	first bool
}

// A teller makes a step durable. Its error ends the work: it was paused, cancelled, or lost its lease.
type teller func(ctx context.Context, s step) error

func sortedLines(counts map[string]int64, line func(string, int64) string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, line(k, counts[k]))
	}
	return out
}
