#!/usr/bin/env bash
# Chromium 156.0.8078.114 and ffmpeg 5.1.9, as Debian 12 packages both.
#
# Expected: a paused video shows, after a seek to the middle of a frame, the frame.
# Seen: in an MP4 of variable rate with B-frames, a seek to some of the frames before a key frame shows the key frame, which is later than the
# position. The film with the same times and without B-frames shows every frame, and so does the film with B-frames at an even rate. MP4 keeps the
# times of decoding beside the times of showing. With a long frame before a key frame, the key frame is decoded before the time at which frames ahead
# of the key frame are shown. Chromium begins at the last key frame whose time of decoding is not behind the position.
set -euo pipefail
dir=$(mktemp -d)
cd "$dir"
browser=
trap '[ -z "$browser" ] || kill "$browser" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
# Frame n is a plain grey of 16 + 3n.
film() {
  ffmpeg -v error -f lavfi -i "nullsrc=s=64x64:r=30:d=2,geq=lum='16+3*N':cb=128:cr=128,format=yuv420p,settb=1/120,setpts='$2'" -enc_time_base 1/120 \
    -fps_mode passthrough -c:v libx264 -preset ultrafast -qp 1 -video_track_timescale 120000 -x264-params "keyint=24:scenecut=0:$3" "$1.mp4"
}
film even '4*N' 'bframes=2:b-adapt=0'
film variable-in-order '4*N+24*floor((N+2)/5)' 'bframes=0'
film variable '4*N+24*floor((N+2)/5)' 'bframes=2:b-adapt=0'
python3 - <<'PY'
import base64
import json
import subprocess

films = {}
for name in ("even", "variable-in-order", "variable"):
    out = subprocess.check_output(["ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "json", name + ".mp4"])
    films[name] = {
        "starts": sorted(float(p["pts_time"]) for p in json.loads(out)["packets"]),
        "url": "data:video/mp4;base64," + base64.b64encode(open(name + ".mp4", "rb").read()).decode(),
    }
with open("page.html", "w") as page:
    page.write("""<!doctype html><video muted preload=auto></video><canvas width=64 height=64></canvas><script>
const films = %s, video = document.querySelector("video"), g = document.querySelector("canvas").getContext("2d", { willReadFrequently: true });
const happens = (name) => new Promise((done) => video.addEventListener(name, done, { once: true }));
const shown = () => { g.drawImage(video, 0, 0); return Math.round(g.getImageData(32, 32, 1, 1).data[0] * 219 / 255 / 3); };
(async () => {
  for (const [name, film] of Object.entries(films)) {
    video.src = film.url;
    await happens("loadeddata");
    const wrong = [];
    for (let i = 0; i < film.starts.length - 1; i++) {
      const n = (i * 37 + 11) %% (film.starts.length - 1);
      const sought = happens("seeked");
      video.currentTime = (film.starts[n] + film.starts[n + 1]) / 2;
      await sought;
      const end = performance.now() + 300; // the picture may come after the event
      while (shown() !== n && performance.now() < end) await new Promise((done) => setTimeout(done, 10));
      if (shown() !== n) wrong.push(n + " shows " + shown());
    }
    console.log("FILM " + name + ": " + wrong.length + " of " + (film.starts.length - 1) + " wrong. " + wrong.slice(0, 6).join(", "));
  }
  console.log("FILM end");
})();
</script>""" % json.dumps(films))
PY
chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/profile" --enable-logging=stderr "file://$dir/page.html" 2>log >/dev/null &
browser=$!
for _ in $(seq 300); do
  if grep -q 'FILM end' log; then break; fi
  sleep 0.2
done
grep -o 'FILM [a-z-]*: [^"]*' log
if grep -q 'FILM even: 0 of' log && grep -q 'FILM variable-in-order: 0 of' log && grep -q 'FILM variable: [1-9]' log; then exit 0; fi
echo "the behaviour is another than stated" >&2
exit 1
