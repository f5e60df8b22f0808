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

// An Event is one CloudEvent of the platform, with its data decoded.
type Event struct {
	// ID with Source names the event; the same happening has the same ID. Where it is
	// empty, Publish derives it from type, subject and data.
	ID string
	// Type is the topic's own where it is empty.
	Type string
	// Source is Config.Source where it is empty.
	Source string
	// Subject is the asset's id, and the key.
	Subject string
	// Time is when it happened; the time of publishing where it is zero.
	Time time.Time
	// DataSchema is the absolute URI by which a sender names the schema of the data. It is kept, and not looked at.
	DataSchema string
	// Data is the message that the topic's contract names. Nil removes the subject from a compacted topic.
	Data proto.Message
	// Extensions are further CloudEvents attributes: lower-case letters and digits.
	Extensions map[string]string
}

var marshalProto = proto.MarshalOptions{Deterministic: true}

// encodeData returns the data as the contract writes it. Equal messages give equal bytes.
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

// readable takes the non-breaking spaces out of a protobuf error, which are put there to keep programs from reading it.
func readable(err error) error {
	return errors.New(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: "))
}

// deriveID names an event by what it says.
func deriveID(typ, subject string, data []byte) string {
	h := sha256.New()
	for _, s := range []string{"cinedex.event.1", typ, subject} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
