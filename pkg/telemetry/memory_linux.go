package telemetry

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mappedMemory reads the mappings of this process (proc_pid_smaps(5)).
func mappedMemory() ([]mapping, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readMappings(f)
}

// readMappings reads mappings in the form of smaps.
func readMappings(r io.Reader) (all []mapping, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasSuffix(name, ":") { // the first line of a mapping: addresses, rights, offset, device, inode, file
			m := mapping{}
			if at := strings.IndexByte(rest, '/'); at >= 0 && !strings.Contains(rest[:at], "[") {
				m.file = strings.TrimSuffix(rest[at:], " (deleted)")
				m.shared = slices.ContainsFunc(inMemory, func(prefix string) bool { return strings.HasPrefix(m.file, prefix) })
			}
			all = append(all, m)
			continue
		}
		if name != "Rss:" && name != "Anonymous:" {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil || len(all) == 0 {
			return nil, fmt.Errorf("reading mappings: %q is no line of a mapping", lines.Text())
		}
		if m := &all[len(all)-1]; name == "Rss:" {
			m.resident = kb << 10
		} else {
			m.anonymous = kb << 10
		}
	}
	return all, lines.Err()
}

// inMemory are the files that lie in memory alone: the kernel cannot drop their pages.
var inMemory = []string{"/dev/shm/", "/memfd:", "/dev/zero", "/SYSV", "/dev/hugepages/"}

// startedMemory returns the memory of the processes that a process started, and of the processes that these started.
func startedMemory(pid int) (all []ProcessMemory) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range threads {
		b, _ := os.ReadFile(file) // a thread may have ended
		for _, field := range strings.Fields(string(b)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child))
			if err != nil {
				continue // the process has ended
			}
			p := ProcessMemory{PID: child, Resident: -1, Droppable: -1}
			for line := range strings.Lines(string(status)) { // proc_pid_status(5)
				name, value, _ := strings.Cut(line, ":")
				value = strings.TrimSpace(value)
				kb, _ := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
				switch name {
				case "Name":
					p.Name = value
				case "VmRSS":
					p.Resident = kb << 10
				case "RssFile":
					p.Droppable = kb << 10
				}
			}
			all = append(append(all, p), startedMemory(child)...)
		}
	}
	return all
}
