package operating

import (
	"maps"
	"slices"
)

// fewExamples bounds the examples of a line.
const fewExamples = 10

func sortedLines(counts map[string]int64, line func(string, int64) string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, line(k, counts[k]))
	}
	return out
}
