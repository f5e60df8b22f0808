package embedded_test

import (
	"testing"

	"go.uber.org/goleak"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

func TestMain(m *testing.M) {
	child()
	goleak.VerifyTestMain(m)
}

func TestEngine(t *testing.T) {
	searchtest.Run(t, searchtest.Harness{
		Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
			e, err := embedded.Open(name, embedded.Config{Spaces: spaces}, embedded.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	})
}
