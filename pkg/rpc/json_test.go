package rpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
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

// TestProtobufIsCounted: a small request of protobuf that would become a large tree is refused before parsing.
func TestProtobufIsCounted(t *testing.T) {
	var list []byte
	for range schema.MaxValues + 1 {
		list = append(list, 0x0a, 0x00) // an empty query in a list of queries
	}
	and := protowire.AppendBytes(protowire.AppendTag(nil, (&pb.Query{}).ProtoReflect().Descriptor().Fields().ByName("and").Number(), protowire.BytesType), list)
	err := (boundedProtobuf{}).Unmarshal(and, &pb.Query{})
	if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "100000 values") {
		t.Errorf("got %v", err)
	}
	b, err := (boundedProtobuf{}).Marshal(&pb.SearchRequest{Q: "a"})
	if err != nil {
		t.Fatal(err)
	}
	got := &pb.SearchRequest{}
	if err := (boundedProtobuf{}).Unmarshal(b, got); err != nil || got.GetQ() != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}
