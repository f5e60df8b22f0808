package events

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestFromHTTP(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"7","source":"/studio","type":"cinedex.media.arrived.v1","time":"2026-01-02T03:04:05Z","data":{"title":{"id":"film"},"url":"file:///f.mp4"}}`
	film := Event{ID: "7", Source: "/studio", Type: "cinedex.media.arrived.v1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Data: &cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "film"}, Url: "file:///f.mp4"}}
	withSubject := film
	withSubject.Subject, withSubject.Extensions = "film", map[string]string{"studio": "north"}
	binary := map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "7", "Ce-Source": "/studio", "Ce-Type": "cinedex.media.arrived.v1", "Ce-Time": "2026-01-02T03:04:05Z", "Content-Type": "application/json"}
	with := func(h map[string]string, more ...string) map[string]string {
		c := map[string]string{}
		for k, v := range h {
			c[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	data := `{"title":{"id":"film"},"url":"file:///f.mp4"}`
	ct := func(v string) map[string]string { return map[string]string{"Content-Type": v} }
	for name, test := range map[string]struct {
		headers map[string]string
		body    string
		want    []Event
		status  int
		says    string
	}{
		"structured":                {ct("application/cloudevents+json"), structured, []Event{film}, 0, ""},
		"structured with a charset": {ct("application/cloudevents+json; charset=utf-8"), structured, []Event{film}, 0, ""},
		"binary":                    {with(binary, "Ce-Subject", "film", "Ce-Studio", "north"), data, []Event{withSubject}, 0, ""},
		"batch":                     {ct("application/cloudevents-batch+json"), "[" + structured + "," + structured + "]", []Event{film, film}, 0, ""},

		"too large":              {ct("application/cloudevents+json"), strings.Repeat(" ", 5000), nil, 413, "larger than 4096 bytes"},
		"text":                   {ct("text/plain"), structured, nil, 415, `"text/plain" is none of`},
		"no content type":        {nil, data, nil, 400, "ce-specversion is missing"},
		"a type in parts":        {ct("application/json"), structured[:60], nil, 400, "ce-specversion is missing"},
		"format not known":       {ct("application/cloudevents+xml"), structured, nil, 415, `"application/cloudevents+xml" is none of`},
		"header twice":           {with(binary, "Ce-Id", "7\n8"), data, nil, 400, "the header ce-id occurs 2 times"},
		"nonsense content type":  {ct("a/b/c;;"), structured, nil, 415, "content type"},
		"JSON but no event":      {ct("application/json"), data, nil, 400, "ce-specversion is missing"},
		"unknown version":        {with(binary, "Ce-Specversion", "9"), data, nil, 400, `specversion: "9" is not known`},
		"structured, cut off":    {ct("application/cloudevents+json"), structured[:60], nil, 400, "reading the event"},
		"structured, no id":      {ct("application/cloudevents+json"), strings.Replace(structured, `"id":"7",`, "", 1), nil, 400, "id is missing"},
		"structured, no source":  {ct("application/cloudevents+json"), strings.Replace(structured, `"source":"/studio",`, "", 1), nil, 400, "source is missing"},
		"other type":             {ct("application/cloudevents+json"), strings.Replace(structured, "arrived", "left", 1), nil, 400, `type: "cinedex.media.left.v1" is not accepted here`},
		"unknown field":          {ct("application/cloudevents+json"), strings.Replace(structured, `"url"`, `"uri"`, 1), nil, 400, "uri"},
		"field of another type":  {ct("application/cloudevents+json"), strings.Replace(structured, `"file:///f.mp4"`, `5`, 1), nil, 400, "url"},
		"binary, data cut off":   {binary, data[:20], nil, 400, "MediaArrived"},
		"binary, no data":        {binary, "", nil, 400, "data is missing"},
		"binary, not JSON":       {with(binary, "Content-Type", "text/xml"), data, nil, 415, "text/xml"},
		"empty batch":            {ct("application/cloudevents-batch+json"), "[]", nil, 400, "batch is empty"},
		"batch that is an event": {ct("application/cloudevents-batch+json"), structured, nil, 400, "reading the batch"},
		"batch with one wrong":   {ct("application/cloudevents-batch+json"), "[" + structured + "," + strings.Replace(structured, `"url"`, `"uri"`, 1) + "]", nil, 400, "event 2 of 2"},
		"empty body":             {ct("application/cloudevents+json"), "", nil, 400, "reading the event"},
		"null":                   {ct("application/cloudevents+json"), "null", nil, 400, ""},
		"data is null":           {ct("application/cloudevents+json"), `{"specversion":"1.0","id":"7","source":"/studio","type":"cinedex.media.arrived.v1","data":null}`, nil, 400, "data is null"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body))
			if name == "too large" {
				r.ContentLength = -1 // as with a chunked body
			}
			for k, v := range test.headers {
				r.Header[k] = strings.Split(v, "\n")
			}
			got, err := FromHTTP(r, MediaArrived, 4096)
			if test.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return
			}
			var refused *RequestError
			if !errors.As(err, &refused) || refused.Status != test.status || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v (%+v), want %d saying %q", err, refused, test.status, test.says)
			}
			if k := errkind.Of(err); k != errkind.Invalid && k != errkind.Exhausted {
				t.Errorf("kind %s", k)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("application/json", "1.0", "cinedex.media.arrived.v1", []byte(`{"url":"x"}`))
	f.Add("application/protobuf", "1.0", "cinedex.media.arrived.v1", []byte{10, 2, 8, 1})
	f.Add("application/cloudevents+json", "", "", []byte(`{"specversion":"1.0","id":"1","source":"/","type":"cinedex.media.arrived.v1","data":{}}`))
	f.Add("application/cloudevents+json", "", "", []byte(`null`))
	c, _ := ContractOf(MediaArrived)
	f.Fuzz(func(t *testing.T, contentType, version, typ string, value []byte) {
		m := &message{value: value}
		for k, v := range map[string]string{contentTypeHeader: contentType, "ce_specversion": version, "ce_type": typ, "ce_id": "1", "ce_source": "/x", "ce_time": version} {
			m.headers = append(m.headers, kafka.Header{Key: k, Value: []byte(v)})
		}
		d, err := decode(c, m)
		if err == nil && d.Data == nil {
			t.Error("an event without data passed")
		}
		if err != nil && errkind.Of(err) != errkind.Invalid {
			t.Errorf("kind %s of %v", errkind.Of(err), err)
		}
	})
}
