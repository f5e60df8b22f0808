package events

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// An Event is a CloudEvent of the platform, with decoded data.
type Event struct {
	// ID and Source name the event. The same happening MUST have the same ID. Publish derives an empty ID from type,
	// subject and data.
	ID string
	// Type is the topic's own type if empty.
	Type string
	// Source is Config.Source if empty.
	Source string
	// Subject is the asset's id, and the key.
	Subject string
	// Time is when the event happened, and the time of publishing if zero.
	Time time.Time
	// DataSchema is the absolute URI of the sender's schema for the data. Cinedex keeps the URI and does not use the
	// URI.
	DataSchema string
	// Data is a message of the type in the topic's contract. Nil removes the subject from a compacted topic.
	Data proto.Message
	// Extensions are further CloudEvents attributes: lower-case letters and digits.
	Extensions map[string]string
}

var marshalProto = proto.MarshalOptions{Deterministic: true}

// encodeData returns the data in the contract's content type. Equal messages give equal bytes.
func encodeData(c Contract, m proto.Message) ([]byte, error) {
	if c.Data != nil && m.ProtoReflect().Descriptor() != c.Data.ProtoReflect().Descriptor() {
		return nil, errkind.New(errkind.Invalid, "topic %s carries %s, not %s", c.Topic,
			c.Data.ProtoReflect().Descriptor().FullName(), m.ProtoReflect().Descriptor().FullName())
	}
	if c.ContentType == Protobuf {
		return marshalProto.Marshal(m)
	}
	return schema.MarshalJSON(m)
}

// decodeData reads data of a content type into a new message of the contract.
func decodeData(c Contract, contentType string, data []byte) (proto.Message, error) {
	if c.Data == nil {
		return nil, nil
	}
	m := c.Data.ProtoReflect().New().Interface()
	media, err := mediaType(contentType)
	if err != nil {
		return nil, err
	}
	switch {
	case isJSON(media):
		if c.Strict {
			err = schema.UnmarshalStrictJSON(data, m)
		} else {
			err = schema.UnmarshalJSON(data, m)
		}
	case isProtobuf(media):
		if c.Strict {
			if err := schema.CheckProtobuf(data, m.ProtoReflect().Descriptor()); err != nil {
				return nil, fmt.Errorf("reading %s: %w", m.ProtoReflect().Descriptor().Name(), err)
			}
		}
		if err = proto.Unmarshal(data, m); err != nil {
			err = errkind.New(errkind.Invalid, "reading %s: %w", m.ProtoReflect().Descriptor().Name(), readable(err))
		}
	default:
		return nil, errkind.New(errkind.Invalid, "content type %q is neither JSON (%s, …+json) nor %s", clipped(contentType), JSON, Protobuf)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// readable replaces the non-breaking spaces in a protobuf error. Protobuf writes these spaces to keep programs from
// parsing errors.
func readable(err error) error {
	return errors.New(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: "))
}

// deriveID derives the ID of an event from type, subject and data.
func deriveID(typ, subject string, data []byte) string {
	h := sha256.New()
	for _, s := range []string{"cinedex.event.1", typ, subject} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
