package events

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A message is a record of the log. A nil key or value differs from an empty key or value: a nil value is a tombstone
// on a compacted topic.
type message struct {
	partition int
	offset    int64
	time      time.Time
	key       []byte
	value     []byte
	headers   []kafka.Header
	// passed marks a message without an event: the records up to the offset were skipped, and the group need not read
	// these records again.
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

// The accepted versions of CloudEvents, and the content types of whole events.
const (
	versionV1     = "1.0"
	versionV03    = "0.3"
	eventJSON     = "application/cloudevents+json"
	eventsInBatch = "application/cloudevents-batch+json"
)

// contextAttributes are the names that no extension may have.
var contextAttributes = []string{"id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time"}

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
	case media == eventJSON, r.attributes["specversion"] == "" && isWhole(media, m.value):
		one, err := fromJSON(m.value)
		if err != nil {
			return nil, fmt.Errorf("reading the event: %w", err)
		}
		return one, nil
	case strings.HasPrefix(media, "application/cloudevents"):
		return nil, wrong("content type %q is not read from the log; write single events as %s", clipped(media), eventJSON)
	case r.attributes["specversion"] == "":
		return nil, wrong("not a CloudEvent: the header %sspecversion is missing (or send the whole event with the header %s: %s)",
			attributePrefix, contentTypeHeader, eventJSON)
	}
	return r, nil
}

// headersOf writes the attributes of an event as headers of binary mode, in the order of CloudEvents 1.0, chapter
// "Context Attributes". contentType is the content type of the data, and empty for an event without data.
//
// The official SDK is not used for writing. The SDK links json-iterator, which calls methods by name, and the linker
// must then keep every method of every library: 8 MB of an ingestor. A test compares these headers with the headers of
// the SDK.
func headersOf(ev Event, contentType string) ([]kafka.Header, error) {
	hs := make([]kafka.Header, 0, 8+len(ev.Extensions))
	add := func(name, value string) { hs = append(hs, kafka.Header{Key: name, Value: []byte(value)}) }
	if _, err := url.Parse(ev.Source); err != nil || strings.TrimSpace(ev.Source) == "" {
		return nil, wrong("source: %q is no URI reference, such as /studio/upload", clipped(ev.Source))
	}
	schema, err := dataSchemaOf(strings.TrimSpace(ev.DataSchema))
	if err != nil {
		return nil, err
	}
	id, subject := strings.TrimSpace(ev.ID), strings.TrimSpace(ev.Subject)
	if id == "" {
		return nil, wrong("id is missing; every CloudEvent has one")
	}
	add(attributePrefix+"id", id)
	add(attributePrefix+"source", uri(ev.Source))
	add(attributePrefix+"specversion", versionV1)
	add(attributePrefix+"type", strings.TrimSpace(ev.Type))
	if contentType != "" {
		add(contentTypeHeader, contentType)
	}
	if schema != "" {
		add(attributePrefix+"dataschema", uri(schema))
	}
	if subject != "" {
		add(attributePrefix+"subject", subject)
	}
	add(attributePrefix+"time", ev.Time.UTC().Format(time.RFC3339Nano))
	for _, name := range slices.Sorted(maps.Keys(ev.Extensions)) {
		if !validName(name) {
			return nil, wrong("%q is no name of an attribute: names are lower-case letters and digits", clipped(name))
		}
		if slices.Contains(contextAttributes, name) {
			return nil, wrong("%s is an attribute of every event, and no extension", name)
		}
		add(attributePrefix+name, ev.Extensions[name])
	}
	return hs, nil
}

// uri writes a URI in its canonical form. The caller has checked the URI.
func uri(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	return u.String()
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
		return nil, errkind.New(errkind.Invalid, "type %q is wrong for topic %s; want %q", ev.Type, c.Topic, c.Type)
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
	contentType := ""
	if data != nil {
		contentType = c.ContentType
	}
	headers, err := headersOf(ev, contentType)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "event %s for %s: %w", ev.ID, c.Topic, err)
	}
	m := &message{key: []byte(ev.Subject), time: now, headers: headers, value: data}
	if ev.Subject == "" {
		m.key = []byte(ev.ID)
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
