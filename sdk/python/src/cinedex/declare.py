"""Declarations: what an algorithm reads and writes, and how people ask for the output."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from .errors import Misuse
from .output import Annotation, Blob, Embedding
from .v1 import catalog_pb2 as catalog
from .v1 import noun_pb2 as noun
from .v1 import worker_pb2 as worker

if TYPE_CHECKING:
    from .run import Run

Output = Union[Annotation, Embedding, Blob]
Function = Callable[["Run"], Iterator[Output]]
Parameter = Union[str, bool, int, float]

_NAME = re.compile(r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*$")
_VERSION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$")
_LEAF = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_RESERVED = ("any", "title", "series", "asset", "lang", "character", "kind", "time", "confidence")
_TYPES = {str: catalog.ATTRIBUTE_TYPE_TEXT, int: catalog.ATTRIBUTE_TYPE_NUMBER, float: catalog.ATTRIBUTE_TYPE_NUMBER, bool: catalog.ATTRIBUTE_TYPE_FLAG}
_ENCODERS = ("text", "picture", "frame", "sound")


@dataclass(frozen=True)
class Frames:
    """The frames that an algorithm reads: their size in pixels, and about how many of a second. A height of 0 keeps the shape of the film. per_second 0 reads
    every frame. at_once is the number of frames that a model likes to judge together."""

    width: int
    height: int = 0
    per_second: float = 0
    crop: bool = False
    at_once: int = 0


@dataclass(frozen=True)
class Sound:
    """The sound that an algorithm reads: samples a second, and one channel or every channel."""

    rate: int = 16000
    every_channel: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of annotation, and the leaf by which people ask for the kind.

    leaf: the name in queries; by default the name of the kind, with _ for . and -. "" declares no leaf.
    says: "label" (names from a list) or "text" (free text with a language). Queries look there.
    bare: words of a query that name no leaf reach the kind, too.
    attributes: by name, str, int, float or bool. Queries test the attributes: leaf[count>=2]:value.
    """

    name: str
    leaf: str | None = None
    aliases: Sequence[str] = ()
    says: str = "label"
    bare: bool = True
    example: str = ""
    title: str = ""
    hint: str = ""
    lane: str | None = None
    icon: str = ""
    regions: bool = False
    attributes: Mapping[str, type] = field(default_factory=dict)
    label_language: str = ""


