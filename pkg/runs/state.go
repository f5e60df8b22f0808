package runs

import (
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Ended reports whether a run is finished, failed or cancelled. Nobody executes an ended run again without being asked.
func Ended(r *pb.Run) bool { return Finished(r) || Failed(r) }

// Finished reports whether a run ended with all of its items written. A finished run stays finished.
func Finished(r *pb.Run) bool { return r.GetState() == pb.RunState_RUN_STATE_FINISHED }

// Failed reports whether a run ended without a result: failed or cancelled. A request by an operator executes the run again.
func Failed(r *pb.Run) bool {
	s := r.GetState()
	return s == pb.RunState_RUN_STATE_FAILED || s == pb.RunState_RUN_STATE_CANCELLED
}

// Requested reports whether a run was requested, and nothing else is known of the run: the record is the request's, with the request's hold.
func Requested(r *pb.Run) bool { return r.GetState() == pb.RunState_RUN_STATE_REQUESTED }

// Underway reports whether a run was requested, or has items, and has not ended. A run with items and without a request in the store is running: the
// indexer made the record.
func Underway(r *pb.Run) bool { return Requested(r) || r.GetState() == pb.RunState_RUN_STATE_RUNNING }

// names are the states as people and programs read them.
var names = map[pb.RunState]string{
	pb.RunState_RUN_STATE_REQUESTED: "requested",
	pb.RunState_RUN_STATE_RUNNING:   "running",
	pb.RunState_RUN_STATE_FINISHED:  "finished",
	pb.RunState_RUN_STATE_FAILED:    "failed",
	pb.RunState_RUN_STATE_CANCELLED: "cancelled",
}

// StateName returns a state as people and programs read the state: "finished". The unspecified state, of a run without a request, is "waiting"; a
// state of a later version is "unknown".
func StateName(s pb.RunState) string {
	if s == pb.RunState_RUN_STATE_UNSPECIFIED {
		return "waiting"
	}
	if n, ok := names[s]; ok {
		return n
	}
	return "unknown"
}
