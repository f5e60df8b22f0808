package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func blobs(t *testing.T, change func(*blob.Config)) *blob.Blobs {
	t.Helper()
	cfg := blob.Default()
	cfg.CacheDir = filepath.Join(t.TempDir(), "cache")
	change(&cfg)
	b, err := blob.Open(t.Context(), cfg, blob.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// hash returns the sha256 of a blob in lowercase hex, and the blob's size.
func hash(ctx context.Context, b *blob.Blobs, ref *cinedexv1.MediaRef) (sum string, size int64, err error) {
	o, err := b.Open(ctx, ref)
	if err != nil {
		return "", 0, err
	}
	defer o.Close()
	h := sha256.New()
	size, err = io.Copy(h, o)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

func TestOwnBucket(t *testing.T) {
	dir := t.TempDir()
	for name, bucket := range map[string]string{"folder": fileURL(filepath.Join(dir, "a b", "own")), "memory": "mem://"} {
		t.Run(name, func(t *testing.T) {
			b := blobs(t, func(c *blob.Config) { c.Bucket = bucket })
			want := bytes.Repeat([]byte("cinedex"), 100_000)
			ref, err := b.Put(t.Context(), "thumbnails/ab12/0.jpg", "image/jpeg", bytes.NewReader(want))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.Read(t.Context(), ref, 1<<20); err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			if _, err := b.Read(t.Context(), ref, 1000); !errors.Is(err, blob.ErrTooLarge) {
				t.Errorf("over the limit: %v", err)
			}
			sum := sha256.Sum256(want)
			if got, size, err := hash(t.Context(), b, ref); err != nil || got != hex.EncodeToString(sum[:]) || size != int64(len(want)) {
				t.Errorf("hash %s of %d, %v", got, size, err)
			}
			file, err := b.Take(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if got, err := os.ReadFile(file.Path()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the local file has %d bytes, %v", len(got), err)
			}
			o, err := b.Open(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			if _, err := o.Seek(700, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if part, _ := io.ReadAll(o); len(part) != len(want)-700 {
				t.Errorf("from the middle: %d bytes", len(part))
			}
			// A broken write leaves the old bytes.
			broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("gone")))
			if _, err := b.Put(t.Context(), "thumbnails/ab12/0.jpg", "image/jpeg", broken); err == nil {
				t.Error("a broken writing passed")
			}
			if got, err := b.Read(t.Context(), ref, 1<<20); err != nil || !bytes.Equal(got, want) {
				t.Errorf("after a broken writing: %d bytes, %v", len(got), err)
			}
			if _, err := b.Read(t.Context(), &cinedexv1.MediaRef{Key: "none"}, 10); errkind.Of(err) != errkind.NotFound {
				t.Errorf("a key that is not there: %v", err)
			}
			if _, err := b.Put(t.Context(), "gone/soon", "", strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second Delete finds no blob
				if err := b.Delete(t.Context(), "gone/soon"); err != nil {
					t.Errorf("deleting: %v", err)
				}
			}
			if _, err := b.Read(t.Context(), &cinedexv1.MediaRef{Key: "gone/soon"}, 10); errkind.Of(err) != errkind.NotFound {
				t.Errorf("a key that was deleted: %v", err)
			}
			if err := b.Delete(t.Context(), "../x"); errkind.Of(err) != errkind.Invalid {
				t.Errorf("deleting outside the bucket: %v", err)
			}
			for _, key := range []string{"", "../x", "a/../b", "/a", "a//b", "a b", ".hidden", "a/", "é"} {
				if _, err := b.Put(t.Context(), key, "", strings.NewReader("x")); errkind.Of(err) != errkind.Invalid {
					t.Errorf("key %q: %v", key, err)
				}
			}
			if _, err := b.Read(t.Context(), &cinedexv1.MediaRef{Key: "../../etc/passwd"}, 1<<20); err == nil {
				t.Error("a key led out of the bucket")
			}
		})
	}
	// The folder holds the blob and no other file.
	var files []string
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			files = append(files, filepath.Base(path))
		}
		return nil
	})
	if len(files) != 1 || files[0] != "0.jpg" {
		t.Errorf("files %v", files)
	}
}

func TestFileURLs(t *testing.T) {
	base := t.TempDir()
	root, outside := filepath.Join(base, "films"), filepath.Join(base, "films-secret")
	for _, d := range []string{filepath.Join(root, "season 1"), outside} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	film := write(t, filepath.Join(root, "season 1"), "ep:1 #2.mp4", []byte("film"))
	secret := write(t, outside, "secret.mp4", []byte("secret"))
	for link, to := range map[string]string{"in.mp4": film, "out.mp4": secret, "dir": outside} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	b := blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	for raw, want := range map[string]errkind.Kind{
		fileURL(film): 0,
		"file://localhost" + (&url.URL{Path: film}).EscapedPath(): 0,
		fileURL(filepath.Join(root, "in.mp4")):                    0,
		fileURL(secret):                                           errkind.Denied,
		fileURL(filepath.Join(root, "out.mp4")):                   errkind.Denied,
		fileURL(filepath.Join(root, "dir/secret.mp4")):            errkind.Denied,
		fileURL(root + "/../films-secret/secret.mp4"):             errkind.Denied,
		"file:///etc/passwd":                                      errkind.Denied,
		fileURL(filepath.Join(outside, "none.mp4")):               errkind.Denied,
		fileURL(filepath.Join(root, "none.mp4")):                  errkind.NotFound,
		fileURL(root):                                             errkind.Denied,
		"file://host/films/a.mp4":                                 errkind.Invalid,
		"films/a.mp4":                                             errkind.Invalid,
		"file:a.mp4":                                              errkind.Invalid,
		"concat:a.mp4|b.mp4":                                      errkind.Invalid,
		"http://user:pw@host/a.mp4":                               errkind.Invalid,
		"https://elsewhere.example/a.mp4":                         errkind.Denied,
		"s3://films/a.mp4":                                        errkind.Denied,
		"gopher://x/y":                                            errkind.Denied,
		"s3://films":                                              errkind.Invalid,
		"::":                                                      errkind.Invalid,
	} {
		ref, err := b.Resolve(raw)
		if want == 0 {
			if err != nil {
				t.Errorf("%s: %v", raw, err)
				continue
			}
			if got, err := b.Read(t.Context(), ref, 100); err != nil || string(got) != "film" {
				t.Errorf("%s: read %q, %v", raw, got, err)
			}
			if file, err := b.Take(t.Context(), ref); err != nil {
				t.Errorf("%s: %v", raw, err)
			} else {
				if got, err := os.ReadFile(file.Path()); err != nil || string(got) != "film" {
					t.Errorf("%s: the path gives %q, %v", raw, got, err)
				}
				file.Close()
			}
		} else if errkind.Of(err) != want {
			t.Errorf("%s: %v, %v; want %v", raw, ref, err, want)
		}
	}
	// References in the log follow the same rules.
	for _, ref := range []*cinedexv1.MediaRef{
		{Bucket: fileURL(outside), Key: "secret.mp4"}, {Bucket: fileURL(root), Key: "../films-secret/secret.mp4"},
		{Bucket: fileURL(root), Key: "out.mp4"}, {Bucket: "file:///", Key: "etc/passwd"},
	} {
		if _, err := b.Open(t.Context(), ref); errkind.Of(err) != errkind.Denied {
			t.Errorf("%v: %v", ref, err)
		}
	}
	// A folder is not a film. Neither is a pipe, whose reading would never end.
	if _, err := b.Open(t.Context(), &cinedexv1.MediaRef{Bucket: fileURL(root), Key: "season 1"}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a folder: %v", err)
	}
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	sparse := filepath.Join(root, "sparse.mp4")
	if err := os.WriteFile(sparse, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 10<<30); err != nil {
		t.Fatal(err)
	}
	b := blobs(t, func(c *blob.Config) { c.Roots, c.MaxBytes = []string{root}, 1<<30 })
	ref, err := b.Resolve(fileURL(sparse))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := hash(t.Context(), b, ref); !errors.Is(err, blob.ErrTooLarge) || errkind.Of(err) != errkind.Invalid {
		t.Errorf("hashing: %v", err)
	}
	write(t, root, "a.mp4", make([]byte, 5<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := hash(ctx, b, &cinedexv1.MediaRef{Bucket: ref.Bucket, Key: "a.mp4"}); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("hashing after cancelling: %v", err)
	}
}

func TestWeb(t *testing.T) {
	film := bytes.Repeat([]byte("0123456789"), 100_000)
	var served atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/film.mp4", func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		w.Header().Set("ETag", `"1"`)
		_, _ = w.Write(film)
	})
	mux.HandleFunc("/endless.mp4", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(film); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/moved.mp4", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
	})
	mux.HandleFunc("/busy.mp4", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	server := httptest.NewServer(mux)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	open := blobs(t, func(c *blob.Config) {
		c.Hosts, c.AllowPrivate, c.MaxBytes, c.CacheBytes = []string{host}, true, 2<<20, 5<<20
	})
	ref, err := open.Resolve(server.URL + "/film.mp4?v=1#t=3")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			file, err := open.Take(t.Context(), ref)
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if got, err := os.ReadFile(file.Path()); err != nil || !bytes.Equal(got, film) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	for path, want := range map[string]errkind.Kind{"/none.mp4": errkind.NotFound, "/endless.mp4": errkind.Invalid, "/moved.mp4": errkind.Denied, "/busy.mp4": errkind.Unavailable} {
		ref, err := open.Resolve(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.Take(t.Context(), ref); errkind.Of(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	// The same host, while private addresses are not allowed.
	closed := blobs(t, func(c *blob.Config) { c.Hosts = []string{host} })
	before := served.Load()
	if _, _, err := hash(t.Context(), closed, ref); errkind.Of(err) != errkind.Denied || served.Load() != before {
		t.Errorf("a private address: %v", err)
	}
	// No host is allowed.
	none := blobs(t, func(*blob.Config) {})
	if _, err := none.Open(t.Context(), ref); errkind.Of(err) != errkind.Denied {
		t.Errorf("another host: %v", err)
	}
}

// The cache folder stays within its bound, and never removes a file in use.
func TestFetchedFolderIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", r.URL.Path)
		_, _ = w.Write(bytes.Repeat([]byte{r.URL.Path[1]}, 1<<20-len(r.URL.Path)))
		_, _ = w.Write([]byte(r.URL.Path)) // every answer is different
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "cache")
	b := blobs(t, func(c *blob.Config) {
		c.Hosts, c.AllowPrivate, c.MaxBytes, c.CacheBytes, c.CacheDir = []string{strings.TrimPrefix(server.URL, "http://")}, true, 1<<20, 3<<20, dir
	})
	local := func(i int) (string, func(), error) {
		t.Helper()
		ref, err := b.Resolve(fmt.Sprintf("%s/%d.mp4", server.URL, i))
		if err != nil {
			t.Fatal(err)
		}
		file, err := b.Take(t.Context(), ref)
		if err != nil {
			return "", nil, err
		}
		return file.Path(), func() { file.Close() }, nil
	}
	kept, releaseKept, err := local(0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 10; i++ {
		_, release, err := local(i)
		if err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
		release()
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a file in use is gone: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*[0-9]")); len(files) != 3 {
		t.Errorf("%d files are kept", len(files))
	}
	_, r1, err1 := local(11)
	_, r2, err2 := local(12)
	if _, _, err := local(13); err1 != nil || err2 != nil || errkind.Of(err) != errkind.Exhausted {
		t.Errorf("with three in use: %v, %v, %v", err1, err2, err)
	}
	r1()
	r2()
	releaseKept()
	if _, release, err := local(13); err != nil {
		t.Errorf("after letting go: %v", err)
	} else {
		release()
	}
}
