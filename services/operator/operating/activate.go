package operating

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// activateKind switches which version readers see.
func activateKind(deps Deps) jobs.Kind {
	return jobs.Kind{
		Name: "activate", Summary: "switch readers to another version of an algorithm, or back", Role: authz.Operator, Selects: true, Field: "activate",
		Options: []jobs.Option{
			{Name: "algorithm", Type: jobs.Text, Help: "the algorithm to switch"},
			{Name: "version", Type: jobs.Text, Help: "the version to switch to; empty goes back to the run that was seen before"},
			{Name: "wave", Type: jobs.Number, Help: "share of the assets in each wave, from 0 to 1; 0 is all at once"},
			{Name: "pause_seconds", Type: jobs.Number, Help: "seconds between waves"},
			{Name: "stop_at", Type: jobs.Number, Help: "no further wave where more than this share of a wave could not be switched"},
		},
		Plan: func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
			return activatorOf(deps, j).plan(ctx, j.GetActivate())
		},
		Do: func(ctx context.Context, w *jobs.Work) error {
			j := w.Job()
			return activatorOf(deps, j).do(ctx, j.GetActivate(), j.GetTotal(), j.GetCursor(), w.Tell)
		},
	}
}

// activatorOf makes an activator that takes the switch lease for a job.
func activatorOf(deps Deps, j *pb.Job) *activator {
	return &activator{store: deps.Store, holder: j.GetId(), sleep: jobs.Sleep}
}

// switchLease is held by a job that switches or deletes runs, for a chunk at a time: no run is deleted during a switch to the run.
const switchLease = "operating/switch"

const (
	// switchChunk is how many switches are noted before they are done, and done at once.
	switchChunk = 256
	// switchesAtOnce share the store's commits.
	switchesAtOnce = 32
	switchTTL      = 30 * time.Second
)

// An activator switches which version readers see. The same work, done again from any note of the work, ends in the same runs.
type activator struct {
	store  store.Store
	holder string // of the lease
	sleep  func(context.Context, time.Duration) error
}

// A switching is the switch of an asset, from the run that readers saw when the switching was noted.
type switching struct {
	Asset string `json:"asset"`
	From  string `json:"from,omitempty"`
	To    string `json:"to"`
}

// activateNote is where the work goes on from.
type activateNote struct {
	After string `json:"after,omitempty"` // the last asset that was noted
	// Pending are noted before they are done. Going back asks for the run seen before, and each switch changes the run seen before: done twice from
	// anything but this note, the work would switch forth again.
	Pending []switching `json:"pending,omitempty"`
	Wave    int         `json:"wave"`
	InWave  int64       `json:"in_wave"`
	// FailedInWave is compared by the stop rule.
	FailedInWave int64 `json:"failed_in_wave"`
	Switched     int64 `json:"switched"`
	Refused      int64 `json:"refused"`
}

// checkActivate refuses work that has no meaning.
func checkActivate(w *pb.Activate) error {
	switch {
	case w.GetAlgorithm() == "":
		return errkind.New(errkind.Invalid, "activate.algorithm: name the algorithm to switch")
	case !(w.GetWave() >= 0 && w.GetWave() <= 1):
		return errkind.New(errkind.Invalid, "activate.wave: a share of the assets, from 0 to 1; 0 is all at once")
	case !(w.GetStopAt() >= 0 && w.GetStopAt() <= 1):
		return errkind.New(errkind.Invalid, "activate.stop_at: a share of the assets of a wave, from 0 to 1")
	case !(w.GetPauseSeconds() >= 0 && w.GetPauseSeconds() <= 7*24*3600):
		return errkind.New(errkind.Invalid, "activate.pause_seconds: from 0 to a week")
	}
	return nil
}

// A standing is how an asset stands towards a switch.
type standing struct {
	to      *pb.Run       // nil: the asset has no such run
	from    *pb.ActiveRun // nil: nothing is seen
	already bool
	refused error // the reason for not switching now
}

