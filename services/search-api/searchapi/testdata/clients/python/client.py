"""A client of the search API over gRPC: a search, its pages, an error, and the new hits of a saved search.

    client.py HOST:PORT TOKEN

Each step prints a line of JSON. The last step waits for a line of standard input.
"""

import json
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cinedex.v1 import saved_pb2, saved_pb2_grpc, search_pb2, search_pb2_grpc

address, token = sys.argv[1:]
channel = grpc.insecure_channel(address)
search = search_pb2_grpc.SearchServiceStub(channel)
saved = saved_pb2_grpc.SavedSearchServiceStub(channel)
signed = [("authorization", "Bearer " + token)]


def show(**step):
    print(json.dumps(step), flush=True)


def place(hit):
    return f"{hit.title}@{hit.start_ms}"


def first():
    answer = search.Search(search_pb2.SearchRequest(q="dialogue.words:lamp", limit=1), metadata=signed)
    hit = answer.hits[0]
    show(step="search", query=answer.query, total=answer.total.count, exact=answer.total.exact, title=hit.title_name, text=hit.text,
         timecode=hit.start_timecode, start=hit.start, score=hit.score, by=[f"{e.leaf}/{e.by}" for e in hit.evidence])


def pages():
    hits, cursor, n = [], "", 0
    while n == 0 or cursor:
        answer = search.Search(search_pb2.SearchRequest(q="dialogue.words:lamp", order="time", limit=10, cursor=cursor), metadata=signed)
        hits += [place(h) for h in answer.hits]
        cursor, n = answer.cursor, n + 1
    show(step="pages", pages=n, hits=hits)


def refusal():
    try:
        search.Search(search_pb2.SearchRequest(q='dialogue:"lamp'), metadata=signed)
    except grpc.RpcError as e:
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in rpc_status.from_call(e).details:
            detail.Unpack(info)  # only where the detail has the type
            detail.Unpack(request)
        show(step="error", code=e.code().value[0], kind=info.reason, column=info.metadata["column"],
             field=request.field_violations[0].field, message=e.details())


def watch(since, step):
    """Tells the first new hits behind a token, and returns the token behind the hits."""
    stream = saved.WatchSearch(saved_pb2.WatchSearchRequest(name="lamps", since=since), metadata=signed)
    for m in stream:
        if m.hits:
            show(step=step, hits=[place(h) for h in m.hits])
            stream.cancel()
            return m.token
        if not since:
            show(step="watching")
        since = m.token
    raise EOFError("the stream ended")


first()
pages()
refusal()
saved.SaveSearch(saved_pb2.SaveSearchRequest(saved=saved_pb2.SavedSearch(name="lamps", search=search_pb2.SearchRequest(q="dialogue.words:lamp"))), metadata=signed)
behind = watch("", "found")
sys.stdin.readline()
watch(behind, "resumed")
