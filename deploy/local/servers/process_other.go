//go:build !linux

package servers

import (
	"os/exec"
	"syscall"
)

// begin starts a process, reports the start, and waits for the end of the process. Only on Linux does the process end
// with this program in every case.
func begin(cmd *exec.Cmd, _ bool, begun chan<- error, c *child) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	wait(cmd, begun, c)
}
