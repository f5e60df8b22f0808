package apitest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// Need skips a test that lacks a program, or fails the test under CINEDEX_REQUIRE_ALL=1. The program is the first
// existing program of the names.
func Need(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path := os.Getenv("CINEDEX_" + strings.ToUpper(name)); path != "" {
			return path
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
		t.Fatalf("lacks %s", names[0])
	}
	t.Skipf("lacks %s", names[0])
	return ""
}

// A Server is the whole search API over a library, served as the platform serves the API.
type Server struct {
	URL     string
	Service *searchapi.Service
}

// Serve serves the library until the test ends. Callers have the given tokens, each with the titles that the caller may
// see. Internal faults are written to the test's log.
func (l *Library) Serve(tokens map[string][]string, change ...func(*gateway.Config, *searchapi.Deps)) *Server {
	l.t.Helper()
	cfg := gateway.Default()
	reader, err := media.NewReader(media.Default(), media.Tools{FFmpeg: Need(l.t, "ffmpeg"), FFprobe: Need(l.t, "ffprobe")}, slog.New(slog.DiscardHandler))
	if err != nil {
		l.t.Fatal(err)
	}
	deps := searchapi.Deps{Store: l.Store, Engine: l.Engine, Catalog: Catalog(), Encoders: Encoders(), Authoriser: l.authoriser(tokens), Blobs: l.Blobs, Reader: reader,
		Log: slog.New(slog.NewTextHandler(l.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Registerer: prometheus.NewRegistry()}
	for _, c := range change {
		c(&cfg, &deps)
	}
	service, err := searchapi.New(cfg, deps)
	if err != nil {
		l.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(l.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- telemetry.ServeListener(ctx, listener, service.Handler) }()
	l.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			l.t.Errorf("serving: %v", err)
		}
	})
	return &Server{URL: "http://" + listener.Addr().String(), Service: service}
}

func (l *Library) authoriser(tokens map[string][]string) authz.Authoriser {
	l.t.Helper()
	file := "tokens:\n"
	for token, titles := range tokens {
		file += fmt.Sprintf("  - name: %q\n    sha256: %x\n    titles: [%s]\n", token, sha256.Sum256([]byte(token)), quoted(titles))
	}
	path := filepath.Join(l.t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		l.t.Fatal(err)
	}
	a, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func quoted(titles []string) string {
	q := make([]string, len(titles))
	for i, t := range titles {
		q[i] = fmt.Sprintf("%q", t)
	}
	return strings.Join(q, ", ")
}

// Shoot makes the film's media with ffmpeg, each shot in its colour with a key frame a second, and a thumbnail of each
// shot. Shoot puts both into the library's bucket. A film can be added then.
func (l *Library) Shoot(f Film) Film {
	l.t.Helper()
	ffmpeg := Need(l.t, "ffmpeg")
	rate := f.rate()
	var args, labels []string
	for i, s := range f.Shots {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("color=c=0x%02x%02x%02x:s=320x180:r=%s:d=%d", s.Colour.R, s.Colour.G, s.Colour.B, rate, s.Seconds))
		labels = append(labels, fmt.Sprintf("[%d:v]", i))
	}
	path := filepath.Join(l.t.TempDir(), "film.mp4")
	graph := fmt.Sprintf("%sconcat=n=%d,setpts=PTS+%f/TB[v]", strings.Join(labels, ""), len(f.Shots), f.Late.Seconds())
	maps := []string{"-map", "[v]"}
	if f.Late > 0 {
		args = append(args, "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=5")
		maps = append(maps, "-map", fmt.Sprintf("%d:a", len(f.Shots)), "-c:a", "aac")
	}
	args = append(append(append([]string{"-v", "error", "-nostdin"}, args...), "-filter_complex", graph), maps...)
	args = append(args, "-fps_mode", "passthrough",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-movflags", "+faststart", path)
	if out, err := exec.CommandContext(l.t.Context(), ffmpeg, args...).CombinedOutput(); err != nil {
		l.t.Fatalf("making a film: %v: %s", err, out)
	}
	film, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	f.Sha256, f.Bytes = fmt.Sprintf("%x", sha256.Sum256(film)), int64(len(film))
	f.Media, f.Container = l.put(f.Title+".mp4", "video/mp4", film), "mov,mp4,m4a,3gp,3g2,mj2"
	f.Thumbnail = func(shot int) *pb.MediaRef {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, Still(f.Shots[shot].Colour), nil); err != nil {
			l.t.Fatal(err)
		}
		return l.put(fmt.Sprintf("runs/%s/thumbnails/%x.%d.jpg", AssetOf(f.Title), sha256.Sum256(b.Bytes()), shot), "image/jpeg", b.Bytes())
	}
	return f
}

func (l *Library) put(key, contentType string, b []byte) *pb.MediaRef {
	l.t.Helper()
	ref, err := l.Blobs.Put(l.t.Context(), key, contentType, bytes.NewReader(b))
	if err != nil {
		l.t.Fatal(err)
	}
	return ref
}

func (l *Library) openBlobs() {
	cfg := blob.Default()
	l.Folder = l.t.TempDir()
	cfg.Bucket = "file://" + l.Folder
	blobs, err := blob.Open(l.t.Context(), cfg, blob.Deps{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = blobs.Close() })
	l.Blobs = blobs
}

// Still is a picture of a single colour.
func Still(c color.Color) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 320, 180))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func (f Film) rate() schema.Rate {
	if f.Rate == (schema.Rate{}) {
		return schema.Rate{Num: 25, Den: 1}
	}
	return f.Rate
}
