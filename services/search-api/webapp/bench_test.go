package webapp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// A format is a way in which a film is encoded and wrapped. Browsers play each of these formats.
type format struct {
	name, ext string
	args      []string
	// sound begins the pictures behind the sound: their first time is not zero.
	sound bool
}

var formats = []format{
	{name: "h264", ext: "mp4", args: x264("bframes=0:keyint=24")},
	{name: "b-frames", ext: "mp4", args: x264("bframes=3:b-pyramid=normal:b-adapt=0:keyint=24:scenecut=0")},
	{name: "open-gop", ext: "mp4", args: x264("bframes=3:open-gop=1:b-adapt=0:keyint=12:scenecut=0")},
	{name: "fragmented", ext: "mp4", args: append(x264("bframes=2:b-adapt=0:keyint=24:scenecut=0"), "-movflags", "+frag_keyframe+empty_moov+default_base_moof")},
	{name: "late", ext: "mov", args: x264("bframes=2:b-adapt=0:keyint=24:scenecut=0"), sound: true},
	{name: "matroska", ext: "mkv", args: x264("bframes=2:b-adapt=0:keyint=24:scenecut=0")},
	{name: "vp8", ext: "webm", args: []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "24", "-auto-alt-ref", "1"}},
	{name: "vp9", ext: "webm", args: []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "24"}},
	{name: "av1", ext: "mp4", args: []string{"-c:v", "libsvtav1", "-preset", "12", "-crf", "30", "-g", "24"}},
}

func x264(params string) []string {
	return []string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-x264-params", params, "-movflags", "+faststart"}
}

// A clockwork is a clock of films: a rate, drop frame by the start timecode, or a rate that changes from frame to frame.
type clockwork struct {
	name  string
	rate  schema.Rate
	start string
	// lengths are the lengths of the frames in turn, in units of 1/120 s, for a variable rate.
	lengths []int
}

var clockworks = []clockwork{
	{name: "23.976", rate: schema.Rate{Num: 24000, Den: 1001}, start: "01:00:00:00"},
	{name: "25", rate: schema.Rate{Num: 25, Den: 1}},
	{name: "29.97 drop frame", rate: schema.Rate{Num: 30000, Den: 1001}, start: "00:59:58;00"},
	{name: "59.94", rate: schema.Rate{Num: 60000, Den: 1001}},
	{name: "variable", rate: schema.Rate{Num: 30, Den: 1}, lengths: []int{4, 4, 5, 3, 4, 12, 2, 6, 4, 4, 31}},
}

const (
	codedWidth, codedHeight = 320, 180
	codedFrames             = 144
)

// coded is a frame that shows its number as ten cells, and beneath them the opposite of the cells.
func coded(n int) []byte {
	pix := bytes.Repeat([]byte{128}, codedWidth*codedHeight)
	for y := range codedHeight {
		for x := range codedWidth {
			v := byte(235)
			if light := n>>(9-x/32)&1 == 1; light == (y >= codedHeight/2) {
				v = 16
			}
			pix[y*codedWidth+x] = v
		}
	}
	return pix
}

// readCode reads the number of the picture that the page shows, from a canvas. -1: the picture shows no number.
const readCode = `(() => {
	const v = document.querySelector('.screen video'), c = document.createElement('canvas');
	c.width = 320; c.height = 180;
	const g = c.getContext('2d', { willReadFrequently: true });
	g.drawImage(v, 0, 0, 320, 180);
	const at = (x, y) => { const d = g.getImageData(x, y, 1, 1).data; return (d[0] + d[1] + d[2]) / 3 > 125 ? 1 : 0; };
	let n = 0;
	for (let i = 0; i < 10; i++) {
		const bit = at(i * 32 + 16, 45);
		if (bit === at(i * 32 + 16, 135)) return -1;
		n = n * 2 + bit;
	}
	return n;
})()`

