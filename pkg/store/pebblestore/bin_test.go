package pebblestore_test

import (
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// The oldest changes of a bin go. A thousand changes are too slow for the suite that every store passes.
func TestOldChangesOfABin(t *testing.T) {
	s := open(t, config(t.TempDir()), pebblestore.Deps{})
	defer s.Close()
	b := &pb.Bin{Id: "aged", Owner: "ann"}
	for range store.MaxBinChanges + 2 {
		var err error
		if b, err = s.PutBin(t.Context(), b, &pb.BinChange{}); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := s.BinChanges(t.Context(), "aged", 0, 2*store.MaxBinChanges)
	if n := len(changes); err != nil || n != store.MaxBinChanges || changes[n-1].GetRevision() != 3 {
		t.Errorf("%d changes, %v", n, err)
	}
}
