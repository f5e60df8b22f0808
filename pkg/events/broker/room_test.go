package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullDiskIsNoEnd: a process that ends on a full disk starts on a full disk. The broker therefore stays alive, is
// not ready, and says how to make room. A broker that cannot open says the same.
func TestFullDiskIsNoEnd(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("lacks the right to mount a small disk")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=200m,mode=700"); err != nil {
		t.Skipf("lacks the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	cfg := Config{Dir: filepath.Join(dir, "log")}
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.probes.mu.Lock()
	b.probes.failing, b.probes.well = errors.New("a probe that failed"), time.Now().Add(-2*deadAfter)
	b.probes.mu.Unlock()
	if b.Alive() == nil {
		t.Error("alive after minutes of probes that failed, with room on the disk")
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Alive(); err != nil {
		t.Errorf("a full disk ends the process: %v", err)
	}
	if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("on a full disk: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "last"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 1 << 12} {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	if b, err := Open(cfg); err == nil {
		_ = b.Close()
	} else if !strings.Contains(err.Error(), "make room") {
		t.Errorf("opening on a full disk: %v", err)
	}
}
