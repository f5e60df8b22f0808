package events

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/segmentio/kafka-go"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A message is one record of the log. A nil key or value differs from an empty key or value: a nil value is a tombstone
// on a compacted topic.
type message struct {
	partition int
	offset    int64
	time      time.Time
	key       []byte
	value     []byte
	headers   []kafka.Header
	// passed marks a message without an event: the records up to the offset were skipped, and the group need not read
	// them again.
	passed bool
}

// size is the size of the message in the log, less a few bytes of framing.
func (m *message) size() int {
	n := len(m.key) + len(m.value) + 64
	for _, h := range m.headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return n
}

// The Kafka protocol binding of CloudEvents 1.0. Attributes are headers with this prefix. The content type of the data
// is a header with a name of its own.
const (
	attributePrefix   = "ce_"
	contentTypeHeader = "content-type"
)

func header(hs []kafka.Header, key string) (string, bool) {
	for _, h := range hs {
		if h.Key == key {
			return string(h.Value), true
		}
	}
	return "", false
}

// received reads a message in binary or structured mode.
func (m *message) received() (*received, error) {
	r := &received{attributes: make(map[string]string), data: m.value}
	for _, h := range m.headers {
		// Of a repeated header, the last value counts.
		if name, isAttribute := strings.CutPrefix(h.Key, attributePrefix); isAttribute {
			r.attributes[name] = string(h.Value)
		} else if strings.EqualFold(h.Key, contentTypeHeader) {
			r.attributes["datacontenttype"] = string(h.Value)
		}
	}
	maps.DeleteFunc(r.attributes, func(_, v string) bool { return v == "" })
	media, err := mediaType(r.attributes["datacontenttype"])
	switch {
	case err != nil:
		return nil, err
	case media == cloudevent.ApplicationCloudEventsJSON, r.attributes["specversion"] == "" && isWhole(media, m.value):
		one, err := fromJSON(m.value)
		if err != nil {
			return nil, fmt.Errorf("reading the event: %w", err)
		}
		return one, nil
	case strings.HasPrefix(media, "application/cloudevents"):
		return nil, wrong("content type %q is not read from the log; %s is, with one event", clipped(media), cloudevent.ApplicationCloudEventsJSON)
	case r.attributes["specversion"] == "":
		return nil, wrong("not a CloudEvent: the header %sspecversion is missing (or send the whole event with the header %s: %s)",
			attributePrefix, contentTypeHeader, cloudevent.ApplicationCloudEventsJSON)
	}
	return r, nil
}

// writer fills a message in binary mode.
type writer struct{ m *message }

func (writer) Start(context.Context) error { return nil }
func (writer) End(context.Context) error   { return nil }

func (w writer) SetAttribute(a spec.Attribute, value any) error {
	if a.Kind() == spec.DataContentType {
		return w.set(contentTypeHeader, value)
	}
	return w.set(attributePrefix+a.Name(), value)
}

func (w writer) SetExtension(name string, value any) error {
	return w.set(attributePrefix+name, value)
}

func (w writer) set(name string, value any) error {
	s, err := types.Format(value)
	if err != nil {
		return err
	}
	w.m.headers = append(w.m.headers, kafka.Header{Key: name, Value: []byte(s)})
	return nil
}

func (w writer) SetData(data io.Reader) error {
	if b, ok := data.(*bytes.Buffer); ok {
		w.m.value = b.Bytes()
		return nil
	}
	b, err := io.ReadAll(data)
	w.m.value = b
	return err
}

// encode writes an event of a topic as a message in binary mode.
func encode(c Contract, source string, now time.Time, ev Event) (*message, error) {
	if ev.Subject == "" && !c.SubjectOptional {
		return nil, errkind.New(errkind.Invalid, "an event of %s needs a subject, the asset's id", c.Topic)
	}
	var data []byte
	if ev.Data == nil {
		if !c.Compacted {
			return nil, errkind.New(errkind.Invalid, "an event of %s needs data", c.Topic)
		}
	} else {
		var err error
		if data, err = encodeData(c, ev.Data); err != nil {
			return nil, err
		}
	}
	if ev.Type == "" {
		ev.Type = c.Type
	}
	if ev.Type != c.Type {
		return nil, errkind.New(errkind.Invalid, "type %q is not that of topic %s, %q", ev.Type, c.Topic, c.Type)
	}
	if ev.ID == "" {
		ev.ID = deriveID(ev.Type, ev.Subject, data)
	}
	if ev.Source == "" {
		ev.Source = source
	}
	if ev.Time.IsZero() {
		ev.Time = now
	}
	e := cloudevent.New()
	e.SetID(ev.ID)
	e.SetType(ev.Type)
	e.SetSource(ev.Source)
	e.SetTime(ev.Time)
	if ev.Subject != "" {
		e.SetSubject(ev.Subject)
	}
	if ev.DataSchema != "" {
		e.SetDataSchema(ev.DataSchema)
	}
	for k, v := range ev.Extensions {
		e.SetExtension(k, v)
	}
	if data != nil {
		e.SetDataContentType(c.ContentType)
		e.DataEncoded = data
	}
	if err := e.Validate(); err != nil {
		return nil, errkind.New(errkind.Invalid, "event %s for %s: %s", ev.ID, c.Topic, strings.TrimSpace(err.Error()))
	}
	m := &message{key: []byte(ev.Subject), time: now}
	if ev.Subject == "" {
		m.key = []byte(ev.ID)
	}
	m.headers = make([]kafka.Header, 0, 8+len(ev.Extensions))
	if err := (*binding.EventMessage)(&e).ReadBinary(context.Background(), writer{m}); err != nil {
		return nil, errkind.New(errkind.Invalid, "encoding event %s for %s: %w", ev.ID, c.Topic, err)
	}
	if data != nil && m.value == nil {
		m.value = []byte{} // an empty message is data, and must not read as a tombstone
	}
	return m, nil
}

// A Delivery is an event as read from the log.
type Delivery struct {
	Event
	Topic     Topic
	Partition int
	Offset    int64
	// Logged is the time at which the log took the event.
	Logged time.Time
	// Bytes is the size of the event in the log.
	Bytes int

	message *message
}

// decode reads a message of a topic. decode does not panic, whatever the bytes are.
func decode(c Contract, m *message) (d Delivery, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errkind.New(errkind.Invalid, "reading the event panicked: %v", r)
		}
	}()
	d = Delivery{Topic: c.Topic, Partition: m.partition, Offset: m.offset, Logged: m.time, Bytes: m.size(), message: m}
	if m.value == nil && c.Compacted && !slices.ContainsFunc(m.headers, isCloudEventHeader) {
		// A bare tombstone, as other tools write tombstones.
		d.Type, d.Subject = c.Type, string(m.key)
		return d, nil
	}
	r, err := m.received()
	if err != nil {
		return d, err
	}
	if d.Event, err = r.event(c); err != nil {
		return d, err
	}
	if d.Subject == "" && !c.SubjectOptional {
		if len(m.key) == 0 {
			return d, errkind.New(errkind.Invalid, "neither subject nor key names the asset")
		}
		d.Subject = string(m.key)
	}
	return d, nil
}

func isCloudEventHeader(h kafka.Header) bool { return strings.HasPrefix(h.Key, attributePrefix) }
