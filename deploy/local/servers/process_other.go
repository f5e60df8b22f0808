//go:build !linux

package servers

import (
	"os/exec"
	"syscall"
)

// begin starts a process, says so, and waits for its end. Only Linux can have it die with us, however we die.
func begin(cmd *exec.Cmd, _ bool, begun chan<- error, c *child) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	wait(cmd, begun, c)
}