@dataclass(frozen=True)
class Space:
    """A space of vectors. A function with @encoder(space, "text") turns the words of a query into a vector.

    leaf: the name of a new leaf in queries. answers: leaves of other algorithms that the space answers, too: "like_text".
    about: the kind of annotation that hits stand for, such as "shot".
    calibration: (middle, slope) of the logistic curve from a similarity to a confidence, where known.
    """

    name: str
    version: str
    dimension: int
    metric: str = "cosine"
    leaf: str = ""
    answers: Sequence[str] = ()
    about: str = ""
    by: str = "meaning"
    bare: bool = False
    example: str = ""
    hint: str = ""
    calibration: tuple[float, float] | None = None
    languages: Sequence[str] = ()
    encoders: dict[str, Callable[..., Any]] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        """name@version"""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Algorithm:
    """A declared algorithm. `@algorithm` makes an Algorithm of a generator function."""

    function: Function
    name: str
    version: str
    summary: str
    frames: Frames | None
    sound: Sound | None
    cues: bool
    needs: Sequence[str]
    kinds: Sequence[Kind]
    spaces: Sequence[Space]
    parameters: Mapping[str, Parameter]
    candidate: bool
    runs_at_once: int
    encode_ms: float
    weights: Sequence[str]

    @property
    def id(self) -> str:
        """name@version"""
        return f"{self.name}@{self.version}"

    def spec(self) -> noun.AlgorithmSpec:
        """The declaration as a message."""
        s = noun.AlgorithmSpec(name=self.name, version=self.version, summary=self.summary, needs=self.needs, kinds=[k.name for k in self.kinds],
                               parameters={k: written(v) for k, v in self.parameters.items()})
        if self.frames:
            f = self.frames
            s.reads.append("video")
            s.frames.CopyFrom(catalog.FramesSpec(width=f.width, height=f.height, crop=f.crop, per_second=f.per_second))
        if self.sound:
            s.reads.append("audio")
            s.sound.CopyFrom(catalog.SoundSpec(rate=self.sound.rate, every_channel=self.sound.every_channel))
        if self.cues:
            s.reads.append("text")
        for k in self.kinds:
            _declare_kind(s, k)
        for sp in self.spaces:
            _declare_space(s, sp)
        return s

    def declaration(self, private: bool = False, candidate: bool = False) -> worker.WorkerAlgorithm:
        """The declaration as a worker announces it."""
        return worker.WorkerAlgorithm(algorithm=self.spec(), candidate=self.candidate or candidate, frames_at_once=self.frames.at_once if self.frames else 0,
                                      runs_at_once=self.runs_at_once, encode_ms=self.encode_ms, digest=self.digest(), private=private)

    def digest(self) -> str:
        """A digest of the algorithm's own code, and of the weights. The code is the file of the algorithm, and imported files below the same folder."""
        h = hashlib.sha256()
        for path in [*_code_of(self.function), *(Path(w) for w in self.weights)]:
            h.update(f"{path.name}\0".encode())
            try:
                with path.open("rb") as f:
                    while block := f.read(1 << 20):
                        h.update(block)
            except OSError as e:
                raise Misuse(f"{self.id}: weights name a file that cannot be read: {e}") from e
        return h.hexdigest()


def algorithm(
    name: str,
    version: str,
    summary: str = "",
    *,
    frames: Frames | None = None,
    sound: Sound | None = None,
    cues: bool = False,
    needs: Sequence[str] = (),
    kind: str = "",
    leaf: str | None = None,
    says: str = "label",
    bare: bool = True,
    example: str = "",
    kinds: Sequence[Kind] = (),
    spaces: Sequence[Space] = (),
    parameters: Mapping[str, Parameter] | None = None,
    candidate: bool = False,
    runs_at_once: int = 1,
    encode_ms: float = 0,
    weights: Sequence[str] = (),
) -> Callable[[Function], Algorithm]:
    """Declares an algorithm over the decorated generator, which takes a Run and yields annotations, embeddings and blobs.

    The algorithm reads frames, sound, cues, and the output of other algorithms (needs: kinds and spaces, "shot" or "e5-small@1").
    An algorithm of one kind says kind, leaf, says, bare and example here; see Kind. Without kind, the kind has the name of the algorithm.
    The summary is by default the first line of the function's comment.
    parameters have defaults here, are part of a run's identity, and are read by run.parameters.
    weights are files beside the code that the digest covers.
    """

    def declare(function: Function) -> Algorithm:
        where = f"@algorithm({name!r}, {version!r})"
        if not inspect.isgeneratorfunction(function):
            raise Misuse(f"{where}: {getattr(function, '__name__', function)!s} is no generator. An algorithm writes by yield: yield cinedex.Annotation(start, end, label=…)")
        if [p.default for p in inspect.signature(function).parameters.values()].count(inspect.Parameter.empty) != 1:
            raise Misuse(f"{where}: {function.__name__} must take one argument, the run: def {function.__name__}(run)")
        all_kinds = list(kinds)
        if kind or not kinds and not spaces:
            all_kinds.insert(0, Kind(kind or name, leaf=leaf, says=says, bare=bare, example=example))
        about = summary or (inspect.getdoc(function) or "").partition("\n")[0].rstrip(".")
        a = Algorithm(function, name, version, about, frames, sound, cues, tuple(needs), tuple(all_kinds), tuple(spaces), dict(parameters or {}), candidate,
                      runs_at_once, encode_ms, tuple(weights))
        _check(where, a)
        return a

    return declare


