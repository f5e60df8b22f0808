package gateway

import (
	"context"
	"path"
	"slices"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// maxMarkersName bounds the name of a file of markers, in characters.
const maxMarkersName = 200

// ReadMarkers reads the markers of a file as the ingestor will read the markers. Nothing is kept.
//
//   - NotFound: there is no such film that the caller may see.
//   - Invalid: the film has no pictures, the file is too large or in no readable format, or no marker lies within the film.
//   - Unavailable: the film's frame table cannot be read now.
func (g *Gateway) ReadMarkers(ctx context.Context, caller *authz.Caller, req *pb.ReadMarkersRequest) (*pb.ReadMarkersResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	e, err := g.shown(ctx, caller, req.GetAsset())
	switch {
	case err != nil:
		return nil, err
	case utf8.RuneCountInString(req.GetName()) > maxMarkersName:
		return nil, errkind.New(errkind.Invalid, "name: more than the %d characters allowed", maxMarkersName)
	case len(req.GetData()) > schema.MaxSideCar:
		return nil, errkind.New(errkind.Invalid, "data: more than %d KiB: export the markers alone from the editing program", schema.MaxSideCar>>10)
	case e.lost != "":
		return nil, errkind.New(errkind.Unavailable, "the frames of the film cannot be told: its frame table %s", e.lost)
	case e.clock == nil:
		return nil, errkind.New(errkind.Invalid, "asset: has no pictures, and markers count pictures")
	}
	a := e.asset()
	source, err := handoff.NewSource(a, e.clock, path.Base(a.GetMedia().GetKey()))
	if err != nil {
		return nil, err
	}
	r, err := handoff.Read(req.GetData(), handoff.ReadOptions{Format: req.GetFormat(), Name: req.GetName(), Source: source, Start: req.GetStartTimecode()})
	if err != nil {
		return nil, err
	}
	return &pb.ReadMarkersResponse{Markers: int32(len(r.Markers)), Notes: slices.Compact(r.Notes)}, nil
}
