package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// A script is the file of an algorithm, and the interpreter for the file.
type script struct {
	file, python string
}

func (s *script) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.python, "python", "", "interpreter with the package cinedex (default: CINEDEX_PYTHON, .venv beside the file or here, an active environment, python3)")
}

// interpreter is the Python that runs the file.
func (s script) interpreter() string {
	candidates := []string{filepath.Join(filepath.Dir(s.file), ".venv/bin/python"), ".venv/bin/python"}
	if env := os.Getenv("VIRTUAL_ENV"); env != "" {
		candidates = append(candidates, filepath.Join(env, "bin/python"))
	}
	if given := cmp.Or(s.python, os.Getenv("CINEDEX_PYTHON")); given != "" {
		return given
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			if abs, err := filepath.Abs(c); err == nil {
				return abs
			}
		}
	}
	return "python3"
}

// check reports a file that is missing.
func (s script) check() error {
	if info, err := os.Stat(s.file); err != nil || info.IsDir() {
		return errkind.New(errkind.NotFound, "there is no file %s: `cinedex algorithm new NAME` writes a file", s.file)
	}
	return nil
}

// pythonCommand is a command of the package cinedex. The worker ends with this process.
func (s script) pythonCommand(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.interpreter(), append([]string{"-m", "cinedex"}, words...)...)
	cmd.Env = append(os.Environ(), "CINEDEX_WORKER_PARENT=1", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// A process is a worker that was started here.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // set before ended is closed
	told  *tailWriter
}

const (
	// workerStart bounds the time until a worker's address is open. Importing a framework of models takes long.
	workerStart = 5 * time.Minute
	// workerStop is the time that a worker gets to end its runs.
	workerStop = 5 * time.Second
)

// startScript starts the worker of a file at an address, and returns once the address is open. The words of the worker go to logs. more are further
// arguments of `python -m cinedex serve`.
func startScript(ctx context.Context, s script, address string, logs io.Writer, more ...string) (*process, error) {
	p := &process{ended: make(chan struct{}), told: &tailWriter{to: logs}}
	p.cmd = s.pythonCommand(context.WithoutCancel(ctx), append([]string{"serve", s.file, "--address", address}, more...)...)
	p.cmd.Stderr = p.told
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C at a terminal reaches the worker by stop alone
	p.cmd.WaitDelay = workerStop
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.file, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errkind.New(errkind.NotFound, "starting %s: %w; --python names another interpreter", s.interpreter(), err)
	}
	ready := make(chan struct{})
	go p.watch(out, ready)
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
		return nil, p.failure(s)
	case <-time.After(workerStart):
		p.stop()
		return nil, errkind.New(errkind.Unavailable, "%s was not ready within %s", s.file, workerStart)
	case <-ctx.Done():
		p.stop()
		return nil, errkind.New(errkind.Cancelled, "starting %s: %w", s.file, ctx.Err())
	}
}

// watch reads the output of the worker to its end, and closes ready at the line that says that the address is open.
func (p *process) watch(out io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(out)
	once := sync.OnceFunc(func() { close(ready) })
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready ") {
			once()
			continue
		}
		_, _ = p.told.Write(append(lines.Bytes(), '\n')) // the words of the algorithm are for people alone
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// failure is why a worker ended before the worker was ready.
func (p *process) failure(s script) error {
	text := strings.TrimSpace(p.told.tail())
	if strings.Contains(text, "No module named cinedex") {
		return errkind.New(errkind.NotFound, "%s has no package cinedex: build the package by make wheel, then %s -m pip install dist/cinedex-*.whl; --python names another interpreter",
			s.interpreter(), s.interpreter())
	}
	return errkind.New(errkind.Invalid, "%s cannot be served:\n%s", s.file, cmp.Or(text, p.end()))
}

// end says how an ended worker ended.
func (p *process) end() string {
	if p.err == nil {
		return "without an error"
	}
	return p.err.Error()
}

// stop ends the worker, and returns when the worker has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an ended worker needs no signal
	select {
	case <-p.ended:
		return
	case <-time.After(workerStop):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// tailWriter passes text on, and keeps the end of the text.
type tailWriter struct {
	to   io.Writer
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 4000

func (w *tailWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, b...)
	w.kept = bytes.Clone(w.kept[max(0, len(w.kept)-tailBytes):])
	return w.to.Write(b)
}

func (w *tailWriter) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.kept)
}

// served is a worker of this command alone, and the algorithms of the worker.
type served struct {
	algorithms []algo.Algorithm
	close      func()
}

// serveAlone starts the worker of a file in a folder of its own, and connects to the worker. address, if given, is a worker that runs already.
func serveAlone(ctx context.Context, s script, address string, logs io.Writer) (*served, error) {
	dir, err := os.MkdirTemp("", "cinedex-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the worker: %w", err)
	}
	out := &served{close: func() { _ = os.RemoveAll(dir) }}
	cfg := remote.Default()
	if address != "" {
		cfg.Addresses = []string{address}
	} else {
		cfg.Folder = dir
		p, err := startScript(ctx, s, "unix:"+filepath.Join(dir, "worker.sock"), logs)
		if err != nil {
			out.close()
			return nil, err
		}
		before := out.close
		out.close = func() { p.stop(); before() }
	}
	refused := &tailWriter{to: io.Discard}
	host, err := remote.New(cfg, remote.Deps{Log: slog.New(slog.NewTextHandler(refused, &slog.HandlerOptions{Level: slog.LevelWarn})), Registerer: prometheus.NewRegistry()})
	if err != nil {
		out.close()
		return nil, err
	}
	hosting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- host.Serve(hosting) }()
	before := out.close
	out.close = func() { cancel(); <-ended; before() }
	if out.algorithms, err = arrived(ctx, host, refused); err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// arrived waits until the worker has declared algorithms that are accepted.
func arrived(ctx context.Context, host *remote.Host, refused *tailWriter) ([]algo.Algorithm, error) {
	deadline := time.After(time.Minute)
	for {
		changed := host.Changed()
		if all := host.Algorithms(); len(all) > 0 {
			return all, nil
		}
		if text := refused.tail(); strings.Contains(text, "is refused") || strings.Contains(text, "is not used") && !strings.Contains(text, "does not answer") {
			return nil, errkind.New(errkind.Invalid, "the platform refuses the algorithm: %s", strings.TrimSpace(text))
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond): // a refusal is told in the log
		case <-deadline:
			return nil, errkind.New(errkind.Unavailable, "the worker does not declare an algorithm: %s", strings.TrimSpace(refused.tail()))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
