package pebblestore

import (
	"bytes"
	"cmp"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestIntervalOf(t *testing.T) {
	for _, m := range []proto.Message{&pb.Annotation{}, &pb.Embedding{}} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for name, want := range map[protoreflect.Name]protoreflect.FieldNumber{"start": fieldStart, "end": fieldEnd} {
			if f := fields.ByName(name); f.Number() != want || f.Kind() != protoreflect.Int64Kind {
				t.Errorf("%s is field %d, a %s", f.FullName(), f.Number(), f.Kind())
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := schema.Interval{Start: schema.Time(rapid.Int64().Draw(t, "start")), End: schema.Time(rapid.Int64().Draw(t, "end"))}
		text := rapid.String().Draw(t, "text")
		for _, m := range []proto.Message{
			&pb.Annotation{Run: text, Kind: text, Start: int64(want.Start), End: int64(want.End), Text: text, Region: &pb.Region{X: 1}, Attributes: map[string]*pb.Value{text: {}}},
			&pb.Embedding{Asset: text, Start: int64(want.Start), End: int64(want.End), Vector: []float32{1, 2}, Of: text},
		} {
			row, err := marshal.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if got := intervalOf(row); got != want {
				t.Fatalf("%v lies in %v", m, got)
			}
			intervalOf(row[:rapid.IntRange(0, len(row)).Draw(t, "cut")])
		}
	})
}

func TestKeyOrder(t *testing.T) {
	texts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a', 'ÿ', 0xff}), 0, 4, -1), 2, 2)
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts.Draw(t, "a"), texts.Draw(t, "b")
		m, n := rapid.Int64Range(0, 1<<62).Draw(t, "m"), rapid.Int64Range(0, 1<<62).Draw(t, "n")
		want := cmp.Compare(a[0], b[0])
		if want == 0 {
			want = cmp.Compare(a[1], b[1])
		}
		if want == 0 {
			want = cmp.Compare(m, n)
		}
		ka, kb := number(key('x', a...), m), number(key('x', b...), n)
		if got := bytes.Compare(ka, kb); got != want {
			t.Fatalf("%q %d and %q %d compare as %d, their keys as %d", a, m, b, n, want, got)
		}
		prefix := key('x', a[0])
		in := string(prefix) <= string(kb) && string(kb) < string(after(prefix))
		if in != (a[0] == b[0]) {
			t.Fatalf("%q is in the range of %q: %v", b, a[0], in)
		}
	})
}
