package opensearch

import (
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// Both sizes answer the same.
func TestAnswersAsEmbedded(t *testing.T) {
	configFor(t, t.Name())
	searchtest.Compare(t, searchtest.Harness{
		Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
			e, err := embedded.Open(name, embedded.Config{Spaces: spaces}, embedded.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}, searchtest.Harness{
		Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
			return openEngine(t, name, spaces...)
		},
	})
}
