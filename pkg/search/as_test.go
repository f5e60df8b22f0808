package search_test

import (
	"context"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// counted stands before an engine, as a wrapper for metrics or for authorisation does.
type counted struct{ search.Engine }

func (c *counted) Unwrap() search.Searcher { return c.Engine }

// shut stands before an engine and lets nothing through.
type shut struct{ search.Engine }

// The roles of an engine that are optional are found behind wrappers, and an engine behind two of them that does not hold everything is not
// taken for one that does.
func TestAs(t *testing.T) {
	e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.OnWhole(func(context.Context) error { return nil })
	if err := e.Doubt("its folder was exchanged"); err != nil {
		t.Fatal(err)
	}
	outer := &counted{Engine: &counted{Engine: e}}
	if err := search.Whole(outer); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("an engine that lacks something, behind wrappers: %v, want Unavailable", err)
	}
	for name, got := range map[string]func() (any, bool){
		"Lacker":    func() (any, bool) { return search.As[search.Lacker](outer) },
		"Rebuilder": func() (any, bool) { return search.As[search.Rebuilder](outer) },
		"Auditor":   func() (any, bool) { return search.As[search.Auditor](outer) },
		"itself":    func() (any, bool) { return search.As[*embedded.Engine](outer) },
	} {
		if role, ok := got(); !ok || role != any(e) {
			t.Errorf("%s: %T, %v", name, role, ok)
		}
	}
	if first, ok := search.As[*counted](outer); !ok || first != outer {
		t.Error("the outermost of two is not the first")
	}
	for name, closed := range map[string]search.Searcher{"a wrapper that hands nothing on": shut{e}, "nothing": nil, "around nothing": &counted{}} {
		if _, ok := search.As[search.Rebuilder](closed); ok {
			t.Errorf("%s: a role is found", name)
		}
	}
	if err := search.Whole(nil); err != nil {
		t.Error(err)
	}
}
