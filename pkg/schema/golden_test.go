package schema_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
)

var update = flag.Bool("update", false, "write the golden records of the version in work anew")

// goldenVersion names the records of the current version, which are the only records that -update writes. A release
// moves goldenVersion on: records of a released version may lie in a log for years, and stay unchanged.
const goldenVersion = "v0.1"

// goldenMessages are the messages in the log, in the store or in files: all messages that may be read years after
// writing.
func goldenMessages() []proto.Message {
	var ms []proto.Message
	for _, file := range []protoreflect.FileDescriptor{cinedexv1.File_cinedex_v1_event_proto, cinedexv1.File_cinedex_v1_noun_proto} {
		for i := range file.Messages().Len() {
			ms = append(ms, messageOf(file.Messages().Get(i)))
		}
	}
	return append(ms, &cinedexv1.ActiveRun{})
}

// TestGoldenRecords decodes the records of every version, in both forms, and compares each field with the intended
// text.
func TestGoldenRecords(t *testing.T) {
	if *update {
		for _, m := range goldenMessages() {
			fill(m.ProtoReflect(), string(m.ProtoReflect().Descriptor().Name()))
			writeGolden(t, m)
		}
	}
	texts, err := filepath.Glob("testdata/golden/*/*.txtpb")
	if err != nil {
		t.Fatal(err)
	}
	current := map[string]bool{}
	for _, text := range texts {
		base := strings.TrimSuffix(text, ".txtpb")
		version, name := filepath.Base(filepath.Dir(text)), filepath.Base(base)
		if version == goldenVersion {
			current[name] = true
		}
		t.Run(version+"/"+name, func(t *testing.T) {
			d := cinedexv1.File_cinedex_v1_noun_proto.Messages().ByName(protoreflect.Name(name))
			for _, file := range []protoreflect.FileDescriptor{cinedexv1.File_cinedex_v1_event_proto, cinedexv1.File_cinedex_v1_search_proto} {
				if d == nil {
					d = file.Messages().ByName(protoreflect.Name(name))
				}
			}
			if d == nil {
				t.Fatalf("the message is gone")
			}
			want := messageOf(d)
			if err := prototext.Unmarshal(read(t, text), want); err != nil {
				t.Fatal(err)
			}
			binary := messageOf(d)
			if err := proto.Unmarshal(read(t, base+".binpb"), binary); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, binary, protocmp.Transform()); diff != "" {
				t.Errorf("the binary record (-want +got):\n%s", diff)
			}
			json := messageOf(d)
			if err := schema.UnmarshalStrictJSON(read(t, base+".json"), json); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, json, protocmp.Transform()); diff != "" {
				t.Errorf("the JSON record (-want +got):\n%s", diff)
			}
		})
	}
	for _, m := range goldenMessages() {
		name := string(m.ProtoReflect().Descriptor().Name())
		if !current[name] {
			t.Errorf("%s has no golden record in %s: run this test with -update", name, goldenVersion)
			continue
		}
		// A new field must be in the records of the current version.
		full := messageOf(m.ProtoReflect().Descriptor())
		fill(full.ProtoReflect(), name)
		record := messageOf(m.ProtoReflect().Descriptor())
		if err := prototext.Unmarshal(read(t, filepath.Join("testdata/golden", goldenVersion, name+".txtpb")), record); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(full, record, protocmp.Transform()); diff != "" {
			t.Errorf("the golden record of %s lacks fields: run this test with -update (-full +record):\n%s", name, diff)
		}
	}
}

func messageOf(d protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err)
	}
	return t.New().Interface()
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeGolden(t *testing.T, m proto.Message) {
	t.Helper()
	base := filepath.Join("testdata/golden", goldenVersion, string(m.ProtoReflect().Descriptor().Name()))
	binary, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	json, err := schema.MarshalJSON(m)
	if err != nil {
		t.Fatal(err)
	}
	// prototext varies its white space at random, so a text with the same content is kept.
	text := []byte(prototext.MarshalOptions{Multiline: true}.Format(m))
	if old, err := os.ReadFile(base + ".txtpb"); err == nil {
		said := m.ProtoReflect().New().Interface()
		if prototext.Unmarshal(old, said) == nil && proto.Equal(said, m) {
			text = old
		}
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	for ext, b := range map[string][]byte{".binpb": binary, ".json": append(json, '\n'), ".txtpb": text} {
		if err := os.WriteFile(base+ext, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fill sets every field of m to a value that names the position of the field, so that two exchanged fields are noticed.
// A Value inside a map gets an entry for each type of value.
func fill(m protoreflect.Message, at string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		path := fmt.Sprintf("%s.%s", at, fd.JSONName())
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil && fd.MapValue().Message().Oneofs().Len() > 0:
			variants := fd.MapValue().Message().Fields()
			for j := range variants.Len() {
				v := m.NewField(fd).Map().NewValue()
				fillField(v.Message(), variants.Get(j), path)
				m.Mutable(fd).Map().Set(protoreflect.ValueOfString(variants.Get(j).JSONName()).MapKey(), v)
			}
		case fd.ContainingOneof() != nil && m.WhichOneof(fd.ContainingOneof()) != nil:
		default:
			fillField(m, fd, path)
		}
	}
}

func fillField(m protoreflect.Message, fd protoreflect.FieldDescriptor, path string) {
	switch {
	case fd.IsMap():
		m.Mutable(fd).Map().Set(protoreflect.ValueOfString("key").MapKey(), scalar(fd.MapValue(), path))
	case fd.IsList():
		for i := range 2 {
			at := fmt.Sprintf("%s[%d]", path, i)
			if fd.Message() != nil {
				fill(m.Mutable(fd).List().AppendMutable().Message(), at)
			} else {
				m.Mutable(fd).List().Append(scalar(fd, at))
			}
		}
	case fd.Message() != nil:
		fill(m.Mutable(fd).Message(), path)
	default:
		m.Set(fd, scalar(fd, path))
	}
}

// scalar returns a value of fd's kind made from path; numbers use all their bits.
func scalar(fd protoreflect.FieldDescriptor, path string) protoreflect.Value {
	var n uint64
	for _, c := range path {
		n = n*1099511628211 + uint64(c)
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(path + " ü 映")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(path + "\x00\xff"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n%1000003) / 1000003)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n%1000003) / 1000003)
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(1 + int(n%uint64(values.Len()-1))).Number())
	}
	panic("a kind that no record has held so far: " + fd.Kind().String())
}
