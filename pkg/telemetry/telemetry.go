// Package telemetry gives a process a structured logger, a Prometheus registry, OpenTelemetry traces, and the small
// HTTP server that operators and orchestrators ask (/livez, /readyz, /metrics). Every service uses the package.
// Telemetry never delays or fails the work that is observed.
//
// Contract:
//
//   - Libraries use no global. They take a *slog.Logger, a prometheus.Registerer and a trace.Tracer in their Deps.
//   - Tracing costs nothing unless an OTLP endpoint is configured.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config is the operator's configuration.
type Config struct {
	// LogLevel is debug, info, warn or error.
	LogLevel string `mapstructure:"log_level"`
	// LogFormat is text or json.
	LogFormat string `mapstructure:"log_format"`
	// AdminAddress serves /livez, /readyz and /metrics; empty serves none.
	AdminAddress string `mapstructure:"admin_address"`
	// OTLPEndpoint is an OTLP/HTTP collector's URL, for example http://localhost:4318; traces go to /v1/traces below.
	// Empty exports no traces.
	OTLPEndpoint string `mapstructure:"otlp_endpoint"`
}

// Default returns logs of level info as text, no admin server and no traces.
func Default() Config { return Config{LogLevel: "info", LogFormat: "text"} }

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	if _, err := c.level(); err != nil {
		return err
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return errkind.New(errkind.Invalid, "log_format: %q is neither text nor json", c.LogFormat)
	}
	if c.AdminAddress != "" {
		if err := CheckAddress(c.AdminAddress); err != nil {
			return fmt.Errorf("admin_address: %w", err)
		}
	}
	_, err := c.tracesURL()
	return err
}

// tracesPath is where a collector takes traces (OTLP 1.x, OTLP/HTTP request).
const tracesPath = "/v1/traces"

// tracesURL is the URL for traces. OTLPEndpoint is the collector's own URL, as in OTEL_EXPORTER_OTLP_ENDPOINT. A URL
// that contains the path already is used unchanged. Empty exports no traces.
func (c Config) tracesURL() (string, error) {
	if c.OTLPEndpoint == "" {
		return "", nil
	}
	u, err := url.Parse(c.OTLPEndpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errkind.New(errkind.Invalid, "otlp_endpoint: %q is no URL of a collector, such as http://localhost:4318", c.OTLPEndpoint)
	}
	if !strings.HasSuffix(u.Path, tracesPath) {
		u = u.JoinPath(tracesPath)
	}
	return u.String(), nil
}

// CheckAddress refuses an address at which no server can listen.
func CheckAddress(a string) error {
	_, port, err := net.SplitHostPort(a)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return errkind.New(errkind.Invalid, "%q is no address to serve at, such as 127.0.0.1:8080 or :8080", a)
	}
	return nil
}

func (c Config) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return 0, errkind.New(errkind.Invalid, "log_level: %q is none of debug, info, warn, error", c.LogLevel)
	}
	return l, nil
}

// Telemetry holds the shared parts of a process.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.Tracer
	// Memory tells what the memory of the process is used for.
	Memory   *Memory
	provider trace.TracerProvider
	shutdown func(context.Context) error
}

// New makes the logger, registry and tracer of a service. Logs go to w. A tracer without a connection to its collector
// drops spans and never delays work.
func New(ctx context.Context, service string, c Config, w io.Writer) (*Telemetry, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	level, _ := c.level()
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, opts)
	}
	t := &Telemetry{
		Log:      slog.New(h).With("service", service),
		Registry: prometheus.NewRegistry(),
		Tracer:   noop.NewTracerProvider().Tracer(service),
		Memory:   &Memory{},
		provider: noop.NewTracerProvider(),
		shutdown: func(context.Context) error { return nil },
	}
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), t.Memory)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	to, _ := c.tracesURL()
	if to == "" {
		return t, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Log.Warn("exporting traces", "error", err) }))
	exp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to))
	if err != nil {
		return nil, fmt.Errorf("making the trace exporter for %s: %w", c.OTLPEndpoint, err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exp),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	t.Tracer, t.provider, t.shutdown = p.Tracer(tracerName), p, p.Shutdown
	return t, nil
}

