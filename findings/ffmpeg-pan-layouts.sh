#!/usr/bin/env bash
# ffmpeg 9.0.2, the static build of PyPI imageio-ffmpeg 0.8.1.
#
# Expected: pan=3c|c0=c0|c1=c1|c2=c2 keeps each channel of a sound of three channels in its place: the documentation of the filter says that c0, c1 ...
# are channels by number, and that a pure mapping copies channels without loss.
# Seen: where the layout is not the default layout of the number of channels (3.0 and quad in place of 2.1 and 4.0), a channel of the input is lost, and a
# channel of the output is silent. channelmap=0|1|2:3c keeps the channels.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv v >/dev/null
v/bin/pip install -q imageio-ffmpeg==0.8.1
ffmpeg=$(v/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -v error -f lavfi -i "aevalsrc='0.1*sin(2*PI*100*t)|0.1*sin(2*PI*200*t)|0.1*sin(2*PI*300*t)':d=1:s=8000:c=3.0" three.wav
pitches() { # of each channel, by counting the waves of a second
	"$ffmpeg" -v error -i three.wav -af "$1" -f s16le - | python3 -c '
import array, sys
a = array.array("h", sys.stdin.buffer.read())
print([sum(a[i - 3 + c] < 0 <= a[i + c] for i in range(3, len(a), 3)) for c in range(3)])'
}
pan=$(pitches 'pan=3c|c0=c0|c1=c1|c2=c2') map=$(pitches 'channelmap=0|1|2:3c')
echo "tones of 100, 200 and 300 Hz; pan: $pan, channelmap: $map"
if [ "$pan" != "[99, 299, 0]" ] || [ "$map" != "[99, 199, 299]" ]; then
  echo "the behaviour is another than stated"
  exit 1
fi
