package operating

import (
	"maps"
	"slices"
)

// fewExamples is how many examples of one thing are told.
const fewExamples = 10

func sortedLines(counts map[string]int64, line func(string, int64) string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, line(k, counts[k]))
	}
	return out
}
