package pebblestore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// Some tests need a process to lose: a process to kill, or a process whose store keeps goroutines waiting for a disk.
// These tests run this binary again, with childVar.
const childVar = "CINEDEX_PEBBLESTORE_CHILD"

var children = map[string]func(dir string) error{
	"open":                 childOpen,
	"write":                childWrite,
	"close on a full disk": childCloseFull,
	"log fails to write":   func(dir string) error { return childLogFails(dir, false) },
	"log fails to sync":    func(dir string) error { return childLogFails(dir, true) },
}

func TestMain(m *testing.M) {
	if name, dir, is := strings.Cut(os.Getenv(childVar), "|"); is {
		if err := children[name](dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childVar+"="+name+"|"+dir)
	return cmd
}

func TestOneProcess(t *testing.T) {
	cfg := config(t.TempDir())
	s := open(t, cfg, pebblestore.Deps{})
	_, err := pebblestore.Open(cfg, pebblestore.Deps{})
	wantKind(t, "opening twice in one process", err, errkind.Conflict)
	out, err := child(t, "open", cfg.Dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "conflict: opening the store in "+cfg.Dir+": the store is already open; stop the process") {
		t.Errorf("opening in another process: %v, %s", err, out)
	}
	ok(t, s.Close())
	if out, err := child(t, "open", cfg.Dir).CombinedOutput(); err != nil {
		t.Errorf("opening after closing: %v, %s", err, out)
	}
}

func childOpen(dir string) error {
	s, err := pebblestore.Open(config(dir), pebblestore.Deps{})
	if err != nil {
		return fmt.Errorf("%s: %w", errkind.Of(err), err)
	}
	return s.Close()
}

// TestKill kills a busy writing process, again and again: every acknowledged write is in the store.
func TestKill(t *testing.T) {
	cfg := config(t.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	acked := map[string]int64{} // by writer: the number of acknowledged writes
	for round := range 8 {
		cmd := child(t, "write", cfg.Dir)
		out, err := cmd.StdoutPipe()
		ok(t, err)
		ok(t, cmd.Start())
		left := 20 + rng.IntN(400)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var writer string
			var n int64
			if _, err := fmt.Sscanf(lines.Text(), "acked %s %d", &writer, &n); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			if n < acked[writer] || n == acked[writer] && writer != "lines" { // the last batch is told again
				t.Fatalf("round %d: %s counts %d after %d", round, writer, n, acked[writer])
			}
			acked[writer] = n
			if left--; left == 0 {
				ok(t, cmd.Process.Kill())
			}
		}
		if err := cmd.Wait(); left > 0 {
			t.Fatalf("the child ended by itself: %v", err)
		}
		verify(t, cfg, acked)
	}
	t.Logf("acknowledged: %v", acked)
}

func verify(t *testing.T, cfg pebblestore.Config, acked map[string]int64) {
	t.Helper()
	ctx := t.Context()
	s := open(t, cfg, pebblestore.Deps{})
	defer func() { ok(t, s.Close()) }()
	for writer, n := range acked {
		var there int64
		var err error
		switch writer {
		case "lines":
			there, err = count(ctx, s, "lines")
			there /= batchOfChild
			marked, _, err := s.Indexed(ctx, "a", "lines", 1)
			ok(t, err)
			// A marker comes after the marker's batch, and the next batch after the marker.
			if there < marked/batchOfChild || there > marked/batchOfChild+1 {
				t.Errorf("%d batches are there and %d marked", there, marked/batchOfChild)
			}
		case "asset":
			var a *pb.Asset
			a, err = s.Asset(ctx, "a")
			there = a.GetSizeBytes()
		case "lease":
			if err := s.CheckEpoch(ctx, "lease", n-1); !errkind.Is(err, errkind.Conflict) {
				t.Errorf("epoch %d was handed out, and one before it is taken: %v", n, err)
			}
			there = n
		case "switch":
			var active []*pb.ActiveRun
			if active, err = s.Active(ctx, "a"); err == nil && len(active) == 1 {
				there = active[0].GetGeneration()
			}
		}
		if err != nil || there < n {
			t.Errorf("%s: %d acknowledged, %d there (%v)", writer, n, there, err)
		}
	}
}

// batchOfChild is how many lines the child writes at once.
const batchOfChild = 50

// childWrite writes until the process is killed, starts after the last write of the last child, and reports each
// acknowledged write. Several writers run at once, and share syncs.
func childWrite(dir string) error {
	s, err := pebblestore.Open(config(dir), pebblestore.Deps{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	var mu sync.Mutex
	acked := func(writer string, n int64) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println("acked", writer, n)
	}
	failed := make(chan error)
	go func() { failed <- childLines(ctx, s, acked) }()
	go func() { failed <- childSwitches(ctx, s, acked) }()
	go func() {
		a, err := s.Asset(ctx, "a")
		for n := a.GetSizeBytes() + 1; err == nil || errkind.Is(err, errkind.NotFound); n++ {
			if err = s.PutAsset(ctx, &pb.Asset{Id: "a", SizeBytes: n}); err == nil {
				acked("asset", n)
			}
		}
		failed <- err
	}()
	go func() {
		for {
			l, err := s.Acquire(ctx, "lease", "child", time.Hour)
			if err != nil {
				failed <- err
			}
			acked("lease", l.Epoch)
		}
	}()
	return <-failed
}

func childLines(ctx context.Context, s store.Store, acked func(string, int64)) error {
	n, err := count(ctx, s, "lines")
	if err != nil {
		return err
	}
	if n%batchOfChild != 0 {
		return fmt.Errorf("%d lines: a batch is there in part", n)
	}
	// The last batch's marker may be missing, and is written again.
	for n = max(0, n-batchOfChild); ; n += batchOfChild {
		if err := s.WriteBatches(ctx, lines("lines", n, batchOfChild, strings.Repeat("x", 1000))); err != nil {
			return err
		}
		if err := s.MarkIndexed(ctx, []store.Marker{{Asset: "a", Run: "lines", Epoch: 1, First: n, Count: batchOfChild}}); err != nil {
			return err
		}
		acked("lines", n/batchOfChild+1)
	}
}

func childSwitches(ctx context.Context, s store.Store, acked func(string, int64)) error {
	for _, id := range []string{"even", "odd"} {
		if err := s.FinishRun(ctx, &pb.Run{Id: id, Asset: "a", Algorithm: "x", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}); err != nil {
			return err
		}
	}
	for {
		active, err := s.Active(ctx, "a")
		if err != nil {
			return err
		}
		previous, next := "", "even"
		if len(active) > 0 {
			if previous = active[0].GetRun(); previous == "even" {
				next = "odd"
			}
		}
		a, err := s.Activate(ctx, &pb.Run{Id: next, Asset: "a"}, previous)
		if err != nil {
			return err
		}
		acked("switch", a.GetGeneration())
	}
}

// TestBrokenDisk runs the scenarios whose store cannot be closed.
func TestBrokenDisk(t *testing.T) {
	for _, name := range []string{"close on a full disk", "log fails to write", "log fails to sync"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := child(t, name, dir).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s := open(t, config(dir), pebblestore.Deps{})
			defer func() { ok(t, s.Close()) }()
			if n, err := count(t.Context(), s, "r"); err != nil || n < 100 {
				t.Errorf("100 lines were acknowledged, %d are there (%v)", n, err)
			}
		})
	}
}

