package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// reel returns 2 MiB of a repeated name. Reels of different names have the same size.
func reel(name string) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%-16s", name)), 128<<10) }

// arrived takes media as an ingestor does, and returns the asset.
func arrived(t *testing.T, b *blob.Blobs, raw string) *pb.Asset {
	t.Helper()
	ref, err := b.Resolve(raw)
	if err != nil {
		t.Fatal(err)
	}
	file, err := b.Take(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return &pb.Asset{Id: schema.AssetID(file.Sum), Sha256: file.Sum, SizeBytes: file.Size, Media: file.Ref}
}

// reads returns the bytes of an asset.
func reads(ctx context.Context, b *blob.Blobs, a *pb.Asset) ([]byte, error) {
	file, err := b.OpenAsset(ctx, a)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// refused checks an asset's bytes for a refusal with a kind and a reason, and for an error text without paths.
func refused(t *testing.T, b *blob.Blobs, a *pb.Asset, kind errkind.Kind, reason string) {
	t.Helper()
	got, err := reads(t.Context(), b, a)
	var refusal *blob.AssetError
	if got != nil || errkind.Of(err) != kind || !errors.As(err, &refusal) || !strings.Contains(err.Error(), reason) {
		t.Errorf("%d bytes, %v (kind %s); want none, kind %s, and the reason %q", len(got), err, errkind.Of(err), kind, reason)
		return
	}
	if strings.Contains(err.Error(), "/") {
		t.Errorf("%q tells where the bytes lie", err)
	}
}

// returned compares an asset's bytes with want, and checks that the asset has no fault.
func returned(t *testing.T, b *blob.Blobs, a *pb.Asset, want []byte) {
	t.Helper()
	got, err := reads(t.Context(), b, a)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want the %d that arrived", len(got), err, len(want))
	}
	if mark := b.Fault(t.Context(), a); mark != "" {
		t.Errorf("status says that the bytes are %q", mark)
	}
}

// swaps are ways in which a file comes to hold another film.
var swaps = map[string]func(t *testing.T, path string, other []byte){
	"overwritten in place": func(t *testing.T, path string, other []byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(other, 0)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	},
	"overwritten in place, size and time as before": func(t *testing.T, path string, other []byte) {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, other, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
	},
	"replaced by rename, size and time as before": func(t *testing.T, path string, other []byte) {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		next := write(t, filepath.Dir(path), "next.tmp", other)
		if err := os.Chtimes(next, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
	},
	"replaced by a link": func(t *testing.T, path string, other []byte) {
		next := write(t, filepath.Dir(path), "next.tmp", other)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(next, path); err != nil {
			t.Fatal(err)
		}
	},
	"cut short": func(t *testing.T, path string, _ []byte) {
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	},
}

func TestOverwrittenFile(t *testing.T) {
	for name, swap := range swaps {
		for _, restarted := range []bool{false, true} {
			for _, old := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, restarted %t, recorded before versions were %t", name, restarted, old), func(t *testing.T) {
					t.Parallel()
					root := t.TempDir()
					path := write(t, root, "film.mp4", reel("film"))
					open := func() *blob.Blobs {
						return blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
					}
					b := open()
					a := arrived(t, b, fileURL(path))
					if old {
						a.Media.ModifiedMs, a.Media.Version = 0, ""
					}
					returned(t, b, a, reel("film"))
					swap(t, path, reel("another"))
					if restarted {
						b = open()
					}
					refused(t, b, a, errkind.Conflict, "not those that arrived")
					if mark := b.Fault(t.Context(), a); !strings.Contains(mark, "not those that arrived") || !strings.Contains(mark, "were 2097152 bytes") {
						t.Errorf("status says %q", mark)
					}
					// After the file is restored, the film is returned.
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					refused(t, b, a, errkind.NotFound, "put the bytes back")
					write(t, root, "film.mp4", reel("film"))
					returned(t, b, a, reel("film"))
				})
			}
		}
	}
}

