package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A RequestError says why an HTTP request could not be read as CloudEvents, and with what status to answer.
type RequestError struct {
	Status int
	err    error
}

func (e *RequestError) Error() string { return e.err.Error() }
func (e *RequestError) Unwrap() error { return e.err }

func refuse(status int, kind errkind.Kind, format string, args ...any) error {
	return &RequestError{status, errkind.New(kind, format, args...)}
}

// FromHTTP reads the CloudEvents of a request, in binary, structured or batched mode,
// with their data decoded by the contract of the topic. The body may take limit bytes at most.
//
// Every error is a *RequestError: 413 for a body over the limit, 415 for a content type
// that is none of the modes', and 400, naming the event and the field, for what is wrong in them.
// A batch with one wrong event is refused as a whole.
func FromHTTP(r *http.Request, topic Topic, limit int64) ([]Event, error) {
	contract, ok := ContractOf(topic)
	if !ok || contract.Data == nil {
		return nil, refuse(http.StatusNotFound, errkind.NotFound, "no events are taken for topic %q", topic)
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLarge(limit)
		}
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the body: %w", err)
	}
	events, err := cloudEvents(r.Header, body)
	if err != nil {
		return nil, err
	}
	decoded := make([]Event, len(events))
	for i := range events {
		if decoded[i], err = fromCloudEvent(contract, &events[i]); err != nil {
			if len(events) > 1 {
				err = fmt.Errorf("event %d of %d: %w", i+1, len(events), err)
			}
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "%w", err)
		}
	}
	return decoded, nil
}

func tooLarge(limit int64) error {
	return refuse(http.StatusRequestEntityTooLarge, errkind.Exhausted, "the body is larger than %d bytes", limit)
}

func cloudEvents(h http.Header, body []byte) ([]cloudevent.Event, error) {
	contentType := h.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if contentType != "" && err != nil {
		return nil, refuse(http.StatusUnsupportedMediaType, errkind.Invalid, "content type %q: %w", contentType, err)
	}
	if media != Protobuf && media != "application/x-protobuf" {
		if err := schema.CheckJSON(body); err != nil {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the body: %w", err)
		}
	}
	switch media {
	case cloudevent.ApplicationCloudEventsBatchJSON:
		var events []cloudevent.Event
		if err := json.Unmarshal(body, &events); err != nil {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the batch: %w", err)
		}
		if len(events) == 0 {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "the batch is empty")
		}
		return events, nil
	case cloudevent.ApplicationCloudEventsJSON:
	case JSON, Protobuf, "application/x-protobuf":
		switch v := h.Get("Ce-Specversion"); v {
		case "":
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "not a CloudEvent: the header ce-specversion is missing (or send the whole event as %s)", cloudevent.ApplicationCloudEventsJSON)
		case cloudevent.CloudEventsVersionV1, cloudevent.CloudEventsVersionV03:
		default:
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "ce-specversion: %q is not known; 1.0 is", v)
		}
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, errkind.Invalid, "content type %q is none of %s, %s and, with ce- headers, %s",
			contentType, cloudevent.ApplicationCloudEventsJSON, cloudevent.ApplicationCloudEventsBatchJSON, JSON)
	}
	e, err := binding.ToEvent(context.Background(), cehttp.NewMessage(h, io.NopCloser(bytes.NewReader(body))))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the event: %s", strings.TrimSpace(err.Error()))
	}
	return []cloudevent.Event{*e}, nil
}
