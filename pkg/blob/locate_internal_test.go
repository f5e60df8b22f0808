package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Between find and the opening, somebody replaces a file with a link to a file outside the roots. The file outside is not opened, and its size and
// times are not told.
func TestLinkAfterFind(t *testing.T) {
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.mp4")
	for _, name := range []string{outside, filepath.Join(root, "film.mp4"), filepath.Join(root, "other.mp4")} {
		if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Default()
	cfg.Bucket, cfg.Roots = "file://"+t.TempDir(), []string{root}
	b, err := Open(t.Context(), cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ref, err := b.Resolve("file://" + filepath.Join(root, "film.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for _, swap := range []struct {
		name   string
		put    func(film string) error
		opened string
	}{
		{"nothing", func(string) error { return nil }, "film.mp4"},
		{"a link outside", func(film string) error { return os.Symlink(outside, film) }, ""},
		{"a link outside by a relative path", func(film string) error {
			rel, err := filepath.Rel(root, outside)
			return errors.Join(err, os.Symlink(rel, film))
		}, ""},
		{"a link inside", func(film string) error { return os.Symlink("other.mp4", film) }, "other.mp4"},
	} {
		t.Run(swap.name, func(t *testing.T) {
			at, err := b.find(t.Context(), &cinedexv1.MediaRef{Bucket: ref.GetBucket(), Key: ref.GetKey()})
			if err != nil {
				t.Fatal(err)
			}
			film := filepath.Join(root, "film.mp4")
			if swap.name != "nothing" {
				if err := os.Remove(film); err != nil {
					t.Fatal(err)
				}
			}
			if err := swap.put(film); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = os.Remove(film)
				_ = os.WriteFile(film, []byte("film.mp4"), 0o600)
			}()
			f, _, err := at.file()
			if swap.opened == "" {
				if err == nil || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("opened: %v, %v", f, err)
				}
				if _, err := at.stat(); err == nil {
					t.Error("stat returns the fingerprint of the file outside")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got := make([]byte, 32)
			n, _ := f.Read(got)
			if string(got[:n]) != swap.opened {
				t.Errorf("read %q, want %q", got[:n], swap.opened)
			}
		})
	}
}
