package store

import pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"

// MaxEarlier is how many of the runs that readers saw before are kept with an active run.
const MaxEarlier = 8

// Switched is the rule of Activate, for implementations: Switched returns the row of next after the row of was. was is nil where no run is
// active. nowMs is the store's clock.
func Switched(next *pb.Run, was *pb.ActiveRun, nowMs int64) *pb.ActiveRun {
	a := &pb.ActiveRun{
		Asset: next.GetAsset(), Algorithm: next.GetAlgorithm(), Run: next.GetId(), Version: next.GetVersion(),
		Previous: was.GetRun(), Generation: was.GetGeneration() + 1, ActivatedMs: max(nowMs, was.GetActivatedMs()+1),
	}
	if was.GetRun() == "" {
		return a
	}
	a.Earlier = append(was.GetEarlier(), &pb.Activation{Run: was.GetRun(), Version: was.GetVersion(), ActivatedMs: was.GetActivatedMs()})
	a.Earlier = a.Earlier[max(0, len(a.Earlier)-MaxEarlier):]
	return a
}

// ForgetSwitches takes the fields from an active run that Dump leaves out.
func ForgetSwitches(a *pb.ActiveRun) {
	a.Generation, a.Previous, a.ActivatedMs, a.Earlier = 0, "", 0, nil
}
