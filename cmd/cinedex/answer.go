package main

import (
	"bytes"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// answer prints a search's answer as JSON. docs/guides/json.md documents the shape:
//   - every field of SearchResponse and of the messages below is printed under the name in search.proto;
//   - numbers are JSON numbers, and a list is never null;
//   - the fields of mayBeMissing and absent messages are left out;
//   - paths on the service become addresses on server.
func (o *output) answer(r *pb.SearchResponse, server string) error {
	return o.value(object{r.ProtoReflect(), server})
}

// mayBeMissing are the fields that are left out if empty. All other fields are printed always.
var mayBeMissing = map[protoreflect.FullName]bool{
	"cinedex.v1.SearchResponse.cursor":  true,
	"cinedex.v1.SearchResponse.explain": true,
	"cinedex.v1.SearchResponse.search":  true,
	"cinedex.v1.Hit.likeness":           true,
	"cinedex.v1.Evidence.text":          true,
	"cinedex.v1.Evidence.language":      true,
	"cinedex.v1.Evidence.label":         true,
}

// servedPaths are the fields with the path of a picture or a film on the service.
var servedPaths = map[protoreflect.FullName]bool{
	"cinedex.v1.Hit.thumbnail": true,
	"cinedex.v1.Hit.media":     true,
}

// object is a message as a JSON object.
type object struct {
	m      protoreflect.Message
	server string
}

func (o object) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	fields := o.m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if (f.HasPresence() || mayBeMissing[f.FullName()]) && !o.m.Has(f) {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + string(f.Name()) + `":`)
		if err := writeJSON(b, o.field(f)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// field returns the value of a field as package json prints the value.
func (o object) field(f protoreflect.FieldDescriptor) any {
	v := o.m.Get(f)
	if !f.IsList() {
		return o.single(f, v)
	}
	list := make([]any, v.List().Len())
	for i := range list {
		list[i] = o.single(f, v.List().Get(i))
	}
	return list
}

func (o object) single(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch {
	case f.Message() != nil:
		return object{v.Message(), o.server}
	case f.Kind() == protoreflect.FloatKind:
		return float32(v.Float()) // with the digits of 32 bits
	case servedPaths[f.FullName()] && v.String() != "":
		return o.server + v.String()
	}
	return v.Interface()
}