func childCloseFull(dir string) error {
	disk := newFaulty()
	s, err := pebblestore.Open(config(dir), pebblestore.Deps{FS: disk})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.WriteBatches(ctx, lines("r", 0, 100, "x")); err != nil {
		return err
	}
	disk.fault.Store(&fault{files: []string{""}, err: syscall.ENOSPC})
	stuck := make(chan error, 1)
	go func() { stuck <- s.WriteBatches(ctx, lines("r", 100, 100, "x")) }()
	for !s.Waiting() {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); !errkind.Is(err, errkind.Exhausted) {
		return fmt.Errorf("closing: %w, want Exhausted", err)
	}
	if err := <-stuck; !errkind.Is(err, errkind.Unavailable) {
		return fmt.Errorf("the write that waited: %w, want Unavailable", err)
	}
	return nil
}

func childLogFails(dir string, sync bool) error {
	disk := newFaulty()
	s, err := pebblestore.Open(config(dir), pebblestore.Deps{FS: disk})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.WriteBatches(ctx, lines("r", 0, 100, "x")); err != nil {
		return err
	}
	disk.fault.Store(&fault{files: []string{".log"}, err: syscall.EIO, sync: sync})
	for i := range 3 { // the first call meets the fault, the others the state after the fault
		if err := s.WriteBatches(ctx, lines("r", 100, 1, "x")); !errkind.Is(err, errkind.Unavailable) {
			return fmt.Errorf("write %d: %w, want Unavailable", i, err)
		}
	}
	if err := s.Ready(ctx); !errkind.Is(err, errkind.Unavailable) {
		return fmt.Errorf("ready: %w, want Unavailable", err)
	}
	if n, err := count(ctx, s, "r"); err != nil || n < 100 {
		return fmt.Errorf("reading: %d lines, %w", n, err)
	}
	if err := s.Close(); !errkind.Is(err, errkind.Unavailable) {
		return fmt.Errorf("closing: %w, want Unavailable", err)
	}
	return nil
}
