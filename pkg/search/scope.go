package search

// A Scope says which runs a question may see. Authorisation, the choice of titles and the switching of runs meet here: the gateway
// makes one scope per query from one snapshot of the library, and every part of the query carries the same scope.
type Scope struct{ Runs }

// Runs is a set of runs. The gateway and NewScope implement Runs, and engines call the methods. Named describes a small set. Outside
// describes a large set, and Changed describes the difference from another set. Has is right for every set and every run.
//
// An implementation MUST:
//   - never change after a scope was made of the set;
//   - be comparable with ==, as a pointer is: engines keep results by this identity;
//   - allow calls of its methods from any goroutine.
//
// An engine MAY keep a set, and results by the set's identity, for as long as the engine is open. The engine bounds how many sets it keeps.
//
// The engine MUST NOT change a slice that a method returned. An implementation SHOULD return the same slice from each call.
type Runs interface {
	// Has reports whether the set holds a run. Has returns false for a run that the implementation does not know.
	Has(run string) bool
	// Empty reports whether the set holds no run.
	Empty() bool
	// Named returns every run of a small set, in any order and each once. ok is false for a set that is too large to be sent with a
	// question: the engine then calls Outside.
	Named() (runs []string, ok bool)
	// Outside describes a large set by its complement: the set holds every run of the assets, except the hidden runs.
	//   - A nil assets stands for every asset. An empty assets stands for no asset.
	//   - hidden names each run of the assets that is outside the set and that an engine may hold: a run that was replaced, has not finished,
	//     or was not yet deleted. hidden MAY name runs of other assets.
	//   - A run MAY be missing from hidden: a run that began after the set was made, or every run where the list could not be read. The
	//     engine MUST check each hit with Has.
	//   - An engine MUST NOT call Outside if Named returns ok.
	Outside() (assets, hidden []string)
	// Changed returns the runs for which Has differs between this set and since. since is an older or a newer set.
	//   - Changed MAY return runs for which Has does not differ.
	//   - If since is this set, Changed returns no run, and ok is true.
	//   - If ok is false, the two sets have too little in common. The engine MUST then use Has, Named or Outside of this set alone.
	//   - The cost of Changed SHOULD be in proportion to the runs returned, not to the size of the sets.
	Changed(since Runs) (runs []string, ok bool)
}

// NewScope makes a scope of the runs given, in any order, duplicates allowed.
func NewScope(runs []string) *Scope {
	s := &named{runs: make(map[string]struct{}, len(runs))}
	for _, r := range runs {
		if _, ok := s.runs[r]; !ok {
			s.runs[r] = struct{}{}
			s.list = append(s.list, r)
		}
	}
	return &Scope{s}
}

// named is a set of runs that are all named.
type named struct {
	runs map[string]struct{}
	list []string
}

func (s *named) Has(run string) bool                 { _, ok := s.runs[run]; return ok }
func (s *named) Empty() bool                         { return len(s.list) == 0 }
func (s *named) Named() ([]string, bool)             { return s.list, true }
func (s *named) Outside() (_, _ []string)            { return nil, nil }
func (s *named) Changed(since Runs) ([]string, bool) { return nil, since == Runs(s) }
