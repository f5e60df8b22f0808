package rpc

import (
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// domain tells the reasons of Cinedex's errors from the reasons of other services.
const domain = "cinedex"

// placed is the beginning of an error about a part of a request: the path of the field, and the column within a query.
var placed = regexp.MustCompile(`^([a-z][A-Za-z0-9_]*(?:\[[0-9]+\])?(?:\.[a-z][A-Za-z0-9_]*(?:\[[0-9]+\])?)*)(?:, column ([0-9]+))?: `)

// A Place is the part of a request that an error is about. Both fields are empty for an error about the whole request.
type Place struct {
	Field  string // the path: "query.and[0]"
	Column string // within a query in one line; may be empty
	fault  string // the error without the place
}

// PlaceOf reads the place at the beginning of an error.
func PlaceOf(err error) Place {
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return Place{}
	}
	return Place{m[1], m[2], strings.TrimPrefix(err.Error(), m[0])}
}

// details are the parts of an error for programs, so that a client need not read the text:
//   - ErrorInfo: the kind of the error as reason, such as INVALID, and the column of a query as metadata;
//   - BadRequest: the field of an Invalid request, where the error is about one;
//   - RetryInfo: when to try again, where that is known.
func details(k errkind.Kind, err error) []proto.Message {
	info := &errdetails.ErrorInfo{Reason: strings.ToUpper(k.String()), Domain: domain}
	out := []proto.Message{info}
	if k == errkind.Invalid {
		if p := PlaceOf(err); p.Field != "" {
			out = append(out, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: p.Field, Description: p.fault}}})
			if p.Column != "" {
				info.Metadata = map[string]string{"column": p.Column}
			}
		}
	}
	if after, ok := errkind.RetryAfter(err); ok {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	}
	return out
}
