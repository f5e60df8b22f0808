# The CloudEvents SDK for Python, 2.x, over HTTP and, with confluent-kafka, over Kafka.
import json
from datetime import datetime, timezone
from cells import TYPE, WHERE, data, post, produce, producer, tell
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent


def event(cell, payload=None, **more):
    return CloudEvent({"type": TYPE, "source": "/python2", "id": cell, "specversion": "1.0", "time": datetime(2026, 1, 2, 3, 4, 5, 678, timezone.utc), **more},
                      data(cell) if payload is None else payload)


def send(cell, message):
    post(cell, message.headers, message.body)


SCHEMA = "https://studio.example/arrived.json"
if WHERE["url"]:
    send("structured", http.to_structured_event(event("structured")))
    send("binary", http.to_binary_event(event("binary", datacontenttype="application/json")))
    send("binary without a type", http.to_binary_event(event("binary without a type")))
    send("structured +json", http.to_structured_event(event("structured +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")))
    send("binary +json", http.to_binary_event(event("binary +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")))
    send("binary, letters", http.to_binary_event(event("binary, letters", datacontenttype="application/json", subject='Löwe € 😀 "100%"')))
    send("structured, bytes", http.to_structured_event(event("structured, bytes", json.dumps(data("structured, bytes")).encode(), datacontenttype="application/json")))
    send("binary, text", http.to_binary_event(event("binary, text", json.dumps(data("binary, text")), datacontenttype="application/json")))
    send("structured, text", http.to_structured_event(event("structured, text", json.dumps(data("structured, text")), datacontenttype="application/json")))
    send("traceparent", http.to_binary_event(event("traceparent", datacontenttype="application/json", traceparent=WHERE["traceparent"])))
    send("another type", http.to_structured_event(CloudEvent({"type": "com.example.python2", "source": "/python2", "id": "x", "specversion": "1.0"}, {})))
if WHERE["brokers"]:
    p = producer()
    for cell, message in {
        "kafka binary": kafka.to_binary_event(event("kafka binary", datacontenttype="application/json", subject="Löwe € 😀")),
        "kafka binary without a type": kafka.to_binary_event(event("kafka binary without a type")),
        "kafka binary +json": kafka.to_binary_event(event("kafka binary +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")),
        "kafka structured": kafka.to_structured_event(event("kafka structured", partitionkey="film")),
        "kafka structured +json": kafka.to_structured_event(event("kafka structured +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")),
        "kafka structured, text": kafka.to_structured_event(event("kafka structured, text", json.dumps(data("x")), datacontenttype="application/json")),
    }.items():
        produce(p, message)
        tell(cell)
