#!/usr/bin/env bash
# Pillow 13.0.0 beside 12.2.0, Python (PyPI).
#
# Expected: Image.resize gives the same pixels in both versions. Models such as CLIP were taught with pictures that Pillow made smaller, a horizontal
# pass before a vertical pass, and 8 bits in between.
# Seen: 13.0.0 makes the vertical pass first for a tall picture, and the horizontal pass first for others. The rounding in between falls elsewhere:
# values of a picture of 100 x 201 made 64 x 128 differ, and a picture of 201 x 100 made 128 x 64 is equal.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
for v in 12.2.0 13.0.0; do
  python3 -m venv "v$v" && "v$v/bin/pip" install -q --disable-pip-version-check "pillow==$v"
done
cat > resize.py <<'PY'
from PIL import Image

def picture(w, h):
    return Image.frombytes("L", (w, h), bytes((x * 37 + y * 91 + x * y % 53) % 256 for y in range(h) for x in range(w)))

for (w, h), size in [((100, 201), (64, 128)), ((201, 100), (128, 64))]:
    p = picture(w, h)
    once = p.resize(size, Image.BICUBIC).tobytes()
    across = p.resize((size[0], h), Image.BICUBIC).resize(size, Image.BICUBIC).tobytes()
    down = p.resize((w, size[1]), Image.BICUBIC).resize(size, Image.BICUBIC).tobytes()
    print(w, "x", h, "horizontal first" if once == across else "vertical first" if once == down else "neither")
PY
v12.2.0/bin/python resize.py > old; v13.0.0/bin/python resize.py > new
echo "12.2.0:"; cat old; echo "13.0.0:"; cat new
for line in "old 100 x 201 horizontal first" "new 100 x 201 vertical first" "old 201 x 100 horizontal first" "new 201 x 100 horizontal first"; do
  if ! grep -qx "${line#* }" "${line%% *}"; then
    echo "the behaviour is another than stated"
    exit 1
  fi
done
