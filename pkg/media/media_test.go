package media_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if films.dir != "" {
		os.RemoveAll(films.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// tool finds a program in cinedex's order: environment variables such as CINEDEX_FFMPEG first.
func tool(t testing.TB, name string) string {
	t.Helper()
	if path := os.Getenv("CINEDEX_" + strings.ToUpper(name)); path != "" {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

func reader(t testing.TB, change ...func(*media.Config)) *media.Reader {
	t.Helper()
	cfg := media.Default()
	for _, c := range change {
		c(&cfg)
	}
	r, err := media.NewReader(cfg, media.Tools{FFmpeg: tool(t, "ffmpeg"), FFprobe: tool(t, "ffprobe")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// films are the suite's films in a small size, made once for all tests.
var films struct {
	sync.Once
	dir   string
	truth map[string]mediatest.Truth
	err   error
}

func suite(t testing.TB) map[string]mediatest.Truth {
	t.Helper()
	ffmpeg := tool(t, "ffmpeg")
	films.Do(func() {
		films.truth = map[string]mediatest.Truth{}
		if films.dir, films.err = os.MkdirTemp("", "cinedex-films-"); films.err != nil {
			return
		}
		for _, f := range mediatest.Suite() {
			f.Width, f.Height = 320, 180
			var truth mediatest.Truth
			if truth, films.err = f.Write(context.Background(), films.dir, mediatest.Tools{FFmpeg: ffmpeg}); films.err != nil {
				return
			}
			films.truth[f.Name] = truth
		}
	})
	if films.err != nil {
		t.Fatal(films.err)
	}
	return films.truth
}

// source probes a film and returns a Source.
func source(t testing.TB, r *media.Reader, path string) media.Source {
	t.Helper()
	film, err := r.Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		t.Fatal(err)
	}
	return media.Source{Path: path, Video: film.Asset.Video, Clock: clock}
}

// whole is the size at which stamps are read.
var whole = media.FrameSpec{Width: 320, Fit: media.Keep}

// stamps decodes a film and returns the stamp of each frame.
func stamps(t testing.TB, r *media.Reader, src media.Source) []mediatest.Stamp {
	t.Helper()
	s, err := r.Decode(t.Context(), src, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out []mediatest.Stamp
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.N != int64(len(out)) {
			t.Fatalf("frame %d came after %d others", f.N, len(out))
		}
		st, ok := mediatest.ReadStamp(f.Pictures[0].Image())
		if !ok {
			t.Fatalf("frame %d has no stamp to read", f.N)
		}
		out = append(out, st)
	}
}

// run runs ffmpeg to make a file.
func run(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command(tool(t, "ffmpeg"), append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func rateOf(num, den int64) schema.Rate { return schema.Rate{Num: num, Den: den} }

func readStamp(p *media.Picture) (mediatest.Stamp, bool) { return mediatest.ReadStamp(p.Image()) }

func mustStamp(t testing.TB, p *media.Picture) mediatest.Stamp {
	t.Helper()
	s, ok := readStamp(p)
	if !ok {
		t.Fatal("a picture has no stamp to read")
	}
	return s
}
