//go:build unix

package remotetest

import "syscall"

// eaten keeps the memory.
var eaten [][]byte

// eat takes memory until the system takes the process. A limit stands for the memory of the machine.
func eat() error {
	limit := syscall.Rlimit{Cur: 512 << 20, Max: 512 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return err
	}
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		eaten = append(eaten, b)
	}
}
