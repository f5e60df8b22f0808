#!/usr/bin/env bash
# ttconv 1.2.3, Python (PyPI).
#
# Expected: a paragraph of 1 s to 5 s in a div that begins at 10 s shows from 11 s to 15 s (TTML1 10.2.1, 10.4: times of a child count from its parent's
# begin, and a parent without an end lasts as long as its children).
# Seen: the paragraph is never shown. ttconv takes the end of a parent with parallel children from the children's ends, without the parent's own begin.
# If the parent begins later than this end, no time is left. With an end on the div the paragraph shows as expected.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check ttconv==1.2.3
cat > main.py <<'PY'
import sys
import xml.etree.ElementTree as et
from fractions import Fraction

from ttconv import isd, model
from ttconv.imsc import reader


def shown(div):
    """The seconds in which the paragraph shows."""
    doc = reader.to_model(et.ElementTree(et.fromstring(
        '<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><head><layout><region xml:id="r"/></layout></head>'
        f'<body region="r"><div {div}><p begin="1s" end="5s">words</p></div></body></tt>')))
    moments = [(t, isd.ISD.from_model(doc, Fraction(t))) for t in range(30)]
    return [t for t, m in moments if m and any(isinstance(e, model.Text) for r in m.iter_regions() for e in r.dfs_iterator())]


without, with_end = shown('begin="10s"'), shown('begin="10s" end="20s"')
print("div begins at 10 s:             ", without)
print("div begins at 10 s, ends at 20 s:", with_end)
sys.exit(0 if without == [] and with_end == [11, 12, 13, 14] else "the behaviour is another than stated")
PY
v/bin/python main.py
