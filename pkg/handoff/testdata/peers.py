"""Reads files of package handoff with the readers of other projects.

usage: python peers.py FOLDER

FOLDER has jobs.json: a list of {"id", "format", "file", "fps"}. Prints a line of JSON for each job and reader:
{"id", "peer", "clips": [...]}, or {"id", "peer", "error"}. A clip is {"start", "duration"} as [value, rate] of OpenTimelineIO, {"in", "out"} as
labels, or {"start_ms", "end_ms"}.
"""

import json
import os
import sys

import opentimelineio as otio


def time(t):
    return [t.value, t.rate]


def of_timeline(timeline):
    """The clips of the first track of pictures of each timeline."""
    out = []
    if isinstance(timeline, otio.schema.SerializableCollection):
        for child in timeline:
            out += of_timeline(child)
        return out
    if isinstance(timeline, otio.schema.Clip):
        return [{"start": time(timeline.source_range.start_time), "duration": time(timeline.source_range.duration), "name": timeline.name}]
    if not isinstance(timeline, otio.schema.Timeline):
        return out
    for track in timeline.video_tracks()[:1]:
        for clip in track.find_clips():
            r = clip.source_range or clip.available_range()
            out.append({"start": time(r.start_time), "duration": time(r.duration), "name": clip.name})
    return out


def adapter(name, **more):
    def read(path, job):
        kw = {k: job[v] for k, v in more.items()}
        return of_timeline(otio.adapters.read_from_file(path, name, **kw))

    return read


def pycmx(path, job):
    import pycmx as reader

    with open(path, encoding="utf-8") as f:
        return [{"in": edit.source_in, "out": edit.source_out} for event in reader.parse_cmx3600(f).events for edit in event.edits[:1]]


def pysubs2(path, job):
    import pysubs2 as reader

    return [{"start_ms": e.start, "end_ms": e.end} for e in reader.load(path)]


def ttconv(path, job):
    import ttconv.imsc.reader
    import xml.etree.ElementTree as et

    model = ttconv.imsc.reader.to_model(et.parse(path))
    out = []
    for div in model.get_body():
        for p in div:
            out.append({"start_ms": round((p.get_begin() or 0) * 1000), "end_ms": round(p.get_end() * 1000)})
    return out


def fractions(path, job):
    """FCPXML by the standard library: the attributes are fractions of a second."""
    import xml.etree.ElementTree as et
    from fractions import Fraction

    def value(s):
        f = Fraction(s[:-1])
        return [f.numerator, f.denominator]

    return [{"start": value(c.get("start")), "duration": value(c.get("duration")), "name": c.get("name")} for c in et.parse(path).iter("asset-clip")]


READERS = {
    "otio": {"opentimelineio": adapter("otio_json")},
    "otioz": {"opentimelineio": adapter("otioz")},
    "edl": {"otio-cmx3600-adapter": adapter("cmx_3600", rate="fps"), "pycmx": pycmx},
    "fcpxml": {"xml.etree": fractions, "otio-fcpx-xml-adapter": adapter("fcpx_xml")},
    "xmeml": {"otio-fcp-adapter": adapter("fcp_xml")},
    "ale": {"otio-ale-adapter": adapter("ale")},
    "srt": {"pysubs2": pysubs2},
    "webvtt": {"pysubs2": pysubs2},
    "ttml": {"ttconv": ttconv, "pysubs2": pysubs2},
}


def main(folder):
    for job in json.load(open(os.path.join(folder, "jobs.json"))):
        for peer, read in READERS[job["format"]].items():
            line = {"id": job["id"], "peer": peer}
            try:
                line["clips"] = read(os.path.join(folder, job["file"]), job)
            except Exception as e:  # a reader's refusal is a result
                line["error"] = "%s: %s" % (type(e).__name__, str(e)[:300])
            print(json.dumps(line), flush=True)


main(sys.argv[1])
