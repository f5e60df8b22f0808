#!/usr/bin/env bash
# ffmpeg as packaged by imageio-ffmpeg 0.8.1 (PyPI, n9.0.2); ffprobe 5.1.9 of Debian 12 does the same.
#
# Expected: the tag "timecode" of a film cut at 1.4 s by edit lists names the first shown picture: 01:00:01:10 at 25 pictures a second.
# Seen: the tag names the first label of the timecode track, 01:00:00:00. The track's edit list, which skips 1.4 s, is written and not read. With
# -advanced_editlist 0 the sample of the track lies at -1.4 s, and the label of the first picture follows from this time.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env && env/bin/pip install -q imageio-ffmpeg==0.8.1
ffmpeg=$(env/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')

"$ffmpeg" -v error -f lavfi -i testsrc2=s=64x36:r=25 -frames:v 100 -c:v mpeg4 -g 12 -timecode 01:00:00:00 whole.mov
"$ffmpeg" -v error -ss 1.4 -i whole.mov -map 0 -c copy cut.mov
tag=$("$ffmpeg" -hide_banner -i cut.mov 2>&1 | sed -n 's/^ *timecode *: //p' | sort -u | tr '\n' ' ' || true)
pictures=$("$ffmpeg" -v error -i cut.mov -map 0:v -f framemd5 - | grep -vc '^#')
# The 36th picture of the whole film is the first of the cut one.
whole=$("$ffmpeg" -v error -i whole.mov -map 0:v -f framemd5 - | grep -v '^#' | sed -n 36p | awk '{print $NF}')
cut=$("$ffmpeg" -v error -i cut.mov -map 0:v -f framemd5 - | grep -v '^#' | sed -n 1p | awk '{print $NF}')
sample=$("$ffmpeg" -v error -copyts -advanced_editlist 0 -i cut.mov -map 0:d -c copy -f framecrc - | grep -v '^#' | head -1)
echo "the cut film shows $pictures of 100 pictures; its first is the 36th of the whole film: $([ "$whole" = "$cut" ] && echo yes || echo no)"
echo "its timecode tag says $tag"
echo "the sample of its timecode track, the edit list applied: $sample"
[[ "$pictures" = 65 && "$whole" = "$cut" && "$tag" == '01:00:00:00 ' && "$sample" == *-* ]] || { echo "the behaviour is another than stated"; exit 1; }
