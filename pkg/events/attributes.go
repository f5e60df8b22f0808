package events

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// received is a CloudEvent as a sender wrote the event, in any mode and through any door. HTTP and Kafka fill received,
// and event reads received. Both doors therefore take the same events and refuse an event for the same reason.
//
// The official SDK is not used for reading. The SDK refuses JSON data whose type ends in +json, refuses a content type
// of null, and does not decode the percent signs of HTTP headers (findings/cloudevents-go-json-suffix.sh).
type received struct {
	// attributes by name, as texts. An attribute that is null or empty is absent.
	attributes map[string]string
	data       []byte
}

// attribute returns a context attribute and removes the attribute. The attributes left at the end are extensions.
func (r *received) attribute(name string) string {
	v := r.attributes[name]
	delete(r.attributes, name)
	return v
}

func wrong(format string, args ...any) error { return errkind.New(errkind.Invalid, format, args...) }

// event checks the attributes by CloudEvents 1.0, chapter "Context Attributes", and decodes the data by the contract.
func (r *received) event(c Contract) (Event, error) {
	version := r.attribute("specversion")
	switch version {
	case versionV1:
	case versionV03:
		if err := r.upgrade(); err != nil {
			return Event{}, err
		}
	case "":
		return Event{}, wrong("specversion is missing; an event of CloudEvents 1.0 has specversion 1.0")
	default:
		return Event{}, wrong("specversion: %q is not known; 1.0 is", clipped(version))
	}
	ev := Event{ID: r.attribute("id"), Type: r.attribute("type"), Source: r.attribute("source"), Subject: r.attribute("subject")}
	contentType := r.attribute("datacontenttype")
	for _, required := range []struct{ name, value string }{{"id", ev.ID}, {"source", ev.Source}, {"type", ev.Type}} {
		if strings.TrimSpace(required.value) == "" {
			return Event{}, wrong("%s is missing; every CloudEvent has one", required.name)
		}
	}
	if _, err := url.Parse(ev.Source); err != nil {
		return Event{}, wrong("source: %q is no URI reference, such as /studio/upload", clipped(ev.Source))
	}
	if ev.Type != c.Type {
		return Event{}, wrong("type: %q is not accepted here; send %q", clipped(ev.Type), c.Type)
	}
	var err error
	if ev.Time, err = timeOf(r.attribute("time")); err != nil {
		return Event{}, err
	}
	if ev.DataSchema, err = dataSchemaOf(r.attribute("dataschema")); err != nil {
		return Event{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.attributes)) {
		if !validName(name) {
			return Event{}, wrong("%q is no name of an attribute: names are lower-case letters and digits", clipped(name))
		}
		if !utf8.ValidString(r.attributes[name]) {
			return Event{}, wrong("%s is not UTF-8", name)
		}
	}
	if len(r.attributes) > 0 {
		ev.Extensions = r.attributes
	}
	if len(r.data) == 0 && c.Compacted {
		return ev, nil
	}
	if media, err := mediaType(contentType); err == nil && isJSON(media) {
		if err := checkObject(r.data); err != nil {
			return Event{}, err
		}
	}
	ev.Data, err = decodeData(c, contentType, r.data)
	return ev, err
}

// checkObject refuses data other than a JSON object, with a reason for each kind of mistake.
func checkObject(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return wrong("data is missing; the event must have a JSON object as its data")
	case bytes.Equal(data, []byte("null")):
		return wrong("data is null and must be a JSON object")
	case data[0] == '"':
		return wrong("data is a text and must be a JSON object; was the object encoded as JSON twice?")
	}
	return nil // the contract checks other kinds of data
}

// upgrade turns an event of CloudEvents 0.3, which older SDKs write, into an event of 1.0.
func (r *received) upgrade() error {
	if s := r.attribute("schemaurl"); s != "" {
		r.attributes["dataschema"] = s
	}
	switch encoding := r.attribute("datacontentencoding"); encoding {
	case "":
		return nil
	case "base64":
		var text string
		if json.Unmarshal(r.data, &text) != nil {
			text = string(r.data)
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return wrong("data: the event declares base64, and the data is not base64")
		}
		r.data = data
		return nil
	default:
		return wrong("datacontentencoding: %q is not known; base64 is", clipped(encoding))
	}
}

func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}

// timeOf reads a timestamp of RFC 3339, in which T and Z may be small.
func timeOf(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return t, wrong("time: %q is no timestamp of RFC 3339, such as 2026-01-02T03:04:05Z", clipped(s))
	}
	return t, nil
}

func dataSchemaOf(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if u, err := url.Parse(s); err != nil || !u.IsAbs() {
		return "", wrong("dataschema: %q is no absolute URI, such as https://studio.example/schemas/arrived.json", clipped(s))
	}
	return s, nil
}

