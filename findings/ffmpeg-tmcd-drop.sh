#!/usr/bin/env bash
# ffmpeg as packaged by imageio-ffmpeg 0.8.1 (PyPI, n9.0.2); ffmpeg 5.1.9 of Debian 12 does the same.
#
# Expected: copying a QuickTime timecode track (-c copy) leaves the track unchanged.
# Seen: the flag of drop frame is lost. The copy of a film that begins at 00:00:59;00 begins at 00:00:59:00, and at each minute the copy's labels move
# away from the original's labels by two.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env && env/bin/pip install -q imageio-ffmpeg==0.8.1
ffmpeg=$(env/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
timecodes() { "$ffmpeg" -hide_banner -i "$1" 2>&1 | sed -n 's/^ *timecode *: //p' | sort -u | tr '\n' ' ' || true; }

"$ffmpeg" -v error -f lavfi -i testsrc2=s=64x36:r=30000/1001 -frames:v 90 -c:v mpeg4 -timecode '00:00:59;00' whole.mov
"$ffmpeg" -v error -i whole.mov -map 0 -c copy copy.mov
before=$(timecodes whole.mov) after=$(timecodes copy.mov)
echo "made:   $before"
echo "copied: $after"
[[ "$before" == *'00:00:59;00'* && "$after" == *'00:00:59:00'* ]] || { echo "the behaviour is another than stated"; exit 1; }
