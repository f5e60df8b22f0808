#!/usr/bin/env bash
# OpenTimelineIO 0.18.1 with otio-cmx3600-adapter 1.0.0: an event whose source timecode crosses midnight is refused. otio-ale-adapter 1.1.0 gives such
# a clip a length below zero.
#
# Expected: source in 23:59:59:00 and out 00:00:01:00 at 25 frames a second are 50 frames, since labels begin again at midnight (SMPTE ST 12-1). pycmx
# reads the labels, and a camera that records over midnight writes such labels.
# Seen: the EDL is refused with "Source and record duration don't match", since the source has -2159950 frames; the clip of the ALE has -2159950 frames.
# Clips before midnight are read with their 50 frames.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$dir/lib" opentimelineio==0.18.1 otio-cmx3600-adapter==1.0.0 otio-ale-adapter==1.1.0
PYTHONWARNINGS=ignore PYTHONPATH="$dir/lib" python3 - <<'PY'
import sys
import opentimelineio as otio

def edl(begin, end):
    return "TITLE: a\nFCM: NON-DROP FRAME\n\n001  A001     V     C        %s %s 01:00:00:00 01:00:02:00\n" % (begin, end)

def ale(begin, end):
    return "Heading\nFIELD_DELIM\tTABS\nVIDEO_FORMAT\t1080\nFPS\t25\n\nColumn\nName\tStart\tEnd\n\nData\nclip\t%s\t%s\n" % (begin, end)

def read(adapter, text, **kw):
    try:
        timeline = otio.adapters.read_from_string(text, adapter, **kw)
        clips = timeline.find_clips() if isinstance(timeline, otio.schema.Timeline) else timeline
        return "%g frames" % next(iter(clips)).source_range.duration.value
    except Exception as e:
        return "refused, " + str(e).strip().splitlines()[0][:110]

seen = []
for begin, end in ("23:59:57:00", "23:59:59:00"), ("23:59:59:00", "00:00:01:00"):
    for name, outcome in (("EDL", read("cmx_3600", edl(begin, end), rate=25)), ("ALE", read("ale", ale(begin, end)))):
        print("%s, %s to %s: %s" % (name, begin, end, outcome))
        seen.append(outcome.split(",")[0])
sys.exit(0 if seen == ["50 frames", "50 frames", "refused", "-2.15995e+06 frames"] else 1)
PY