// standing reads the run that readers see of an asset, the run to switch to, and whether the switch can be done.
func (a *activator) standing(ctx context.Context, w *pb.Activate, asset *pb.Asset) (standing, error) {
	var st standing
	active, err := runs.Active(ctx, a.store, asset.GetId())
	if err != nil {
		return st, err
	}
	st.from = runs.Seen(active, w.GetAlgorithm())
	if w.GetVersion() == "" {
		// Back: of the selected versions only, so that assets without a switch are not switched back.
		if st.from.GetPrevious() == "" || !jobs.SelectsRun(w.GetSelection(), st.from.GetAlgorithm(), st.from.GetVersion()) {
			return st, nil
		}
		if st.to, err = runs.Lookup(ctx, a.store, asset.GetId(), st.from.GetPrevious()); err != nil {
			return st, err
		}
		if st.to == nil {
			st.to = &pb.Run{Id: st.from.GetPrevious(), Asset: asset.GetId()}
			st.refused = errkind.New(errkind.NotFound, "the run seen before was collected")
		}
	} else {
		all, err := runs.Of(ctx, a.store, asset.GetId())
		if err != nil {
			return st, err
		}
		st.to = runs.Find(all, w.GetAlgorithm(), w.GetVersion(), st.from)
	}
	if st.to == nil || st.refused != nil {
		return st, nil
	}
	if st.already = st.to.GetId() == st.from.GetRun(); st.already {
		return st, nil
	}
	st.refused, err = a.whole(ctx, st.to)
	return st, err
}

// whole says why readers would not see all of a run, if so.
func (a *activator) whole(ctx context.Context, r *pb.Run) (refused, err error) {
	if !runs.Finished(r) {
		return errkind.New(errkind.Conflict, "its run is %s, not finished", runs.StateName(r.GetState())), nil
	}
	n, err := runs.Indexed(ctx, a.store, r)
	if err != nil || n.Whole() {
		return nil, err
	}
	return errkind.New(errkind.Conflict, "its run is not wholly indexed: %s", n), nil
}

// plan tells how many assets the work would switch, and how many it could not.
func (a *activator) plan(ctx context.Context, w *pb.Activate) (*jobs.Plan, error) {
	if err := checkActivate(w); err != nil {
		return nil, err
	}
	var ready, already, absent, refused int64
	var examples []string
	for asset, err := range jobs.Assets(ctx, a.store, w.GetSelection(), "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		st, err := a.standing(ctx, w, asset)
		if err != nil {
			return nil, err
		}
		switch {
		case st.to == nil:
			absent++
		case st.already:
			already++
		case st.refused != nil:
			refused++
			if len(examples) < fewExamples {
				examples = append(examples, fmt.Sprintf("cannot be switched: %s (%s): %v", asset.GetId(), asset.GetTitle().GetId(), st.refused))
			}
		default:
			ready++
		}
	}
	if ready+already+refused == 0 {
		if w.GetVersion() == "" {
			return nil, errkind.New(errkind.NotFound, "no asset selected has a run of %s to go back to; `cinedex runs list` shows which runs there are", w.GetAlgorithm())
		}
		return nil, errkind.New(errkind.NotFound, "no asset selected has a run of %s@%s; `cinedex runs list` shows which runs there are", w.GetAlgorithm(), w.GetVersion())
	}
	to := w.GetAlgorithm() + "@" + w.GetVersion()
	if w.GetVersion() == "" {
		to = w.GetAlgorithm() + "'s run before"
	}
	lines := []string{fmt.Sprintf("switches %d assets to %s; %d see it already, %d have no such run, %d cannot be switched now", ready, to, already, absent, refused)}
	lines = append(lines, examples...)
	if w.GetWave() > 0 && w.GetWave() < 1 {
		size := waveSize(w, ready+refused+already)
		lines = append(lines, fmt.Sprintf("in waves of %d assets, %s apart; no further wave where more than %.3g %% of one could not be switched",
			size, time.Duration(w.GetPauseSeconds()*float64(time.Second)), 100*w.GetStopAt()))
	}
	return &jobs.Plan{Total: ready + refused + already, Unit: "assets", Lines: lines}, nil
}

