package runs

import (
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Older reports whether a run is of an older version than the run that readers see. Nil is a run that readers do not see: nothing is older.
func Older(r *pb.Run, seen *pb.ActiveRun) bool {
	return seen != nil && schema.CompareVersions(r.GetVersion(), seen.GetVersion()) < 0
}

// Supersedes reports whether readers are to see a run in place of the run of the same algorithm that they see now. Nil for seen is none.
//
//   - The run has finished, and is not of an older version: an old version that finishes late takes no newer version's place.
//   - Readers have never seen the run. A run that readers saw before was replaced, and only an operator goes back.
//
// A run that is held supersedes as well: an operator switches to a held run. Of the run that readers see now, the answer follows from the same
// rules; switching to that run again changes nothing.
func Supersedes(next *pb.Run, seen *pb.ActiveRun) bool {
	return Finished(next) && !next.GetActivated() && !Older(next, seen)
}

// Seen returns the run of an algorithm among an asset's active runs; nil where readers see none.
func Seen(active []*pb.ActiveRun, algorithm string) *pb.ActiveRun {
	for _, r := range active {
		if r.GetAlgorithm() == algorithm {
			return r
		}
	}
	return nil
}

// Find returns the run of an algorithm and a version among an asset's runs; nil where there is none. Of several runs of one version, the
// first of these is returned:
//
//  1. the run that readers see;
//  2. a finished run that readers saw before;
//  3. a finished run that read the same tracks as the run that readers see;
//  4. a finished run;
//  5. any run.
//
// Of runs of one rank, the first in all is returned. seen is the active run of the algorithm, of whatever version; nil is none.
func Find(all []*pb.Run, algorithm, version string, seen *pb.ActiveRun) *pb.Run {
	var now, best *pb.Run
	for _, r := range all {
		if r.GetId() == seen.GetRun() {
			now = r
		}
	}
	rank := func(r *pb.Run) int {
		switch {
		case r.GetId() == seen.GetRun():
			return 5
		case !Finished(r):
			return 1
		case r.GetId() == seen.GetPrevious():
			return 4
		case now != nil && r.GetReads() == now.GetReads():
			return 3
		}
		return 2
	}
	for _, r := range all {
		if r.GetAlgorithm() == algorithm && r.GetVersion() == version && (best == nil || rank(r) > rank(best)) {
			best = r
		}
	}
	return best
}
