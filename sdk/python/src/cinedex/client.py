"""A client of the search API: searches, annotations as tables, and pictures in a notebook."""

from __future__ import annotations

import base64
import html
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from google.protobuf.message import Message

from .errors import Error, Refused, Unavailable
from .output import Annotation, annotation_of
from .times import in_seconds
from .v1 import catalog_pb2 as catalog
from .v1 import noun_pb2 as noun
from .v1 import search_pb2 as search

if TYPE_CHECKING:
    import pandas
    import pyarrow

M = TypeVar("M", bound=Message)

_SERVICE = "cinedex.v1.SearchService"
_PICTURES_SHOWN = 30


@dataclass(frozen=True)
class Picture:
    """The bytes of a JPEG or PNG. A notebook shows the picture."""

    data: bytes
    content_type: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {self.content_type: self.data}

    def _repr_png_(self) -> bytes | None:
        return self.data if self.content_type == "image/png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.data if self.content_type == "image/jpeg" else None

    def html(self) -> str:
        """The picture inside a page."""
        return f'<img src="data:{self.content_type};base64,{base64.b64encode(self.data).decode()}" style="max-height:120px">'


class Hit:
    """A moment that a search found. The fields are those of the message Hit: title, asset, start, end, start_timecode, text, confidence, evidence and so on."""

    def __init__(self, message: search.Hit, client: Client) -> None:
        self.message = message
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.message, name)

    @property
    def picture(self) -> Picture | None:
        """The thumbnail of the moment's shot."""
        return self._client.picture(self.message.thumbnail) if self.message.thumbnail else None

    def record(self) -> dict[str, Any]:
        """The hit as a row of a table. Times are seconds."""
        m = self.message
        return {"title": m.title, "title_name": m.title_name, "asset": m.asset, "start": in_seconds(m.start), "end": in_seconds(m.end), "start_frame": m.start_frame,
                "end_frame": m.end_frame, "timecode": m.start_timecode, "text": m.text, "language": m.language, "character": m.character,
                "label": next((e.label for e in m.evidence if e.label), ""), "confidence": m.confidence, "score": m.score,
                "algorithms": sorted({f"{e.algorithm}@{e.version}" for e in m.evidence})}

    def __repr__(self) -> str:
        r = self.record()
        said = r["text"] or r["label"]
        return f"<Hit {r['title']} {r['timecode']}{' ' + repr(said) if said else ''}>"

    def _repr_html_(self) -> str:
        return f"<table>{_row(self)}</table>"


