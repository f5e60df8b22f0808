package events

import (
	"context"
	"maps"

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

// tracePublish starts the span of publishing. Publishing continues the trace context of an event. The span itself
// continues a single event, and the span's parent is the context of the event. The spans of the consumers continue
// several events, and the span of publishing links to the contexts.
func (c *Client) tracePublish(ctx context.Context, topic Topic, evs []Event) (context.Context, func(error)) {
	if !c.tracing {
		return ctx, func(error) {}
	}
	here := trace.SpanContextFromContext(ctx)
	parent := ctx
	var links []trace.Link
	for i := range evs {
		sc := spanOf(evs[i])
		switch {
		case !sc.IsValid() || sc.TraceID() == here.TraceID() || len(links) == maxLinks:
		case len(evs) > 1:
			links = append(links, trace.Link{SpanContext: sc})
		default:
			parent = trace.ContextWithRemoteSpanContext(ctx, sc)
			if here.IsValid() {
				links = append(links, trace.Link{SpanContext: here})
			}
		}
	}
	ctx, span := c.tracer.Start(parent, "send "+string(topic), trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(links...), messaging("send", topic, len(evs)))
	return ctx, func(err error) { endSpan(span, err) }
}

const maxLinks = 32

// spanOf returns the span context of an event. The span context is invalid if the event brings none.
func spanOf(ev Event) trace.SpanContext {
	return trace.SpanContextFromContext(propagator.Extract(context.Background(), propagation.MapCarrier(ev.Extensions)))
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// traceOn returns an event with the trace context of ctx. An event has a single trace context: an event of another
// trace keeps its own context.
func traceOn(ctx context.Context, ev Event) Event {
	here, own := trace.SpanContextFromContext(ctx), spanOf(ev) //nolint:contextcheck // what the event tells is not that of ctx
	if !here.IsValid() || own.IsValid() && own.TraceID() != here.TraceID() {
		return ev
	}
	extensions := make(propagation.MapCarrier, len(ev.Extensions)+2)
	maps.Copy(extensions, ev.Extensions)
	for _, field := range propagator.Fields() {
		delete(extensions, field)
	}
	propagator.Inject(ctx, extensions)
	ev.Extensions = extensions
	return ev
}

// traceHandle starts the span of handling a batch. The span continues the trace of the first event, so the path of a
// film through the services is a single trace. The span links to the traces of the other events.
func (c *Client) traceHandle(ctx context.Context, group string, topic Topic, batch []Delivery) (context.Context, func(error)) {
	if !c.tracing {
		return ctx, func(error) {}
	}
	var links []trace.Link
	seen := make(map[trace.SpanID]bool)
	parent := ctx
	for i := range batch {
		sc := spanOf(batch[i].Event)
		switch {
		case !sc.IsValid() || seen[sc.SpanID()]:
			continue
		case len(seen) == 0:
			parent = trace.ContextWithRemoteSpanContext(ctx, sc)
		case len(links) < maxLinks:
			links = append(links, trace.Link{SpanContext: sc})
		}
		seen[sc.SpanID()] = true
	}
	ctx, span := c.tracer.Start(parent, "process "+string(topic), trace.WithSpanKind(trace.SpanKindConsumer),
		messaging("process", topic, len(batch)), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.consumer.group.name", group)))
	return ctx, func(err error) { endSpan(span, err) }
}
