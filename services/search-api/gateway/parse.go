package gateway

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Parse takes a line or a tree apart, and searches nothing. The answer follows from the catalogue alone.
//
// Errors: Invalid where the line is not in the language, with the column; where the tree cannot be asked, with the field; where both or
// neither are given.
func (g *Gateway) Parse(_ context.Context, caller *authz.Caller, req *pb.ParseRequest) (*pb.ParseResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	lang := query.Language{Names: g.deps.Catalog.View(), Strict: true}
	tree, filter := req.GetQuery(), proto.CloneOf(req.GetFilter())
	switch {
	case (req.GetQ() != "") == (tree != nil || filter != nil):
		return nil, errkind.New(errkind.Invalid, "q, query: give one of the two")
	case req.GetQ() != "":
		var err error
		if tree, filter, err = lang.Parse(req.GetQ()); err != nil {
			return nil, err
		}
	case tree != nil:
		if err := lang.Validate(tree); err != nil {
			return nil, err
		}
	}
	if err := query.ValidateFilter(filter); err != nil {
		return nil, err
	}
	return &pb.ParseResponse{Query: tree, Filter: filter, Line: lang.Print(tree, filter), Terms: lang.Terms(tree, filter)}, nil
}
