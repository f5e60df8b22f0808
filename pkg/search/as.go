package search

// A Wrapper is a Searcher that passes the questions on to another Searcher. As finds the optional roles of the wrapped Searcher.
type Wrapper interface {
	// Unwrap returns the wrapped Searcher.
	Unwrap() Searcher
}

// As returns e as a T, an optional role such as Lacker, Rebuilder or Auditor. If e is no T and e is a Wrapper, As tries the wrapped Searcher,
// and so on. ok is false if no Searcher of the chain is a T.
//
// Every caller that needs an optional role MUST use As: a type assertion sees the outermost wrapper only.
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