func waveSize(w *pb.Activate, total int64) int64 {
	if w.GetWave() == 0 {
		return math.MaxInt64
	}
	return max(1, int64(math.Ceil(w.GetWave()*float64(total))))
}

// do switches, from where the note says. total is the plan's.
func (a *activator) do(ctx context.Context, w *pb.Activate, total int64, cursor []byte, tell jobs.Teller) error {
	var n activateNote
	if len(cursor) > 0 {
		if err := json.Unmarshal(cursor, &n); err != nil {
			return fmt.Errorf("reading where the switching was: %w", err)
		}
	}
	size := waveSize(w, total)
	note := func(lines ...string) error {
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		return tell(ctx, jobs.Step{Done: n.Switched + n.Refused, Cursor: b, Lines: lines, First: len(n.Pending) > 0})
	}
	var examples int
	assets := &jobs.AssetReader{From: a.store, Sel: w.GetSelection()}
	defer assets.Close()
	for {
		lines, err := a.chunk(ctx, w, &n, note, size, assets, &examples)
		if err != nil {
			return err
		}
		ended := lines == nil && len(n.Pending) == 0
		if n.InWave >= size || ended {
			if share := float64(n.FailedInWave) / float64(max(1, n.InWave)); n.FailedInWave > 0 && share > w.GetStopAt() {
				if err := note(lines...); err != nil {
					return err
				}
				return errkind.New(errkind.Conflict, "stopped after wave %d: %d of its %d assets could not be switched, more than %.3g %% allowed; %d are switched and stay so (`cinedex runs rollback` takes them back)",
					n.Wave+1, n.FailedInWave, n.InWave, 100*w.GetStopAt(), n.Switched)
			}
			if !ended {
				lines = append(lines, fmt.Sprintf("wave %d: %d assets, %d of them could not be switched", n.Wave+1, n.InWave, n.FailedInWave))
				n.Wave, n.InWave, n.FailedInWave = n.Wave+1, 0, 0
			}
		}
		if ended {
			break
		}
		if err := note(lines...); err != nil {
			return err
		}
		if n.InWave == 0 && n.Switched+n.Refused < total && w.GetPauseSeconds() > 0 {
			assets.Close()
			if err := a.pause(ctx, time.Duration(w.GetPauseSeconds()*float64(time.Second)), note); err != nil {
				return err
			}
		}
	}
	lines, err := a.dependants(ctx, w)
	if err != nil {
		return err
	}
	return note(append([]string{fmt.Sprintf("switched %d assets; %d could not be", n.Switched, n.Refused)}, lines...)...)
}

// pause waits between waves, and reads the operator's wish meanwhile.
func (a *activator) pause(ctx context.Context, d time.Duration, note func(...string) error) error {
	for d > 0 {
		part := min(d, time.Second)
		if err := a.sleep(ctx, part); err != nil {
			return err
		}
		if err := note(); err != nil {
			return err
		}
		d -= part
	}
	return nil
}