def encoder(space: Space, *takes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares the decorated function as the encoder of a space.

    takes "text": the function gets words. "picture" and "frame": an array of the shape (height, width, 3), of a still or of a frame of a video.
    "sound": an array of samples from -1 to 1, and the samples a second. The function returns a vector of the space.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for t in takes or ("nothing",):
            if t not in _ENCODERS:
                raise Misuse(f"@encoder({space.id!r}): an encoder takes {', '.join(repr(e) for e in _ENCODERS)}, and not {t!r}")
            if t in space.encoders:
                raise Misuse(f"@encoder({space.id!r}): two functions take {t!r}")
            space.encoders[t] = function
        return function

    return declare


def written(v: Parameter) -> str:
    """A parameter as a text: the canonical form that is part of a run's identity."""
    if isinstance(v, bool):
        return "true" if v else "false"
    return repr(v) if isinstance(v, float) else str(v)


def read(text: str, like: Parameter) -> Parameter:
    """A parameter from a text, of the type of the default."""
    if isinstance(like, bool):
        if text not in ("true", "false"):
            raise ValueError("must be true or false")
        return text == "true"
    return type(like)(text)


def _check(where: str, a: Algorithm) -> None:
    def want(ok: bool, text: str) -> None:
        if not ok:
            raise Misuse(f"{where}: {text}")

    want(bool(_NAME.match(a.name)) and len(a.name) <= 64, f"the name {a.name!r} must be small letters and digits, joined by . _ or -, a letter first, at most 64")
    want(bool(_VERSION.match(a.version)) and len(a.version) <= 64, f"the version {a.version!r} must be letters, digits and . + _ -, such as \"1\" or \"2.0-beta\"")
    want(bool(a.summary), "the algorithm says nothing about itself: write a comment (\"\"\"How light the picture is\"\"\") as the first line of the function")
    want(len(a.summary) <= 200, "the summary is longer than 200 characters: the first line of the function's comment should be short")
    want(bool(a.frames or a.sound or a.cues or a.needs),
         "the algorithm reads nothing: say frames=cinedex.Frames(…), sound=cinedex.Sound(…), cues=True or needs=[\"shot\"]")
    if a.frames:
        f = a.frames
        want(1 <= f.width <= 8192 and 0 <= f.height <= 8192, f"frames of {f.width} x {f.height}: a side is 1 to 8192 pixels, and the height may be 0")
        want(not f.crop or f.height > 0, "frames are cropped to a height: say Frames(width, height, crop=True)")
        want(0 <= f.per_second <= 1000, "frames: per_second is 0 (every frame) to 1000")
    if a.sound:
        want(1000 <= a.sound.rate <= 384_000, f"sound at {a.sound.rate} samples a second: 1000 to 384000, such as 16000")
    for n in a.needs:
        want(bool(_NAME.match(n.partition("@")[0])), f"needs {n!r}: a kind such as \"shot\" or a space such as \"e5-small@1\"")
    names: set[str] = set()
    for k in a.kinds:
        want(bool(_NAME.match(k.name)), f"the kind {k.name!r} must be small letters and digits, joined by . _ or -")
        want(k.says in ("label", "text"), f"the kind {k.name!r} says {k.says!r}: \"label\" or \"text\"")
        for key, t in k.attributes.items():
            want(t in _TYPES, f"the attribute {key!r} of {k.name!r} has the type {t!r}: str, int, float or bool")
        for leaf in _leaf_names(k):
            _check_leaf(want, leaf, names)
    for s in a.spaces:
        want(bool(_NAME.match(s.name)) and bool(_VERSION.match(s.version)), f"the space {s.id!r} needs a name and a version, such as Space(\"tiny\", \"1\", 64)")
        want(1 <= s.dimension <= 4096, f"the space {s.id!r} has the dimension {s.dimension}: 1 to 4096")
        want(s.metric in ("cosine", "dot", "l2"), f"the space {s.id!r} has the metric {s.metric!r}: \"cosine\", \"dot\" or \"l2\"")
        want(not (s.leaf or s.answers or s.bare) or bool(s.about), f"the space {s.id!r} is asked and says not about what: about=\"shot\" is the kind that hits stand for")
        if s.leaf:
            _check_leaf(want, s.leaf, names)


def _check_leaf(want: Callable[[bool, str], None], leaf: str, names: set[str]) -> None:
    want(bool(_LEAF.match(leaf)), f"the leaf {leaf!r} must be small letters, digits and _, a letter first, at most 64")
    want(leaf not in _RESERVED, f"the leaf {leaf!r} means something else in a query: choose another name by leaf=…")
    want(leaf not in names, f"two leaves are called {leaf!r}")
    names.add(leaf)


def _leaf_names(k: Kind) -> list[str]:
    leaf = re.sub(r"[.-]", "_", k.name) if k.leaf is None else k.leaf
    return [leaf, *k.aliases] if leaf else []


def _declare_kind(s: noun.AlgorithmSpec, k: Kind) -> None:
    title = k.title or k.name.replace("_", " ").replace("-", " ").capitalize()
    lane = k.name if k.lane is None else k.lane
    about = s.kind_specs.add(kind=k.name, quoted=k.says == "text", in_language=k.says == "text", regions=k.regions, label_language=k.label_language,
                             shown=catalog.Shown(label=title, hint=k.hint or s.summary, lane=lane, icon=k.icon))
    for key, t in k.attributes.items():
        about.attributes.add(name=key, type=_TYPES[t])
    names = _leaf_names(k)
    if names:
        s.leaves.add(name=names[0], aliases=names[1:], shape=catalog.LEAF_SHAPE_WORDS, example=k.example, shown=catalog.Shown(label=title, hint=k.hint or s.summary, icon=k.icon))
    if names or k.bare:
        field_ = catalog.ANSWER_FIELD_TEXT if k.says == "text" else catalog.ANSWER_FIELD_LABEL
        s.answers.add(leaves=names[:1], bare=k.bare, by="words", kind=k.name, field=field_)


def _declare_space(s: noun.AlgorithmSpec, sp: Space) -> None:
    s.spaces.add(name=sp.name, version=sp.version, dimension=sp.dimension, metric=sp.metric, encoders=[e for e in _ENCODERS if e in sp.encoders], languages=sp.languages)
    if sp.leaf:
        shape = catalog.LEAF_SHAPE_WORDS if "text" in sp.encoders else catalog.LEAF_SHAPE_PICTURE
        title = sp.leaf.replace("_", " ").capitalize()
        s.leaves.add(name=sp.leaf, shape=shape, example=sp.example, shown=catalog.Shown(label=title, hint=sp.hint or s.summary))
    leaves = ([sp.leaf] if sp.leaf else []) + list(sp.answers)
    if leaves or sp.bare:
        answer = s.answers.add(leaves=leaves, bare=sp.bare, by=sp.by, kind=sp.about, space=sp.id)
        if sp.calibration:
            answer.calibration.middle, answer.calibration.slope = sp.calibration


def _code_of(function: Function) -> list[Path]:
    own = inspect.getsourcefile(function)
    if own is None:
        raise Misuse(f"the code of {function.__name__} lies in no file: save the algorithm as a file of its own")
    path = Path(own).resolve()
    below = [path]
    for m in list(sys.modules.values()):
        other = getattr(m, "__file__", None)
        if other and (p := Path(other).resolve()) != path and path.parent in p.parents and p.suffix == ".py" and p not in below:
            inside = p.relative_to(path.parent).parts
            if not any(part.startswith(".") or part in ("site-packages", "venv", "env") for part in inside):
                below.append(p)
    return sorted(below)