// write makes a film of coded frames.
func (f format) write(ctx context.Context, ffmpeg, path string, c clockwork) error {
	args := []string{"-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-video_size", fmt.Sprintf("%dx%d", codedWidth, codedHeight), "-framerate", c.rate.String()}
	filter := "format=yuv420p"
	if f.sound {
		args = append(args, "-itsoffset", "0.5") // of the pictures
	}
	args = append(args, "-i", "pipe:0")
	if f.sound {
		args = append(args, "-f", "lavfi", "-i", "sine=d=8", "-map", "0:v", "-map", "1:a", "-c:a", "aac")
	}
	if c.lengths != nil {
		filter += ",settb=1/120,setpts='" + c.setpts() + "'"
		args = append(args, "-enc_time_base", "1/120")
		if f.ext == "mp4" || f.ext == "mov" {
			args = append(args, "-video_track_timescale", "120000")
		}
	}
	args = append(args, "-vf", filter, "-fps_mode", "passthrough")
	args = append(args, f.args...)
	if c.start != "" && f.ext == "mov" {
		args = append(args, "-timecode", c.start)
	}
	cmd := exec.CommandContext(ctx, ffmpeg, append(args, "file:"+path)...)
	var film, complaint bytes.Buffer
	for n := range codedFrames {
		film.Write(coded(n))
	}
	cmd.Stdin, cmd.Stderr = &film, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("encoding %s at %s: %w: %s", f.name, c.name, err, complaint.String())
	}
	return nil
}

// setpts gives frame N the sum of the lengths before the frame, in units of 1/120 s.
func (c clockwork) setpts() string {
	all := 0
	for _, l := range c.lengths {
		all += l
	}
	n := len(c.lengths)
	expr := fmt.Sprintf(`floor(N/%d)*%d`, n, all)
	before := 0
	for i, l := range c.lengths {
		expr += fmt.Sprintf(`+eq(mod(N\,%d)\,%d)*%d`, n, i, before)
		before += l
	}
	return expr
}

