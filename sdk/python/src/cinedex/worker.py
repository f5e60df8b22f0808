"""The server of a worker: declarations, runs and encoders over gRPC. The contract is cinedex/v1/worker.proto."""

from __future__ import annotations

import logging
import math
import os
import platform
import queue
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from .declare import Algorithm, Output, Space
from .errors import Cancelled, Invalid, Misuse, Unavailable
from .output import Annotation, Blob, Embedding, annotation_proto, checked_vector, embedding_proto
from .run import Area, Inbox, Run
from .times import clock
from .v1 import worker_pb2 as worker

VERSION = "0.1.0"
PROTOCOL = 1
SERVICE = "cinedex.v1.AlgorithmWorkerService"

_MAX_MESSAGE = 64 << 20
_MAX_BLOB = 8 << 20
_OUTPUT_AHEAD = 256
"""How many items of output may wait to be sent. An algorithm that writes faster waits."""

log = logging.getLogger("cinedex")


@dataclass(frozen=True)
class Certificates:
    """The files of mutual TLS: the worker's own certificate and key, and the authority of the certificates of the platform."""

    certificate: str
    key: str
    clients: str


class Worker:
    """A server of algorithms. `serve` is the usual way; tests start and stop a Worker by themselves."""

    def __init__(self, algorithms: Sequence[Algorithm], *, private: bool = False, candidate: bool = False) -> None:
        if not algorithms:
            raise Misuse("the file declares no algorithm: decorate a generator with @cinedex.algorithm(…)")
        twice = {a.id for a in algorithms if [b.id for b in algorithms].count(a.id) > 1}
        if twice:
            raise Misuse(f"two algorithms are called {', '.join(sorted(twice))}: give one of them another name or another version")
        self._algorithms = {a.id: a for a in algorithms}
        self._spaces = {s.id: s for a in algorithms for s in a.spaces}
        self._turns = {a.id: threading.BoundedSemaphore(max(a.runs_at_once, 1)) for a in algorithms}
        self._declared = worker.DeclareResponse(protocol=PROTOCOL, instance=secrets.token_hex(8), program=program(), algorithms=[a.declaration(private, candidate) for a in algorithms])
        runs = sum(max(a.runs_at_once, 1) for a in algorithms)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4 * runs + 8, thread_name_prefix="cinedex"),
                                   options=[("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE), ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
            "Declare": grpc.unary_unary_rpc_method_handler(self._declare, worker.DeclareRequest.FromString, worker.DeclareResponse.SerializeToString),
            "Annotate": grpc.stream_stream_rpc_method_handler(self._annotate, worker.AnnotateRequest.FromString, worker.AnnotateResponse.SerializeToString),
            "Encode": grpc.unary_unary_rpc_method_handler(self._encode, worker.EncodeRequest.FromString, worker.EncodeResponse.SerializeToString),
        }),))
        self._socket: str | None = None

    def listen(self, address: str, certificates: Certificates | None = None) -> str:
        """Opens the address: unix:PATH, or HOST:PORT. Another machine is served with certificates only. Returns the address with the chosen port."""
        if address.startswith("unix:"):
            self._socket = _free_socket(address[5:])
            old = os.umask(0o177)
            try:
                self._server.add_insecure_port("unix:" + self._socket)
            finally:
                os.umask(old)
            return address
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise Misuse(f"the address {address!r} is neither unix:PATH nor HOST:PORT")
        if certificates is None:
            if host not in ("127.0.0.1", "[::1]", "localhost"):
                raise Misuse(f"the address {address!r} is reachable from other machines: give --certificate, --key and --clients, so that worker and platform know each other")
            return f"{host}:{self._server.add_insecure_port(address)}"
        try:
            own = (Path(certificates.key).read_bytes(), Path(certificates.certificate).read_bytes())
            clients = Path(certificates.clients).read_bytes()
        except OSError as e:
            raise Misuse(f"reading the certificates: {e}") from e
        secure = grpc.ssl_server_credentials([own], root_certificates=clients, require_client_auth=True)
        return f"{host}:{self._server.add_secure_port(address, secure)}"

    def start(self) -> None:
        """Serves until stop."""
        self._server.start()

    def stop(self, grace: float = 2.0) -> None:
        """Ends the runs, and closes the address."""
        self._server.stop(grace).wait(grace + 3)
        if self._socket:
            Path(self._socket).unlink(missing_ok=True)

    def _declare(self, request: worker.DeclareRequest, context: grpc.ServicerContext) -> worker.DeclareResponse:
        if request.protocol != PROTOCOL:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"the platform speaks version {request.protocol} of the contract of workers, and {program()} speaks {PROTOCOL}: "
                          "install the package of the platform's release")
        return self._declared

    def _annotate(self, requests: Iterator[worker.AnnotateRequest], context: grpc.ServicerContext) -> Iterator[worker.AnnotateResponse]:
        first = next(requests, None)
        if first is None or not first.HasField("begin"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first request is not Begin")
            return
        run = first.begin.run
        ref = f"{run.algorithm}@{run.version}"
        a = self._algorithms.get(ref)
        if a is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"this worker has no algorithm {ref}; the worker has {', '.join(self._algorithms)}")
            return
        if not self._turns[ref].acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{ref} executes {a.runs_at_once} runs at once, and all are taken")
            return
        execution = Execution(a, first.begin, requests, self._turns[ref].release)
        if not context.add_callback(execution.cancel):
            execution.cancel()
        for response in execution.responses():
            yield response
        if execution.failure is not None:
            code, text = status_of(execution.failure)
            if code != grpc.StatusCode.CANCELLED:
                log.error("%s: %s", ref, text)
            context.abort(code, text)

    def _encode(self, request: worker.EncodeRequest, context: grpc.ServicerContext) -> worker.EncodeResponse:
        space = self._spaces.get(request.space)
        try:
            if space is None:
                raise Misuse(f"this worker has no space {request.space!r}; the worker has {', '.join(self._spaces) or 'none'}")
            return worker.EncodeResponse(vector=encode(space, request))
        except Exception as e:  # noqa: BLE001 an encoder may raise anything
            code, text = status_of(e)
            context.abort(code, text)
            raise


