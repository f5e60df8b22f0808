package servers

import (
	"os/exec"
	"runtime"
	"syscall"
)

// begin starts a process, says so, and waits for its end. A process that is not detached dies with us:
// the kernel sends it SIGKILL when the thread that started it ends, which is why this goroutine keeps its thread.
func begin(cmd *exec.Cmd, detached bool, begun chan<- error, c *child) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detached {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	wait(cmd, begun, c)
}