class _Table:
    """Rows that become a table of pandas or of Arrow."""

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries. Times are seconds."""
        raise NotImplementedError

    def pandas(self) -> pandas.DataFrame:
        """The rows as a DataFrame."""
        try:
            import pandas
        except ImportError as e:
            raise Error("pandas is not installed: pip install 'cinedex[frames]'") from e
        return pandas.DataFrame(self.records())

    def arrow(self) -> pyarrow.Table:
        """The rows as a Table of Arrow."""
        try:
            import pyarrow
        except ImportError as e:
            raise Error("pyarrow is not installed: pip install 'cinedex[frames]'") from e
        return pyarrow.Table.from_pylist(self.records())


class Hits(_Table, Sequence[Hit]):
    """The answer to a search: a sequence of hits, and the whole message as `message`. A notebook shows the hits with their pictures."""

    def __init__(self, message: search.SearchResponse, client: Client) -> None:
        self.message = message
        self._hits = [Hit(h, client) for h in message.hits]

    @overload
    def __getitem__(self, i: int) -> Hit: ...
    @overload
    def __getitem__(self, i: slice) -> list[Hit]: ...
    def __getitem__(self, i: int | slice) -> Hit | list[Hit]:
        return self._hits[i]

    def __len__(self) -> int:
        return len(self._hits)

    def records(self) -> list[dict[str, Any]]:
        return [h.record() for h in self._hits]

    def __repr__(self) -> str:
        return f"<Hits of {self.message.query!r}: {len(self)}>"

    def _repr_html_(self) -> str:
        told = "".join(f"<p>without {html.escape(p.part)}: {html.escape(p.error)}</p>" for p in self.message.partial)
        return f"{told}<table>{''.join(_row(h) for h in self._hits[:_PICTURES_SHOWN])}</table>"


class Annotations(_Table, Sequence[Annotation]):
    """Annotations of an asset, in the order of time."""

    def __init__(self, found: list[noun.Annotation]) -> None:
        self.messages = found
        self._annotations = [annotation_of(a) for a in found]

    @overload
    def __getitem__(self, i: int) -> Annotation: ...
    @overload
    def __getitem__(self, i: slice) -> list[Annotation]: ...
    def __getitem__(self, i: int | slice) -> Annotation | list[Annotation]:
        return self._annotations[i]

    def __len__(self) -> int:
        return len(self._annotations)

    def records(self) -> list[dict[str, Any]]:
        out = []
        for m, a in zip(self.messages, self._annotations):
            row: dict[str, Any] = {"asset": m.asset, "kind": a.kind, "start": in_seconds(a.start), "end": in_seconds(a.end), "label": a.label, "text": a.text,
                                   "language": a.language, "character": a.character, "confidence": a.confidence, "run": m.run, "ordinal": m.ordinal}
            if a.region:
                row |= {"x": a.region.x, "y": a.region.y, "w": a.region.w, "h": a.region.h}
            out.append(row | {f"attributes.{k}": v for k, v in a.attributes.items()})
        columns = {k: None for row in out for k in row}
        return [{k: row.get(k) for k in columns} for row in out]

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{a.kind}</td><td>{in_seconds(a.start):.2f}–{in_seconds(a.end):.2f} s</td><td>{html.escape(a.label or a.text)}</td></tr>" for a in self[:100])
        return f"<table>{rows}</table>"


class Client:
    """A client of a running Cinedex.

    server and token: by default CINEDEX_SERVER and CINEDEX_TOKEN, or else what the Cinedex of the home folder wrote down (CINEDEX_HOME, or .cinedex).
    A method raises Refused where the API refuses, and Unavailable where no server answers.
    """

    def __init__(self, server: str = "", token: str = "", home: str = "", timeout: float = 60) -> None:
        server, token = server or os.environ.get("CINEDEX_SERVER", ""), token or os.environ.get("CINEDEX_TOKEN", "")
        if not server:
            file = Path(home or os.environ.get("CINEDEX_HOME", ".cinedex")) / "endpoint.json"
            try:
                written = json.loads(file.read_text())
            except FileNotFoundError as e:
                raise Unavailable(f"nothing runs over {file.parent}: start Cinedex with `cinedex up`, or give server and token") from e
            server, token = written["server"], token or written.get("token", "")
        self.server = (server if "://" in server else "http://" + server).rstrip("/")
        self._token = token
        self._timeout = timeout

    def search(self, q: str, limit: int = 20, **fields: Any) -> Hits:
        """The first hits of a query in the query language. fields are further fields of SearchRequest: languages, group, cursor."""
        return Hits(self._call("Search", search.SearchRequest(q=q, limit=limit, **fields), search.SearchResponse), self)

    def every(self, q: str, **fields: Any) -> Iterator[Hit]:
        """Every hit of a query, page by page."""
        cursor = ""
        while True:
            page = self.search(q, 200, cursor=cursor, **fields)
            yield from page
            if not (cursor := page.message.cursor):
                return

    def annotations(self, title: str = "", *, asset: str = "", kinds: Sequence[str] = (), start: int = 0, end: int = 0) -> Annotations:
        """The annotations of a title's assets, or of one asset, that readers see. start and end are flicks."""
        found: list[noun.Annotation] = []
        for a in [asset] if asset else [a.id for a in self.assets(title)]:
            request = search.ListAnnotationsRequest(asset=a, kinds=kinds, start=start, end=end, limit=500)
            while True:
                r = self._call("ListAnnotations", request, search.ListAnnotationsResponse)
                found += r.annotations
                if not r.cursor:
                    break
                request.cursor = r.cursor
        return Annotations(found)

    def assets(self, title: str = "") -> list[noun.Asset]:
        """The assets of a title, or of every title."""
        out: list[noun.Asset] = []
        request = search.ListTitlesRequest(limit=200)
        while True:
            r = self._call("ListTitles", request, search.ListTitlesResponse)
            for t in r.titles:
                if not title or t.title.id == title:
                    out += t.assets
            if not r.cursor:
                break
            request.cursor = r.cursor
        if title and not out:
            raise Refused("not_found", f"there is no title {title!r}, or the token may not see the title")
        return out

    def catalog(self) -> catalog.GetCatalogResponse:
        """What there is to ask: leaves, kinds, spaces and algorithms."""
        return self._call("GetCatalog", catalog.GetCatalogRequest(), catalog.GetCatalogResponse)

    def picture(self, path: str) -> Picture:
        """A picture of the service, by the path in Hit.thumbnail."""
        data, content_type = self._fetch(urllib.request.Request(self.server + path))
        return Picture(data, content_type.partition(";")[0])

    def _call(self, method: str, request: Message, answer: type[M]) -> M:
        data, _ = self._fetch(urllib.request.Request(f"{self.server}/{_SERVICE}/{method}", data=request.SerializeToString(),
                                                     headers={"Content-Type": "application/proto", "Connect-Protocol-Version": "1"}))
        out = answer()
        out.ParseFromString(data)
        return out

    def _fetch(self, request: urllib.request.Request) -> tuple[bytes, str]:
        if self._token:
            request.add_unredirected_header("Authorization", "Bearer " + self._token)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as r:  # noqa: S310 the server is the caller's choice
                return r.read(), r.headers.get("Content-Type", "")
        except urllib.error.HTTPError as e:
            raise _refused(e) from e
        except (urllib.error.URLError, TimeoutError) as e:
            raise Unavailable(f"{self.server} does not answer: {getattr(e, 'reason', e)}") from e


def _refused(e: urllib.error.HTTPError) -> Refused:
    body = e.read()
    try:
        told = json.loads(body)
        return Refused(told.get("code", str(e.code)), told.get("message", ""))
    except (ValueError, AttributeError):
        return Refused(str(e.code), body[:200].decode(errors="replace") or e.reason)


def _row(h: Hit) -> str:
    r = h.record()
    try:
        picture = h.picture
    except Error:
        picture = None
    said = html.escape(r["text"] or r["label"])
    return f"<tr><td>{picture.html() if picture else ''}</td><td>{html.escape(r['title_name'] or r['title'])}<br>{html.escape(r['timecode'])}</td><td>{said}</td></tr>"
