package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Node is a server process, running or not. Its methods may be called from several goroutines.
type Node struct {
	// Name is the node's name, such as kafka-1.
	Name string `json:"name"`
	// Addr is the host:port for clients.
	Addr string `json:"addr"`
	// Dir holds the node's data, configuration, log and PID.
	Dir string `json:"dir"`
	// Command starts the process. Command names Dir, which tells the process from others.
	Command []string `json:"command"`
	// Listens are the addresses where the process listens.
	Listens []string `json:"listens"`
	// The node is ready if its log has ReadyLine or ReadyURL answers, and the node listens at Listens[0].
	ReadyLine string `json:"ready_line,omitempty"`
	ReadyURL  string `json:"ready_url,omitempty"`
	// HeapMB is the greatest size of the process's Java heap.
	HeapMB int `json:"heap_mb"`

	detached bool
	progress func(string)

	mu    sync.Mutex
	child *child // nil if another process started the node
}

// child is a process that this process started, and its end.
type child struct {
	pid  int
	done chan struct{}
	how  error // set when done is closed
}

// Log is the file with all output of the node since its first start.
func (n *Node) Log() string { return filepath.Join(n.Dir, "server.log") }

func (n *Node) pidFile() string { return filepath.Join(n.Dir, "server.pid") }

// PID is the process of the node, or 0 if the node does not run.
func (n *Node) PID() int {
	n.mu.Lock()
	c := n.child
	n.mu.Unlock()
	if c != nil {
		select {
		case <-c.done:
			return 0
		default:
			return c.pid
		}
	}
	b, err := os.ReadFile(n.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	// A PID may have come to belong to somebody else.
	if err != nil || !strings.Contains(commandLine(pid), n.Dir) {
		return 0
	}
	return pid
}

// commandLine of a process; empty where there is none.
func commandLine(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil {
		return string(b)
	}
	b, _ = exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return string(b)
}

// Running reports whether the process of the node exists, paused or not.
func (n *Node) Running() bool { return n.PID() != 0 }

// Start starts the node over its data, and returns when the node answers.
func (n *Node) Start(ctx context.Context) error {
	said, err := n.launch() //nolint:contextcheck // the process outlives the context
	if err != nil {
		return err
	}
	return n.await(ctx, said)
}

// Restart kills the node if the node runs, and starts the node.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Kill(); err != nil { //nolint:contextcheck // a process is killed whatever becomes of the context
		return err
	}
	return n.Start(ctx)
}

// launch starts the process. said is the offset in the log where the output of the new process begins.
func (n *Node) launch() (said int64, err error) {
	if n.Running() {
		return 0, errkind.New(errkind.Conflict, "%s runs already", n.Name)
	}
	for _, l := range n.Listens {
		if err := free(l); err != nil {
			return 0, fmt.Errorf("starting %s: %w", n.Name, err)
		}
	}
	log, err := os.OpenFile(n.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", n.Name, err)
	}
	defer log.Close()
	if said, err = log.Seek(0, io.SeekEnd); err != nil {
		return 0, fmt.Errorf("starting %s: %w", n.Name, err)
	}
	cmd := exec.Command(n.Command[0], n.Command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.Dir, log, log
	c := &child{done: make(chan struct{})}
	begun := make(chan error, 1)
	go begin(cmd, n.detached, begun, c)
	if err := <-begun; err != nil {
		return 0, fmt.Errorf("starting %s: %w", n.Name, err)
	}
	n.mu.Lock()
	n.child = c
	n.mu.Unlock()
	if err := os.WriteFile(n.pidFile(), []byte(strconv.Itoa(c.pid)+"\n"), 0o644); err != nil {
		return said, errors.Join(fmt.Errorf("starting %s: %w", n.Name, err), n.Kill())
	}
	return said, nil
}

// await waits until the process answers, and kills a process that does not answer in time.
func (n *Node) await(ctx context.Context, said int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %s", patience))
	defer cancel()
	n.mu.Lock()
	c := n.child
	n.mu.Unlock()
	began, told := time.Now(), time.Now()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-c.done:
			return n.explain(c.how, said)
		case <-ctx.Done():
			err := context.Cause(ctx)
			return errors.Join(fmt.Errorf("waiting for %s: %w; the server's log is %s", n.Name, err, n.Log()), n.Kill()) //nolint:contextcheck // a process is killed whatever becomes of the context
		case <-poll.C:
		}
		if n.answers(ctx, said) {
			n.progress(fmt.Sprintf("%s answers at %s (%s)", n.Name, n.Addr, time.Since(began).Round(100*time.Millisecond)))
			return nil
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			n.progress(fmt.Sprintf("%s is starting (%s)", n.Name, time.Since(began).Round(time.Second)))
		}
	}
}

