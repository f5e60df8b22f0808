# The CloudEvents SDK for Python, 1.x, over HTTP and, with confluent-kafka, over Kafka.
import json
from cells import TYPE, WHERE, data, post, produce, producer, tell
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from cloudevents.kafka import to_binary as kafka_binary, to_structured as kafka_structured


def event(cell, payload=None, **more):
    return CloudEvent({"type": TYPE, "source": "/python1", "id": cell, **more}, data(cell) if payload is None else payload)


SCHEMA = "https://studio.example/arrived.json"
if WHERE["url"]:
    post("structured", *to_structured(event("structured")))
    post("binary", *to_binary(event("binary", datacontenttype="application/json")))
    post("binary without a type", *to_binary(event("binary without a type")))
    post("structured +json", *to_structured(event("structured +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")))
    post("binary +json", *to_binary(event("binary +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")))
    post("binary, letters", *to_binary(event("binary, letters", datacontenttype="application/json", subject="Löwe")))
    post("structured, bytes", *to_structured(event("structured, bytes", json.dumps(data("structured, bytes")).encode(), datacontenttype="application/json")))
    headers, body = to_structured(event("structured, null"))
    post("structured, null", headers, json.dumps({**json.loads(body), "subject": None, "dataschema": None}))
    post("structured 0.3", *to_structured(event("structured 0.3", specversion="0.3", schemaurl=SCHEMA)))
    post("binary 0.3", *to_binary(event("binary 0.3", specversion="0.3", schemaurl=SCHEMA)))
    post("binary, text", *to_binary(event("binary, text", json.dumps(data("binary, text")), datacontenttype="application/json")))
    post("structured, text", *to_structured(event("structured, text", json.dumps(data("structured, text")), datacontenttype="application/json")))
    post("another type", *to_structured(CloudEvent({"type": "com.example.python1", "source": "/python1", "id": "another type"}, {})))
    post("a wrong field", *to_structured(event("a wrong field", {"title": {"id": "a b"}, "url": "x"})))
if WHERE["brokers"]:
    p = producer()
    for cell, message in {
        "kafka binary": kafka_binary(event("kafka binary", datacontenttype="application/json", subject="Löwe € 😀")),
        "kafka binary +json": kafka_binary(event("kafka binary +json", datacontenttype="application/vnd.studio+json", dataschema=SCHEMA, studio="north")),
        "kafka structured": kafka_structured(event("kafka structured", datacontenttype="application/json")),
        "kafka structured without a type": kafka_structured(event("kafka structured without a type")),
        "kafka another type": kafka_binary(CloudEvent({"type": "com.example.python1", "source": "/python1", "id": "x", "datacontenttype": "application/json"}, {})),
    }.items():
        produce(p, message)
        tell(cell)
