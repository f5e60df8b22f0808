package rpcapi

import (
	"fmt"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Paths of bytes are for operators alone: a path tells of other titles, of other volumes and of their owners. Readers get the path
// of the film on this service, and no other reference. Every answer of this package goes through these functions.

// shownAsset is an asset as shown to the caller.
func shownAsset(caller *authz.Caller, a *pb.Asset) *pb.Asset {
	if a == nil || caller.Require(authz.Operator) == nil {
		return a
	}
	a = proto.CloneOf(a)
	a.Media, a.Revision, a.TitledMs = &pb.MediaRef{Key: "/media/" + a.GetId()}, 0, 0
	for _, t := range a.GetText() {
		t.Media = nil
	}
	for _, t := range a.GetRefusedText() {
		// The name of a side-car is its address, and some reasons name a file.
		if t.GetIndex() >= 0 || strings.Contains(strings.Join(t.GetTold(), " "), path.Base(t.GetName())) {
			t.Told = []string{"the track was refused; operators see why"}
		}
		t.Name = ""
	}
	if v := a.GetVideo(); v != nil {
		v.FrameTable = nil
	}
	return a
}

// picturesRemark tells which frames cannot be shown.
func picturesRemark(v *pb.VideoTrack) string {
	n := v.GetUnshownFrames()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("the first %d of %d frames cannot be shown: the recording begins in the middle of a group of pictures", n, v.GetFrames())
}

// textRemarks returns the remarks for a person on the text tracks of an asset, as shown to the caller.
func textRemarks(a *pb.Asset) (remarks []string) {
	tell := func(t *pb.TextTrack, what string) {
		place := "beside the film"
		if t.GetIndex() >= 0 {
			place = fmt.Sprintf("track %d of the film", t.GetIndex())
		}
		name := strings.Join(strings.Fields(t.GetLanguage()+" "+t.GetRole()+" "+t.GetName()), " ")
		remarks = append(remarks, fmt.Sprintf("text %s (%s): %s", name, place, what))
	}
	for _, t := range a.GetRefusedText() {
		tell(t, "refused: "+strings.Join(t.GetTold(), "; "))
	}
	for _, t := range a.GetText() {
		if n := t.GetLeftOut(); n > 0 || len(t.GetTold()) > 0 {
			tell(t, fmt.Sprintf("%d cues, %d left out: %s", t.GetCues(), n, strings.Join(t.GetTold(), "; ")))
		}
	}
	return remarks
}

// shownAnnotation is an annotation as shown to the caller. A thumbnail is shown without the name of the blob.
func shownAnnotation(caller *authz.Caller, a *pb.Annotation) *pb.Annotation {
	attributes := a.GetAttributes()
	if attributes["bucket"] == nil && attributes["blob"] == nil || caller.Require(authz.Operator) == nil {
		return a
	}
	a = proto.CloneOf(a)
	delete(a.Attributes, "bucket")
	delete(a.Attributes, "blob")
	return a
}

// shownRun is a run as shown to the caller. Only operators see errors, because errors name files.
func shownRun(caller *authz.Caller, r *pb.Run) *pb.Run {
	if r.GetError() == "" || caller.Require(authz.Operator) == nil {
		return r
	}
	r = proto.CloneOf(r)
	r.Error = "the run failed; operators see why"
	return r
}
