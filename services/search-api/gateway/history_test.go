package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Every state of a library is found again from its sum, by taking back the latest switches: also a state that lacks a few of the switches before
// its last, as a snapshot that was read while runs were switched.
func TestTakeBack(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		const assets = 12
		rows := make([]*pb.ActiveRun, assets) // of one algorithm
		type state struct {
			sum  uint64
			runs int
			has  map[string]bool
		}
		var states []state
		note := func(skip int) {
			s := state{has: map[string]bool{}}
			for i, row := range rows {
				id := row.GetRun()
				if i == skip && row != nil {
					id = row.GetPrevious()
				}
				if id != "" {
					s.sum, s.runs, s.has[id] = s.sum+hashOf(id), s.runs+1, true
				}
			}
			states = append(states, s)
		}
		now := int64(1000)
		var last []int
		for step := range 60 {
			i := r.IntN(assets)
			was := rows[i]
			now += r.Int64N(2) // some at the same time
			next := &pb.ActiveRun{Asset: fmt.Sprint("asset-", i), Algorithm: "dialogue", Version: "1", Run: fmt.Sprintf("run-%d-%d", seed, step), Previous: was.GetRun(),
				Generation: was.GetGeneration() + 1, ActivatedMs: max(now, was.GetActivatedMs()+1)}
			now = next.GetActivatedMs()
			if was != nil {
				next.Earlier = append(slices.Clone(was.GetEarlier()), &pb.Activation{Run: was.GetRun(), Version: "1", ActivatedMs: was.GetActivatedMs()})
			}
			rows[i], last = next, append(last, i)
			note(-1)
			if k := step - 1 - r.IntN(3); k >= 0 && last[k] != i && !slices.Contains(last[k+1:], last[k]) {
				note(last[k]) // the snapshot has the last switch, and not an earlier one
			}
		}
		var past []reversal
		entries := map[string]*entry{}
		var sum uint64
		runs := 0
		for i, row := range rows {
			if row == nil {
				continue
			}
			e := newEntry(&pb.Asset{Id: fmt.Sprint("asset-", i), Title: &pb.Title{Id: "t"}}, []*pb.ActiveRun{row}, lineups{})
			entries[e.id] = e
			past = append(past, e.reversals(0)...)
			sum, runs = sum+e.sum, runs+1
		}
		past = latest(past)
		for n, want := range states {
			if want.sum == sum && want.runs == runs {
				continue
			}
			taken, ok := takeBack(past, sum, want.sum, runs, want.runs)
			if !ok {
				t.Fatalf("seed %d: state %d of %d is not found", seed, n, len(states))
			}
			got := map[string]bool{}
			of := map[string][]reversal{}
			for _, u := range taken {
				of[u.of.id] = append(of[u.of.id], u)
			}
			for id, e := range entries {
				for _, a := range e.before(of[id], lineups{}).active {
					got[a.id] = true
				}
			}
			if len(got) != len(want.has) {
				t.Fatalf("seed %d: state %d has %v, want %v", seed, n, got, want.has)
			}
			for id := range want.has {
				if !got[id] {
					t.Fatalf("seed %d: state %d lacks %s", seed, n, id)
				}
			}
		}
		if _, ok := takeBack(past, sum, sum+1, runs, runs); ok {
			t.Error("a state that never was is found")
		}
	}
}

// Runs of which the store does not say when readers began to see them stay, and so do those from before a title was decided.
func TestWhatIsNotTakenBack(t *testing.T) {
	row := func(ms int64, generation int64, earlier ...*pb.Activation) *pb.ActiveRun {
		return &pb.ActiveRun{Algorithm: "dialogue", Run: "now", Generation: generation, ActivatedMs: ms, Earlier: earlier}
	}
	was := func(run string, ms int64) *pb.Activation { return &pb.Activation{Run: run, ActivatedMs: ms} }
	for name, c := range map[string]struct {
		row    *pb.ActiveRun
		titled int64
		want   []string
	}{
		"the first run":                      {row(5, 1), 0, []string{"now<"}},
		"a run of an earlier release":        {row(0, 1), 0, nil},
		"a switch":                           {row(9, 2, was("old", 5)), 0, []string{"now<old", "old<"}},
		"more switches than are kept":        {row(9, 12, was("b", 5), was("a", 7)), 0, []string{"now<a", "a<b"}},
		"from before the title":              {row(9, 2, was("old", 5)), 7, []string{"now<old"}},
		"all from before the title":          {row(9, 2, was("old", 5)), 9, nil},
		"the earlier run of another release": {row(9, 2, was("old", 0)), 0, []string{"now<old"}},
	} {
		e := newEntry(&pb.Asset{Id: "a", TitledMs: c.titled, Title: &pb.Title{Id: "t"}}, []*pb.ActiveRun{c.row}, lineups{})
		var got []string
		for _, u := range e.reversals(0) {
			got = append(got, u.now+"<"+u.was.id)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
