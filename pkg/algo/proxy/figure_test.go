package proxy_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// showing is the input of an execution that decodes as the algo-runner does, and an output that keeps the number of bytes alone.
type showing struct {
	algo.Input // nil: the algorithm reads nothing else
	reader     *media.Reader
	film       algo.Film
	spec       media.FrameSpec
	bytes      int
}

func (s *showing) Asset() *pb.Asset    { return s.film.Asset }
func (s *showing) Clock() schema.Clock { return s.film.Clock }

func (s *showing) Frames(ctx context.Context) iter.Seq2[algo.Frame, error] {
	return func(yield func(algo.Frame, error) bool) {
		stream, err := s.reader.Decode(ctx, media.Source{Path: s.film.Path, Video: s.film.Asset.GetVideo(), Clock: s.film.Clock}, s.spec)
		if err != nil {
			yield(algo.Frame{}, err)
			return
		}
		defer stream.Close()
		for {
			f, err := stream.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(algo.Frame{}, err)
				return
			}
			if !yield(algo.Frame{N: f.N, Picture: f.Pictures[0]}, nil) {
				return
			}
		}
	}
}

func (s *showing) Sound(ctx context.Context, track *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	return s.film.Sound(ctx, s.reader, track, media.SoundSpec{Rate: 48_000, EveryChannel: true})
}

func (*showing) Annotation(context.Context, *pb.Annotation) (string, error) { return "", nil }
func (*showing) Embedding(context.Context, *pb.Embedding) error             { return nil }
func (*showing) Progress(int64, int64)                                      {}

func (s *showing) Blob(_ context.Context, name, _ string, data []byte) (*pb.MediaRef, error) {
	s.bytes += len(data)
	return &pb.MediaRef{Key: name}, nil
}