// chunk notes the next switches and does them under the switch lease. Nil lines say that no asset was left.
func (a *activator) chunk(ctx context.Context, w *pb.Activate, n *activateNote, note func(...string) error, size int64, assets *jobs.AssetReader, examples *int) (lines []string, err error) {
	release, err := a.lease(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(n.Pending) == 0 {
		if err := a.pending(ctx, w, n, size, assets); err != nil || len(n.Pending) == 0 {
			return nil, err
		}
		if err := note(); err != nil {
			return nil, err
		}
	}
	refused, err := a.switchPending(ctx, w, n.Pending)
	if err != nil {
		return nil, err
	}
	lines = []string{}
	for i, s := range n.Pending {
		n.InWave++
		if refused[i] == nil {
			n.Switched++
			continue
		}
		n.Refused++
		n.FailedInWave++
		if *examples++; *examples <= fewExamples {
			lines = append(lines, fmt.Sprintf("could not switch %s: %v", s.Asset, refused[i]))
		}
	}
	n.Pending = nil
	return lines, nil
}

// pending collects the next switches: at most a chunk, and at most the rest of the wave.
func (a *activator) pending(ctx context.Context, w *pb.Activate, n *activateNote, size int64, assets *jobs.AssetReader) error {
	for len(n.Pending) < switchChunk && n.InWave+int64(len(n.Pending)) < size {
		asset, err := assets.Next(ctx, n.After)
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		if asset == nil {
			return nil
		}
		st, err := a.standing(ctx, w, asset)
		if err != nil {
			return err
		}
		n.After = asset.GetId()
		if st.to != nil {
			n.Pending = append(n.Pending, switching{asset.GetId(), st.from.GetRun(), st.to.GetId()})
		}
	}
	return nil
}

// switchPending does the noted switches, many at a time, and returns the refusal of each switch; nil is a switch that was done.
func (a *activator) switchPending(ctx context.Context, w *pb.Activate, pending []switching) ([]error, error) {
	refused := make([]error, len(pending))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(switchesAtOnce)
	for i, s := range pending {
		g.Go(func() error {
			err := a.switchOne(gctx, w, s)
			switch errkind.Of(err) {
			case errkind.Conflict, errkind.NotFound, errkind.Invalid:
				refused[i], err = err, nil
			}
			return err
		})
	}
	return refused, g.Wait()
}

// switchOne makes a run the active run, if the run is whole.
func (a *activator) switchOne(ctx context.Context, w *pb.Activate, s switching) error {
	r, err := runs.Read(ctx, a.store, s.Asset, s.To)
	if err != nil {
		return err
	}
	refused, err := a.whole(ctx, r)
	if err = errors.Join(refused, err); err != nil {
		return err
	}
	previous := s.From
	for {
		_, err := a.store.Activate(ctx, r, previous)
		if !errkind.Is(err, errkind.Conflict) {
			return err
		}
		// Another process was quicker. A version that the operator named takes the place of the other's run. Going back from the other's run was not
		// asked for.
		active, err := runs.Active(ctx, a.store, s.Asset)
		if err != nil {
			return err
		}
		seen := runs.Seen(active, w.GetAlgorithm())
		if seen != nil && w.GetVersion() == "" && seen.GetRun() != s.From {
			return errkind.New(errkind.Conflict, "another run, %s, was switched to meanwhile", seen.GetRun())
		}
		previous = seen.GetRun()
	}
}

// lease waits for the right to switch.
func (a *activator) lease(ctx context.Context) (release func(), err error) {
	for {
		l, err := a.store.Acquire(ctx, switchLease, a.holder, switchTTL)
		if err == nil {
			return func() { _ = a.store.Release(context.WithoutCancel(ctx), l) }, nil
		}
		if !errkind.Is(err, errkind.Conflict) {
			return nil, fmt.Errorf("waiting to switch: %w", err)
		}
		if err := a.sleep(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// dependants lists the algorithms whose active runs read a run of the switched algorithm that readers do not see any more.
func (a *activator) dependants(ctx context.Context, w *pb.Activate) ([]string, error) {
	behind := map[string]int64{}
	for asset, err := range jobs.Assets(ctx, a.store, w.GetSelection(), "") {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		active, err := runs.Active(ctx, a.store, asset.GetId())
		if err != nil {
			return nil, err
		}
		seen := runs.Seen(active, w.GetAlgorithm()).GetRun()
		for _, r := range active {
			run, err := runs.Lookup(ctx, a.store, asset.GetId(), r.GetRun())
			if err != nil {
				return nil, err
			}
			if read, ok := run.GetInputs()[w.GetAlgorithm()]; ok && read != seen {
				behind[r.GetAlgorithm()+"@"+r.GetVersion()]++
			}
		}
	}
	return sortedLines(behind, func(name string, n int64) string {
		return fmt.Sprintf("%s of %d assets was made from another run of %s than readers see now: replay it, or switch it, too", name, n, w.GetAlgorithm())
	}), nil
}
