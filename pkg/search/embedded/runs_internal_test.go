package embedded

import (
	"fmt"
	"testing"

	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// TestScopesAreLetGo: a caller's scope that has not been asked with for many switches is kept no longer, and neither are more callers than
// lineagesKept.
func TestScopesAreLetGo(t *testing.T) {
	table := newRunTable()
	history := searchtest.NewHistory()
	for i := range 2 * lineagesKept {
		asset := fmt.Sprint("asset-", i)
		history.Show(asset, asset)
		table.number(asset)
	}
	for i := range 2 * lineagesKept {
		if s := table.shown(history.Scope(fmt.Sprint("asset-", i))); !s.all().has(uint32(i)) {
			t.Fatalf("the scope of asset %d does not show its run", i)
		}
	}
	if n := len(table.scopes.lineages); n != lineagesKept {
		t.Errorf("%d lineages are kept, want %d", n, lineagesKept)
	}
	for range lineageAge + 2 {
		history.Hide("asset-0", "asset-0")
		s := table.shown(history.Scope())
		if s.all().has(0) {
			t.Fatal("a hidden run is shown")
		}
	}
	if n := len(table.scopes.lineages); n != 1 {
		t.Errorf("after %d switches %d lineages are kept, want the one that is asked with", lineageAge, n)
	}
	if n := len(table.scopes.lineages[0].sets); n != setsKept {
		t.Errorf("%d sets of a lineage are kept, want %d", n, setsKept)
	}
}
