# What the Python clients have in common: where to send, and a line of JSON for each cell of the matrix.
import json, os, urllib.error, urllib.request

WHERE = json.loads(os.environ["CELLS"])
TYPE = "cinedex.media.arrived.v1"


def data(cell):
    return {"title": {"id": "clients"}, "url": "file:///nowhere/" + cell + ".mp4"}


def tell(cell, **what):
    print(json.dumps({"cell": cell, **what}), flush=True)


def post(cell, headers, body):
    """Sends one request and tells what came back."""
    if isinstance(body, str):
        body = body.encode()
    request = urllib.request.Request(WHERE["url"], data=body or b"", headers=dict(headers), method="POST")
    request.add_header("Authorization", "Bearer " + WHERE["token"])
    if not any(k.lower() == "content-type" for k in headers):
        # urllib would say that it is a form.
        request.add_unredirected_header("Content-type", "")
        del request.unredirected_hdrs["Content-type"]
        send_without_type(cell, request)
        return
    try:
        with urllib.request.urlopen(request) as response:
            tell(cell, status=response.status, body=response.read().decode())
    except urllib.error.HTTPError as e:
        tell(cell, status=e.code, body=e.read().decode())


def send_without_type(cell, request):
    import http.client
    connection = http.client.HTTPConnection(request.host)
    connection.request("POST", request.selector, request.data, dict(request.header_items()))
    response = connection.getresponse()
    tell(cell, status=response.status, body=response.read().decode())


def producer(**more):
    from confluent_kafka import Producer
    return Producer({"bootstrap.servers": WHERE["brokers"], "message.timeout.ms": 30000, **more})


def produce(p, message):
    """Puts a record into the log, with the SDK's own headers, key and value."""
    failed = []
    p.produce(WHERE["topic"], value=message.value, key=message.key, headers=dict(message.headers),
              on_delivery=lambda error, _: failed.append(str(error)) if error else None)
    p.flush()
    if failed:
        raise RuntimeError(failed[0])
