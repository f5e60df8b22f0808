package events

import (
	"context"
	"strings"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Trace context travels as the CloudEvents distributed tracing extension: traceparent
// and tracestate. Names of attributes follow the OpenTelemetry messaging conventions as of 1.37.
var propagator propagation.TraceContext

func messaging(operation string, topic Topic, n int) trace.SpanStartOption {
	return trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.destination.name", string(topic)),
		attribute.Int("messaging.batch.message_count", n),
	)
}

func (c *Client) tracePublish(ctx context.Context, topic Topic, evs []Event) (context.Context, func(error)) {
	if !c.tracing {
		return ctx, func(error) {}
	}
	ctx, span := c.tracer.Start(ctx, "send "+string(topic), trace.WithSpanKind(trace.SpanKindProducer), messaging("send", topic, len(evs)))
	return ctx, func(err error) { endSpan(span, err) }
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// traceHeaders are the headers that continue the trace of ctx.
func (c *Client) traceHeaders(ctx context.Context) []kafka.Header {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	var hs []kafka.Header
	for k, v := range carrier {
		hs = append(hs, kafka.Header{Key: attributePrefix + strings.ToLower(k), Value: []byte(v)})
	}
	return hs
}

// traceHandle starts the span of handling a batch. It continues the trace of its first
// event, so that a film's way through the services reads as one story, and links to those of the others.
func (c *Client) traceHandle(ctx context.Context, group string, topic Topic, batch []Delivery) (context.Context, func(error)) {
	if !c.tracing {
		return ctx, func(error) {}
	}
	var links []trace.Link
	seen := make(map[trace.SpanID]bool)
	parent := ctx
	for i := range batch {
		carrier := propagation.MapCarrier(batch[i].Extensions)
		from := propagator.Extract(ctx, carrier)
		sc := trace.SpanContextFromContext(from)
		if !sc.IsValid() || seen[sc.SpanID()] {
			continue
		}
		seen[sc.SpanID()] = true
		if len(seen) == 1 {
			parent = from
		}
		if len(links) < 32 {
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	ctx, span := c.tracer.Start(parent, "process "+string(topic), trace.WithSpanKind(trace.SpanKindConsumer),
		messaging("process", topic, len(batch)), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.consumer.group.name", group)))
	return ctx, func(err error) { endSpan(span, err) }
}
