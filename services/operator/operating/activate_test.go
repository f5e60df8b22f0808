package operating

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// shelf is a library of films, each with two versions of dialogue; readers see the first version.
func shelf(t testing.TB, films int) (*apitest.Library, []*pb.Asset) {
	t.Helper()
	l := apitest.New(t)
	var assets []*pb.Asset
	for i := range films {
		a := l.Add(apitest.Film{Title: fmt.Sprintf("film-%03d", i), Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red}}, Lines: said(i, 1)})
		l.Said(a, "2", said(i, 2))
		assets = append(assets, a)
	}
	slices.SortFunc(assets, func(a, b *pb.Asset) int { return strings.Compare(a.GetId(), b.GetId()) })
	return l, assets
}

func said(film, version int) (out []apitest.Line) {
	for i := range 2 + version {
		out = append(out, apitest.Line{From: int64(i), To: int64(i + 1), Language: "en", Text: fmt.Sprintf("storm number %d of film %d in version %d", i, film, version)})
	}
	return out
}

// seen returns the version of an algorithm that readers see, by asset.
func seen(t testing.TB, l *apitest.Library, algorithm string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for r, err := range l.Store.AllActive(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.GetAlgorithm() == algorithm {
			out[r.GetAsset()] = r.GetVersion()
		}
	}
	return out
}

func count(m map[string]string, version string) (n int) {
	for _, v := range m {
		if v == version {
			n++
		}
	}
	return n
}

var errKilled = errors.New("killed")

// A record keeps the notes of work, as a job does. kill says at which note the process dies, just before the note is kept.
type record struct {
	cursor []byte
	done   int64
	lines  []string
	notes  int
	kill   func(n int) bool
}

func (r *record) tell(_ context.Context, s jobs.Step) error {
	r.notes++
	if r.kill != nil && r.kill(r.notes) {
		return errKilled
	}
	r.cursor, r.done, r.lines = s.Cursor, s.Done, append(r.lines, s.Lines...)
	return nil
}

func instant(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newActivator(l *apitest.Library) *activator {
	return &activator{store: l.Store, holder: "test", sleep: instant}
}

func TestActivateAllAndBack(t *testing.T) {
	l, assets := shelf(t, 12)
	other := l.Add(apitest.Film{Title: "without", Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red}}, Lines: said(0, 1)})
	a := newActivator(l)
	w := &pb.Activate{Algorithm: "dialogue", Version: "2"}
	p, err := a.plan(t.Context(), w)
	if err != nil || p.Total != 12 || !strings.Contains(p.Lines[0], "switches 12 assets to dialogue@2; 0 see it already, 1 have no such run, 0 cannot") {
		t.Fatalf("plan: %+v, %v", p, err)
	}
	var r record
	if err := a.do(t.Context(), w, p.Total, nil, r.tell); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, l, "dialogue"); count(got, "2") != 12 || got[other.GetId()] != "1" || r.done != 12 {
		t.Errorf("seen %v, done %d", got, r.done)
	}
	// Back: only switched assets have a run to go back to.
	w = &pb.Activate{Algorithm: "dialogue", Selection: &pb.Selection{Algorithms: []string{"dialogue@2"}}}
	if p, err = a.plan(t.Context(), w); err != nil || p.Total != 12 {
		t.Fatalf("plan back: %+v, %v", p, err)
	}
	if err := a.do(t.Context(), w, p.Total, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, l, "dialogue"); count(got, "1") != 13 {
		t.Errorf("after going back: %v", got)
	}
	// Once more: nothing of version 2 is seen.
	if _, err := a.plan(t.Context(), w); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("going back twice: %v", err)
	}
	_ = assets
}

// A process dies at any note, before or after the note is kept, and goes on from the last kept note. The end is the end of an undisturbed process,
// going back above all: each switch changes the run that was seen before.
func TestActivateKilledAnywhere(t *testing.T) {
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("back %t", back), func(t *testing.T) {
			for seed := range uint64(6) {
				l, _ := shelf(t, 9)
				a := newActivator(l)
				w := &pb.Activate{Algorithm: "dialogue", Version: "2", Wave: 0.3}
				want := "2"
				if back {
					if err := a.do(t.Context(), w, 9, nil, (&record{}).tell); err != nil {
						t.Fatal(err)
					}
					w, want = &pb.Activate{Algorithm: "dialogue", Wave: 0.3, Selection: &pb.Selection{Algorithms: []string{"dialogue@2"}}}, "1"
				}
				rnd := rand.New(rand.NewPCG(seed, 1))
				r := record{kill: func(int) bool { return rnd.IntN(3) == 0 }}
				err := errKilled
				for n := 0; err != nil; n++ {
					if !errors.Is(err, errKilled) || n > 200 {
						t.Fatalf("seed %d: %v", seed, err)
					}
					err = a.do(t.Context(), w, 9, r.cursor, r.tell)
				}
				if got := seen(t, l, "dialogue"); count(got, want) != 9 || r.done != 9 {
					t.Errorf("seed %d: seen %v, done %d", seed, got, r.done)
				}
				for v, err := range l.Store.AllActive(t.Context()) {
					if err == nil && v.GetAlgorithm() == "dialogue" && v.GetGeneration() != map[bool]int64{false: 2, true: 3}[back] {
						t.Errorf("seed %d: switched to and fro: %v", seed, v)
					}
				}
			}
		})
	}
}

