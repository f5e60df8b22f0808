package telemetry_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cinedex/cinedex/pkg/telemetry"
)

type holder struct {
	folder        string
	heap, outside int64
}

func (h holder) Memory() (string, int64, int64) { return h.folder, h.heap, h.outside }

// use returns a use of the memory of this process.
func use(p telemetry.ProcessMemory, purpose, part string) telemetry.MemoryUse {
	for _, u := range p.Uses {
		if u.Purpose == purpose && u.Part == part {
			return u
		}
	}
	return telemetry.MemoryUse{}
}

// TestMemory maps a file, takes anonymous memory, and starts a process: each shows where it belongs.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the mappings of a process")
	}
	const size, most = 32 << 20, 24 << 20
	dir := t.TempDir()
	path := filepath.Join(dir, "a file of the index")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	m := &telemetry.Memory{}
	m.Hold("search", holder{folder: dir, heap: 1 << 10, outside: 1 << 20})
	m.Hold("store", "a client")
	before := m.Read()[0]
	if u := use(before, telemetry.MemoryHeap, "search"); u.Bytes != 1<<10 {
		t.Errorf("the heap of the index: %+v", u)
	}
	if u := use(before, telemetry.MemoryOutside, "search"); u.Bytes != 1<<20 {
		t.Errorf("the memory of the index outside of Go: %+v", u)
	}
	if u := use(before, telemetry.MemoryFiles, "program"); u.Bytes < 1<<20 || u.Droppable == 0 || u.Droppable > u.Bytes {
		t.Errorf("the files of the program: %+v", u)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; i += 4096 {
		if mapped[i] != 0 {
			t.Fatal("another file is mapped")
		}
	}
	with := m.Read()[0]
	if u := use(with, telemetry.MemoryFiles, "search"); u.Bytes != size || u.Droppable < most {
		t.Errorf("of %d bytes that are mapped and read: %+v", size, u)
	}
	if grown := with.Droppable - before.Droppable; grown < most {
		t.Errorf("what the kernel may drop grew by %d bytes of %d", grown, size)
	}
	if err := syscall.Munmap(mapped); err != nil {
		t.Fatal(err)
	}
	if u := use(m.Read()[0], telemetry.MemoryFiles, "search"); u.Bytes != 0 {
		t.Errorf("after the file was unmapped: %+v", u)
	}
	anonymous, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; i += 4096 {
		anonymous[i] = 1
	}
	taken := m.Read()[0]
	if grown := use(taken, telemetry.MemoryOutside, "").Bytes - use(before, telemetry.MemoryOutside, "").Bytes; grown < most {
		t.Errorf("anonymous memory beyond Go grew by %d bytes of %d", grown, size)
	}
	if grown := taken.Droppable - before.Droppable; grown > most/2 {
		t.Errorf("the kernel may drop %d bytes more after anonymous memory was taken", grown)
	}
	if err := syscall.Munmap(anonymous); err != nil {
		t.Fatal(err)
	}
	heap := bytes.Repeat([]byte{1}, size) // every page is touched: Go counts pages that are not
	if grown := use(m.Read()[0], telemetry.MemoryHeap, "").Bytes - use(before, telemetry.MemoryHeap, "").Bytes; grown < most {
		t.Errorf("the heap grew by %d bytes of %d", grown, size)
	}
	runtime.KeepAlive(heap)
	if n := testutil.CollectAndCount(m, "cinedex_memory_bytes"); n < 6 {
		t.Errorf("%d metrics", n)
	}
}

// TestMemoryOfStarted names a process that this process started.
func TestMemoryOfStarted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the processes that a process started")
	}
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) { // the program is loaded step by step
		all := (&telemetry.Memory{}).Read()
		i := slices.IndexFunc(all, func(p telemetry.ProcessMemory) bool { return p.PID == cmd.Process.Pid })
		if i > 0 && all[i].Name == "sleep" && all[i].Droppable > 100<<10 && all[i].Droppable < all[i].Resident {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%+v", all)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if all := (&telemetry.Memory{}).Read(); len(all) != 1 || all[0].PID != os.Getpid() {
		t.Errorf("after the process ended: %+v", all)
	}
}
