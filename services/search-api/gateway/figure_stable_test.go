package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestFigureStablePages reads 100 pages of 200 hits each while dialogue is switched and films come, with the store, the engine and the gateway
// closed and opened twice. Two readers: one of a leaf, ranked, and one of an AND.
func TestFigureStablePages(t *testing.T) {
	figure.Begin(t, "pages/stable")
	const films, lines = 400, 50
	dir := t.TempDir()
	l := apitest.Open(t, dir)
	c := &changing{t: t, l: l, r: rand.New(rand.NewPCG(9, 9)), lines: lines}
	for i := range films {
		c.assets = append(c.assets, l.Add(stormy(fmt.Sprintf("film-%03d", i), "first", lines)))
	}
	g := open(t, l, nil, gateway.Default())
	queries := []string{"dialogue.words:storm", "dialogue.words:storm AND dialogue.words:sea"}
	next, seen, twice, inOrder := make([]string, len(queries)), make([]map[string]bool, len(queries)), 0, make([][]string, len(queries))
	for i := range queries {
		seen[i] = map[string]bool{}
	}
	var took []float64
	pages, restarts := 0, 0
	var switches atomic.Int64
	for page := 0; page == 0 || next[0]+next[1] != ""; page++ {
		if page == 33 || page == 66 {
			l.Close()
			l = apitest.Open(t, dir)
			g, c.l = open(t, l, nil, gateway.Default()), l
			restarts++
		}
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for n := 0; n < 8; n++ { // at most eight of each film in all
				select {
				case <-stop:
					if n > 0 {
						return
					}
				default:
				}
				if switches.Add(1)%5 == 0 {
					c.n++
					l.Add(stormy(fmt.Sprint("later-", c.n), "first", 3))
				} else {
					c.switchDialogue(c.assets[int(switches.Load())%films])
				}
			}
		})
		for i, q := range queries {
			if page > 0 && next[i] == "" {
				continue
			}
			began := time.Now()
			r := ask(t, g, &pb.SearchRequest{Q: q, Limit: 200, Cursor: next[i], TimeoutMs: 60_000})
			took = append(took, time.Since(began).Seconds()*1000)
			pages++
			for _, h := range r.GetHits() {
				place := placeOf(h)
				if seen[i][place] {
					twice++
				}
				seen[i][place] = true
				inOrder[i] = append(inOrder[i], place)
			}
			next[i] = r.GetCursor()
		}
		close(stop)
		writing.Wait()
	}
	missing := 0
	for i := range queries {
		for f := range films {
			for _, line := range stormy(fmt.Sprintf("film-%03d", f), "first", lines).Lines {
				if !seen[i][fmt.Sprintf("%s %d-%d %s", apitest.AssetOf(fmt.Sprintf("film-%03d", f)), line.From*705_600_000, line.To*705_600_000, line.Text)] {
					missing++
				}
			}
		}
	}
	figure.Report(t, false, figure.Result{Name: "pages/stable",
		Claim: "100 pages of 200 through writes, switches and restarts of store, engine and gateway: none twice, none missing",
		Measured: fmt.Sprintf("%d pages of two queries, %d and %d hits, through %d switches and films and %d restarts: %d twice, %d missing; a page took %.0f ms (median), %.0f ms at most",
			pages, len(inOrder[0]), len(inOrder[1]), switches.Load(), restarts, twice, missing, figure.Median(took), slices.Max(took)),
		Pass: pages >= 200 && twice == 0 && missing == 0 && restarts == 2 && len(inOrder[0]) == films*lines && len(inOrder[1]) == films*lines})
}
