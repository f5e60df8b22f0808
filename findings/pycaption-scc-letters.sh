#!/usr/bin/env bash
# pycaption 2.3.14, Python (PyPI).
#
# Expected: a caption written by pycaption as SCC and read again has the same words.
# Seen: the letter before each extended letter is lost. An extended letter of CEA-608 (here a typographic quote) takes the place of the letter before,
# so a writer first sends a letter of the basic set, for older decoders. SCCWriter sends no such letter. SCCReader follows the rule, and deletes the
# last letter of the word.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check pycaption==2.3.14
cat > main.py <<'PY'
import sys
from pycaption import SCCReader, SCCWriter, WebVTTReader

said = "She read “harbour” aloud"
scc = SCCWriter().write(WebVTTReader().read("WEBVTT\n\n00:00:02.000 --> 00:00:04.000\n" + said + "\n"))
read = SCCReader().read(scc).get_captions("en-US")[0].get_text()
print("written:", said)
print("as SCC: ", scc.split("\n")[2])
print("read:   ", read)
sys.exit(0 if read == "She read“harbou” aloud" else "the behaviour is another than stated")
PY
v/bin/python main.py
