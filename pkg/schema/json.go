package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MarshalJSON returns m in proto3 JSON with the field names of the .proto files ("start_timecode") and without white
// space. Equal messages give equal bytes within a build. protojson alone does not promise equal bytes. Readers take
// names in camel case, too.
func MarshalJSON(m proto.Message) ([]byte, error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("marshalling %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		return nil, fmt.Errorf("marshalling %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return out.Bytes(), nil
}

// UnmarshalJSON reads JSON of Cinedex, perhaps of a later version. Unknown fields are skipped.
func UnmarshalJSON(b []byte, m proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return diagnose(b, m, err, false)
	}
	return nil
}

// UnmarshalStrictJSON reads JSON from outside. An unknown field is an error, because an unknown field is more often
// misspelt than new. The error is of kind Invalid and holds FieldErrors if a field is to blame.
func UnmarshalStrictJSON(b []byte, m proto.Message) error {
	if err := CheckJSON(b); err != nil {
		return fmt.Errorf("reading %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	if err := protojson.Unmarshal(b, m); err != nil {
		return diagnose(b, m, err, true)
	}
	return nil
}

// diagnose says in the reader's terms why b is no JSON of m's type. protojson gives line and column, which do not help
// if a library wrote the JSON in one line.
func diagnose(b []byte, m proto.Message, cause error, strict bool) error {
	invalid := func(format string, args ...any) error {
		return errkind.New(errkind.Invalid, "reading %s: "+format, append([]any{m.ProtoReflect().Descriptor().Name()}, args...)...)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return invalid("it is empty")
	}
	if !utf8.Valid(b) {
		return invalid("it is not UTF-8")
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return invalid("its JSON ends too early")
		}
		return invalid("it is not JSON: %w", err)
	}
	if fe := faultOf(m.ProtoReflect().Type(), v, "", strict); fe != nil {
		return invalid("%w", FieldErrors{*fe})
	}
	// The remaining faults (a repeated field, two fields of a oneof, bytes after the end) are named by protojson.
	text := strings.ReplaceAll(cause.Error(), "\u00a0", " ")
	return invalid("%s", strings.TrimPrefix(text, "proto: "))
}

// faultOf finds the first field of the JSON object v that a message of type t cannot take.
func faultOf(t protoreflect.MessageType, v any, path string, strict bool) *FieldError {
	object, ok := v.(map[string]any)
	if !ok {
		return &FieldError{path, "must be an object"}
	}
	fields := t.Descriptor().Fields()
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		fd := fields.ByJSONName(key)
		if fd == nil {
			fd = fields.ByTextName(key)
		}
		at := joinPath(path, clip(key))
		if fd == nil {
			if !strict {
				continue
			}
			var known []string
			for i := range fields.Len() {
				known = append(known, fields.Get(i).TextName())
			}
			return &FieldError{at, fmt.Sprintf("unknown field %q; the fields here are %s", clip(key), strings.Join(known, ", "))}
		}
		if value == nil {
			continue
		}
		if fe := faultOfField(t, fd, value, at, strict); fe != nil {
			return fe
		}
	}
	return nil
}

func faultOfField(t protoreflect.MessageType, fd protoreflect.FieldDescriptor, value any, at string, strict bool) *FieldError {
	switch {
	case fd.IsList():
		list, ok := value.([]any)
		if !ok {
			return &FieldError{at, "must be a list"}
		}
		for i, v := range list {
			path := fmt.Sprintf("%s[%d]", at, i)
			if fd.Message() != nil {
				if fe := faultOf(t.New().NewField(fd).List().NewElement().Message().Type(), v, path, strict); fe != nil {
					return fe
				}
			} else if !takes(t, fd, []any{v}) {
				return &FieldError{path, "must be " + wanted(fd)}
			}
		}
	case fd.IsMap():
		entries, ok := value.(map[string]any)
		if !ok {
			return &FieldError{at, "must be an object"}
		}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			v, path := entries[key], joinKey(at, key)
			if fd.MapValue().Message() != nil {
				if fe := faultOf(t.New().NewField(fd).Map().NewValue().Message().Type(), v, path, strict); fe != nil {
					return fe
				}
			} else if !takes(t, fd, map[string]any{key: v}) {
				return &FieldError{path, "must be " + wanted(fd.MapValue())}
			}
		}
	case fd.Message() != nil:
		return faultOf(t.New().NewField(fd).Message().Type(), value, at, strict)
	case !takes(t, fd, value):
		return &FieldError{at, "must be " + wanted(fd)}
	}
	return nil
}

// takes asks protojson whether one field of t can hold value.
func takes(t protoreflect.MessageType, fd protoreflect.FieldDescriptor, value any) bool {
	b, err := json.Marshal(map[string]any{fd.JSONName(): value})
	return err == nil && protojson.Unmarshal(b, t.New().Interface()) == nil
}

func wanted(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.BytesKind:
		return "a string of base64"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	case protoreflect.EnumKind:
		var names []string
		for i := range fd.Enum().Values().Len() {
			names = append(names, string(fd.Enum().Values().Get(i).Name()))
		}
		return "one of " + strings.Join(names, ", ")
	case protoreflect.Int64Kind:
		return "a whole number of 64 bits"
	default:
		return "a whole number of 32 bits"
	}
}
