package main

import (
	"fmt"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
)

// unguarded is the last commit before callers had fair shares, arrival was authorised, and files were held against checksums.
const unguarded = "950e41e93a4ef385619ed3f45f4add5ab229d1e3"

// TestFigureCost runs two processes side by side over the same library: the commit before the guards, and this commit.
// Both get the same work in turns: queries, and batches of events.
func TestFigureCost(t *testing.T) {
	figure.Begin(t, "hostile/speed")
	const queries, batch = 100, 10_000
	r := sideBySide{before: unguarded, texts: 10, first: 4, rounds: 40, queries: queries, batch: batch, seed: 10}.run(t)
	report := func(name, claim string, ratios []float64, detail string) {
		r.report("hostile/speed/"+name, claim, 1.03, ratios, detail)
	}
	report("p50", "p50 of searches ≤ 1.03 of the commit before", r.p50, fmt.Sprintf("%d searches of each, %.2f ms before and %.2f ms now", len(r.took[0]), figure.Quantile(r.took[0], 0.5), figure.Quantile(r.took[1], 0.5)))
	report("p99", "p99 of searches ≤ 1.03 of the commit before", r.p99, fmt.Sprintf("rounds of %d searches, over all %.2f ms before and %.2f ms now", queries, figure.Quantile(r.took[0], 0.99), figure.Quantile(r.took[1], 0.99)))
	report("ingest", "time of folding annotations from the log until readers see them ≤ 1.03 of the commit before", r.folds, fmt.Sprintf("batches of %d annotations, one text in ten", batch))
}
