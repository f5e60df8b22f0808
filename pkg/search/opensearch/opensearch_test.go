package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// session tells the indices of this run of the tests from others'.
var session = fmt.Sprintf("t%x", time.Now().UnixNano())

func configFor(t testing.TB, name string) Config {
	t.Helper()
	c := Default()
	c.URLs = strings.Split(serverstest.OpenSearch(t), ",")
	c.Prefix = fmt.Sprintf("%s-%x", session, xxhash.Sum64String(name))
	return c
}

// openEngine opens the engine of a name, whose indices are deleted at the end of the test.
func openEngine(t testing.TB, name string, spaces ...*pb.Space) *Engine {
	t.Helper()
	cfg := configFor(t, name)
	e, err := Open(t.Context(), cfg, Deps{Spaces: spaces})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		deleteIndices(t, cfg)
	})
	return e
}

func deleteIndices(t testing.TB, cfg Config) {
	t.Helper()
	c, err := newClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var found map[string]any
	if err := c.do(ctx, http.MethodGet, "/"+cfg.Prefix+".*/_alias", nil, &found); err != nil {
		t.Errorf("looking for indices to delete: %v", err)
	}
	e := &Engine{client: c}
	var names []string
	for n := range found {
		names = append(names, n)
	}
	if err := e.removeIndices(ctx, names); err != nil {
		t.Errorf("deleting indices: %v", err)
	}
}

func TestEngine(t *testing.T) {
	searchtest.Run(t, searchtest.Harness{
		Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
			return openEngine(t, name, spaces...)
		},
	})
}
