package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestStrictJSON(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       *pb.SearchRequest
		says       string
	}{
		{name: "camel case", body: `{"q":"a","timeoutMs":5}`, want: &pb.SearchRequest{Q: "a", TimeoutMs: 5}},
		{name: "the schema's own names", body: `{"q":"a","timeout_ms":5}`, want: &pb.SearchRequest{Q: "a", TimeoutMs: 5}},
		{name: "unknown", body: `{"q":"a","limt":5}`, says: `limt: unknown field "limt"`},
		{name: "unknown below", body: `{"q":"a","filter":{"titels":["x"]}}`, says: `filter.titels: unknown field`},
		{name: "empty", says: "it is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, codec := range jsonCodecs {
				got := &pb.SearchRequest{}
				err := codec.Unmarshal([]byte(c.body), got)
				if c.says == "" && (err != nil || !proto.Equal(got, c.want)) {
					t.Errorf("%s: %v, %v, want %v", codec.Name(), got, err, c.want)
				}
				if c.says != "" && (!errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s: %v, want %q", codec.Name(), err, c.says)
				}
			}
		})
	}
}
