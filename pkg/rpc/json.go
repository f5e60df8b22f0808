package rpc

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
)

// strictJSON reads requests as strictly as Cinedex reads all JSON from outside: an unknown field is named and refused.
// Connect's own codec ignores an unknown field. An answer without a misspelt filter would show rows that the filter
// excludes.
type strictJSON struct{ name string }

// Connect chooses a codec by the whole text after "application/".
var jsonCodecs = []strictJSON{{"json"}, {"json; charset=utf-8"}}

func (c strictJSON) Name() string { return c.name }

func (strictJSON) Marshal(v any) ([]byte, error) {
	m, err := message(v)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(m)
}

func (strictJSON) Unmarshal(b []byte, v any) error {
	m, err := message(v)
	if err != nil {
		return err
	}
	return schema.UnmarshalStrictJSON(b, m)
}

// boundedProtobuf reads requests as Connect's own codec does, but counts the values of a request first.
type boundedProtobuf struct{}

func (boundedProtobuf) Name() string { return "proto" }

func (boundedProtobuf) Marshal(v any) ([]byte, error) {
	m, err := message(v)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(m)
}

func (boundedProtobuf) Unmarshal(b []byte, v any) error {
	m, err := message(v)
	if err != nil {
		return err
	}
	if err := schema.CheckProtobuf(b, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	return proto.Unmarshal(b, m)
}

func message(v any) (proto.Message, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no protobuf message", v)
	}
	return m, nil
}
