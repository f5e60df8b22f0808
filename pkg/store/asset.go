package store

import (
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Replaces is the rule of PutAsset, for implementations: Replaces reports whether next is written over old. old is nil where no asset is
// there. False with a nil error: next is there already.
func Replaces(next, old *pb.Asset) (bool, error) {
	switch {
	case old == nil:
		return true, nil
	case proto.Equal(old, next):
		return false, nil
	case old.GetRevision() < next.GetRevision(), old.GetRevision() == 0 && next.GetRevision() == 0:
		return true, nil
	}
	return false, errkind.New(errkind.Conflict, "asset %s is at revision %d, and revision %d was to be put", next.GetId(), old.GetRevision(), next.GetRevision())
}

// ForgetHistory takes the fields from an asset that Dump leaves out.
func ForgetHistory(a *pb.Asset) { a.Revision, a.TitledMs = 0, 0 }
