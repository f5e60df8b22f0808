package rpcapi

import (
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Where bytes lie is operators' business: a path tells of other titles, of other volumes and of whoever keeps them. Readers get the path
// of the film on this service, and no other reference. Everything that goes out of this package goes through these functions.

// shownAsset is an asset as the caller is shown it.
func shownAsset(caller *authz.Caller, a *pb.Asset) *pb.Asset {
	if a == nil || caller.Require(authz.Operator) == nil {
		return a
	}
	a = proto.CloneOf(a)
	a.Media, a.Revision, a.TitledMs = &pb.MediaRef{Key: "/media/" + a.GetId()}, 0, 0
	for _, t := range a.GetText() {
		t.Media = nil
	}
	if v := a.GetVideo(); v != nil {
		v.FrameTable = nil
	}
	return a
}

// shownAnnotation is an annotation as the caller is shown it: a thumbnail does not say which blob it is.
func shownAnnotation(caller *authz.Caller, a *pb.Annotation) *pb.Annotation {
	if a.GetKind() != schema.KindThumbnail || caller.Require(authz.Operator) == nil {
		return a
	}
	a = proto.CloneOf(a)
	delete(a.Attributes, "bucket")
	delete(a.Attributes, "blob")
	return a
}

// shownRun is a run as the caller is shown it: an error names files.
func shownRun(caller *authz.Caller, r *pb.Run) *pb.Run {
	if r.GetError() == "" || caller.Require(authz.Operator) == nil {
		return r
	}
	r = proto.CloneOf(r)
	r.Error = "the run failed; operators see why"
	return r
}
