package schema

import (
	"github.com/cinedex/cinedex/pkg/errkind"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of a message from outside. A parser allocates memory for each value, a hundred bytes for the two bytes of an
// empty message, so values are counted before parsing.
const (
	MaxNesting = 100     // of objects and lists in JSON, of messages in protobuf
	MaxValues  = 100_000 // numbers, texts, objects, lists, fields
	MaxName    = 4096    // bytes of a field's name in JSON
)

func tooDeep(what string) error {
	return errkind.New(errkind.Invalid, "the %s is nested deeper than the %d levels allowed", what, MaxNesting)
}

func tooMany(what string) error {
	return errkind.New(errkind.Invalid, "the %s has more than the %d values allowed", what, MaxValues)
}

// CheckJSON refuses a JSON text with too deep nesting, too many values or too long a name. CheckJSON allocates nothing, and leaves
// malformed JSON to the parser.
func CheckJSON(b []byte) error {
	depth, values, inText := 0, 0, false
	began, text := 0, 0 // where the text began, and its bytes
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			if inText = !inText; inText {
				began = i
			} else {
				text = i - began - 1
			}
		case inText:
		case c == ':' && text > MaxName:
			return errkind.New(errkind.Invalid, "a name in the JSON has %d bytes, more than the %d allowed", text, MaxName)
		case c == '{' || c == '[':
			if depth++; depth > MaxNesting {
				return tooDeep("JSON")
			}
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if values > MaxValues {
			return tooMany("JSON")
		}
	}
	return nil
}

// CheckProtobuf is CheckJSON for the wire format of a message of kind d.
func CheckProtobuf(b []byte, d protoreflect.MessageDescriptor) error {
	values := 0
	return checkWire(b, d, 1, &values)
}

func checkWire(b []byte, d protoreflect.MessageDescriptor, depth int, values *int) error {
	if depth > MaxNesting {
		return tooDeep("message")
	}
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil // not protobuf, which the parser says better
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, wire, b)
		if n < 0 {
			return nil
		}
		value := b[:n]
		b = b[n:]
		*values++
		field := d.Fields().ByNumber(number)
		if wire == protowire.BytesType && field != nil {
			value, _ = protowire.ConsumeBytes(value)
			switch {
			case field.Message() != nil:
				if err := checkWire(value, field.Message(), depth+1, values); err != nil {
					return err
				}
			case field.IsList() && field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind:
				*values += len(value) // packed: a value has a byte at least
			}
		}
		if *values > MaxValues {
			return tooMany("message")
		}
	}
	return nil
}
