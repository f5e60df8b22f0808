package telemetry

import (
	"maps"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Purposes of memory. The purposes of a process add up to the resident memory, as far as Go's runtime and the system agree: memory that Go took and
// never touched is counted by Go, and is not resident.
const (
	MemoryHeap    = "go_heap"    // objects of Go's heap, in use or not collected yet
	MemoryFree    = "go_free"    // heap that Go keeps for new objects
	MemoryStacks  = "go_stacks"  // stacks of goroutines
	MemoryRuntime = "go_runtime" // Go's bookkeeping
	MemoryOutside = "outside"    // anonymous memory beyond Go: blocks of a store, weights of models, libraries in C
	MemoryFiles   = "files"      // pages of mapped files
	MemoryShared  = "shared"     // shared memory, which no file backs
)

// A MemoryUse is the memory of a process for a purpose.
type MemoryUse struct {
	Purpose string
	// Part owns the memory: "search", "store", "models", or "program" for the files of the program. Empty is the rest.
	Part  string
	Bytes int64
	// Droppable is the part of Bytes that the kernel may drop when memory is short, because a file has the same bytes. The kernel first writes pages to the
	// file that were changed lately.
	Droppable int64
}

// ProcessMemory is the memory of a process.
type ProcessMemory struct {
	Name string
	PID  int
	// Resident is the memory of the process in RAM, and Droppable the part that the kernel may drop. Both are -1 where the system does not tell.
	Resident, Droppable int64
	// Uses is empty for a process that this process started.
	Uses []MemoryUse
}

// A MemoryHolder knows its own memory. The stores and the models of a process are MemoryHolders.
type MemoryHolder interface {
	// Memory returns the folder of the mapped files, or "", the known bytes on Go's heap, and the bytes that were allocated outside of Go. Memory MAY be
	// called at any time, also after the holder was closed.
	Memory() (folder string, heap, outside int64)
}

// Memory tells what the memory of the process is used for. The zero Memory is ready.
type Memory struct {
	mu      sync.Mutex
	holders []namedHolder
}

type namedHolder struct {
	part   string
	holder MemoryHolder
}

// Hold adds the memory of a part. A value that is no MemoryHolder adds nothing: a client of a server holds little.
func (m *Memory) Hold(part string, of any) {
	if h, ok := of.(MemoryHolder); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.holders = append(m.holders, namedHolder{part, h})
	}
}

// Read returns the memory of this process first, then the memory of the processes that this process started.
func (m *Memory) Read() []ProcessMemory {
	return append([]ProcessMemory{m.own()}, startedMemory(os.Getpid())...)
}

// own returns the memory of this process.
func (m *Memory) own() ProcessMemory {
	m.mu.Lock()
	holders := slices.Clone(m.holders)
	m.mu.Unlock()
	p := ProcessMemory{Name: filepath.Base(os.Args[0]), PID: os.Getpid(), Resident: -1, Droppable: -1}
	add := func(u MemoryUse) {
		if u.Bytes > 0 {
			p.Uses = append(p.Uses, u)
		}
	}
	inGo := goMemory()
	folders, outside := map[string]string{}, int64(0) // folders by part
	var known []MemoryUse
	for _, h := range holders {
		folder, heap, out := h.holder.Memory()
		if abs, err := filepath.Abs(folder); err == nil && folder != "" {
			folders[h.part] = abs
		}
		heap = min(heap, inGo.heap)
		add(MemoryUse{Purpose: MemoryHeap, Part: h.part, Bytes: heap})
		inGo.heap -= heap
		known = append(known, MemoryUse{Purpose: MemoryOutside, Part: h.part, Bytes: out})
		outside += out
	}
	add(MemoryUse{Purpose: MemoryHeap, Bytes: inGo.heap})
	add(MemoryUse{Purpose: MemoryFree, Bytes: inGo.free})
	add(MemoryUse{Purpose: MemoryStacks, Bytes: inGo.stacks})
	add(MemoryUse{Purpose: MemoryRuntime, Bytes: inGo.runtime})
	for _, u := range known {
		add(u)
	}
	mapped, err := mappedMemory()
	if err != nil {
		return p // the system does not tell
	}
	p.Resident, p.Droppable = 0, 0
	for _, s := range mapped {
		p.Resident, p.Droppable = p.Resident+s.resident, p.Droppable+s.droppable()
	}
	anonymous, shared, files := byPart(mapped, folders)
	add(MemoryUse{Purpose: MemoryOutside, Bytes: anonymous - inGo.all - outside})
	add(MemoryUse{Purpose: MemoryShared, Bytes: shared})
	for _, part := range slices.Sorted(maps.Keys(files)) {
		add(*files[part])
	}
	return p
}

// byPart returns the resident anonymous memory, the resident shared memory, and the mapped files by part.
func byPart(mapped []mapping, folders map[string]string) (anonymous, shared int64, files map[string]*MemoryUse) {
	files = map[string]*MemoryUse{}
	for _, s := range mapped {
		switch {
		case s.shared:
			shared += s.resident
		case s.file == "":
			anonymous += s.resident
		default:
			part := partOf(s.file, folders)
			if files[part] == nil {
				files[part] = &MemoryUse{Purpose: MemoryFiles, Part: part}
			}
			files[part].Bytes, files[part].Droppable = files[part].Bytes+s.resident, files[part].Droppable+s.droppable()
		}
	}
	return anonymous, shared, files
}

// programFiles is the part of the mapped files that belong to no store: the program and its libraries.
const programFiles = "program"

// partOf returns the part with the folder of a file.
func partOf(file string, folders map[string]string) string {
	for part, folder := range folders {
		if strings.HasPrefix(file, folder+string(filepath.Separator)) {
			return part
		}
	}
	return programFiles
}

// A mapping is the resident memory of a stretch of addresses.
type mapping struct {
	file     string // "" for anonymous memory
	shared   bool   // memory that no file on a disk backs
	resident int64
	// anonymous is the part of resident that differs from the file, or has no file.
	anonymous int64
}

// droppable returns the bytes that the kernel may drop.
func (m mapping) droppable() int64 {
	if m.file == "" || m.shared {
		return 0
	}
	return m.resident - m.anonymous
}

// inGo is the memory that Go's runtime took from the system and has not given back.
type inGo struct{ heap, free, stacks, runtime, all int64 }

func goMemory() (g inGo) {
	all := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/os-stacks:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(all)
	of := func(i int) int64 { return int64(all[i].Value.Uint64()) }
	g = inGo{heap: of(0), free: of(1) + of(2), stacks: of(3) + of(4), all: of(5) - of(6)}
	g.runtime = g.all - g.heap - g.free - g.stacks
	return g
}

var (
	memoryBytes     = gauge("cinedex_memory_bytes", "Resident memory of the process, by purpose and by the part that owns the memory.", "purpose", "part")
	memoryDroppable = gauge("cinedex_memory_droppable_bytes", "Resident memory of the process that the kernel may drop when memory is short: pages of mapped files.", "part")
)

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (m *Memory) Describe(to chan<- *prometheus.Desc) { to <- memoryBytes; to <- memoryDroppable }

// Collect implements prometheus.Collector.
func (m *Memory) Collect(to chan<- prometheus.Metric) {
	for _, u := range m.own().Uses {
		to <- prometheus.MustNewConstMetric(memoryBytes, prometheus.GaugeValue, float64(u.Bytes), u.Purpose, u.Part)
		if u.Purpose == MemoryFiles {
			to <- prometheus.MustNewConstMetric(memoryDroppable, prometheus.GaugeValue, float64(u.Droppable), u.Part)
		}
	}
}
