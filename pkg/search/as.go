package search

// A Wrapper is a Searcher that stands before another and hands the questions on. What the other can do beside a Searcher is found through Unwrap.
type Wrapper interface {
	// Unwrap returns the searcher behind this one.
	Unwrap() Searcher
}

// As returns the first of e, the searcher that e wraps, and so on, that is a T: an optional role such as Lacker, Rebuilder or Auditor. ok is
// false where none of them is.
//
// Every caller that needs an optional role MUST ask As, since a type assertion sees the outermost wrapper only.
func As[T any](e Searcher) (role T, ok bool) {
	for e != nil {
		if role, ok = e.(T); ok {
			return role, true
		}
		w, wraps := e.(Wrapper)
		if !wraps {
			break
		}
		e = w.Unwrap()
	}
	return role, false
}
