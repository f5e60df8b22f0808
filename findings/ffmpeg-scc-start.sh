#!/usr/bin/env bash
# ffmpeg 7.0.2, as imageio-ffmpeg 0.6.0 (PyPI) ships it; the same with 5.1 and 9.0.
#
# Expected: a pop-on caption of an SCC file appears with its end-of-caption code. Each pair of bytes of a line takes a frame. So the caption of a line
# at 00:00:01:00 with the code in the pair of index 30 appears at 00:00:02:00, 2.002 s.
# Seen: the caption appears at the label of the line, 1.000 s: the bytes of a line are a single packet with a single time.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v && v/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.6.0
ffmpeg=$(v/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
# Load (9420), row 15 (9470), "Hello", 23 frames of padding (8080), end of caption (942f); five seconds later, erase (942c).
printf 'Scenarist_SCC V1.0\n\n00:00:01:00\t9420 9420 9470 9470 c8e5 ecec ef80 %s942f 942f\n\n00:00:06:00\t942c 942c\n' "$(printf '8080 %.0s' {1..23})" > a.scc
"$ffmpeg" -v error -i a.scc -f srt out.srt
cat out.srt
grep -q '^00:00:01,000 --> 00:00:06,000' out.srt || { echo "the behaviour is another than stated"; exit 1; }
