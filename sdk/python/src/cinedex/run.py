"""A run: the input of an algorithm over one asset."""

from __future__ import annotations

import itertools
import mmap
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Mapping, TypeVar

import numpy as np
from numpy.typing import NDArray

from .declare import Algorithm, Parameter, read
from .errors import Cancelled, Error, Misuse
from .output import Annotation, annotation_of
from .picture import png
from .times import FLICKS
from .v1 import noun_pb2 as noun
from .v1 import worker_pb2 as worker

V = TypeVar("V")
Pixels = NDArray[np.uint8]


@dataclass(eq=False)
class Frame:
    """A frame of the film. pixels has the shape (height, width, 3), red first, cannot be written, and lies in memory that the platform shares. An algorithm that
    keeps many frames keeps copies (frame.copy()), since the shared memory has room for some frames only."""

    number: int
    start: int
    end: int
    pixels: Pixels

    def copy(self) -> Frame:
        """The frame with pixels of its own."""
        return Frame(self.number, self.start, self.end, self.pixels.copy())

    def _repr_png_(self) -> bytes:
        return png(self.pixels)


@dataclass(eq=False)
class Batch:
    """Some frames in order. pixels has the shape (frames, height, width, 3). The pixels are not copied where the frames lie one after the other."""

    frames: list[Frame]
    pixels: Pixels


@dataclass(eq=False)
class SoundBlock:
    """A block of sound. samples are 16-bit numbers, of the shape (count,), or (count, channels) for every channel."""

    track: int
    first: int
    rate: int
    samples: NDArray[np.int16]

    @property
    def start(self) -> int:
        """In flicks."""
        return self.first * FLICKS // self.rate

    @property
    def end(self) -> int:
        """In flicks."""
        return (self.first + len(self.samples)) * FLICKS // self.rate

    @property
    def floats(self) -> NDArray[np.float32]:
        """The samples from -1 to 1."""
        return self.samples.astype(np.float32) / np.float32(32768)


@dataclass(frozen=True)
class Cue:
    """A cue of a text track."""

    start: int
    end: int
    text: str
    speaker: str
    language: str
    track: int


@dataclass(frozen=True)
class Vector:
    """An embedding of another algorithm."""

    start: int
    end: int
    vector: NDArray[np.float32]
    space: str
    of: str
    id: str


@dataclass(frozen=True)
class Stretch(Generic[V]):
    """Frames one after the other with the same value: [start, end) in flicks. The end is the start of the next stretch."""

    start: int
    end: int
    value: V