func (n *Node) answers(ctx context.Context, said int64) bool {
	if n.ReadyLine != "" && !bytes.Contains(n.since(said), []byte(n.ReadyLine)) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.Listens[0])
	if err != nil {
		return false
	}
	_ = conn.Close()
	return n.ReadyURL == "" || get(ctx, n.ReadyURL) == nil
}

// since returns the log from an offset on.
func (n *Node) since(said int64) []byte {
	f, err := os.Open(n.Log())
	if err != nil {
		return nil
	}
	defer f.Close()
	if _, err := f.Seek(said, io.SeekStart); err != nil {
		return nil
	}
	b, _ := io.ReadAll(io.LimitReader(f, 8<<20))
	return b
}

// explain says why a process ended before the process answered, and what to do.
func (n *Node) explain(how error, said int64) error {
	log := string(n.since(said))
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(log, w) {
				return true
			}
		}
		return false
	}
	var exit *exec.ExitError
	killed := errors.As(how, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	switch {
	case has("Address already in use", "BindException", "Failed to bind"):
		return errkind.New(errkind.Conflict, "%s could not listen: one of its ports (%s) was taken meanwhile; %s", n.Name, strings.Join(n.Listens, ", "), choosePort)
	case killed, has("java.lang.OutOfMemoryError", "insufficient memory", "Could not reserve enough space", "Cannot allocate memory"):
		return errkind.New(errkind.Exhausted, "%s ran out of memory, or was killed: the server needs %d MB of heap and half as much beside the heap. End another program, or start fewer nodes; the server's log is %s",
			n.Name, n.HeapMB, n.Log())
	case has("No space left on device"):
		return errkind.New(errkind.Exhausted, "%s has no room on the disk of %s", n.Name, n.Dir)
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := lines[max(0, len(lines)-12):]
	return fmt.Errorf("starting %s: the process ended (%w). The end of %s:\n  %s", n.Name, orNil(how), n.Log(), strings.Join(last, "\n  "))
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// signal sends a signal to the process, if a process runs.
func (n *Node) signal(s syscall.Signal) error {
	pid := n.PID()
	if pid == 0 {
		return errkind.New(errkind.NotFound, "%s does not run", n.Name)
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to %s: %w", s, n.Name, err)
	}
	return nil
}

// Kill ends the node without warning (SIGKILL), paused or not, and returns when the process is gone. The data stays.
// Kill returns nil for a node that does not run.
func (n *Node) Kill() error {
	if n.Running() {
		if err := n.signal(syscall.SIGKILL); err != nil && errkind.Of(err) != errkind.NotFound {
			return err
		}
	}
	return n.gone(context.Background())
}

// Pause suspends the process (SIGSTOP): connections stay open, and nothing answers.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// stopGrace is how long a server may take to end in order.
const stopGrace = 20 * time.Second

// Stop lets the node end in order (SIGTERM), and kills a node that takes too long. Stop returns nil for a node that
// does not run.
func (n *Node) Stop(ctx context.Context) error {
	if !n.Running() {
		return nil
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := n.signal(s); err != nil && errkind.Of(err) != errkind.NotFound {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if err := n.gone(ctx); err == nil {
		return nil
	}
	return n.Kill() //nolint:contextcheck // a process is killed whatever becomes of the context
}

// gone waits until the process is no more.
func (n *Node) gone(ctx context.Context) error {
	n.mu.Lock()
	c := n.child
	n.mu.Unlock()
	if c != nil {
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for n.Running() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
