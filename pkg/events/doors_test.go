package events

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// HTTP and Kafka take the same events, and refuse an event for the same reason.
func TestBothDoors(t *testing.T) {
	const data = `{"title":{"id":"film"},"url":"file:///f.mp4"}`
	base := map[string]string{"specversion": "1.0", "id": "7", "source": "/studio", "type": "cinedex.media.arrived.v1", "time": "2026-01-02T03:04:05Z"}
	film := Event{ID: "7", Source: "/studio", Type: "cinedex.media.arrived.v1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Data: &cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "film"}, Url: "file:///f.mp4"}}
	event := func(change func(*Event)) *Event {
		e := film
		e.Data = proto.Clone(film.Data)
		if change != nil {
			change(&e)
		}
		return &e
	}
	with := func(pairs ...string) map[string]string {
		m := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	without := func(name string) map[string]string {
		m := maps.Clone(base)
		delete(m, name)
		return m
	}
	// An event as JSON: the members of base and more, or in their place.
	structured := func(members string) string {
		all := `"specversion":"1.0","id":"7","source":"/studio","type":"cinedex.media.arrived.v1","time":"2026-01-02T03:04:05Z"`
		if members != "" {
			all += "," + members
		}
		return "{" + all + "}"
	}
	wire, err := proto.Marshal(film.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		// Binary mode: attributes as texts, the content type, the data. Or, structured mode: the event.
		attributes  map[string]string
		contentType string
		data        string
		structured  string
		// want is the event read by both doors, or nil if both doors refuse.
		want *Event
		says string
		// source of the rule.
		source string
	}{
		{name: "binary", attributes: base, contentType: "application/json", data: data, want: event(nil), source: "HTTP binding 3.1, Kafka binding 3.2"},
		{name: "binary without a content type", attributes: base, data: data, want: event(nil), source: "CloudEvents 3.1, datacontenttype is optional"},
		{name: "binary with a +json type", attributes: base, contentType: "application/vnd.studio.arrived+json", data: data, want: event(nil), source: "RFC 6839"},
		{name: "binary with a +json type and a charset", attributes: base, contentType: "application/vnd.studio.arrived+json; charset=UTF-8", data: data, want: event(nil), source: "RFC 6839"},
		{name: "binary with text/json", attributes: base, contentType: "text/json", data: data, want: event(nil), source: "JSON format 3.1"},
		{name: "binary with protobuf", attributes: base, contentType: "application/protobuf", data: string(wire), want: event(nil), source: "contract of the topic"},
		{name: "an attribute with spaces and signs", attributes: with("subject", `Der "Löwe" 100% € 😀`), contentType: "application/json", data: data,
			want: event(func(e *Event) { e.Subject = `Der "Löwe" 100% € 😀` }), source: "HTTP binding 3.1.3.2"},
		{name: "an extension", attributes: with("studio", "Nord Süd"), contentType: "application/json", data: data,
			want: event(func(e *Event) { e.Extensions = map[string]string{"studio": "Nord Süd"} }), source: "CloudEvents, extension context attributes"},
		{name: "the schema of the data", attributes: with("dataschema", "https://studio.example/arrived.json"), contentType: "application/json", data: data,
			want: event(func(e *Event) { e.DataSchema = "https://studio.example/arrived.json" }), source: "CloudEvents, dataschema"},
		{name: "an empty subject", attributes: with("subject", ""), contentType: "application/json", data: data, want: event(nil), source: "practice: SDKs send what is not set as an empty text"},
		{name: "no time", attributes: without("time"), contentType: "application/json", data: data, want: event(func(e *Event) { e.Time = time.Time{} }), source: "CloudEvents, time is optional"},
		{name: "a time with an offset and microseconds", attributes: with("time", "2026-01-02T04:04:05.25+01:00"), contentType: "application/json", data: data,
			want: event(func(e *Event) { e.Time = time.Date(2026, 1, 2, 3, 4, 5, 25e7, time.UTC) }), source: "RFC 3339"},
		{name: "a time in small letters", attributes: with("time", "2026-01-02t03:04:05z"), contentType: "application/json", data: data, want: event(nil), source: "RFC 3339, 5.6"},
		{name: "version 0.3", attributes: with("specversion", "0.3", "schemaurl", "https://studio.example/a"), contentType: "application/json", data: data,
			want: event(func(e *Event) { e.DataSchema = "https://studio.example/a" }), source: "CloudEvents 0.3, which older SDKs write"},
		{name: "trace context", attributes: with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), contentType: "application/json", data: data,
			want: event(func(e *Event) {
				e.Extensions = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
			}), source: "distributed tracing extension"},

		{name: "structured", structured: structured(`"data":` + data), want: event(nil), source: "JSON format 3"},
		{name: "structured with JSON's type", structured: structured(`"datacontenttype":"application/json","data":` + data), want: event(nil), source: "JSON format 3.1"},
		{name: "structured with a +json type", structured: structured(`"datacontenttype":"application/vnd.studio.arrived+json","data":` + data), want: event(nil), source: "JSON format 3.1"},
		{name: "structured, the type after the data", structured: structured(`"data":` + data + `,"datacontenttype":"application/vnd.studio+json; charset=utf-8"`), want: event(nil), source: "JSON format 3.1"},
		{name: "structured with text/json", structured: structured(`"datacontenttype":"text/json","data":` + data), want: event(nil), source: "JSON format 3.1"},
		{name: "attributes that are null", structured: structured(`"subject":null,"dataschema":null,"datacontenttype":null,"traceparent":null,"data_base64":null,"data":` + data), want: event(nil), source: "JSON format 2.2"},
		{name: "a time that is null", structured: strings.Replace(structured(`"data":`+data), `"2026-01-02T03:04:05Z"`, "null", 1), want: event(func(e *Event) { e.Time = time.Time{} }), source: "JSON format 2.2"},
		{name: "extensions of every type", structured: structured(`"season":3,"final":true,"studio":"north","data":` + data),
			want: event(func(e *Event) { e.Extensions = map[string]string{"season": "3", "final": "true", "studio": "north"} }), source: "JSON format 2.2"},
		{name: "the schema of the data in JSON", structured: structured(`"dataschema":"https://studio.example/arrived.json","data":` + data),
			want: event(func(e *Event) { e.DataSchema = "https://studio.example/arrived.json" }), source: "CloudEvents, dataschema"},
		{name: "JSON data in base64", structured: structured(`"data_base64":"eyJ0aXRsZSI6eyJpZCI6ImZpbG0ifSwidXJsIjoiZmlsZTovLy9mLm1wNCJ9"`), want: event(nil), source: "JSON format 3.1"},
		{name: "JSON data in base64, escaped", structured: structured(`"data_base64":"\u0065yJ0aXRsZSI6eyJpZCI6ImZpbG0ifSwidXJsIjoiZmlsZTovLy9mLm1wNCJ9"`), want: event(nil), source: "RFC 8259, 7"},
		{name: "version 0.3 in base64", structured: strings.Replace(structured(`"datacontentencoding":"base64","data":"eyJ0aXRsZSI6eyJpZCI6ImZpbG0ifSwidXJsIjoiZmlsZTovLy9mLm1wNCJ9"`), "1.0", "0.3", 1), want: event(nil), source: "CloudEvents 0.3, datacontentencoding"},
		{name: "a whole event under JSON's type", contentType: "application/json", data: structured(`"data":` + data), want: event(nil), source: "practice: Python SDK 1.x in Kafka"},
		{name: "a whole event without a type", data: structured(`"data":` + data), want: event(nil), source: "practice"},
		{name: "order of members", structured: `{"data":` + data + `,"time":"2026-01-02T03:04:05Z","type":"cinedex.media.arrived.v1","source":"/studio","id":"7","specversion":"1.0"}`, want: event(nil), source: "RFC 8259, 4"},

		{name: "data alone", contentType: "application/json", data: data, says: "specversion is missing (or send the whole event"},
		{name: "no id", attributes: without("id"), contentType: "application/json", data: data, says: "id is missing; every CloudEvent has one"},
		{name: "an empty id", attributes: with("id", " "), contentType: "application/json", data: data, says: "id is missing; every CloudEvent has one"},
		{name: "no source", attributes: without("source"), contentType: "application/json", data: data, says: "source is missing; every CloudEvent has one"},
		{name: "a source that is no URI", attributes: with("source", "a b://%zz"), contentType: "application/json", data: data, says: `source: "a b://%zz" is no URI reference`},
		{name: "another type", attributes: with("type", "com.example.order"), contentType: "application/json", data: data, says: `type: "com.example.order" is not accepted here; send "cinedex.media.arrived.v1"`},
		{name: "another version", attributes: with("specversion", "2.0"), contentType: "application/json", data: data, says: `specversion: "2.0" is not known; 1.0 is`},
		{name: "a time of another form", attributes: with("time", "2026-01-02 03:04"), contentType: "application/json", data: data, says: `time: "2026-01-02 03:04" is no timestamp of RFC 3339`},
		{name: "a schema that is relative", attributes: with("dataschema", "arrived.json"), contentType: "application/json", data: data, says: `dataschema: "arrived.json" is no absolute URI`},
		{name: "a name with a hyphen", attributes: with("my-studio", "x"), contentType: "application/json", data: data, says: `"my-studio" is no name of an attribute: names are lower-case letters and digits`},
		{name: "another character set", attributes: base, contentType: "application/json; charset=iso-8859-1", data: data, says: "the character set must be UTF-8"},
		{name: "XML", attributes: base, contentType: "text/xml", data: data, says: `content type "text/xml" is n`},
		{name: "no data", attributes: base, contentType: "application/json", says: "data is missing; the event must have a JSON object as its data"},
		{name: "data cut off", attributes: base, contentType: "application/json", data: data[:20], says: "reading MediaArrived: its JSON ends too early"},
		{name: "a field that is not known", attributes: base, contentType: "application/json", data: strings.Replace(data, "url", "uri", 1), says: "uri"},
		{name: "null for data", structured: structured(`"data":null`), says: "data is null and must be a JSON object"},
		{name: "no data in JSON", structured: structured(""), says: "data is missing; the event must have a JSON object as its data"},
		{name: "data that is a list", structured: structured(`"data":[1]`), says: "must be an object"},
		{name: "an attribute twice", structured: structured(`"data":{},"id":"8"`), says: "id occurs twice"},
		{name: "data as a text", structured: structured(`"data":"{}"`), says: "data is a text and must be a JSON object; was the object encoded as JSON twice?"},
		{name: "data as a text in binary mode", attributes: base, contentType: "application/json", data: `"{}"`, says: "data is a text and must be a JSON object; was the object encoded as JSON twice?"},
		{name: "data twice", structured: structured(`"data":{},"data_base64":"e30="`), says: "data and data_base64 are both there"},
		{name: "data that is no base64", structured: structured(`"data_base64":"%%%"`), says: "data_base64 is no text in base64"},
		{name: "base64 that is a number", structured: structured(`"data_base64":5`), says: "data_base64 is no text in base64"},
		{name: "an extension that is an object", structured: structured(`"studio":{"a":1},"data":` + data), says: "studio: an attribute is a text, an integer or a boolean"},
		{name: "an extension that is a fraction", structured: structured(`"studio":1.5,"data":` + data), says: "studio: 1.5 is no integer; send the number as a text"},
		{name: "a name in capitals", structured: structured(`"traceParent":"x","data":` + data), says: `"traceParent" is no name of an attribute`},
		{name: "an id that is null", structured: strings.Replace(structured(`"data":`+data), `"7"`, "null", 1), says: "id is missing; every CloudEvent has one"},
		{name: "no version in JSON", structured: strings.Replace(structured(`"data":`+data), `"specversion":"1.0",`, "", 1), says: "specversion is missing; an event of CloudEvents 1.0 has specversion 1.0"},
		{name: "a list", structured: "[1,2]", says: "reading the event: the event is not a JSON object"},
		{name: "an event cut off", structured: `{"specversion":"1.0","id":`, says: "reading the event: the event is not a JSON object: it ends too early"},
		{name: "nothing", structured: " ", says: "reading the event: the event is not a JSON object: it is empty"},
		{name: "other XML", attributes: base, contentType: "application/cloudevents+xml", data: "<event/>", says: `content type "application/cloudevents+xml" is no`},
	} {
		t.Run(test.name, func(t *testing.T) {
			contract, _ := ContractOf(MediaArrived)
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.data+test.structured))
			m := &message{value: []byte(test.data + test.structured)}
			if test.structured != "" {
				test.contentType = "application/cloudevents+json"
			}
			if test.contentType != "" {
				r.Header.Set("Content-Type", test.contentType)
				m.headers = append(m.headers, kafka.Header{Key: "content-type", Value: []byte(test.contentType)})
			}
			for k, v := range test.attributes {
				r.Header.Set("ce-"+k, percentEncoded(v))
				m.headers = append(m.headers, kafka.Header{Key: "ce_" + k, Value: []byte(v)})
			}
			overHTTP, err := FromHTTP(r, MediaArrived, 1<<20)
			var refused *RequestError
			if err != nil && (!errors.As(err, &refused) || refused.Status < 400 || refused.Status > 499) {
				t.Errorf("HTTP: %v is no *RequestError of the sender's", err)
			}
			d, kafkaErr := decode(contract, m)
			if test.want == nil {
				for door, err := range map[string]error{"HTTP": err, "Kafka": kafkaErr} {
					if err == nil || errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), test.says) {
						t.Errorf("%s: %v, and it should say %q", door, err, test.says)
					}
				}
				return
			}
			if err != nil || kafkaErr != nil {
				t.Fatalf("HTTP: %v; Kafka: %v", err, kafkaErr)
			}
			for door, got := range map[string]Event{"HTTP": overHTTP[0], "Kafka": d.Event} {
				if diff := cmp.Diff(*test.want, got, protocmp.Transform(), cmp.Transformer("UTC", time.Time.UTC)); diff != "" {
					t.Errorf("%s: -want +got\n%s", door, diff)
				}
			}
			// A read event can be written and read back unchanged.
			again, err := encode(contract, "/cinedex", time.Now(), d.Event)
			if err != nil {
				t.Fatal(err)
			}
			if test.want.Time.IsZero() {
				return // the log adds its own time
			}
			back, err := decode(contract, again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*test.want, back.Event, protocmp.Transform(), cmp.Transformer("UTC", time.Time.UTC)); diff != "" {
				t.Errorf("written and read again: -want +got\n%s", diff)
			}
		})
	}
}

// percentEncoded writes a header as the HTTP binding says (3.1.3.2).
func percentEncoded(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Headers of the HTTP binding (3.1.3.2), beginning with the binding's examples.
func TestPercentDecoded(t *testing.T) {
	for in, want := range map[string]string{
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
		"Euro%20%e2%82%ac":                "Euro €",
		`"a quoted \"text\" of 0.3"`:      `a quoted "text" of 0.3`,
		`"quoted%20and%20encoded"`:        "quoted and encoded",
		"100% sure":                       "100% sure",
		"100%":                            "100%",
		"%4":                              "%4",
		"%%41":                            "%A",
		"bad %FF byte":                    "bad \uFFFD byte",
		"overlong %C0%80":                 "overlong \uFFFD",
		"Gr\xfc\xdfe":                     "Grüße",
		"Grüße":                           "Grüße",
		`"`:                               `"`,
		"plain":                           "plain",
	} {
		if got := percentDecoded(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