def encode(space: Space, request: worker.EncodeRequest) -> list[float]:
    """The vector of one input."""
    which = request.WhichOneof("input")
    takes = {"words": "text", "picture": "picture", "sound": "sound"}.get(which or "", "nothing")
    if which == "picture" and request.picture.frame and "frame" in space.encoders:
        takes = "frame"
    function = space.encoders.get(takes) or (space.encoders.get("frame") if takes == "picture" else None)
    if function is None:
        raise Misuse(f"the space {space.id} has no encoder of {takes}: @cinedex.encoder(space, {takes!r})")
    if which == "words":
        vector = function(request.words)
    elif which == "picture":
        p = request.picture
        if len(p.pixels) != p.width * p.height * 3:
            raise Invalid(f"a picture of {p.width} x {p.height} has {p.width * p.height * 3} bytes, and not {len(p.pixels)}")
        vector = function(np.frombuffer(p.pixels, dtype=np.uint8).reshape(p.height, p.width, 3))
    else:
        vector = function(np.frombuffer(request.sound.samples, dtype="<i2").astype(np.float32) / np.float32(32768), request.sound.rate)
    return checked_vector(f"the answer of {getattr(function, '__name__', 'the encoder')}", vector, space.dimension, space.metric)


class Execution:
    """One execution of a run. A thread reads the input, a thread is the algorithm, and the thread of the call sends the output and the heartbeats."""

    def __init__(self, algorithm: Algorithm, begin: worker.Begin, requests: Iterable[worker.AnnotateRequest], ended: Callable[[], None] = lambda: None) -> None:
        self.algorithm = algorithm
        self.failure: BaseException | None = None
        self._begin, self._requests, self._on_end = begin, requests, ended
        # A SimpleQueue may be filled while an array is being freed, at any place in any thread.
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(_OUTPUT_AHEAD)
        self._gone = threading.Event()
        self._inbox: Inbox | None = None
        self._run: Run | None = None

    def cancel(self) -> None:
        """Ends the run: the algorithm gets Cancelled at its next read or yield."""
        self._gone.set()
        if self._inbox is not None:
            self._inbox.close(Cancelled("the platform ended the run"))

    def responses(self) -> Iterator[worker.AnnotateResponse]:
        """Executes the algorithm, and yields the responses to the end."""
        every = max(self._begin.heartbeat_ms or 10_000, 50) / 1000 / 3
        threading.Thread(target=self._algorithm, name=f"run {self.algorithm.id}", daemon=True).start()
        told, due = 0, time.monotonic() + every
        # Slots go back together: a message costs as much as a small picture.
        freed: list[int] = []
        enough, back = max(1, min(_FREED_TOGETHER, self._begin.area.slots // 4)), math.inf
        while True:
            try:
                m = self._out.get(timeout=max(min(due, back) - time.monotonic(), 0))
            except queue.Empty:
                m = None
            if isinstance(m, int):
                freed.append(m)
                back = min(back, time.monotonic() + _FREED_WAIT)
            if freed and (len(freed) >= enough or m is _END or time.monotonic() >= back):
                yield worker.AnnotateResponse(release=worker.Release(slots=freed))
                freed, back = [], math.inf
            if m is _END:
                return
            if isinstance(m, str):
                yield worker.AnnotateResponse(taken=worker.Taken(source=m, messages=1))
            elif m is not None and not isinstance(m, int):
                self._room.release()
                yield m
            if time.monotonic() < due:
                continue
            due = time.monotonic() + every
            run = self._run
            if run is not None and run.done != told:
                told = run.done
                yield worker.AnnotateResponse(progress=worker.WorkerProgress(done=run.done, total=max(run.total, run.done)))
            else:
                yield worker.AnnotateResponse(heartbeat=worker.Heartbeat())

    def _algorithm(self) -> None:
        try:
            area = Area(self._begin.area, self._out.put)
            self._inbox = inbox = Inbox(area, self._out.put)
            if self._gone.is_set():
                inbox.close(Cancelled("the platform ended the run"))
            threading.Thread(target=self._read, args=(inbox,), name=f"input {self.algorithm.id}", daemon=True).start()
            self._run = Run(self.algorithm, self._begin, inbox)
            self._write(self._run)
            self._put(worker.AnnotateResponse(done=worker.Done()))
        except BaseException as e:  # noqa: BLE001 an algorithm may raise anything, SystemExit too
            self.failure = e
            if not isinstance(e, (Cancelled, Invalid, Unavailable, Misuse)):
                traceback.print_exc()
        finally:
            self._on_end()
            self._out.put(_END)

    def _read(self, inbox: Inbox) -> None:
        try:
            for m in self._requests:
                inbox.put(m)
        except grpc.RpcError:
            inbox.close(Cancelled("the platform ended the run"))
            return
        except Exception as e:  # noqa: BLE001 the algorithm gets the error at its next read
            inbox.close(e)
            return
        inbox.close()

    def _write(self, run: Run) -> None:
        a = self.algorithm
        kinds = [k.name for k in a.kinds]
        spaces = {s.id: (s.dimension, s.metric) for s in a.spaces}
        end = run.limit()
        ordinal = 0
        out: Iterator[Output] = a.function(run)
        try:
            for item in out:
                if isinstance(item, Annotation):
                    response = worker.AnnotateResponse(annotation=annotation_proto(item, kinds, end))
                    item._ordinal, ordinal = ordinal, ordinal + 1
                elif isinstance(item, Embedding):
                    response = worker.AnnotateResponse(embedding=_embedding(item, spaces, end))
                elif isinstance(item, Blob):
                    if len(item.data) > _MAX_BLOB:
                        raise Misuse(f"the blob {item.name!r} has {len(item.data) >> 20} MiB: a blob has at most {_MAX_BLOB >> 20}")
                    response = worker.AnnotateResponse(blob=worker.Blob(name=item.name, content_type=item.content_type, data=item.data))
                else:
                    raise Misuse(f"{a.id} yields {type(item).__name__}: yield cinedex.Annotation(…), cinedex.Embedding(…) or cinedex.Blob(…)")
                self._put(response)
        finally:
            out.close()  # type: ignore[attr-defined]

    def _put(self, response: worker.AnnotateResponse) -> None:
        while not self._room.acquire(timeout=0.2):
            if self._gone.is_set():
                raise Cancelled("the platform ended the run")
        if self._gone.is_set():
            raise Cancelled("the platform ended the run")
        self._out.put(response)


_END = object()
# How many slots go back in a message, and the seconds that a slot waits for others.
_FREED_TOGETHER = 16
_FREED_WAIT = 0.05


def _embedding(e: Embedding, spaces: dict[str, tuple[int, str]], end: int) -> worker.WorkerEmbedding:
    m = worker.WorkerEmbedding(embedding=embedding_proto(e, spaces, end))
    if e.of is not None and not e.of.id:
        if e.of._ordinal < 0:
            raise Misuse(f"the embedding at {clock(e.start)} stands for an annotation that was not yielded yet: yield the annotation first")
        m.annotation = e.of._ordinal
    return m


def status_of(e: BaseException) -> tuple[grpc.StatusCode, str]:
    """The status of an error, and a line that says where the error came from."""
    if isinstance(e, Cancelled):
        return grpc.StatusCode.CANCELLED, str(e)
    if isinstance(e, (Invalid, Misuse)):
        return grpc.StatusCode.INVALID_ARGUMENT, str(e)
    if isinstance(e, Unavailable):
        return grpc.StatusCode.UNAVAILABLE, str(e)
    if isinstance(e, MemoryError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, "the worker has no memory left"
    own = [f for f in traceback.extract_tb(e.__traceback__) if Path(f.filename).parent != Path(__file__).parent]
    at = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return grpc.StatusCode.INTERNAL, f"{type(e).__name__}: {e}{at}"[:2000]


def program() -> str:
    """What the worker is, for people."""
    return f"cinedex {VERSION}, Python {platform.python_version()}"


def serve(*algorithms: Algorithm, address: str, certificates: Certificates | None = None, private: bool = False, candidate: bool = False) -> None:
    """Serves algorithms until SIGTERM or SIGINT. Prints "ready ADDRESS" once the address is open. private and candidate are those of WorkerAlgorithm."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    w = Worker(algorithms, private=private, candidate=candidate)
    opened = w.listen(address, certificates)
    stop = threading.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.set())
    w.start()
    print("ready", opened, flush=True)
    _wait(stop)
    w.stop()


def _wait(stop: threading.Event) -> None:
    """Waits for the signal, or for the end of the program that started the worker, if that program asks so."""
    parent = os.getppid() if os.environ.get("CINEDEX_WORKER_PARENT") == "1" else 0
    while not stop.wait(1.0):
        if parent and os.getppid() != parent:
            log.warning("the program that started the worker has ended")
            return


def _free_socket(path: str) -> str:
    path = os.path.abspath(path)
    if len(os.fsencode(path)) > 100:
        raise Misuse(f"the path of the socket is too long for the system ({len(os.fsencode(path))} bytes, 100 at most): {path}")
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.path.exists(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(2)
            try:
                s.connect(path)
            except OSError:
                os.unlink(path)  # left by a worker that was killed
            else:
                raise Misuse(f"another worker serves {path}: stop the other worker first")
    return path
