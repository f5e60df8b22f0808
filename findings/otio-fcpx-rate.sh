#!/usr/bin/env bash
# otio-fcpx-xml-adapter 1.0.0 (with OpenTimelineIO 0.18.1) reads the frame rate of FCPXML as a whole number, by cutting off.
#
# Expected: a clip with the frame duration 1001/24000s has the rate 23.976, and the start 1001/24000s times 24000 is frame 24000, as otio_json and
# the adapter of Final Cut Pro 7's XML give it.
# Seen: the rate is 23, and the start is frame 23023. Every NTSC rate (23.976, 29.97, 59.94) loses frames so. At whole rates a product of floats is cut
# off, so that some starts are a frame early: 106562/25s at 25 is read as frame 106561.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$dir/lib" opentimelineio==0.18.1 otio-fcpx-xml-adapter==1.0.0
cat >"$dir/a.fcpxml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.11">
  <resources>
    <format id="f1" frameDuration="1001/24000s" width="1920" height="1080"/>
    <asset id="a1" name="a.mov" start="0s" duration="5005s" hasVideo="1" format="f1" videoSources="1"><media-rep kind="original-media" src="file:///a.mov"/></asset>
  </resources>
  <library><event name="e"><project name="p">
    <sequence format="f1" duration="1001/1000s" tcStart="0s" tcFormat="NDF">
      <spine><asset-clip ref="a1" name="clip" offset="0s" start="1001s" duration="1001/1000s" tcFormat="NDF"/></spine>
    </sequence>
  </project></event></library>
</fcpxml>
XML
PYTHONWARNINGS=ignore PYTHONPATH="$dir/lib" python3 - "$dir/a.fcpxml" <<'PY'
import sys
import opentimelineio as otio

def clips(o):
    if isinstance(o, otio.schema.Clip):
        return [o]
    if isinstance(o, otio.schema.Timeline):
        return list(o.find_clips())
    return [c for child in o for c in clips(child)]

start = clips(otio.adapters.read_from_file(sys.argv[1], "fcpx_xml"))[0].source_range.start_time
print("frame duration 1001/24000s, start 1001s: read as frame %g at %g frames a second" % (start.value, start.rate))
sys.exit(0 if (start.value, start.rate) == (23023, 23) else 1)
PY