// clipped shortens text from outside for a quote in a reason.
func clipped(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// isJSON reports whether a media type is JSON by name or by suffix (RFC 6839). Data without a type is JSON.
func isJSON(media string) bool {
	return media == "" || media == JSON || media == "text/json" || strings.HasSuffix(media, "+json")
}

func isProtobuf(media string) bool { return media == Protobuf || media == "application/x-protobuf" }

// mediaType reads a content type. JSON and protobuf allow UTF-8 only.
func mediaType(contentType string) (string, error) {
	if contentType == "" {
		return "", nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", wrong("content type %q: %w", clipped(contentType), err)
	}
	if set := strings.ToLower(params["charset"]); set != "" && set != "utf-8" && set != "utf8" && set != "us-ascii" {
		return "", wrong("content type %q: the character set must be UTF-8", clipped(contentType))
	}
	return media, nil
}

// fromJSON reads an event in the JSON format of CloudEvents 1.0, chapters 2.2 (a null attribute is absent) and 3.1.
func fromJSON(b []byte) (*received, error) {
	if err := schema.CheckJSON(b); err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, wrong("the event is not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil || members == nil {
		return nil, wrong("the event is not a JSON object%s", because(b, err))
	}
	if name := repeated(b, len(members)); name != "" {
		return nil, wrong("%s occurs twice", clipped(name))
	}
	data, given := members["data"]
	encoded := present(members["data_base64"])
	delete(members, "data")
	delete(members, "data_base64")
	r := &received{attributes: make(map[string]string, len(members))}
	for name, value := range members {
		text, err := attributeOf(value)
		if err != nil {
			return nil, wrong("%s: %w", clipped(name), err)
		}
		if text != "" {
			r.attributes[name] = text
		}
	}
	switch {
	case encoded != nil && present(data) != nil:
		return nil, wrong("data and data_base64 are both there; send only data or data_base64")
	case encoded != nil:
		var text []byte // which encoding/json reads from base64
		if err := json.Unmarshal(encoded, &text); err != nil {
			return nil, wrong("data_base64 is no text in base64")
		}
		r.data = text
	case given:
		return r, r.setData(data)
	}
	return r, nil
}

// isWhole reports whether data without other attributes is a whole event in JSON. The sender left out the content type
// of structured mode or gave another. The Python SDK 1.x gives the type of the data there, in Kafka.
func isWhole(media string, b []byte) bool {
	var event struct {
		Version json.RawMessage `json:"specversion"`
	}
	return isJSON(media) && schema.CheckJSON(b) == nil && json.Unmarshal(b, &event) == nil && present(event.Version) != nil
}

// setData takes the member data. JSON data stays as written. Of other data, setData takes the text.
func (r *received) setData(data json.RawMessage) error {
	media, err := mediaType(r.attributes["datacontenttype"])
	if err != nil {
		return fmt.Errorf("datacontenttype: %w", err)
	}
	r.data = data
	var text string
	if !isJSON(media) && json.Unmarshal(data, &text) == nil && present(data) != nil {
		r.data = []byte(text)
	}
	return nil
}

// repeated returns the name of a repeated member of a JSON object with n distinct members, or an empty name.
func repeated(object []byte, n int) string {
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the object's brace; the JSON is known to be right
	seen := make(map[string]bool, n)
	for dec.More() {
		name, _ := dec.Token()
		text, _ := name.(string)
		var value json.RawMessage
		if seen[text] || dec.Decode(&value) != nil {
			return text
		}
		seen[text] = true
	}
	return ""
}

// because says where JSON is broken off.
func because(b []byte, err error) string {
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return ": it is empty"
	case err != nil && strings.Contains(err.Error(), "unexpected end"):
		return ": it ends too early"
	case !json.Valid(b):
		return ": " + err.Error()
	}
	return ""
}

// present returns nil for a null or absent member.
func present(m json.RawMessage) json.RawMessage {
	if bytes.Equal(m, []byte("null")) {
		return nil
	}
	return m
}

// attributeOf returns the canonical text of an attribute: a text, a boolean or an integer (CloudEvents 1.0, "Type System").
func attributeOf(m json.RawMessage) (string, error) {
	switch {
	case present(m) == nil:
		return "", nil
	case m[0] == '"':
		var s string
		err := json.Unmarshal(m, &s)
		return s, err
	case m[0] == 't' || m[0] == 'f':
		return string(m), nil
	case m[0] == '{' || m[0] == '[':
		return "", wrong("an attribute is a text, an integer or a boolean, and not an object or a list")
	case strings.ContainsAny(string(m), ".eE"):
		return "", wrong("%s is no integer; send the number as a text", clipped(string(m)))
	}
	return string(m), nil
}

// percentDecoded reads a header of the HTTP binding (3.1.3.2):
//   - quoted texts lose their quotes;
//   - %xy is a byte of UTF-8, and bytes outside UTF-8 become U+FFFD;
//   - a percent sign without two digits stays, because senders of earlier versions do not write %25;
//   - bytes of the header itself outside UTF-8 are ISO 8859-1, as HTTP clients write (RFC 9110, 5.5).
func percentDecoded(s string) string {
	if !utf8.ValidString(s) {
		latin := make([]rune, len(s))
		for i, b := range []byte(s) {
			latin[i] = rune(b)
		}
		s = string(latin)
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = unquoted(s[1 : len(s)-1])
	}
	if strings.Contains(s, "%") {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) {
				if v, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
					b.Write(v)
					i += 2
					continue
				}
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func unquoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
