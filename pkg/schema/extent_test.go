package schema_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestExtent: a small message that would become a large or deep message is refused before parsing.
func TestExtent(t *testing.T) {
	// A query of a list of empty queries, two bytes each.
	and := bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), nil), schema.MaxValues+1)
	wrap := func(number protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
	}
	fields := (&pb.Query{}).ProtoReflect().Descriptor().Fields()
	wide := wrap(fields.ByName("and").Number(), and)
	not := []byte{}
	for range schema.MaxNesting {
		not = wrap(fields.ByName("not").Number(), wrap(1, not))
	}
	for name, c := range map[string]struct {
		check func() error
		says  string
	}{
		"protobuf, wide": {func() error { return schema.CheckProtobuf(wide, (&pb.Query{}).ProtoReflect().Descriptor()) }, "100000 values"},
		"protobuf, deep": {func() error { return schema.CheckProtobuf(not, (&pb.Query{}).ProtoReflect().Descriptor()) }, "100 levels"},
		"JSON, wide": {func() error {
			return schema.UnmarshalStrictJSON([]byte(`{"and":{"queries":[`+strings.Repeat("{},", schema.MaxValues)+`{}]}}`), &pb.Query{})
		}, "100000 values"},
		"JSON, a name": {func() error {
			return schema.CheckJSON([]byte(`{"a": {"b": "` + strings.Repeat("c", schema.MaxName+1) + `", "` + strings.Repeat("d", schema.MaxName+1) + `" : 1}}`))
		}, "4097 bytes"},
		"JSON, numbers": {func() error { return schema.CheckJSON([]byte("[" + strings.Repeat("1,", schema.MaxValues+1) + "1]")) }, "100000 values"},
		"JSON, deep": {func() error {
			return schema.UnmarshalStrictJSON([]byte(strings.Repeat(`{"not":{"query":`, schema.MaxNesting)), &pb.Query{})
		}, "100 levels"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.check()
		runtime.ReadMemStats(&after)
		if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error saying %q", name, err, c.says)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
			t.Errorf("%s: %d bytes were allocated", name, got)
		}
	}
	// The content of texts does not count, and a message within the limits passes.
	if err := schema.CheckJSON([]byte(`{"a": "` + strings.Repeat("c", schema.MaxName+1) + `", "` + strings.Repeat("d", schema.MaxName) + `": 1}`)); err != nil {
		t.Errorf("a long text beside the longest name: %v", err)
	}
	if err := schema.CheckJSON([]byte(`"` + strings.Repeat(`[,\"`, schema.MaxValues) + `"`)); err != nil {
		t.Error("a text of brackets:", err)
	}
	b, err := proto.Marshal(&pb.SearchRequest{Q: "coffee", Filter: &pb.Filter{Titles: make([]string, 1000)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.CheckProtobuf(b, (&pb.SearchRequest{}).ProtoReflect().Descriptor()); err != nil {
		t.Error("an ordinary request:", err)
	}
}
