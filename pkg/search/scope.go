package search

// A Scope says which runs a question may see. Authorisation, the choice of titles and the switching of runs meet here: the gateway
// makes one scope per query from one snapshot of the library, and every part of the query carries the same scope.
// A Scope never changes once made. Engines MAY cache by its identity.
type Scope struct{ Runs }

// Runs is a set of runs, told in the ways that engines need. Its methods MAY be called from any goroutine.
type Runs interface {
	// Has reports whether the set holds a run.
	Has(run string) bool
	// Empty reports whether the set holds no run.
	Empty() bool
	// Named returns every run of the set, in any order and each once, where the runs are few enough to be sent with a question. The
	// caller MUST NOT change the slice. ok is false for a large set: the caller asks Outside.
	Named() (runs []string, ok bool)
	// Outside tells a large set by its complement: the set holds every run of the assets, but for the hidden runs. A nil assets
	// stands for every asset. hidden names all runs outside the set that the caller may meet in an engine: those that are
	// replaced, unfinished, or waiting to be collected. A run that began after the set was made MAY be missing from hidden: the
	// caller MUST hold what it found against Has.
	Outside() (assets, hidden []string)
	// Changed returns the runs of which Has may differ between the set and an older or a newer one. ok is false where the two have
	// too little in common: the caller then works out everything anew.
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

func (s *named) Has(run string) bool           { _, ok := s.runs[run]; return ok }
func (s *named) Empty() bool                   { return len(s.list) == 0 }
func (s *named) Named() ([]string, bool)       { return s.list, true }
func (s *named) Outside() (_, _ []string)      { return nil, nil }
func (s *named) Changed(Runs) ([]string, bool) { return nil, false }
