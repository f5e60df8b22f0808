package runs

import (
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Older reports whether a run is of an older version than the active run. seen is nil where no run is active: then no run is older.
func Older(r *pb.Run, seen *pb.ActiveRun) bool {
	return seen != nil && schema.CompareVersions(r.GetVersion(), seen.GetVersion()) < 0
}

// Supersedes reports whether readers are to see a run in place of the active run of the same algorithm. seen is nil where no run is active.
//
//   - The run has finished, and is not of an older version: an old version that finishes late takes no newer version's place.
//   - Readers have never seen the run. A run seen before was replaced, and only an operator goes back.
//
// A held run supersedes as well: an operator switches to a held run. The same rules hold for the active run itself; a switch to the active run
// changes nothing.
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

// Find returns the run of an algorithm and a version among an asset's runs; nil where there is none. Of several runs of a version, the first in
// this list is returned:
//
//  1. the active run;
//  2. a finished run, if readers saw the run before the active run;
//  3. a finished run over the same tracks as the active run;
//  4. a finished run;
//  5. any run.
//
// Of runs of the same rank, the first in all is returned. seen is the active run of the algorithm, of any version; nil is none.
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
