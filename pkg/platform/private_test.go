//go:build unix

package platform

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A folder left open by an earlier version is closed with everything below, and files made later are the owner's alone.
func TestMakePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	program := filepath.Join(dir, "store", "program")
	for _, err := range []error{os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, nil, 0o755), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(program), 0o755), os.Chmod(program, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := MakePrivate(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "later"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{".": 0o700, "store": 0o700, "store/program": 0o700, "later": 0o600}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s is %o, want %o", name, info.Mode().Perm(), mode)
		}
	}
}

func TestMakePrivateRefusesSharedFolders(t *testing.T) {
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := MakePrivate(shared); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a folder that all may write to: %v, want Invalid", err)
	}
}
