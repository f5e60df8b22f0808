package events

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// sdk collects the headers of the official SDK in binary mode.
type sdk map[string]string

func (sdk) Start(context.Context) error { return nil }
func (sdk) End(context.Context) error   { return nil }
func (sdk) SetData(io.Reader) error     { return nil }

func (h sdk) SetAttribute(a spec.Attribute, value any) (err error) {
	name := attributePrefix + a.Name()
	if a.Kind() == spec.DataContentType {
		name = contentTypeHeader
	}
	h[name], err = types.Format(value)
	return err
}

func (h sdk) SetExtension(name string, value any) (err error) {
	h[attributePrefix+name], err = types.Format(value)
	return err
}

// ofSDK writes an event with the official SDK.
func ofSDK(ev Event, contentType string) (sdk, error) {
	e := cloudevent.New()
	e.SetID(ev.ID)
	e.SetType(ev.Type)
	e.SetSource(ev.Source)
	e.SetTime(ev.Time)
	e.SetSubject(ev.Subject)
	e.SetDataSchema(ev.DataSchema)
	for name, value := range ev.Extensions {
		e.SetExtension(name, value)
	}
	if contentType != "" {
		e.SetDataContentType(contentType)
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	h := sdk{}
	return h, (*binding.EventMessage)(&e).ReadBinary(context.Background(), h)
}

// The headers of an event equal the headers of the official SDK, and whatever the SDK refuses is refused.
func TestHeadersAreThoseOfTheSDK(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	whole := Event{ID: "1", Source: "/studio", Type: "a.b", Time: at, Subject: "s"}
	with := func(change func(*Event)) Event { ev := whole; change(&ev); return ev }
	for name, c := range map[string]struct {
		ev          Event
		contentType string
		refused     bool
	}{
		"whole":            {whole, JSON, false},
		"no data":          {whole, "", false},
		"no subject":       {with(func(e *Event) { e.Subject = "" }), Protobuf, false},
		"blanks around":    {with(func(e *Event) { e.ID, e.Type, e.Subject = " 1 ", " a.b", "\ts " }), JSON, false},
		"source of words":  {with(func(e *Event) { e.Source = "/a film/ü" }), JSON, false},
		"schema":           {with(func(e *Event) { e.DataSchema = " https://studio.example/a b.json" }), JSON, false},
		"extensions":       {with(func(e *Event) { e.Extensions = map[string]string{"traceparent": "00-1", "x9": "ü \"%", "empty": ""} }), JSON, false},
		"no id":            {with(func(e *Event) { e.ID = " " }), JSON, true},
		"no source":        {with(func(e *Event) { e.Source = "" }), JSON, true},
		"source not a URI": {with(func(e *Event) { e.Source = "%zz" }), JSON, true},
		"relative schema":  {with(func(e *Event) { e.DataSchema = "a.json" }), JSON, true},
		"name with a dash": {with(func(e *Event) { e.Extensions = map[string]string{"a-b": "1"} }), JSON, true},
		"no name":          {with(func(e *Event) { e.Extensions = map[string]string{"": "1"} }), JSON, true},
		"name of ours":     {with(func(e *Event) { e.Extensions = map[string]string{"subject": "1"} }), JSON, true},
	} {
		t.Run(name, func(t *testing.T) {
			want, refusal := ofSDK(c.ev, c.contentType)
			headers, err := headersOf(c.ev, c.contentType)
			if (refusal != nil) != c.refused || (err != nil) != c.refused || err != nil && errkind.Of(err) != errkind.Invalid {
				t.Fatalf("the SDK says %v, and we %v; to be refused: %v", refusal, err, c.refused)
			}
			if c.refused {
				return
			}
			got := sdk{}
			for _, h := range headers {
				got[h.Key] = string(h.Value)
			}
			if len(got) != len(headers) {
				t.Errorf("a header is there twice: %v", headers)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var _ binding.BinaryWriter = sdk{}

// The headers of equal events are equal, in order.
func TestHeadersAreInOrder(t *testing.T) {
	ev := Event{ID: "1", Source: "/s", Type: "t", Extensions: map[string]string{}}
	for i := range 20 {
		ev.Extensions[fmt.Sprintf("x%d", i)] = "1"
	}
	first, err := headersOf(ev, JSON)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := headersOf(ev, JSON)
		if err != nil {
			t.Fatal(err)
		}
		for i := range first {
			if first[i].Key != again[i].Key || !bytes.Equal(first[i].Value, again[i].Value) {
				t.Fatalf("header %d is %s, and was %s", i, again[i].Key, first[i].Key)
			}
		}
	}
}
