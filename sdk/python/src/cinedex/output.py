"""What an algorithm writes: annotations, embeddings and blobs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike

from .errors import Misuse
from .times import clock
from .v1 import noun_pb2 as noun

AttributeValue = Union[str, bool, int, float, bytes, Sequence[str]]


@dataclass(frozen=True)
class Region:
    """A rectangle in 0..1 of the picture, from the top left."""

    x: float
    y: float
    w: float
    h: float


@dataclass(eq=False)
class Annotation:
    """A finding about the interval [start, end), in flicks. A frame, a cue, a shot and a stretch have `start` and `end`; `cinedex.seconds` makes flicks."""

    start: int
    end: int
    label: str = ""
    """The name of the finding, where names come from a list: "dark"."""
    text: str = ""
    """Free text. Text has a language."""
    kind: str = ""
    """One of the declared kinds; of an algorithm of one kind, that kind."""
    language: str = ""
    """The language of text, as a BCP 47 tag: "en"."""
    character: str = ""
    confidence: float = 1.0
    region: Region | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    id: str = ""
    """Of an annotation that another algorithm wrote: the identity."""
    _ordinal: int = -1


@dataclass(eq=False)
class Embedding:
    """A vector for the interval [start, end), in a space that the algorithm declares."""

    start: int
    end: int
    vector: ArrayLike
    space: str = ""
    """"name@version"; of an algorithm of one space, that space."""
    of: Annotation | None = None
    """The annotation that the vector stands for: an annotation that the run yielded before, or an annotation of another algorithm."""
    region: Region | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Blob:
    """Bytes that the platform keeps. An annotation names the blob by the attribute "blob"."""

    name: str
    data: bytes
    content_type: str = "application/octet-stream"


def annotation_proto(a: Annotation, kinds: Sequence[str], end: int) -> noun.Annotation:
    """The message of an annotation. Misuse: a field breaks the contract."""
    where = f"the annotation at {_at(a.start)}"
    kind = a.kind or (kinds[0] if len(kinds) == 1 else "")
    if not kind:
        raise Misuse(f"{where} has no kind, and the algorithm declares {_list(kinds)}: say Annotation(…, kind={_first(kinds)!r})")
    if kind not in kinds:
        raise Misuse(f"{where} is of kind {kind!r}, which the algorithm does not declare: add the kind to @algorithm, or write one of {_list(kinds)}")
    _interval(where, a.start, a.end, end)
    if not isinstance(a.label, str) or not isinstance(a.text, str):
        raise Misuse(f"{where} has a {type(a.label if not isinstance(a.label, str) else a.text).__name__} where a label or a text is wanted: use str(…)")
    confidence = _number(where, "a confidence", a.confidence)
    if not 0 <= confidence <= 1:
        raise Misuse(f"{where} has the confidence {confidence}: a confidence is from 0 to 1")
    m = noun.Annotation(kind=kind, start=a.start, end=a.end, text=a.text, language=a.language, label=a.label, character=a.character, confidence=confidence)
    _more(where, m, a.region, a.attributes)
    return m


def embedding_proto(e: Embedding, spaces: Mapping[str, tuple[int, str]], end: int) -> noun.Embedding:
    """The message of an embedding. spaces has dimension and metric by space. Misuse: a field breaks the contract."""
    where = f"the embedding at {_at(e.start)}"
    space = e.space or (next(iter(spaces)) if len(spaces) == 1 else "")
    if space not in spaces:
        said = f"is of space {space!r}, which the algorithm does not declare" if space else "names no space"
        raise Misuse(f"{where} {said}: the algorithm declares {_list(list(spaces))}")
    dimension, metric = spaces[space]
    vector = checked_vector(where, e.vector, dimension, metric)
    _interval(where, e.start, e.end, end)
    m = noun.Embedding(space=space, start=e.start, end=e.end, vector=vector)
    _more(where, m, e.region, e.attributes)
    if e.of is not None:
        m.kind, m.language, m.character = e.of.kind, e.of.language, e.of.character
        if e.of.id:
            m.of = e.of.id
    return m


def checked_vector(where: str, vector: ArrayLike, dimension: int, metric: str) -> list[float]:
    """The vector as 32-bit numbers. Misuse: the vector is none of the space."""
    try:
        v = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError) as e:
        raise Misuse(f"{where} has no vector of numbers: {e}") from e
    if v.shape != (dimension,):
        raise Misuse(f"{where} has a vector of the shape {v.shape}, and the space has the dimension {dimension}: give a vector of the shape ({dimension},)")
    if not np.isfinite(v).all():
        raise Misuse(f"{where} has a vector with {int((~np.isfinite(v)).sum())} numbers that are not finite (NaN or infinity)")
    length = float(np.sqrt(np.square(v, dtype=np.float64).sum()))
    if metric == "cosine" and abs(length * length - 1) > 1e-3:
        raise Misuse(f"{where} has a vector of length {length:.4f}, and the space is of metric cosine: divide the vector by np.linalg.norm(vector)")
    return [float(x) for x in v]


def annotation_of(m: noun.Annotation) -> Annotation:
    """An annotation of another algorithm."""
    region = Region(m.region.x, m.region.y, m.region.w, m.region.h) if m.HasField("region") else None
    return Annotation(m.start, m.end, label=m.label, text=m.text, kind=m.kind, language=m.language, character=m.character, confidence=m.confidence,
                      region=region, attributes={k: value_of(v) for k, v in m.attributes.items()}, id=f"{m.run}/{m.ordinal}")


def value_of(v: noun.Value) -> AttributeValue:
    """The value of an attribute."""
    which = v.WhichOneof("kind")
    if which is None:
        return ""
    got: Any = getattr(v, which)
    return list(got.values) if which == "texts" else got  # type: ignore[no-any-return]


def _interval(where: str, start: Any, end: Any, limit: int) -> None:
    for name, t in (("start", start), ("end", end)):
        if isinstance(t, bool) or not isinstance(t, (int, np.integer)):
            raise Misuse(f"{where} has a {name} of type {type(t).__name__}: times are whole numbers of flicks. cinedex.seconds(1.5) makes flicks of seconds")
    if start < 0:
        raise Misuse(f"{where} begins at {start} flicks, before the film")
    if end <= start:
        raise Misuse(f"{where} is empty: the end ({_at(end)}) must come after the start. A frame's interval is frame.start to frame.end")
    if limit and end > limit:
        raise Misuse(f"{where} ends at {_at(end)}, after the end of the film ({clock(limit)})")


def _more(where: str, m: Any, region: Region | None, attributes: Mapping[str, AttributeValue]) -> None:
    if region is not None:
        values = [_number(where, "a region", x) for x in (region.x, region.y, region.w, region.h)]
        x, y, w, h = values
        if min(values) < 0 or x + w > 1.0001 or y + h > 1.0001:
            raise Misuse(f"{where} has a region {tuple(values)} that is not in 0 to 1 of the picture: divide pixels by the width and the height")
        m.region.x, m.region.y, m.region.w, m.region.h = values
    for k, v in attributes.items():
        _value(where, k, v, m.attributes[k])


def _value(where: str, key: str, v: Any, m: noun.Value) -> None:
    if isinstance(v, (bool, np.bool_)):
        m.flag = bool(v)
    elif isinstance(v, str):
        m.text = v
    elif isinstance(v, (int, np.integer)):
        m.integer = int(v)
    elif isinstance(v, (float, np.floating)):
        m.number = _number(where, f"the attribute {key!r}", v)
    elif isinstance(v, bytes):
        m.data = v
    elif isinstance(v, Sequence) and all(isinstance(s, str) for s in v):
        m.texts.values.extend(v)
    else:
        raise Misuse(f"{where} has an attribute {key!r} of type {type(v).__name__}: an attribute is a text, a number, a flag, bytes or a list of texts")


def _number(where: str, what: str, x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, (int, float, np.integer, np.floating)):
        raise Misuse(f"{where} has {what} of type {type(x).__name__}: a number is wanted")
    if not math.isfinite(x):
        raise Misuse(f"{where} has {what} that is not finite: {x}")
    return float(x)


def _at(t: Any) -> str:
    return clock(int(t)) if isinstance(t, (int, np.integer)) and not isinstance(t, bool) else repr(t)


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names) or "none"


def _first(names: Sequence[str]) -> str:
    return names[0] if names else ""
