// Package telemetrytest is a collector of traces for tests.
package telemetrytest

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Receiver takes traces as OTLP/HTTP says: protobuf, posted to /v1/traces and nowhere else.
type Receiver struct {
	// URL is the collector's, without the path of traces.
	URL string

	mu    sync.Mutex
	spans []Span
	wrong []string
}

// A Span is a received span, with identities in hexadecimal.
type Span struct{ Name, Trace, ID, Parent string }

// Start starts a receiver, which ends with the test.
func Start(t testing.TB) *Receiver {
	r := &Receiver{}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.URL = s.URL
	return r
}

// Spans returns the spans received so far.
func (rc *Receiver) Spans() []Span {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]Span(nil), rc.spans...)
}

// Wrong returns why requests were refused.
func (rc *Receiver) Wrong() []string {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]string(nil), rc.wrong...)
}

// ServeHTTP takes an export.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := export(r)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if err != nil {
		rc.wrong = append(rc.wrong, err.Error())
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				rc.spans = append(rc.spans, Span{s.GetName(), hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(s.GetSpanId()), hex.EncodeToString(s.GetParentSpanId())})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func export(r *http.Request) (*collector.ExportTraceServiceRequest, error) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v1/traces") || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s %s as %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(body)
	req := &collector.ExportTraceServiceRequest{}
	return req, errors.Join(err, proto.Unmarshal(b, req))
}