// processors is the processor time of this process and of the programs that have ended.
func processors(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// TestFigureCost makes the proxy of twenty seconds of Big Buck Bunny in ProRes at 1080p, with decoding and sound, and runs the algorithm over a film
// that browsers play.
func TestFigureCost(t *testing.T) {
	figure.Begin(t, "proxy/cost")
	s := newStudio(t)
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	bunny, err := cache.Require("big-buck-bunny")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	path := filepath.Join(t.TempDir(), "film.mov")
	s.ffmpeg("-ss", "200", "-t", "20", "-i", bunny, "-vf", "scale=1920:1080", "-c:v", "prores", "-profile:v", "3", "-c:a", "pcm_s16le", path)
	a := proxy.New(func() (string, error) { return s.tools.FFmpeg, nil })
	cost := func(path string) (cpu, wall time.Duration, seconds float64, bytes int) {
		film, err := s.reader.Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		clock, err := film.Clock()
		if err != nil {
			t.Fatal(err)
		}
		in := &showing{reader: s.reader, film: algo.Film{Path: path, Asset: film.Asset, Clock: clock}, spec: a.Frames(film.Asset)}
		was, begun := processors(t), time.Now()
		if err := a.Annotate(t.Context(), in, in); err != nil {
			t.Fatal(err)
		}
		return processors(t) - was, time.Since(begun), clock.FrameStart(clock.Frames()).Seconds(), in.bytes
	}
	cpu, wall, seconds, bytes := cost(path)
	none, _, _, _ := cost(bunny)
	share := cpu.Seconds() / 2 / seconds
	figure.Report(t, true, figure.Result{Name: "proxy/cost", Claim: "a proxy of 1080p costs at most 0.5x of the length of the film on two processors, and nothing where browsers play the film",
		Measured: fmt.Sprintf("%.2fx by the processor time of two, %.2fx by the clock of this machine, %.1f MB a minute; a film that browsers play: %.1f ms", share, wall.Seconds()/seconds, float64(bytes)/1e6*60/seconds, float64(none.Microseconds())/1000),
		Pass:     share <= 0.5 && none < 100*time.Millisecond})
}

const page = `<!doctype html><video id=v src=/film muted preload=auto></video><canvas id=c width=320 height=180></canvas><script>
async function seek(t) {
  const v = document.getElementById('v');
  await new Promise((done, fail) => {
    v.onerror = () => fail(new Error('the film does not play: ' + v.error.message));
    // The event comes before the picture: the picture is shown when the callback for a frame comes as well.
    let sought = false, shown = false;
    v.onseeked = () => { sought = true; if (shown) done(); };
    v.requestVideoFrameCallback(() => { shown = true; if (sought) done(); });
    v.currentTime = t;
  });
  const c = document.getElementById('c');
  c.getContext('2d').drawImage(v, 0, 0, 320, 180);
  return c.toDataURL('image/png');
}</script>`

// TestFigureSeeks seeks in the proxies of ten recordings in Chromium, and reads the burnt-in code from the picture that Chromium shows.
func TestFigureSeeks(t *testing.T) {
	figure.Begin(t, "proxy/seeks")
	s := newStudio(t)
	tab := chromium(t)
	const each = 50
	random := rand.New(rand.NewPCG(15, 2))
	var told []string
	right, total := 0, 0
	var longest time.Duration
	for _, name := range slices.Sorted(maps.Keys(recordings)) {
		rec := recordings[name]
		path := filepath.Join(t.TempDir(), rec.file)
		s.ffmpeg(append(append([]string{"-i", s.truth(rec.from).Path, "-map", "0:v"}, rec.args...), path)...)
		m := s.proxy(path)
		want, clock, _ := s.stamps(path)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/film" {
				http.ServeFile(w, r, m.path)
				return
			}
			_, _ = io.WriteString(w, page)
		}))
		if err := chromedp.Do(tab, chromedp.Navigate(server.URL+"/")); err != nil {
			t.Fatal(err)
		}
		exact := 0
		last := int64(-1)
		for range each {
			n := random.Int64N(clock.Frames())
			for n == last { // a seek to the shown frame shows no new frame
				n = random.Int64N(clock.Frames())
			}
			last = n
			at := (clock.FrameStart(n).Seconds() + clock.FrameStart(n+1).Seconds()) / 2
			begun := time.Now()
			url := seek(t, tab, at)
			longest = max(longest, time.Since(begun))
			if got, readable := stampOf(t, url); readable && got == want[n] {
				exact++
			} else {
				t.Logf("%s: frame %d is shown as %+v (readable %t)", name, n, got, readable)
			}
		}
		server.Close()
		right, total = right+exact, total+each
		told = append(told, fmt.Sprintf("%s %d", name, exact))
	}
	_, _ = fmt.Fprintln(os.Stdout, "figure proxy/seeks |", strings.Join(told, " | "))
	figure.Report(t, true, figure.Result{Name: "proxy/seeks", Claim: "500 seeks in Chromium over the proxies of ten recordings and five clocks show the asset's frame",
		Measured: fmt.Sprintf("%d of %d exact, the slowest after %d ms", right, total, longest.Milliseconds()), Pass: right == total && total == 500})
}

// chromium opens the browser of the machine.
func chromium(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("lacks chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	tab, closed := chromedp.NewContext(allocator)
	t.Cleanup(func() { closed(); stop() })
	return tab
}

// seek seeks to a time, and returns the shown picture as the address of a PNG.
func seek(t *testing.T, tab context.Context, at float64) string {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("window.got = ''; void seek(%.9f).then(u => window.got = u, e => window.got = 'fault: ' + e)", at))); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		got, err := chromedp.Run(tab, chromedp.Evaluate[string]("window.got"))
		if err != nil || strings.HasPrefix(got, "fault") {
			t.Fatal(got, err)
		}
		if got != "" {
			return got
		}
	}
	t.Fatal("the browser shows no frame after a seek")
	return ""
}

func stampOf(t *testing.T, url string) (mediatest.Stamp, bool) {
	t.Helper()
	img, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimPrefix(url, "data:image/png;base64,"))))
	if err != nil {
		t.Fatal(err)
	}
	return mediatest.ReadStamp(img)
}
