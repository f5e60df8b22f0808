//go:build unix

package flat

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

var crashConfig = Config{Dim: 24, Metric: Cosine, Space: "crash@1"}

var crashLimits = limits{tailRows: 50, tailBytes: 1 << 20, frozen: 2, exactRows: 50, fan: 3, mergedBytes: 1 << 30, workRows: 1 << 30, cellRows: 60}

const crashBatch = 9

// crashRows is the nth batch: it replaces an earlier one, and is always the same.
func crashRows(n int) []Vector {
	rnd := rand.New(rand.NewPCG(uint64(n), 7))
	out := make([]Vector, crashBatch)
	for i := range out {
		out[i] = Vector{Key{fmt.Sprint("g", n%40), uint32(i)}, int64(n), int64(n) + 1, randomVector(rnd, crashConfig.Dim)}
	}
	return out
}

// TestMain's process, told so by the environment, writes batches until it is killed.
func TestCrashingChild(t *testing.T) {
	dir := os.Getenv("FLAT_CRASH_DIR")
	if dir == "" {
		t.Skip("this is the child of TestKill")
	}
	from, _ := strconv.Atoi(os.Getenv("FLAT_CRASH_FROM"))
	x, err := open(dir, crashConfig, crashLimits)
	if err != nil {
		t.Fatal(err)
	}
	for n := from; ; n++ {
		if err := x.Append(t.Context(), crashRows(n)); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("wrote %d\n", n)
	}
}

// A process killed at any moment of writing, sealing and merging leaves all that was acknowledged, and of
// the batch that was not, all or nothing.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	next := 0
	for round := range 6 {
		child := exec.Command(os.Args[0], "-test.run", "^TestCrashingChild$", "-test.v")
		child.Env = append(os.Environ(), "FLAT_CRASH_DIR="+dir, fmt.Sprint("FLAT_CRASH_FROM=", next))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		quota := 20 + rnd.IntN(120)
		wrote := next - 1
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			n, ok := strings.CutPrefix(lines.Text(), "wrote ")
			if !ok {
				continue
			}
			if wrote, err = strconv.Atoi(n); err != nil {
				t.Fatal(err)
			}
			if quota--; quota == 0 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		child.Wait()
		if quota > 0 {
			t.Fatalf("round %d: the child ended by itself after batch %d", round, wrote)
		}
		x, err := open(dir, crashConfig, crashLimits)
		if err != nil {
			t.Fatalf("round %d, killed after batch %d: %v", round, wrote, err)
		}
		last := wrote // the newest batch that is there
		if v, err := x.Get(crashRows(wrote + 1)[0].Key); err == nil && v.Start == int64(wrote+1) {
			last = wrote + 1
		}
		want := model{}
		for n := max(0, last-39); n <= last; n++ {
			want.put(crashConfig.Metric, crashRows(n)...)
		}
		if got, w := dumpOf(t, x), want.dump(t, crashConfig.Metric, crashConfig.Dim); string(got) != string(w) {
			t.Fatalf("round %d, killed after batch %d: %d rows, want %d", round, wrote, x.Len(), len(want))
		}
		x.Close()
		next = last + 1
	}
}

// On a real disk that is full, writes fail, reads and the earlier rows stay, and once there is room
// everything goes on, sealing included.
func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("mounting a small disk needs to be root:", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	x, err := open(dir, crashConfig, crashLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { x.Close() }()
	n := 0
	for ; err == nil; n++ {
		if n > 10_000 {
			t.Fatal("the disk does not get full")
		}
		rows := crashRows(n)
		for i := range rows {
			rows[i].Group = fmt.Sprint("full", n)
		}
		err = x.Append(t.Context(), rows)
	}
	if !errkind.Is(err, errkind.Exhausted) || !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	whole := (n - 1) * crashBatch
	if x.Len() != whole {
		t.Fatalf("%d rows, want %d", x.Len(), whole)
	}
	if hits, err := x.Search(t.Context(), crashRows(0)[0].Values, 3, Filter{}); err != nil || len(hits) != 3 || hits[0].Start != 0 {
		t.Fatalf("searching on a full disk: %v, %v", hits, err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		if err := x.Append(t.Context(), crashRows(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := x.Len()
	if want != whole+40*crashBatch {
		t.Fatalf("%d rows, want %d", want, whole+40*crashBatch)
	}
	x.Close()
	if x, err = open(dir, crashConfig, crashLimits); err != nil || x.Len() != want {
		t.Fatalf("reopened: %v, %d rows, want %d", err, x.Len(), want)
	}
}
