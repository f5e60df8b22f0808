package telemetry

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A receiver takes traces as OTLP/HTTP says: protobuf, at /v1/traces and nowhere else.
type receiver struct {
	mu    sync.Mutex
	spans []*spans.Span
	wrong []string
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	fail := func(why string) {
		rc.wrong = append(rc.wrong, why)
		http.Error(w, why, http.StatusNotFound)
	}
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v1/traces") || r.Header.Get("Content-Type") != "application/x-protobuf" {
		fail(r.Method + " " + r.URL.Path + " as " + r.Header.Get("Content-Type"))
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			fail(err.Error())
			return
		}
	}
	b, err := io.ReadAll(body)
	var req collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(b, &req)); err != nil {
		fail(err.Error())
		return
	}
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			rc.spans = append(rc.spans, ss.GetSpans()...)
		}
	}
	answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

// The endpoint is the collector's URL, as documented: traces go to /v1/traces below it, and a request's trace goes on.
func TestTracesReachACollector(t *testing.T) {
	for _, path := range []string{"", "/", "/v1/traces", "/behind/a/proxy"} {
		t.Run("path "+path, func(t *testing.T) {
			rc := &receiver{}
			s := httptest.NewServer(rc)
			defer s.Close()
			c := Default()
			c.OTLPEndpoint = s.URL + path
			tel, err := New(t.Context(), "test", c, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
				_, end := Span(r.Context(), "inside")
				end(nil)
			})
			r := httptest.NewRequest(http.MethodPost, "/events", nil)
			r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			tel.Traced(mux).ServeHTTP(httptest.NewRecorder(), r)
			if err := tel.Close(); err != nil {
				t.Fatal(err)
			}
			if len(rc.wrong) > 0 || len(rc.spans) != 2 {
				t.Fatalf("%d spans; refused: %q", len(rc.spans), rc.wrong)
			}
			inside, server := rc.spans[0], rc.spans[1]
			if inside.GetName() != "inside" || server.GetName() != "POST /events" {
				t.Errorf("spans %q and %q", inside.GetName(), server.GetName())
			}
			if got := hex.EncodeToString(server.GetTraceId()); got != "0af7651916cd43dd8448eb211c80319c" {
				t.Errorf("trace %s is not the request's", got)
			}
			if got := hex.EncodeToString(server.GetParentSpanId()); got != "b7ad6b7169203331" {
				t.Errorf("the parent %s is not the request's", got)
			}
			if string(inside.GetParentSpanId()) != string(server.GetSpanId()) {
				t.Error("the inner span is not below the request's")
			}
		})
	}
}

// Without a collector a request's trace is passed on.
func TestTracedWithoutACollector(t *testing.T) {
	tel, err := New(t.Context(), "test", Default(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got context.Context
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	tel.Traced(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
	if id := trace.SpanContextFromContext(got).SpanID().String(); id != "b7ad6b7169203331" {
		t.Errorf("span %s", id)
	}
}

func TestEndpointThatCannotWork(t *testing.T) {
	for _, bad := range []string{"localhost:4318", "grpc://localhost:4317", "http://", "/v1/traces", "%"} {
		c := Default()
		c.OTLPEndpoint = bad
		if err := c.Validate(); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "otlp_endpoint") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
