package rpcapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

const (
	// maxWindow bounds the assets of a stream, and defaultWindow is for a request without a limit.
	maxWindow, defaultWindow = 200, 50
	// windowPage bounds the entries of a message.
	windowPage = 50
	// busyEvery is the time between two looks while a run of the window is under way, and idleEvery otherwise. A change of the library is looked at
	// after changeEvery.
	busyEvery, idleEvery, changeEvery = time.Second, 20 * time.Second, 300 * time.Millisecond
	// maxKnown bounds the stamps of a request.
	maxKnown = 2 * maxWindow
)

// WatchLibrary tells the assets of a window of the library as they change.
func (s *Server) WatchLibrary(ctx context.Context, req *connect.Request[pb.WatchLibraryRequest], stream *connect.ServerStream[pb.WatchLibraryResponse]) error {
	ctx, end := rpc.BeginStream(ctx)
	defer end()
	w := &window{s: s, caller: rpc.CallerFrom(ctx), req: req.Msg, known: req.Msg.GetKnown(), tell: func(m *pb.WatchLibraryResponse) error {
		if err := rpc.StillAuthorised(ctx); err != nil {
			return err
		}
		return stream.Send(m)
	}}
	return w.serve(ctx)
}

// A window is one stream of the library.
type window struct {
	s      *Server
	caller *authz.Caller
	req    *pb.WatchLibraryRequest
	limit  int
	tell   func(*pb.WatchLibraryResponse) error
	known  map[string]string // the stamps of the entries that the client holds
	order  []string
	more   bool
	told   bool // the first message is sent
	busy   bool // a run is under way
}

