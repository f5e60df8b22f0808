package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A RequestError says why an HTTP request could not be read as CloudEvents, and gives the status of the response.
type RequestError struct {
	Status int
	err    error
}

func (e *RequestError) Error() string { return e.err.Error() }
func (e *RequestError) Unwrap() error { return e.err }

func refuse(status int, kind errkind.Kind, format string, args ...any) error {
	return &RequestError{status, errkind.New(kind, format, args...)}
}

// FromHTTP reads the CloudEvents of a request in binary, structured or batched mode. FromHTTP decodes the data by the
// contract of the topic. The body may have at most limit bytes.
//
// Every error is a *RequestError:
//   - 413: the body is over the limit;
//   - 415: the content type belongs to none of the modes;
//   - 400: an event is wrong; the error names the event and the field. A single wrong event refuses the whole batch.
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
	all, err := fromRequest(r.Header, body)
	if err != nil {
		return nil, err
	}
	decoded := make([]Event, len(all))
	for i, one := range all {
		if decoded[i], err = one.event(contract); err != nil {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "%w", numbered(err, i, len(all)))
		}
	}
	return decoded, nil
}

func tooLarge(limit int64) error {
	return refuse(http.StatusRequestEntityTooLarge, errkind.Exhausted, "the body is larger than %d bytes", limit)
}

// numbered names the event of a batch.
func numbered(err error, i, n int) error {
	if n < 2 {
		return err
	}
	return fmt.Errorf("event %d of %d: %w", i+1, n, err)
}

// fromRequest tells the mode by the content type (HTTP binding, chapter 3).
func fromRequest(h http.Header, body []byte) ([]*received, error) {
	contentType := h.Get("Content-Type")
	media, err := mediaType(contentType)
	if err != nil {
		return nil, refuse(http.StatusUnsupportedMediaType, errkind.Invalid, "%w", err)
	}
	switch {
	case media == eventsInBatch:
		return fromBatch(body)
	case media == eventJSON, h.Get(httpPrefix+"Specversion") == "" && isWhole(media, body):
		one, err := fromJSON(body)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the event: %w", err)
		}
		return []*received{one}, nil
	case strings.HasPrefix(media, "application/cloudevents"), !isJSON(media) && !isProtobuf(media):
		return nil, refuse(http.StatusUnsupportedMediaType, errkind.Invalid, "content type %q is none of %s, %s and, with ce- headers, JSON (%s, …+json) and %s",
			clipped(contentType), eventJSON, eventsInBatch, JSON, Protobuf)
	}
	one, err := fromHeaders(h, body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "%w", err)
	}
	return []*received{one}, nil
}

func fromBatch(body []byte) ([]*received, error) {
	if err := schema.CheckJSON(body); err != nil {
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the batch: %w", err)
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "reading the batch: not a JSON list of events%s", because(body, err))
	}
	if len(batch) == 0 {
		return nil, refuse(http.StatusBadRequest, errkind.Invalid, "the batch is empty")
	}
	all := make([]*received, len(batch))
	for i, b := range batch {
		var err error
		if all[i], err = fromJSON(b); err != nil {
			return nil, refuse(http.StatusBadRequest, errkind.Invalid, "%w", numbered(err, i, len(batch)))
		}
	}
	return all, nil
}

const httpPrefix = "Ce-"

// fromHeaders reads binary mode. A missing content type is an absent attribute and no error.
func fromHeaders(h http.Header, body []byte) (*received, error) {
	if h.Get(httpPrefix+"Specversion") == "" {
		return nil, wrong("not a CloudEvent: the header ce-specversion is missing (or send the whole event as %s)", eventJSON)
	}
	r := &received{attributes: make(map[string]string), data: body}
	for key, values := range h {
		name, isAttribute := strings.CutPrefix(key, httpPrefix)
		if !isAttribute {
			continue
		}
		if len(values) > 1 {
			return nil, wrong("the header %s occurs %d times", strings.ToLower(key), len(values))
		}
		if v := percentDecoded(values[0]); v != "" {
			r.attributes[strings.ToLower(name)] = v
		}
	}
	if v := h.Get("Content-Type"); v != "" {
		r.attributes["datacontenttype"] = v
	}
	return r, nil
}
