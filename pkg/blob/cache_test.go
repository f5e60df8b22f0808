package blob_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// library is a host with many films of a megabyte each. /N.mp4 and /copy/N.mp4 have the same bytes.
func library(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+r.URL.Path+`"`)
		film := fmt.Appendf(make([]byte, 1<<20-8), "%8s", filepath.Base(r.URL.Path))
		_, _ = w.Write(film)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// caching opens Blobs with a cache folder for three films.
func caching(t *testing.T, server, dir string) *blob.Blobs {
	t.Helper()
	return blobs(t, func(c *blob.Config) {
		c.Hosts, c.AllowPrivate, c.MaxBytes, c.CacheBytes, c.CacheDir = []string{strings.TrimPrefix(server, "http://")}, true, 1<<20, 3<<20, dir
	})
}

func fetch(t *testing.T, b *blob.Blobs, raw string) (*blob.AssetFile, error) {
	t.Helper()
	ref, err := b.Resolve(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b.Take(t.Context(), ref)
}

// stored returns the names of the films in the folder.
func stored(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-*[0-9]"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		names[i] = filepath.Base(n)
	}
	return names
}

func TestFetchedKeepsItsBoundOverRestarts(t *testing.T) {
	server, dir := library(t), filepath.Join(t.TempDir(), "cache")
	names := map[int]string{}
	for i := range 8 {
		b := caching(t, server, dir) // a new process for each film
		if i == 4 {
			// The second to last film is used again, so the film after it is removed first.
			if f, err := fetch(t, b, server+"/2.mp4"); err != nil {
				t.Fatal(err)
			} else {
				f.Close()
			}
		}
		f, err := fetch(t, b, fmt.Sprintf("%s/%d.mp4", server, i))
		if err != nil {
			t.Fatal(err)
		}
		names[i] = fmt.Sprintf("%s-%d", f.Sum, f.Size)
		f.Close()
		have := stored(t, dir)
		if len(have) != min(i+1, 3) {
			t.Errorf("after film %d the folder holds %d films", i, len(have))
		}
		if i == 4 && (!slices.Contains(have, names[2]) || slices.Contains(have, names[1])) {
			t.Errorf("the film that was used last is gone before the one that was used first")
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A process does not remove a file in use by another process.
func TestFetchedIsSharedByProcesses(t *testing.T) {
	server, dir := library(t), filepath.Join(t.TempDir(), "cache")
	first, second := caching(t, server, dir), caching(t, server, dir)
	var held []*blob.AssetFile
	for i := range 3 {
		f, err := fetch(t, first, fmt.Sprintf("%s/%d.mp4", server, i))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, f)
	}
	if _, err := fetch(t, second, server+"/3.mp4"); errkind.Of(err) != errkind.Exhausted {
		t.Errorf("with three films in use: %v", err)
	}
	held[1].Close()
	f, err := fetch(t, second, server+"/3.mp4")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, i := range []int{0, 2} {
		if err := held[i].Unchanged(); err != nil {
			t.Errorf("film %d: %v", i, err)
		}
		held[i].Close()
	}
	// Both processes fetch the same film at once, from two URLs. The film is stored once.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b, path := first, "/9.mp4"
			if i%2 == 0 {
				b, path = second, "/copy/9.mp4"
			}
			f, err := fetch(t, b, server+path)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if got, err := os.ReadFile(f.Path()); err != nil || !bytes.HasSuffix(got, []byte("9.mp4")) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	var nines int
	for _, n := range stored(t, dir) {
		if b, err := os.ReadFile(filepath.Join(dir, n)); err == nil && bytes.HasSuffix(b, []byte("9.mp4")) {
			nines++
		}
	}
	if nines != 1 {
		t.Errorf("a film with two addresses is stored %d times", nines)
	}
}

func TestFetchedAfterACrash(t *testing.T) {
	server, dir := library(t), filepath.Join(t.TempDir(), "cache")
	b := caching(t, server, dir)
	f, err := fetch(t, b, server+"/1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%d", f.Sum, f.Size))
	f.Close()
	b.Close()
	// Leftovers of a crash, and files of earlier releases.
	for _, left := range []string{"part-OLD", strings.Repeat("ab", 16), strings.Repeat("0", 64) + "-5.used"} {
		write(t, dir, left, make([]byte, 2<<20))
	}
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil { // the right size
		t.Fatal(err)
	}
	b = caching(t, server, dir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 { // the film, its .used, and the lock
		t.Errorf("%d files are left, %v", len(entries), err)
	}
	// The bytes of the copy do not hash to the copy's name: the film is fetched again.
	f, err = fetch(t, b, server+"/1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := os.ReadFile(f.Path()); err != nil || !bytes.HasSuffix(got, []byte("1.mp4")) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestFetchedDemandsItsOwner(t *testing.T) {
	server := library(t)
	for name, test := range map[string]struct {
		make func(dir string) error
		says string
	}{
		"a link":           {func(dir string) error { return os.Symlink(t.TempDir(), dir) }, "symbolic link"},
		"open to others":   {func(dir string) error { return os.Mkdir(dir, 0o700) }, "chmod 700"},
		"of another user":  {func(dir string) error { return os.Mkdir(dir, 0o700) }, "belongs to another user"},
		"a file":           {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "not a directory"},
		"in a file's name": {func(dir string) error { return os.WriteFile(filepath.Dir(dir), nil, 0o600) }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "cache")
			if name != "in a file's name" {
				if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.make(dir); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "open to others":
				if err := os.Chmod(dir, 0o750); err != nil {
					t.Fatal(err)
				}
			case "of another user":
				if err := os.Chown(dir, os.Getuid()+1, -1); err != nil {
					t.Skipf("lacks the right to give a folder away: %v", err)
				}
			}
			cfg := blob.Default()
			cfg.Hosts, cfg.AllowPrivate, cfg.CacheDir = []string{strings.TrimPrefix(server, "http://")}, true, dir
			b, err := blob.Open(t.Context(), cfg, blob.Deps{})
			if err == nil {
				b.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "cache_dir") {
				t.Errorf("opened with %v; want a refusal that says %q", err, test.says)
			}
		})
	}
}