// bring puts a film into a library as an arrival does: probed, with its frame table.
func bring(t *testing.T, l *apitest.Library, r *media.Reader, name, path string, c clockwork) (*pb.Asset, schema.Clock) {
	t.Helper()
	film, err := r.Probe(t.Context(), path)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	a := film.Asset
	if c.start != "" {
		a.Video.StartTimecode, a.Video.DropFrame = c.start, strings.Contains(c.start, ";")
	}
	clock, err := film.Clock()
	if err != nil {
		t.Fatal(err)
	}
	if clock.Frames() != codedFrames || a.GetVideo().GetVariableRate() != (c.lengths != nil) {
		t.Fatalf("%s: probed as %v", name, a.GetVideo())
	}
	put := func(key, kind string, b []byte) *pb.MediaRef {
		ref, err := l.Blobs.Put(t.Context(), key, kind, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	if film.Frames != nil {
		b, err := film.Frames.Encode()
		if err != nil {
			t.Fatal(err)
		}
		a.Video.FrameTable = put("frames/"+name, "application/octet-stream", b)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a.Sha256, a.Title = fmt.Sprintf("%x", sha256.Sum256(b)), &pb.Title{Id: name, Name: name}
	a.Id = schema.AssetID(a.GetSha256())
	a.Media = put(name+filepath.Ext(path), "video/mp4", b)
	if err := l.Store.PutAsset(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a, clock
}

// A shown is a film of coded frames in a library.
type shown struct {
	name  string
	asset *pb.Asset
	clock schema.Clock
	// proxy makes the proxy; nil for a film that every browser plays, and shows exactly.
	proxy func()
	// proxied holds as soon as Chromium plays the proxy.
	proxied bool
}

// codedFilms makes films of every pair of a format and a clock that want asks for, and serves the films.
func codedFilms(t *testing.T, want func(f, c int) bool) (*apitest.Server, []*shown) {
	t.Helper()
	ffmpeg := apitest.Need(t, "ffmpeg")
	r, err := media.NewReader(media.Default(), media.Tools{FFmpeg: ffmpeg, FFprobe: apitest.Need(t, "ffprobe")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	reg, err := algo.NewRegistry(proxy.New(func() (string, error) { return ffmpeg, nil }))
	if err != nil {
		t.Fatal(err)
	}
	l := apitest.New(t)
	dir := t.TempDir()
	var films []*shown
	for i, f := range formats {
		for j, c := range clockworks {
			if !want(i, j) {
				continue
			}
			name := fmt.Sprintf("%s-%d", f.name, j)
			path := filepath.Join(dir, name+"."+f.ext)
			if err := f.write(t.Context(), ffmpeg, path, c); err != nil {
				t.Fatal(err)
			}
			a, clock := bring(t, l, r, name, path, c)
			film := &shown{name: f.name + " at " + c.name, asset: a, clock: clock}
			if media.NeedsProxy(a) {
				film.proxy = func() {
					clip, err := algotest.OpenClip(t.Context(), r, path)
					if err != nil {
						t.Fatal(err)
					}
					run := runOf(t, a, "proxy")
					l.WroteRun(run, madeBy(t, l, reg, clip, run).Annotations...)
					film.proxied = media.Original(a).GetPlayable() == pb.Playable_PLAYABLE_NO
				}
			}
			films = append(films, film)
		}
	}
	// A request of the page for a proxy waits until the test makes the proxy.
	return l.Serve(tokens, func(_ *gateway.Config, d *searchapi.Deps) {
		d.Request = func(context.Context, *pb.Run) error { return nil }
	}), films
}

const video = "document.querySelector('.screen video')"

// settled holds when the player stands at a frame, and the browser has painted twice.
func settled(n int64) string {
	return fmt.Sprintf("%s?.dataset.frame === '%d' && !%s.seeking && %s.readyState >= 2", video, n, video, video)
}

// proxied holds while the page plays the proxy.
const proxied = "(" + video + "?.currentSrc.endsWith('/proxy') === true)"

// unplayable holds while the page says that the browser does not play the film.
const unplayable = "(document.querySelector('.screen .unplayable') !== null)"

// onBench opens a film on the bench, and waits for the proxy, if there is a proxy. The file plays until the page knows of the proxy.
func (b tab) onBench(s *apitest.Server, f *shown, n int64) {
	b.t.Helper()
	b.do(chromedp.Navigate(fmt.Sprintf("%s/?asset=%s&frame=%d", s.URL, f.asset.GetId(), n)))
	if f.proxied {
		b.until(proxied)
	}
	b.until(settled(n) + " || " + unplayable)
}

// seeks goes to a frame by the page's own address.
func (b tab) seeks(f *shown, n int64) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("history.pushState(null, '', '?asset=%s&frame=%d'); dispatchEvent(new PopStateEvent('popstate')), undefined", f.asset.GetId(), n)))
	b.until(settled(n) + " || " + unplayable)
}

// code reads the number of the picture that the page shows. A browser paints a picture a moment after the seek, and the first picture of a film later still:
// until then, the page shows no number.
func (b tab) code() int64 {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`new Promise(done => {
		const began = performance.now();
		const look = () => requestAnimationFrame(() => requestAnimationFrame(() => { const n = `+readCode+`; n < 0 && performance.now() - began < 20000 ? look() : done(n); }));
		look();
	})`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// inexact holds while the page says that the picture may be a neighbour of the frame.
const inexact = "(document.querySelector('.screen .inexact') !== null)"

// The bench shows the frame that is asked for, in each clock: by a seek, by steps, and where a film that played is stopped. The timecode is
// the frame's. Chromium shows neighbouring frames of the fragmented film, which is of variable rate with B-frames: the page says so, and plays the proxy as soon
// as the film has a proxy.
func TestBenchFrames(t *testing.T) {
	s, films := codedFilms(t, func(f, c int) bool { return f == []int{1, 6, 4, 5, 0}[c] || c == 4 && f == 3 })
	b := open(t, 1400, 1000)
	b.do(chromedp.Navigate(s.URL + "/?token=all"))
	for _, f := range films {
		scale, err := schema.NewTimecodeScale(f.asset.GetVideo())
		if err != nil {
			t.Fatal(err)
		}
		check := func(how string, want int64) {
			t.Helper()
			if got := b.code(); got != want {
				t.Errorf("%s: %s: the picture shows frame %d, want %d", f.name, how, got, want)
			}
			b.until(fmt.Sprintf("document.querySelector('.timecode input').value === %q", scale.Format(want)))
		}
		if f.proxy != nil && f.asset.GetVideo().GetVariableRate() {
			n := int64(0)
			for b.onBench(s, f, n); b.code() == n; b.seeks(f, n) {
				if n++; n == 30 {
					t.Fatalf("%s: the file shows every frame: the table of media.Original says more than is so", f.name)
				}
			}
			b.until(inexact)
			f.proxy()
			b.until(proxied + " && !" + inexact)
			if b.until(settled(n)); b.code() != n {
				t.Errorf("%s: the proxy shows frame %d, want %d", f.name, b.code(), n)
			}
		}
		b.onBench(s, f, 7)
		check("opened", 7)
		for _, n := range []int64{codedFrames - 1, 0, 77} {
			b.seeks(f, n)
			check("sought", n)
		}
		for _, step := range []struct {
			key string
			to  int64
		}{{".", 78}, {".", 79}, {",", 78}, {">", 88}, {"<", 78}} {
			b.do(press(step.key))
			b.until(settled(step.to))
			check("stepped by "+step.key, step.to)
		}
		b.do(press("l"))
		b.until(video + ".currentTime > 0 && !" + video + ".paused && Number(document.querySelector('[role=slider]').ariaValueNow) > 84")
		b.do(press("k"))
		const now = "Number(document.querySelector('[role=slider]').ariaValueNow)"
		b.until(video + ".paused && !" + video + ".seeking && " + video + ".dataset.frame === String(" + now + ")")
		check("stopped", get[int64](b, now))
		if get[bool](b, inexact) {
			t.Errorf("%s: the page says that the picture is inexact", f.name)
		}
	}

	// Chromium does not tell of every picture that is painted. The page finds the picture out, and does not call the picture inexact.
	last := films[len(films)-1]
	b.do(chromedp.Evaluate[chromedp.Void](`window.untold = 0; {
		const of = HTMLVideoElement.prototype, request = of.requestVideoFrameCallback;
		of.requestVideoFrameCallback = function (f) {
			const next = (now, m) => { if (untold > 0) { untold--; request.call(this, next); } else f(now, m); };
			return request.call(this, next);
		};
	}`))
	b.seeks(last, 20) // the callback of this picture was requested before
	b.do(chromedp.Evaluate[chromedp.Void]("untold = 1, undefined"))
	if b.seeks(last, 30); get[bool](b, inexact) || get[int](b, "untold") != 0 || b.code() != 30 {
		t.Errorf("%s: the picture shows frame %d, want 30; the page says that the picture is inexact: %v", last.name, b.code(), get[bool](b, inexact))
	}

	// The page writes the frame into the address a quarter of a second after a step. A step back in the browser's history before that leads the film.
	b.do(chromedp.Evaluate[chromedp.Void](`window.late = []; window.timeout = setTimeout; window.setTimeout = (f, ms, ...a) => { if (ms === 250) late.push(f); return timeout(f, ms, ...a); }, undefined`), press("."))
	b.until("late.length > 0")
	if at := get[string](b, `(() => {
		window.setTimeout = timeout;
		const address = new URL(location);
		address.searchParams.set('frame', '3');
		history.pushState(null, '', address);
		dispatchEvent(new PopStateEvent('popstate'));
		for (const f of late) f();
		return new URL(location).searchParams.get('frame');
	})()`); at != "3" {
		t.Errorf("the address has frame %s, want 3", at)
	}
	b.until(settled(3))
}

// Issue 15, must-show 2: 500 seeks over nine formats and five clocks, each read from the picture.
func TestFigureBenchFrames(t *testing.T) {
	figure.Begin(t, "bench/frames")
	s, films := codedFilms(t, func(int, int) bool { return true })
	b := open(t, 1400, 1000)
	b.do(chromedp.Navigate(s.URL + "/?token=all"))
	draw := rand.New(rand.NewPCG(15, 2))
	const seeks = 500
	began, exact := time.Now(), 0
	var wrong, told []string
	byFile, failed := 0, 0
	for i, f := range films {
		if f.proxy != nil {
			f.proxy()
		}
		for k := i; k < seeks; k += len(films) {
			n := draw.Int64N(f.clock.Frames())
			if k == i || get[bool](b, unplayable) {
				b.onBench(s, f, n)
			} else {
				b.seeks(f, n)
			}
			if !get[bool](b, proxied) {
				byFile++
			}
			if get[bool](b, unplayable) {
				failed++
				wrong = append(wrong, fmt.Sprintf("%s: frame %d: Chromium stops with an error", f.name, n))
				continue
			}
			if got := b.code(); got == n {
				exact++
			} else {
				wrong = append(wrong, fmt.Sprintf("%s: frame %d shows %d", f.name, n, got))
			}
		}
		if get[bool](b, inexact) {
			told = append(told, f.name)
		}
	}
	for _, w := range wrong {
		t.Log(w)
	}
	figure.Report(t, true, figure.Result{Name: "bench/frames", Claim: "500 seeks on the bench over nine formats and five clocks in Chromium: the picture of every seek shows the frame asked for",
		Measured: fmt.Sprintf("%d of %d exact (%d seeks of the file, %d of the proxy), %d ended by an error of Chromium, %d films, %.0f s; films that the page calls inexact: %q", exact, seeks, byFile, seeks-byFile, failed, len(films), time.Since(began).Seconds(), told),
		Pass:     exact == seeks && len(told) == 0 && len(films) == len(formats)*len(clockworks)})
}
