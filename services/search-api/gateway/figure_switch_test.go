package gateway_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestFigureSwitchActive: readers look while the dialogue is switched 1,000 times between two runs that share no
// line and differ in how many they have. Most of a million reads ask which run is seen, some for its annotations, some search.
func TestFigureSwitchActive(t *testing.T) {
	figure.Begin(t, "switch/active")
	const switches, readers, wanted = 1000, 4, 1_000_000
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "film", Shots: []apitest.Shot{{Seconds: 200, Colour: apitest.Red}}})
	sizes := [2]int{30, 50}
	var runs [2][]*pb.Run
	for v, n := range sizes {
		var lines []apitest.Line
		for i := range n {
			lines = append(lines, apitest.Line{From: int64(3*i + v), To: int64(3*i + v + 1), Language: "en", Text: fmt.Sprintf("storm number %d of take %d", i, v)})
		}
		runs[v] = l.Said(a, fmt.Sprint("take", v), lines)
	}
	active, err := l.Store.Active(t.Context(), a.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range active {
		for _, next := range runs[0] {
			if next.GetAlgorithm() == r.GetAlgorithm() {
				l.Switch(next, r.GetRun())
			}
		}
	}
	g := open(t, l, nil, gateway.Default())
	search := &pb.SearchRequest{Q: `dialogue.words:storm`, Limit: 200}
	var (
		wg                                    sync.WaitGroup
		reads, searches, mixed, empty, failed atomic.Int64
		seen                                  [2]atomic.Int64
		done                                  atomic.Bool
	)
	count := func(found map[string]int) {
		switch first, second := found[runs[0][0].GetId()], found[runs[1][0].GetId()]; {
		case first == sizes[0] && second == 0:
			seen[0].Add(1)
		case first == 0 && second == sizes[1]:
			seen[1].Add(1)
		case first+second == 0:
			empty.Add(1)
		default:
			mixed.Add(1)
		}
	}
	read := func(n int64) error {
		found := map[string]int{}
		switch {
		case n%200 == 0:
			searches.Add(1)
			resp, err := g.Search(t.Context(), everybody, search)
			if err != nil || len(resp.GetPartial()) > 0 {
				return fmt.Errorf("searching: %w, %v", err, resp.GetPartial())
			}
			for _, h := range resp.GetHits() {
				found[h.GetEvidence()[0].GetRun()]++
			}
		case n%50 == 0:
			as, _, err := g.Annotations(t.Context(), everybody, a.GetId(), []string{schema.KindDialogue}, schema.Interval{}, "", 500)
			if err != nil {
				return err
			}
			for _, a := range as {
				found[a.GetRun()]++
			}
		default:
			_, active, err := g.Asset(t.Context(), everybody, a.GetId())
			if err != nil {
				return err
			}
			for _, r := range active {
				for v := range runs {
					if r.GetRun() == runs[v][0].GetId() {
						found[r.GetRun()] += sizes[v]
					}
				}
			}
		}
		count(found)
		return nil
	}
	began := time.Now()
	for range readers {
		wg.Go(func() {
			for !done.Load() {
				if err := read(reads.Add(1)); err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range switches {
		l.Switch(runs[(i+1)%2][0], runs[i%2][0].GetId())
		// Each side of a switch is read as often as the others.
		for until := int64(i+1) * wanted / switches; reads.Load() < until && failed.Load() == 0; {
			time.Sleep(50 * time.Microsecond)
		}
	}
	done.Store(true)
	wg.Wait()
	took := time.Since(began)
	figure.Report(t, true, figure.Result{
		Name:  "switch/active",
		Claim: "1,000 switches of the active run under 1,000,000 reads: none mixed, none empty",
		Measured: fmt.Sprintf("%d reads, %d of them searches, by %d readers in %.0f s during %d switches: %d mixed, %d empty, %d failed; %d saw one run, %d the other",
			reads.Load(), searches.Load(), readers, took.Seconds(), switches, mixed.Load(), empty.Load(), failed.Load(), seen[0].Load(), seen[1].Load()),
		Pass: reads.Load() >= wanted && mixed.Load()+empty.Load()+failed.Load() == 0 && seen[0].Load() > 0 && seen[1].Load() > 0,
		Note: "of 200 reads one is a search, three read a run's annotations, the others ask which run is seen; all go through the gateway's snapshots",
	})
}