func TestActivateStopsWhereTooManyFail(t *testing.T) {
	l, assets := shelf(t, 10)
	// The third asset's run of version 3 has not finished, all others' have.
	for i, a := range assets {
		r := &pb.Run{Asset: a.GetId(), Algorithm: "dialogue", Version: "3", State: pb.RunState_RUN_STATE_REQUESTED}
		r.Id = schema.RunID(r)
		if i != 2 {
			l.Said(a, "3", said(i, 3))
		} else if _, err := l.Store.CreateRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if i == 7 { // a count beyond the indexed items
			r.State, r.Annotations, r.Epoch = pb.RunState_RUN_STATE_FINISHED, 99, 1
			r.Version = "4"
			r.Id = schema.RunID(r)
			if err := l.Store.FinishRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := newActivator(l)
	w := &pb.Activate{Algorithm: "dialogue", Version: "3", Wave: 0.2, PauseSeconds: 1}
	p, err := a.plan(t.Context(), w)
	if err != nil || p.Total != 10 || !strings.Contains(strings.Join(p.Lines, "\n"), "its run is requested, not finished") {
		t.Fatalf("plan: %+v, %v", p, err)
	}
	var r record
	err = a.do(t.Context(), w, p.Total, nil, r.tell)
	if !errkind.Is(err, errkind.Conflict) || !strings.Contains(err.Error(), "wave 2: 1 of its 2 assets") {
		t.Errorf("got %v", err)
	}
	if got := seen(t, l, "dialogue"); count(got, "3") != 3 || got[assets[2].GetId()] != "1" {
		t.Errorf("seen %v", got)
	}
	// With half of a wave allowed to fail, all the others are switched.
	w.StopAt = 0.5
	if err := a.do(t.Context(), w, p.Total, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, l, "dialogue"); count(got, "3") != 9 {
		t.Errorf("seen %v", got)
	}
	// A finished run of which not all is indexed is not seen either.
	err = a.do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "4"}, 1, nil, (&record{}).tell)
	if !errkind.Is(err, errkind.Conflict) || count(seen(t, l, "dialogue"), "4") != 0 {
		t.Errorf("a run of which 99 annotations are missing: %v", err)
	}
}

func TestActivateTellsDependants(t *testing.T) {
	l, assets := shelf(t, 2)
	asset := assets[0].GetId()
	active, err := l.Store.Active(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	var dialogue, sentences string
	for _, r := range active {
		switch r.GetAlgorithm() {
		case "dialogue":
			dialogue = r.GetRun()
		case "sentences":
			sentences = r.GetRun()
		}
	}
	reader := &pb.Run{Asset: asset, Algorithm: "sentences", Version: "5", Inputs: map[string]string{"dialogue": dialogue}, State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}
	reader.Id = schema.RunID(reader)
	if err := l.Store.FinishRun(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	l.Switch(reader, sentences)
	var r record
	a := newActivator(l)
	if err := a.do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "2"}, 2, nil, r.tell); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(r.lines, "\n"); !strings.Contains(all, "sentences@5 of 1 assets was made from another run of dialogue") {
		t.Errorf("told %q", all)
	}
}

// Two operators switch to different versions at the same time: each asset ends on one of the two.
func TestActivateBesideOthers(t *testing.T) {
	l, assets := shelf(t, 20)
	for i, a := range assets {
		l.Said(a, "3", said(i, 3))
	}
	var wg sync.WaitGroup
	for _, v := range []string{"2", "3"} {
		wg.Go(func() {
			a := newActivator(l)
			a.holder = v
			a.sleep = func(ctx context.Context, _ time.Duration) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
				return ctx.Err()
			}
			if err := a.do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: v, Wave: 0.1}, 20, nil, (&record{}).tell); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := seen(t, l, "dialogue"); count(got, "2")+count(got, "3") != 20 {
		t.Errorf("seen %v", got)
	}
}

func TestActivateRefuses(t *testing.T) {
	l, _ := shelf(t, 1)
	for _, c := range []struct {
		name string
		w    *pb.Activate
		kind errkind.Kind
		says string
	}{
		{"no algorithm", &pb.Activate{Version: "2"}, errkind.Invalid, "algorithm"},
		{"a share", &pb.Activate{Algorithm: "dialogue", Version: "2", Wave: 2}, errkind.Invalid, "wave"},
		{"a stop", &pb.Activate{Algorithm: "dialogue", Version: "2", StopAt: -1}, errkind.Invalid, "stop_at"},
		{"a pause", &pb.Activate{Algorithm: "dialogue", Version: "2", PauseSeconds: -1}, errkind.Invalid, "pause_seconds"},
		{"no such version", &pb.Activate{Algorithm: "dialogue", Version: "77"}, errkind.NotFound, "dialogue@77"},
		{"nothing before", &pb.Activate{Algorithm: "dialogue"}, errkind.NotFound, "go back"},
		{"no such asset", &pb.Activate{Algorithm: "dialogue", Version: "2", Selection: &pb.Selection{Assets: []string{"nowhere"}}}, errkind.NotFound, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := newActivator(l).plan(t.Context(), c.w); !errkind.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.kind, c.says)
			}
		})
	}
}