const tracerName = "github.com/cinedex/cinedex"

// Traced makes a span of each request to h, in the trace of the request's header traceparent. Without a collector the
// trace is passed on, and no span is made.
func (t *Telemetry) Traced(h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, "", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			if r.Pattern == "" || strings.HasSuffix(r.Pattern, "/") {
				return r.Method + " " + service(r.URL.Path)
			}
			return r.Method + " " + r.Pattern[strings.Index(r.Pattern, "/"):]
		}))
}

// service is the part of a path without ids: a method of a service, or the first part.
func service(path string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if method, _, deeper := strings.Cut(rest, "/"); strings.Contains(first, ".v1.") && !deeper {
		return "/" + first + "/" + method
	}
	return "/" + first
}

// Span starts a span below the span of ctx, if ctx has a span. end ends the span with the error of the work.
func Span(ctx context.Context, name string, attributes ...attribute.KeyValue) (_ context.Context, end func(error)) {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer(tracerName).Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Close sends the remaining spans within a bounded time.
func (t *Telemetry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return t.shutdown(ctx)
}

// Admin returns the handler of /livez, /readyz and /metrics. ready gives the reason why the process should get no traffic
// now, or nil. alive gives the reason why the process will not serve again and is better ended, or nil.
func (t *Telemetry) Admin(ready, alive func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /livez", check(alive))
	mux.Handle("GET /readyz", check(ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{}))
	return mux
}

// check answers 200, or 503 with the reason.
func check(state func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := state(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}

// ServeHTTP serves h on address until ctx ends, then drains for up to ten seconds. The error for a port in use names
// the setting to change.
func ServeHTTP(ctx context.Context, name, address string, h http.Handler) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return ListenError(name, address, err)
	}
	return ServeListener(ctx, l, h)
}

// ListenError turns the error of listening into an error with advice.
func ListenError(name, address string, err error) error {
	if strings.Contains(err.Error(), "address already in use") {
		return errkind.New(errkind.Conflict, "listening for %s on %s: the port is in use; stop the program that uses the port, or set another address: %w", name, address, err)
	}
	return fmt.Errorf("listening for %s on %s: %w", name, address, err)
}

// readTimeout bounds the reading of a request. The largest request, a picture with a query, arrives within readTimeout
// over a slow line.
const readTimeout = 2 * time.Minute

// stopping is the key of the context whose end stops the server of a request.
type stopping struct{}

// OnStop calls f when the server of a request begins to stop, unless the returned function is called before. ctx is the context of the request.
func OnStop(ctx context.Context, f func()) (leave func()) {
	server, ok := ctx.Value(stopping{}).(context.Context)
	if !ok {
		return func() {}
	}
	stop := context.AfterFunc(server, f) //nolint:contextcheck // the context of the server, which outlives the request
	return func() { stop() }
}

// unreadBytes is how much of a body net/http reads for a handler that answered without reading the body.
const unreadBytes = 256 << 10

// answered lets a client read an early answer, such as a refusal. net/http reads the rest of a body only where the
// connection stays open. A connection that ends with unread bytes is reset, and the client loses the answer. answered
// reads as much before a connection ends. A client that sends more, or waits to be told to send, is not waited for.
func answered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.ProtoMajor == 1 && r.Close && r.ContentLength <= unreadBytes && r.Header.Get("Expect") == "" {
			_, _ = io.CopyN(io.Discard, r.Body, unreadBytes) // the client may have gone
		}
	})
}

// ServeListener is ServeHTTP over an open listener. ServeListener serves HTTP/1 and unencrypted HTTP/2, which gRPC
// clients speak.
func ServeListener(ctx context.Context, l net.Listener, h http.Handler) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler: answered(h), Protocols: &protocols,
		// A body may be slow, but must end; answers may take as long as a film is watched.
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: readTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopping{}, ctx)
		},
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close() // cuts off unending requests
	}
	<-done
	return err
}
