package platform_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // a bucket may be reached by S3's protocol
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/platform"
)

// TestS3 keeps our bytes in a bucket of S3's protocol, and reads media from another.
func TestS3(t *testing.T) {
	backend := s3mem.New()
	for _, name := range []string{"own", "films"} {
		if err := backend.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
	}
	film := bytes.Repeat([]byte("frame"), 400_000)
	if _, err := backend.PutObject("films", "2026/a film.mp4", nil, bytes.NewReader(film), int64(len(film)), nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	bucket := func(name string) string {
		return "s3://" + name + "?" + url.Values{"endpoint": {server.URL}, "region": {"eu-west-1"}, "use_path_style": {"true"}}.Encode()
	}
	dir := t.TempDir()
	c := platform.Default(dir, links)
	c.Blobs.Bucket, c.Blobs.Buckets = bucket("own"), []string{bucket("films")}
	c.Blobs.CacheDir = filepath.Join(dir, "fetched")
	// Any existing programs will do for reading films here.
	for _, tool := range []string{"CINEDEX_FFMPEG", "CINEDEX_FFPROBE"} {
		t.Setenv(tool, "/bin/true")
	}
	ctx := context.Background()
	p, err := platform.Open(ctx, "test", c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Log = slog.New(slog.DiscardHandler)
	if err := p.OpenMedia(ctx, c.Media, c.Blobs); err != nil {
		t.Fatal(err)
	}

	ref, err := p.Blobs.Put(ctx, "thumbnails/ab/0.jpg", "image/jpeg", bytes.NewReader([]byte("picture")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Blobs.Read(ctx, ref, 100); err != nil || string(got) != "picture" {
		t.Errorf("our own: %q, %v", got, err)
	}
	if _, err := p.Blobs.Resolve("s3://secret/a.mp4"); !errkind.Is(err, errkind.Denied) {
		t.Errorf("a bucket that is not configured: %v", err)
	}
	missing, err := p.Blobs.Resolve("s3://films/none.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Blobs.Open(ctx, missing); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("an object that is not there: %v", err)
	}
	ref, err = p.Blobs.Resolve("s3://films/2026/a%20film.mp4")
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Blobs.Open(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Seek(1_000_000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(o); err != nil || !bytes.Equal(rest, film[1_000_000:]) {
		t.Errorf("from the middle: %d bytes, %v", len(rest), err)
	}
	file, err := p.Blobs.Take(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := os.ReadFile(file.Path()); err != nil || !bytes.Equal(got, film) {
		t.Errorf("fetched for decoding: %d bytes, %v", len(got), err)
	}
}
