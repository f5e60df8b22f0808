"""An algorithm in a test, without a platform: `play(light, film([black] * 50 + [white] * 50))` returns the annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .declare import Algorithm, Parameter, written
from .output import Annotation, annotation_of
from .times import FLICKS
from .v1 import noun_pb2 as noun
from .v1 import worker_pb2 as worker
from .worker import Execution


@dataclass
class Film:
    """The input of a run in memory."""

    rate: int = 25
    pictures: list[Any] = field(default_factory=list)
    sound: Any = None
    sound_rate: int = 16000
    cues: Sequence[tuple[float, float, str]] = ()
    language: str = "en"
    others: Mapping[str, Sequence[Annotation]] = field(default_factory=dict)

    @property
    def duration(self) -> int:
        """In flicks."""
        sound = 0 if self.sound is None else len(self.sound) * FLICKS // self.sound_rate
        cues = max((int(e * FLICKS) for _, e, _ in self.cues), default=0)
        return max(len(self.pictures) * FLICKS // self.rate, sound, cues)


@dataclass
class Played:
    """The output of a run."""

    annotations: list[Annotation] = field(default_factory=list)
    embeddings: list[noun.Embedding] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Annotation]:
        return iter(self.annotations)

    def __len__(self) -> int:
        return len(self.annotations)


def film(pictures: Iterable[ArrayLike] = (), rate: int = 25, **more: Any) -> Film:
    """A film of pictures, each of the shape (height, width, 3) in the size that the algorithm reads. more: sound, sound_rate, cues (start and end in seconds, and the
    text), language, and others: the annotations of other algorithms by kind."""
    return Film(rate=rate, pictures=[np.ascontiguousarray(p, dtype=np.uint8) for p in pictures], **more)


def colour(red: int, green: int, blue: int, width: int = 32, height: int = 18) -> np.ndarray[Any, Any]:
    """A picture of one colour."""
    return np.full((height, width, 3), (red, green, blue), dtype=np.uint8)


def play(algorithm: Algorithm, of: Film, **parameters: Parameter) -> Played:
    """Executes the algorithm over a film, and returns the output. An error of the algorithm is raised."""
    begin = worker.Begin(run=noun.Run(algorithm=algorithm.name, version=algorithm.version, parameters={k: written(v) for k, v in parameters.items()}),
                         asset=noun.Asset(id="test", title=noun.Title(id="test"), duration=of.duration), heartbeat_ms=10_000, frames=len(of.pictures),
                         rate=algorithm.sound.rate if algorithm.sound else 0)
    if of.pictures:
        begin.asset.video.rate.num, begin.asset.video.rate.den, begin.asset.video.frames = of.rate, 1, len(of.pictures)
        begin.height, begin.width = of.pictures[0].shape[:2]
    execution = Execution(algorithm, begin, _requests(algorithm, of))
    out = Played()
    for r in execution.responses():
        which = r.WhichOneof("output")
        if which == "annotation":
            out.annotations.append(annotation_of(r.annotation))
        elif which == "embedding":
            out.embeddings.append(r.embedding.embedding)
        elif which == "blob":
            out.blobs[r.blob.name] = r.blob.data
    if execution.failure is not None:
        raise execution.failure
    return out


def _requests(a: Algorithm, of: Film) -> Iterator[worker.AnnotateRequest]:
    if a.frames:
        step = max(1, round(of.rate / a.frames.per_second)) if a.frames.per_second else 1
        for n in range(0, len(of.pictures), step):
            p = of.pictures[n]
            yield worker.AnnotateRequest(frames=worker.Frames(frames=[worker.Frame(
                number=n, start=n * FLICKS // of.rate, end=(n + 1) * FLICKS // of.rate, width=p.shape[1], height=p.shape[0], pixels=p.tobytes())]))
        yield worker.AnnotateRequest(end="frames")
    if a.sound:
        if of.sound is not None:
            samples = np.asarray(of.sound)
            if samples.dtype != np.int16:
                samples = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
            for first in range(0, len(samples), a.sound.rate):
                some = samples[first:first + a.sound.rate]
                yield worker.AnnotateRequest(sound=worker.Sound(track=1, first=first, count=len(some), channels=1, samples=some.astype("<i2").tobytes()))
        yield worker.AnnotateRequest(end="sound")
    if a.cues:
        yield worker.AnnotateRequest(cues=worker.Cues(track=0, language=of.language, cues=[
            worker.WorkerCue(start=int(s * FLICKS), end=int(e * FLICKS), text=t) for s, e, t in of.cues]))
        yield worker.AnnotateRequest(end="cues")
    for need in a.needs:
        for ordinal, found in enumerate(of.others.get(need, ())):
            yield worker.AnnotateRequest(annotations=worker.Annotations(annotations=[noun.Annotation(
                run="other", ordinal=ordinal, kind=need, start=found.start, end=found.end, label=found.label, text=found.text)]))
        yield worker.AnnotateRequest(end=need)