// A file changed during the reading returns no byte of the new film, by Read or by Path.
func TestOverwrittenWhileRead(t *testing.T) {
	root := t.TempDir()
	path := write(t, root, "film.mp4", reel("film"))
	b := blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	a := arrived(t, b, fileURL(path))
	for name, swap := range swaps {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			write(t, root, "film.mp4", reel("film"))
			file, err := b.OpenAsset(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := io.CopyN(io.Discard, file, 100_000); err != nil {
				t.Fatal(err)
			}
			if err := file.Unchanged(); err != nil {
				t.Errorf("before: %v", err)
			}
			swap(t, path, reel("another"))
			rest, err := io.ReadAll(file)
			if errkind.Of(err) != errkind.Unavailable || bytes.Contains(rest, []byte("another")) {
				t.Errorf("%d bytes more, %v", len(rest), err)
			}
			if err := file.Unchanged(); errkind.Of(err) != errkind.Unavailable {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A renamed file is still readable by its Path: the path leads to the file, not to the name.
func TestPathLeadsToTheFile(t *testing.T) {
	root := t.TempDir()
	path := write(t, root, "film.mp4", reel("film"))
	b := blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	a := arrived(t, b, fileURL(path))
	file, err := b.OpenAsset(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	swaps["replaced by rename, size and time as before"](t, path, reel("another"))
	if got, err := os.ReadFile(file.Path()); err != nil || !bytes.Equal(got, reel("film")) {
		t.Errorf("the path gives %.20q, %v", got, err)
	}
}

// An unchanged file is not read again, not even by a new process. A moved file is read once for all concurrent callers.
func TestUnchangedIsNotRead(t *testing.T) {
	root := t.TempDir()
	path := write(t, root, "film.mp4", reel("film"))
	b := blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	a := arrived(t, b, fileURL(path))
	b = blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	// The wrong sha256 goes unnoticed, so no byte was read.
	wrong := strings.Repeat("0", 64)
	trusted := &pb.Asset{Id: a.Id, Sha256: wrong, SizeBytes: a.SizeBytes, Media: a.Media}
	if _, err := reads(t.Context(), b, trusted); err != nil {
		t.Errorf("a file as recorded: %v", err)
	}
	b = blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	moved := &pb.Asset{Id: a.Id, Sha256: a.Sha256, SizeBytes: a.SizeBytes, Media: &pb.MediaRef{Bucket: a.Media.Bucket, Key: a.Media.Key, ModifiedMs: 1, Version: "elsewhere"}}
	if mark := b.Fault(t.Context(), moved); !strings.Contains(mark, "may have changed") {
		t.Errorf("before it is read, status says %q", mark)
	}
	returned(t, b, moved, reel("film"))
}

// Hashing continues when the waiting reader leaves. The next reader gets the digest.
func TestReaderLeaves(t *testing.T) {
	root := t.TempDir()
	path := write(t, root, "film.mp4", reel("film"))
	b := blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	a := arrived(t, b, fileURL(path))
	a.Media.Version = ""
	b = blobs(t, func(c *blob.Config) { c.Roots = []string{root} })
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := reads(ctx, b, a); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("a reader who left: %v", err)
	}
	if mark := b.Fault(t.Context(), a); mark != "" {
		t.Errorf("status says %q because a reader left", mark)
	}
	returned(t, b, a, reel("film"))
}

func TestArtefactIsHeldAgainstItsName(t *testing.T) {
	dir := t.TempDir()
	b := blobs(t, func(c *blob.Config) { c.Bucket = fileURL(dir) })
	text := []byte("WEBVTT\n")
	for _, key := range []string{"text/%x.vtt", "frames/%x", "runs/a/r/%x.0.jpg"} {
		key = fmt.Sprintf(key, sha256.Sum256(text))
		ref, err := b.Put(t.Context(), key, "", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Read(t.Context(), ref, 100); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %q, %v", key, got, err)
		}
		if err := os.WriteFile(filepath.Join(dir, key), []byte("WEBVTt\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Read(t.Context(), ref, 100); errkind.Of(err) != errkind.Conflict || got != nil {
			t.Errorf("%s, damaged: %q, %v", key, got, err)
		}
	}
}

// A host serves a film for tests to replace.
type host struct {
	*httptest.Server
	film    atomic.Pointer[[]byte]
	etag    atomic.Pointer[string] // nil sends neither ETag nor Last-Modified
	answer  atomic.Int32           // a status instead of the film
	whole   atomic.Int32           // requests for the whole film
	claimed atomic.Int64           // a wrong Content-Length
}

func newHost(t *testing.T) *host {
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := h.answer.Load(); s != 0 {
			w.WriteHeader(int(s))
			return
		}
		film := *h.film.Load()
		if r.Header.Get("Range") == "" {
			h.whole.Add(1)
		}
		if e := h.etag.Load(); e != nil {
			w.Header().Set("ETag", *e)
		}
		if n := h.claimed.Load(); n != 0 {
			w.Header().Set("Content-Length", fmt.Sprint(n))
			_, _ = w.Write(film)
			return
		}
		http.ServeContent(w, r, "film.mp4", time.Time{}, bytes.NewReader(film))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *host) serve(film []byte, etag string) {
	h.film.Store(&film)
	h.etag.Store(&etag)
	if etag == "" {
		h.etag.Store(nil)
	}
}

func (h *host) allowed(dir string) func(*blob.Config) {
	return func(c *blob.Config) {
		c.Hosts, c.AllowPrivate, c.MaxBytes, c.CacheBytes, c.CacheDir = []string{strings.TrimPrefix(h.URL, "http://")}, true, 4<<20, 8<<20, dir
	}
}

func TestFilmOnAWebHost(t *testing.T) {
	h, dir := newHost(t), filepath.Join(t.TempDir(), "cache")
	h.serve(reel("film"), `"1"`)
	b := blobs(t, h.allowed(dir))
	a := arrived(t, b, h.URL+"/film.mp4?key=1")
	for range 3 {
		returned(t, b, a, reel("film"))
	}
	if n := h.whole.Load(); n != 1 {
		t.Errorf("the film was fetched %d times", n)
	}
	// Another process uses the existing copy.
	b = blobs(t, h.allowed(dir))
	returned(t, b, a, reel("film"))
	if n := h.whole.Load(); n != 1 {
		t.Errorf("after a restart the film was fetched %d times", n)
	}
	// The host replaces the film with a film of the same size.
	h.serve(reel("another"), `"2"`)
	refused(t, b, a, errkind.Conflict, "not those that arrived")
	refused(t, b, a, errkind.Conflict, "not those that arrived")
	if n := h.whole.Load(); n != 2 {
		t.Errorf("to find out, the film was fetched %d times", n-1)
	}
	if mark := b.Fault(t.Context(), a); !strings.Contains(mark, "not those that arrived") {
		t.Errorf("status says %q", mark)
	}
	// The host serves a smaller film, then no film. Then the host is gone.
	h.serve(reel("film")[:1000], `"3"`)
	refused(t, b, a, errkind.Conflict, "are 1000 bytes")
	h.answer.Store(http.StatusNotFound)
	refused(t, b, a, errkind.NotFound, "put the bytes back")
	h.answer.Store(http.StatusBadGateway)
	refused(t, b, a, errkind.Unavailable, "does not answer now")
	h.answer.Store(0)
	// The host serves the same film with a new version.
	h.serve(reel("film"), `"4"`)
	returned(t, b, a, reel("film"))
	h.Close()
	refused(t, b, a, errkind.Unavailable, "does not answer now")
}

func TestWebHostThatLies(t *testing.T) {
	h, dir := newHost(t), filepath.Join(t.TempDir(), "cache")
	h.serve(reel("film"), `"1"`)
	a := arrived(t, blobs(t, h.allowed(dir)), h.URL+"/film.mp4")
	empty := func() *blob.Blobs {
		return blobs(t, h.allowed(filepath.Join(t.TempDir(), "cache")))
	}
	// The host serves other bytes with the recorded version.
	h.serve(reel("another"), `"1"`)
	refused(t, empty(), a, errkind.Conflict, "not those that arrived")
	// The host sends no version.
	h.serve(reel("another"), "")
	refused(t, empty(), a, errkind.Conflict, "not those that arrived")
	h.serve(reel("film"), "")
	returned(t, empty(), a, reel("film"))
	// The host claims more bytes than the host sends, and fewer.
	h.serve(reel("film"), `"5"`)
	h.claimed.Store(a.SizeBytes + 1)
	refused(t, empty(), a, errkind.Conflict, "are 2097153 bytes")
	h.serve(reel("film")[:1<<20], `"5"`)
	h.claimed.Store(a.SizeBytes)
	refused(t, empty(), a, errkind.Unavailable, "does not answer now")
	h.serve(append(reel("film"), "more"...), `"5"`)
	h.claimed.Store(a.SizeBytes - 1)
	refused(t, empty(), a, errkind.Conflict, "are 2097151 bytes")
}

func TestOverwrittenObject(t *testing.T) {
	// A bucket in memory stands for every bucket other than a folder.
	b := blobs(t, func(c *blob.Config) { c.Bucket = "mem://" })
	ref, err := b.Put(t.Context(), "film.mp4", "video/mp4", bytes.NewReader(reel("film")))
	if err != nil {
		t.Fatal(err)
	}
	file, err := b.Take(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	a := &pb.Asset{Id: schema.AssetID(file.Sum), Sha256: file.Sum, SizeBytes: file.Size, Media: file.Ref}
	file.Close()
	returned(t, b, a, reel("film"))
	if _, err := b.Put(t.Context(), "film.mp4", "video/mp4", bytes.NewReader(reel("another"))); err != nil {
		t.Fatal(err)
	}
	refused(t, b, a, errkind.Conflict, "not those that arrived")
	if _, err := b.Put(t.Context(), "film.mp4", "video/mp4", bytes.NewReader(reel("film"))); err != nil {
		t.Fatal(err)
	}
	returned(t, b, a, reel("film"))
	if err := b.Delete(t.Context(), "film.mp4"); err != nil {
		t.Fatal(err)
	}
	refused(t, b, a, errkind.NotFound, "put the bytes back")
}