func (w *window) serve(ctx context.Context) error {
	switch w.limit = cmp.Or(int(w.req.GetLimit()), defaultWindow); {
	case w.limit < 1 || w.limit > maxWindow:
		return errkind.New(errkind.Invalid, "limit: must be from 1 to %d", maxWindow)
	case len(w.known) > maxKnown:
		return errkind.New(errkind.Invalid, "known: %d stamps are more than the %d allowed", len(w.known), maxKnown)
	}
	if w.known == nil {
		w.known = map[string]string{}
	}
	leave, err := w.s.deps.Gateway.Watching(w.caller) //nolint:contextcheck // one look at the library serves every stream, and outlives this stream
	if err != nil {
		return err
	}
	defer leave()
	for {
		changed := w.s.deps.Gateway.Changed()
		err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !(w.told && errkind.Is(err, errkind.Unavailable)):
			return err
		}
		if err := w.wait(ctx, changed); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// wait waits for the next look.
func (w *window) wait(ctx context.Context, changed <-chan struct{}) error {
	every := idleEvery
	if w.busy {
		every = busyEvery
	}
	select {
	case <-ctx.Done():
		return nil
	case <-changed:
		select {
		case <-ctx.Done():
		case <-time.After(changeEvery):
		}
		return nil
	case <-time.After(every):
		if w.busy {
			return nil
		}
		return w.tell(&pb.WatchLibraryResponse{})
	}
}

// look tells what differs from what the client holds.
func (w *window) look(ctx context.Context) error {
	listed, more, err := w.assets(ctx)
	if err != nil {
		return err
	}
	assets := make([]*pb.Asset, len(listed))
	order := make([]string, len(listed))
	for i, l := range listed {
		assets[i], order[i] = l.Asset, l.Asset.GetId()
	}
	posters, err := w.s.deps.Gateway.Posters(ctx, w.caller, assets)
	if err != nil {
		return err
	}
	busy, m := false, &pb.WatchLibraryResponse{}
	if !w.told || more != w.more || !slices.Equal(order, w.order) {
		m.Order, m.More = order, more
	}
	entries, err := sideBySide(ctx, listed, func(ctx context.Context, i int, l gateway.Listed) (e entry, err error) {
		e.LibraryEntry, e.busy, err = w.s.entry(ctx, w.caller, l, posters[i])
		return e, err
	})
	if err != nil {
		return err
	}
	for _, e := range entries {
		busy = busy || e.busy
		if w.known[e.GetAsset()] == e.GetStamp() {
			continue
		}
		w.known[e.GetAsset()] = e.GetStamp()
		audit.From(ctx).Told(1, e.GetTitle().GetId())
		if m.Entries = append(m.Entries, e.LibraryEntry); len(m.GetEntries()) == windowPage {
			if err := w.send(&m); err != nil {
				return err
			}
		}
	}
	if len(m.GetEntries()) > 0 || len(m.GetOrder()) > 0 || !w.told || len(order) != len(w.order) || more != w.more {
		if err := w.send(&m); err != nil {
			return err
		}
	}
	w.order, w.more, w.busy = order, more, busy
	for id := range w.known {
		if !slices.Contains(order, id) {
			delete(w.known, id)
		}
	}
	return nil
}

func (w *window) send(m **pb.WatchLibraryResponse) error {
	out := *m
	*m, w.told = &pb.WatchLibraryResponse{}, true
	return w.tell(out)
}

// assets returns the assets of the window, and whether more are behind.
func (w *window) assets(ctx context.Context) (listed []gateway.Listed, more bool, err error) {
	behind, err := w.s.deps.Gateway.Behind(ctx, w.caller, w.req.GetBehind())
	if err != nil {
		return nil, false, err
	}
	err = w.s.deps.Gateway.List(ctx, w.caller, w.req.GetTitles(), behind, func(l gateway.Listed) bool {
		if more = len(listed) == w.limit; !more {
			listed = append(listed, l)
		}
		return !more
	})
	return listed, more, err
}

// An entry is an asset as the first view shows it, and whether a run is under way.
type entry struct {
	*pb.LibraryEntry
	busy bool
}

// entry returns an asset as the first view shows it, and whether a run is under way.
func (s *Server) entry(ctx context.Context, caller *authz.Caller, l gateway.Listed, poster string) (*pb.LibraryEntry, bool, error) {
	a := shownAsset(caller, l.Asset)
	stages, busy, err := s.stages(ctx, caller, l)
	if err != nil {
		return nil, false, err
	}
	e := &pb.LibraryEntry{Asset: a.GetId(), Title: a.GetTitle(), Poster: poster, Duration: a.GetDuration(), Languages: languagesOf(a),
		Width: a.GetVideo().GetWidth(), Height: a.GetVideo().GetHeight(), Stages: stages,
		Bytes: both(s.deps.Look(ctx, l.Asset), l.FramesLost), Text: textRemarks(a)}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(b)
	e.Stamp = hex.EncodeToString(sum[:8])
	return e, busy, nil
}

// languagesOf are the languages that are spoken and written in an asset.
func languagesOf(a *pb.Asset) (out []string) {
	add := func(l string) {
		if l != "" && l != "und" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	for _, t := range a.GetAudio() {
		add(t.GetLanguage())
	}
	for _, t := range a.GetText() {
		add(t.GetLanguage())
	}
	return out
}

// stages returns how far each algorithm is with an asset.
func (s *Server) stages(ctx context.Context, caller *authz.Caller, l gateway.Listed) (out []*pb.Stage, busy bool, err error) {
	id := l.Asset.GetId()
	recorded, err := s.deps.Runs.RunsOf(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("reading the runs of %s: %w", id, err)
	}
	view := s.deps.Catalog.View()
	wanted, err := view.Plan().Runs(l.Asset)
	if err != nil {
		return nil, false, fmt.Errorf("planning the runs of %s: %w", id, err)
	}
	byID := map[string]*pb.Run{}
	for _, r := range recorded {
		byID[r.GetId()] = r
		planned := slices.ContainsFunc(wanted, func(p *pb.Run) bool { return p.GetId() == r.GetId() })
		if r.GetState() == pb.RunState_RUN_STATE_REQUESTED && !planned {
			wanted = append(wanted, r) // a backfill
		}
	}
	failed := map[string]string{} // algorithms by run
	for _, p := range wanted {    // inputs first
		r := byID[p.GetId()]
		st, err := s.stage(ctx, caller, view, p, r, runs.Seen(l.Active, p.GetAlgorithm()))
		if err != nil {
			return nil, false, err
		}
		for _, in := range p.GetInputs() {
			if a := failed[in]; a != "" && st.GetState() == pb.StageState_STAGE_STATE_WAITING {
				st.Waits, failed[p.GetId()] = a+" failed", a
			}
		}
		if st.GetState() == pb.StageState_STAGE_STATE_FAILED {
			failed[p.GetId()] = p.GetAlgorithm()
		}
		busy = busy || st.GetState() < pb.StageState_STAGE_STATE_DONE
		out = append(out, st)
	}
	for _, a := range l.Active {
		if !slices.ContainsFunc(out, func(st *pb.Stage) bool { return st.GetAlgorithm() == a.GetAlgorithm() }) { // ran on request
			out = append(out, &pb.Stage{Algorithm: a.GetAlgorithm(), Version: a.GetVersion(), State: pb.StageState_STAGE_STATE_DONE, Run: a.GetRun()})
		}
	}
	slices.SortFunc(out, func(a, b *pb.Stage) int {
		return cmp.Or(cmp.Compare(a.GetAlgorithm(), b.GetAlgorithm()), cmp.Compare(a.GetVersion(), b.GetVersion()))
	})
	return out, busy, nil
}

// stage returns how far a planned run is. r is the record of the run, or nil.
func (s *Server) stage(ctx context.Context, caller *authz.Caller, view *catalog.View, planned, r *pb.Run, active *pb.ActiveRun) (*pb.Stage, error) {
	st := &pb.Stage{Algorithm: planned.GetAlgorithm(), Version: planned.GetVersion(), Run: planned.GetId()}
	switch {
	case r == nil && active != nil: // readers see another version, and nobody has requested this one
		st.State, st.Version, st.Run = pb.StageState_STAGE_STATE_DONE, active.GetVersion(), active.GetRun()
	case r == nil:
		st.State, st.Waits = pb.StageState_STAGE_STATE_WAITING, waits(view, planned)
	case r.GetState() == pb.RunState_RUN_STATE_FAILED:
		shown := shownRun(caller, r)
		st.State, st.Kind, st.Reason = pb.StageState_STAGE_STATE_FAILED, shown.GetErrorKind(), shown.GetError()
	case r.GetState() == pb.RunState_RUN_STATE_CANCELLED:
		st.State = pb.StageState_STAGE_STATE_CANCELLED
	case r.GetState() == pb.RunState_RUN_STATE_FINISHED:
		st.State = pb.StageState_STAGE_STATE_DONE
		if active.GetRun() != r.GetId() && !r.GetActivated() && !r.GetHold() && active == nil {
			st.State = pb.StageState_STAGE_STATE_INDEXING
		}
	default:
		return s.underWay(ctx, view, st, r)
	}
	return st, nil
}

// underWay tells a requested run that is executed from a run that waits. An execution in another process is known by its lease alone.
func (s *Server) underWay(ctx context.Context, view *catalog.View, st *pb.Stage, r *pb.Run) (*pb.Stage, error) {
	part, running := s.deps.Running.Running(r.GetId())
	if !running {
		err := s.deps.Leases.CheckEpoch(ctx, store.RunLease(r.GetId()), 0)
		if running = errkind.Is(err, errkind.Conflict); err != nil && !running {
			return nil, fmt.Errorf("asking whether run %s is executed: %w", r.GetId(), err)
		}
	}
	if running {
		st.State, st.Part = pb.StageState_STAGE_STATE_RUNNING, part
		return st, nil
	}
	st.State, st.Waits = pb.StageState_STAGE_STATE_WAITING, waits(view, r)
	return st, nil
}
