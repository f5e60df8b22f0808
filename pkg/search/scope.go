package search

// A Scope says which runs a question may see. Authorisation, the choice of titles and the switching of runs meet here: the gateway
// makes one scope per query from one snapshot of the library, and every part of the query carries the same scope.
type Scope struct{ Runs }

// Runs is a set of runs, told in the ways that engines need.
//
// An implementation MUST:
//   - never change after a scope was made of the set;
//   - be comparable with ==, as a pointer is: engines keep results by this identity;
//   - allow calls of its methods from any goroutine.
//
// An engine MAY keep a set, and results by the set's identity, for as long as the engine is open. The engine bounds how many sets it keeps.
//
// The caller MUST NOT change a slice that a method returned. An implementation SHOULD return the same slice from each call.
type Runs interface {
	// Has reports whether the set holds a run. A run that the implementation has not heard of is outside.
	Has(run string) bool
	// Empty reports whether the set holds no run.
	Empty() bool
	// Named returns every run of the set, in any order and each once, where the runs are few enough to be sent with a question.
	// ok is false for a large set: the caller asks Outside.
	Named() (runs []string, ok bool)
	// Outside tells a large set by its complement: the set holds every run of the assets, but for the hidden runs.
	//   - A nil assets stands for every asset.
	//   - hidden MUST name each run of the assets that is outside the set and that an engine may hold: a replaced, an unfinished or
	//     an uncollected run. hidden MAY name runs of other assets.
	//   - A run that began after the set was made MAY be missing from hidden: the caller MUST hold each hit against Has.
	// Outside of a set that is Named is not asked for.
	Outside() (assets, hidden []string)
	// Changed returns the runs of which Has may differ between the set and since, an older or a newer set. The runs MAY include runs of
	// which Has is the same. Where since is the set itself, Changed returns no run and ok.
	// ok is false where the two sets have too little in common: the caller then works out everything anew.
	// The cost of Changed SHOULD be in proportion to the runs returned, not to the size of the sets.
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