class Run:
    """A run of an algorithm over one asset: the input, and the parameters. Each input is read once, in order.

    run.frames, run.batches(), run.stretches(…), run.by_shot(…): pictures
    run.sound: blocks of samples
    run.cues: the cues of the text tracks
    run.annotations(kind), run.embeddings(space): the output of other algorithms
    run.parameters: the parameters, of the types of the defaults
    run.asset: the asset as a message, with title, duration and tracks
    """

    def __init__(self, algorithm: Algorithm, begin: worker.Begin, inbox: Inbox) -> None:
        self.algorithm = algorithm
        self.asset: noun.Asset = begin.asset
        self.parameters: Mapping[str, Parameter] = _parameters(algorithm, begin.run)
        self.frame_count = begin.frames
        self.width, self.height = begin.width, begin.height
        self.rate = begin.rate
        self.done, self.total = 0, begin.frames
        self._inbox = inbox
        self._read: set[str] = set()
        self._told = False

    @property
    def end(self) -> int:
        """The end of the film, in flicks."""
        return int(self.asset.duration)

    @property
    def frames(self) -> Iterator[Frame]:
        """The frames of the film, in order."""
        self._once("frames", self.algorithm.frames, "frames=cinedex.Frames(…)")
        return self._frames()

    def batches(self, size: int = 0) -> Iterator[Batch]:
        """The frames of the film, some at a time: size, by default as many as @algorithm says by Frames(at_once=…)."""
        n = size or (self.algorithm.frames.at_once if self.algorithm.frames else 0) or 8
        frames = self.frames
        while some := list(itertools.islice(frames, n)):
            yield Batch(some, self._inbox.area.stack([f.pixels for f in some]))

    def stretches(self, value: Callable[[Frame], V]) -> Iterator[Stretch[V]]:
        """The film as stretches of frames with the same value, from the first frame to the end of the film."""
        begun: tuple[int, V] | None = None
        last = 0
        for f in self.frames:
            v = value(f)
            last = f.end
            if begun is None:
                begun = (f.start, v)
            elif begun[1] != v:
                yield Stretch(begun[0], f.start, begun[1])
                begun = (f.start, v)
        if begun is not None:
            yield Stretch(begun[0], max(last, self._end_of_pictures()), begun[1])

    def by_shot(self, value: Callable[[Frame], V]) -> Iterator[tuple[Annotation, list[V]]]:
        """The shots of the film, each with the values of its frames. Neither frames nor shots wait for the other. value is called once for a frame, and should
        return little: values are kept until the shot is known."""
        self._once("frames", self.algorithm.frames, "frames=cinedex.Frames(…)")
        self._need("shot")
        waiting: deque[tuple[int, V]] = deque()
        shots: deque[Annotation] = deque()
        seen = -1
        for source, m in self._inbox.both("frames", "shot"):
            if source == "frames":
                f = self._frame(m)
                seen = f.start
                waiting.append((f.start, value(f)))
                del f
            elif source == "shot":
                shots.append(annotation_of(m))
            ended = source == "end"
            while shots and (ended or seen >= shots[0].end):
                shot = shots.popleft()
                while waiting and waiting[0][0] < shot.start:
                    waiting.popleft()
                values = []
                while waiting and waiting[0][0] < shot.end:
                    values.append(waiting.popleft()[1])
                yield shot, values

    @property
    def sound(self) -> Iterator[SoundBlock]:
        """The sound of the film, track by track, in blocks."""
        self._once("sound", self.algorithm.sound, "sound=cinedex.Sound(…)")
        for m in self._inbox.take("sound"):
            flat, channels = self._inbox.area.sound(m), max(m.channels, 1)
            yield SoundBlock(m.track, m.first, self.rate, flat if channels == 1 else flat.reshape(-1, channels))

    @property
    def cues(self) -> Iterator[Cue]:
        """The cues of the text tracks, track by track, in the order of their times."""
        self._once("cues", self.algorithm.cues, "cues=True")
        for m in self._inbox.take("cues"):
            for c in m.cues:
                yield Cue(c.start, c.end, c.text, c.speaker, m.language, m.track)

    def annotations(self, kind: str) -> Iterator[Annotation]:
        """The annotations of a kind that the algorithm needs, in order. If the other algorithm is running, the annotations come as they are written."""
        self._need(kind)
        return (annotation_of(m) for m in self._inbox.take(kind))

    def embeddings(self, space: str) -> Iterator[Vector]:
        """The embeddings of a space ("name@version") that the algorithm needs, in order."""
        self._need(space)
        return (Vector(m.start, m.end, np.array(m.vector, dtype=np.float32), m.space, m.of, f"{m.run}/{m.ordinal}") for m in self._inbox.take(space))

    def progress(self, done: int, total: int) -> None:
        """Says how much of the run is done. Without progress, the frames that were read are the progress."""
        self._told, self.done, self.total = True, done, total

    @property
    def cancelled(self) -> bool:
        """Whether the platform has ended the run. Reading and yielding raise Cancelled then; long work between them asks here."""
        return self._inbox.cancelled

    def limit(self) -> int:
        """The latest end of an interval, in flicks; 0 if not known."""
        return max(self.end, self._end_of_pictures())

    def _end_of_pictures(self) -> int:
        video = self.asset.video
        if video.variable_rate or not video.rate.num or not video.rate.den:
            return 0
        return int(self.frame_count * FLICKS * video.rate.den // video.rate.num)

    def _frames(self) -> Iterator[Frame]:
        for m in self._inbox.take("frames"):
            yield self._frame(m)

    def _frame(self, m: worker.Frame) -> Frame:
        if not self._told:
            self.done = m.number + 1
        return Frame(m.number, m.start, m.end, self._inbox.area.pixels(m))

    def _once(self, what: str, declared: Any, how: str) -> None:
        if not declared:
            raise Misuse(f"{self.algorithm.id} reads {what} and does not declare {what}: @algorithm(…, {how})")
        if what in self._read:
            raise Misuse(f"{self.algorithm.id} reads {what} twice: keep the needed values of the first reading")
        self._read.add(what)

    def _need(self, what: str) -> None:
        self._once(what, what in self.algorithm.needs, f"needs=[{what!r}]")


class Inbox:
    """The input of a run by source. One thread fills the inbox, and the algorithm takes from the inbox."""

    patience = 30.0
    """Seconds that an algorithm may wait for another algorithm while frames wait to be read."""

    def __init__(self, area: Area, taken: Callable[[str], None]) -> None:
        self.area = area
        self._taken = taken
        self._lock = threading.Condition()
        self._queues: dict[str, deque[Any]] = {}
        self._ended: set[str] = set()
        self._failure: BaseException | None = None

    def put(self, m: worker.AnnotateRequest) -> None:
        """Adds a message of the platform."""
        which = m.WhichOneof("input")
        with self._lock:
            if which == "frames":
                self._queue("frames").extend(m.frames.frames)
            elif which == "sound":
                self._queue("sound").append(m.sound)
            elif which == "cues":
                self._queue("cues").extend((m.cues, _LAST))
            elif which == "annotations" and m.annotations.annotations:
                self._queue(m.annotations.annotations[0].kind).extend((*m.annotations.annotations, _LAST))
            elif which == "embeddings" and m.embeddings.embeddings:
                self._queue(m.embeddings.embeddings[0].space).extend((*m.embeddings.embeddings, _LAST))
            elif which == "end":
                self._ended.add(m.end)
            self._lock.notify_all()

    def close(self, failure: BaseException | None = None) -> None:
        """Ends every source: with failure, reading raises the failure."""
        with self._lock:
            if isinstance(failure, Cancelled) or self._failure is None:  # a cancelled stream may end before the cancellation is told
                self._failure = failure or Error("the platform ended the input before its end was told")
            self._lock.notify_all()

    @property
    def cancelled(self) -> bool:
        return isinstance(self._failure, Cancelled)

    def take(self, source: str) -> Iterator[Any]:
        """The messages of a source, until the end of the source."""
        for got, m in self._take((source,)):
            if got == "end":
                return
            yield m

    def both(self, *sources: str) -> Iterator[tuple[str, Any]]:
        """The messages of several sources as they come, and ("end", None) at last."""
        return self._take(sources)

    def _take(self, sources: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        while True:
            with self._lock:
                since = time.monotonic()
                while (next_ := self._next(sources)) is None:
                    if not self._lock.wait(1.0):
                        self._stuck(sources, since)
            yield next_
            if next_[0] == "end":
                return
            del next_

    def _next(self, sources: tuple[str, ...]) -> tuple[str, Any] | None:
        if self.cancelled:
            raise self._failure  # type: ignore[misc]
        for s in sources:
            q = self._queues.get(s)
            while q and q[0] is _LAST:
                q.popleft()
                self._taken(s)
            if q:
                return s, q.popleft()
        if all(s in self._ended for s in sources):
            return "end", None
        if self._failure is not None:
            raise self._failure
        return None

    def _stuck(self, sources: tuple[str, ...], since: float) -> None:
        if time.monotonic() - since < self.patience:
            return
        if "frames" in sources and self.area.full and not self._queues.get("frames"):
            raise Misuse(f"the algorithm keeps {self.area.held} frames, which is all that the shared memory holds: keep copies (frame.copy()), or less of each frame")
        if "frames" not in sources and self._queues.get("frames"):
            raise Misuse(f"the algorithm waits for {' and '.join(sources)} while frames wait to be read, and the other algorithm may wait for the same frames: "
                         "read the frames first, or use run.by_shot")

    def _queue(self, source: str) -> deque[Any]:
        return self._queues.setdefault(source, deque())


_LAST = object()
"""Follows the last item of a message."""


class Area:
    """The shared area of a run: a file that the platform writes, mapped for reading. A slot goes back to the platform when nothing refers to its pixels."""

    def __init__(self, area: worker.SharedArea, release: Callable[[int], None]) -> None:
        self._release = release
        self._slots, self._slot_bytes = area.slots, area.slot_bytes
        self._map: mmap.mmap | None = None
        self._live: dict[int, weakref.ref[Any]] = {}
        if area.path:
            fd = os.open(area.path, os.O_RDONLY)
            try:
                size = os.fstat(fd).st_size
                if size < area.slots * area.slot_bytes or area.slots < 1:
                    raise Error(f"the shared area {area.path} has {size} bytes, and {area.slots} slots of {area.slot_bytes} bytes were announced")
                self._map = mmap.mmap(fd, area.slots * area.slot_bytes, access=mmap.ACCESS_READ)
            finally:
                os.close(fd)

    @property
    def held(self) -> int:
        """The slots that the algorithm keeps."""
        return len(self._live)

    @property
    def full(self) -> bool:
        return 0 < self._slots <= self.held

    def pixels(self, f: worker.Frame) -> Pixels:
        """The pixels of a frame, without a copy."""
        size = f.width * f.height * 3
        return self._bytes(f.slot, size, f.pixels).reshape(f.height, f.width, 3)

    def sound(self, s: worker.Sound) -> NDArray[np.int16]:
        """The samples of a block, channels interleaved. The samples are a copy, since algorithms keep sound."""
        flat = self._bytes(s.slot, 2 * s.count * max(s.channels, 1), s.samples)
        return flat.view("<i2").astype(np.int16)

    def _bytes(self, slot: int, size: int, inline: bytes) -> Pixels:
        if self._map is None:
            if len(inline) != size:
                raise Error(f"the platform sent {len(inline)} bytes where {size} were announced")
            a = np.frombuffer(inline, dtype=np.uint8)
        elif 0 <= slot < self._slots and size <= self._slot_bytes:
            a = np.frombuffer(self._map, dtype=np.uint8, count=size, offset=slot * self._slot_bytes)
        else:
            raise Error(f"the platform names slot {slot} with {size} bytes; the area has {self._slots} slots of {self._slot_bytes} bytes")
        if self._slots == 0:
            return a

        def dead(_: Any, slot: int = slot) -> None:
            self._live.pop(slot, None)
            self._release(slot)

        self._live[slot] = weakref.ref(a, dead)
        return a

    def stack(self, pixels: list[Pixels]) -> Pixels:
        """Several pictures as one array: without a copy where the pictures lie at equal distances."""
        first = pixels[0]
        at = [int(p.__array_interface__["data"][0]) for p in pixels]
        step = at[1] - at[0] if len(at) > 1 else self._slot_bytes
        even = all(b - a == step for a, b in itertools.pairwise(at)) and all(p.shape == first.shape for p in pixels)
        if self._map is None or not even or step <= 0 or step % max(self._slot_bytes, 1):
            return np.stack(pixels)
        shown = _Strided(pixels, {"version": 3, "typestr": "|u1", "shape": (len(pixels), *first.shape), "strides": (step, *first.strides), "data": (at[0], True)})
        return np.asarray(shown)


class _Strided:
    """The memory of several arrays as one array. numpy keeps this object, and so the arrays, for as long as the one array is used."""

    def __init__(self, keeps: list[Pixels], interface: dict[str, Any]) -> None:
        self.keeps = keeps
        self.__array_interface__ = interface


def _parameters(a: Algorithm, run: noun.Run) -> Mapping[str, Parameter]:
    out = dict(a.parameters)
    for key, text in run.parameters.items():
        if key not in out:
            raise Misuse(f"the run has the parameter {key!r}, which {a.id} does not declare: @algorithm(…, parameters={{{key!r}: default}})")
        try:
            out[key] = read(text, out[key])
        except ValueError as e:
            raise Misuse(f"the parameter {key!r} of the run is {text!r}, and the default of {a.id} is {out[key]!r}: {e}") from e
    return MappingProxyType(out)
