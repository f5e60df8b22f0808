package memory_test

import (
	"slices"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/engines"
	"github.com/cinedex/cinedex/pkg/search/memory"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// TestAddition has the engine among those that search.engine may name, and passes the first test of the suite.
func TestAddition(t *testing.T) {
	if !slices.ContainsFunc(engines.Drivers(), func(d search.Driver) bool { return d.Name == "memory" }) {
		t.Error("no program may choose the engine")
	}
	searchtest.Run(t, searchtest.Harness{Open: func(t testing.TB, _ string, spaces []*pb.Space) search.Engine {
		e, err := memory.Settings{}.Open(t.Context(), search.Deps{Spaces: spaces})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}})
}
