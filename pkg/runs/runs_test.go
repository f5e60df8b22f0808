package runs_test

import (
	"context"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	none      = pb.RunState_RUN_STATE_UNSPECIFIED
	requested = pb.RunState_RUN_STATE_REQUESTED
	running   = pb.RunState_RUN_STATE_RUNNING
	finished  = pb.RunState_RUN_STATE_FINISHED
	failed    = pb.RunState_RUN_STATE_FAILED
	cancelled = pb.RunState_RUN_STATE_CANCELLED
)

func TestStates(t *testing.T) {
	type answer struct {
		ended, finished, failed, requested, underway bool
		name                                         string
	}
	want := map[pb.RunState]answer{
		none:             {name: "waiting"},
		requested:        {requested: true, underway: true, name: "requested"},
		running:          {underway: true, name: "running"},
		finished:         {ended: true, finished: true, name: "finished"},
		failed:           {ended: true, failed: true, name: "failed"},
		cancelled:        {ended: true, failed: true, name: "cancelled"},
		pb.RunState(999): {name: "unknown"}, // of a later version
	}
	for n := range pb.RunState_name {
		if _, ok := want[pb.RunState(n)]; !ok {
			t.Errorf("the table lacks %s", pb.RunState(n))
		}
	}
	for state, w := range want {
		r := &pb.Run{State: state}
		if got := (answer{runs.Ended(r), runs.Finished(r), runs.Failed(r), runs.Requested(r), runs.Underway(r), runs.StateName(state)}); got != w {
			t.Errorf("%s: %+v, want %+v", state, got, w)
		}
	}
	if runs.Ended(nil) || runs.Underway(nil) {
		t.Error("a run without a record has ended or is underway")
	}
}

// records keeps runs and their markers, as a store does.
type records struct {
	run                     *pb.Run
	epoch                   int64
	annotations, embeddings int64
	err                     error
}

func (s records) Indexed(_ context.Context, _, _ string, epoch int64) (int64, int64, error) {
	if epoch != s.epoch {
		return 0, 0, s.err
	}
	return s.annotations, s.embeddings, s.err
}

func (s records) Run(context.Context, string, string) (*pb.Run, error) { return s.run, s.err }

func TestWhole(t *testing.T) {
	for name, c := range map[string]struct {
		state                                          pb.RunState
		epoch, annotations, embeddings, wroteA, wroteE int64
		want                                           bool
		told                                           string
	}{
		"all indexed":                 {finished, 2, 3, 1, 3, 1, true, "3 of 3 annotations, 1 of 1 embeddings"},
		"wrote nothing":               {finished, 2, 0, 0, 0, 0, true, "0 of 0 annotations, 0 of 0 embeddings"},
		"an annotation is missing":    {finished, 2, 2, 1, 3, 1, false, "2 of 3 annotations, 1 of 1 embeddings"},
		"an embedding is missing":     {finished, 2, 3, 0, 3, 1, false, "3 of 3 annotations, 0 of 1 embeddings"},
		"indexed under another epoch": {finished, 1, 3, 1, 3, 1, false, "0 of 3 annotations, 0 of 1 embeddings"},
		"more than it wrote":          {finished, 2, 4, 1, 3, 1, true, "4 of 3 annotations, 1 of 1 embeddings"},
		"requested":                   {requested, 2, 0, 0, 0, 0, false, "0 of 0 annotations, 0 of 0 embeddings"},
		"running":                     {running, 2, 0, 0, 0, 0, false, "0 of 0 annotations, 0 of 0 embeddings"},
		"failed":                      {failed, 2, 0, 0, 0, 0, false, "0 of 0 annotations, 0 of 0 embeddings"},
		"cancelled":                   {cancelled, 2, 0, 0, 0, 0, false, "0 of 0 annotations, 0 of 0 embeddings"},
		"without a state":             {none, 2, 0, 0, 0, 0, false, "0 of 0 annotations, 0 of 0 embeddings"},
	} {
		s := records{epoch: c.epoch, annotations: c.annotations, embeddings: c.embeddings}
		r := &pb.Run{Id: "r", Asset: "a", State: c.state, Epoch: 2, Annotations: c.wroteA, Embeddings: c.wroteE}
		if got, err := runs.Whole(t.Context(), s, r); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := runs.Indexed(t.Context(), s, r); got.String() != c.told || err != nil {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.told)
		}
	}
	s := records{err: errkind.New(errkind.Unavailable, "away"), annotations: 9, embeddings: 9, epoch: 2}
	if got, err := runs.Whole(t.Context(), s, &pb.Run{Id: "r", State: finished, Epoch: 2}); got || !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("of a store that does not answer: %v, %v", got, err)
	}
}

