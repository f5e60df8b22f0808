package telemetry

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/telemetry/telemetrytest"
)

// The endpoint is the collector's URL, as documented: traces go to /v1/traces below the URL, and a request's trace is
// continued.
func TestTracesReachACollector(t *testing.T) {
	for _, path := range []string{"", "/", "/v1/traces", "/behind/a/proxy"} {
		t.Run("path "+path, func(t *testing.T) {
			rc := telemetrytest.Start(t)
			c := Default()
			c.OTLPEndpoint = rc.URL + path
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
			spans := rc.Spans()
			if len(rc.Wrong()) > 0 || len(spans) != 2 {
				t.Fatalf("spans %v; refused: %q", spans, rc.Wrong())
			}
			const of = "0af7651916cd43dd8448eb211c80319c"
			want := []telemetrytest.Span{{Name: "inside", Trace: of, ID: spans[0].ID, Parent: spans[1].ID}, {Name: "POST /events", Trace: of, ID: spans[1].ID, Parent: "b7ad6b7169203331"}}
			if !slices.Equal(spans, want) {
				t.Errorf("spans %v, want %v", spans, want)
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

// A client that ends its connection reads the answer to a request that was refused before the body was read. The client
// sends the second half of the body after the answer was made.
func TestEarlyAnswerIsRead(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- ServeListener(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			refused <- struct{}{}
		}))
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	half := strings.Repeat("[", 100_000)
	for range 20 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", 2*len(half), half)
		<-refused
		if _, err := c.Write([]byte(half)); err != nil {
			t.Error("the second half:", err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusTooManyRequests {
			t.Error(resp.Status)
		}
		c.Close()
	}
}
