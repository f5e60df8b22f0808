package servers

import (
	"os/exec"
	"runtime"
	"syscall"
)

// begin starts a process, reports the start, and waits for the end of the process. A process without detached dies with
// this program. The kernel sends SIGKILL when the thread that started the process ends, so this goroutine keeps its
// thread.
func begin(cmd *exec.Cmd, detached bool, begun chan<- error, c *child) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detached {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	wait(cmd, begun, c)
}