func TestSupersedes(t *testing.T) {
	for name, c := range map[string]struct {
		next  *pb.Run
		seen  *pb.ActiveRun
		want  bool
		older bool
	}{
		"nothing is seen":                   {&pb.Run{Id: "n", Version: "1", State: finished}, nil, true, false},
		"newer":                             {&pb.Run{Id: "n", Version: "10", State: finished}, &pb.ActiveRun{Run: "s", Version: "9"}, true, false},
		"as new":                            {&pb.Run{Id: "n", Version: "2", State: finished}, &pb.ActiveRun{Run: "s", Version: "2"}, true, false},
		"older":                             {&pb.Run{Id: "n", Version: "9", State: finished}, &pb.ActiveRun{Run: "s", Version: "10"}, false, true},
		"versions as text":                  {&pb.Run{Id: "n", Version: "2a", State: finished}, &pb.ActiveRun{Run: "s", Version: "2b"}, false, true},
		"held":                              {&pb.Run{Id: "n", Version: "2", State: finished, Hold: true}, &pb.ActiveRun{Run: "s", Version: "1"}, true, false},
		"seen before":                       {&pb.Run{Id: "n", Version: "2", State: finished, Activated: true}, &pb.ActiveRun{Run: "s", Version: "1"}, false, false},
		"seen before, and nothing seen now": {&pb.Run{Id: "n", Version: "2", State: finished, Activated: true}, nil, false, false},
		"requested":                         {&pb.Run{Id: "n", Version: "2", State: requested}, nil, false, false},
		"running":                           {&pb.Run{Id: "n", Version: "2", State: running}, nil, false, false},
		"failed":                            {&pb.Run{Id: "n", Version: "2", State: failed}, nil, false, false},
		"cancelled":                         {&pb.Run{Id: "n", Version: "2", State: cancelled}, nil, false, false},
		"without a state":                   {&pb.Run{Id: "n", Version: "2"}, nil, false, false},
	} {
		if got := runs.Supersedes(c.next, c.seen); got != c.want {
			t.Errorf("%s: supersedes %v", name, got)
		}
		if got := runs.Older(c.next, c.seen); got != c.older {
			t.Errorf("%s: older %v", name, got)
		}
	}
}

func TestFind(t *testing.T) {
	run := func(id, algorithm, version, reads string, s pb.RunState) *pb.Run {
		return &pb.Run{Id: id, Algorithm: algorithm, Version: version, Reads: reads, State: s}
	}
	all := []*pb.Run{
		run("a", "labels", "1", "old", finished), run("b", "labels", "2", "old", requested), run("c", "labels", "2", "other", finished),
		run("d", "labels", "2", "old", finished), run("e", "labels", "2", "", finished), run("f", "labels", "3", "", failed), run("g", "shots", "2", "", finished),
		run("h", "labels", "3", "", cancelled), run("i", "labels", "4", "", running), run("j", "labels", "5", "", none),
	}
	for name, c := range map[string]struct {
		version string
		seen    *pb.ActiveRun
		want    string
	}{
		"the run that is seen":              {"2", &pb.ActiveRun{Run: "e", Version: "2", Previous: "c"}, "e"},
		"the run that is seen, unfinished":  {"2", &pb.ActiveRun{Run: "b", Version: "2"}, "b"},
		"the run seen before":               {"2", &pb.ActiveRun{Run: "a", Version: "1", Previous: "e"}, "e"},
		"not a run seen before, unfinished": {"2", &pb.ActiveRun{Run: "a", Version: "1", Previous: "b"}, "d"},
		"the run of the same tracks":        {"2", &pb.ActiveRun{Run: "a", Version: "1"}, "d"},
		"any that finished":                 {"2", nil, "c"},
		"any that failed":                   {"3", nil, "f"},
		"one that runs":                     {"4", nil, "i"},
		"one without a state":               {"5", nil, "j"},
		"none of the version":               {"6", nil, ""},
	} {
		if got := runs.Find(all, "labels", c.version, c.seen); got.GetId() != c.want {
			t.Errorf("%s: %q, want %q", name, got.GetId(), c.want)
		}
	}
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		s            records
		read, lookup errkind.Kind
		id           string
	}{
		"there":     {s: records{run: &pb.Run{Id: "r"}}, id: "r"},
		"not there": {s: records{err: errkind.New(errkind.NotFound, "none")}, read: errkind.NotFound},
		"no answer": {s: records{err: errkind.New(errkind.Unavailable, "away")}, read: errkind.Unavailable, lookup: errkind.Unavailable},
	} {
		r, err := runs.Read(t.Context(), c.s, "a", "r")
		if r.GetId() != c.id || (err != nil) != (c.read != 0) || err != nil && errkind.Of(err) != c.read {
			t.Errorf("%s: Read gives %v, %v", name, r, err)
		}
		r, err = runs.Lookup(t.Context(), c.s, "a", "r")
		if r.GetId() != c.id || (err != nil) != (c.lookup != 0) || err != nil && errkind.Of(err) != c.lookup {
			t.Errorf("%s: Lookup gives %v, %v", name, r, err)
		}
	}
}
