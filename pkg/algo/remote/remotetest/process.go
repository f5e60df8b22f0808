package remotetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// variable tells a process of a test which worker to be: a behaviour, the name of the algorithm and the socket, between bars.
const variable = "CINEDEX_TEST_WORKER"

// Main runs the worker that the environment names, and returns where the environment names none. Main does not return from a worker.
func Main() {
	words := strings.SplitN(os.Getenv(variable), "|", 3)
	if len(words) < 3 {
		return
	}
	if err := serve(words[0], words[1], words[2]); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve serves the contract at a socket.
func serve(behaviour, name, socket string) error {
	make, known := behaviours[behaviour]
	if !known {
		return fmt.Errorf("no worker behaves like %q", behaviour)
	}
	w := make(name)
	time.Sleep(w.late) // the slow start is the behaviour under test
	l, err := listen(socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(cinedexv1connect.NewAlgorithmWorkerServiceHandler(w))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute}
	server.Protocols.SetUnencryptedHTTP2(true)
	w.hangUp = server.Close
	for {
		err := server.Serve(l)
		if !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		// A worker that hung up answers again.
		if l, err = listen(socket); err != nil {
			return err
		}
		server = &http.Server{Handler: mux, Protocols: server.Protocols, ReadHeaderTimeout: time.Minute}
		w.hangUp = server.Close
	}
}

// Handler is the worker of a behaviour in the process of the test, for tests of connections.
func Handler(behaviour, name string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(cinedexv1connect.NewAlgorithmWorkerServiceHandler(behaviours[behaviour](name)))
	return mux
}

// listen makes a socket whose file appears once the socket takes connections.
func listen(socket string) (net.Listener, error) {
	hidden := socket + ".new"
	_ = os.Remove(hidden) // of a process that was killed
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", hidden)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, os.Rename(hidden, socket)
}

// A Process is a worker in a process of its own.
type Process struct {
	// Socket is where the worker answers.
	Socket string
	cmd    *exec.Cmd
	once   sync.Once
	ended  chan struct{}
}

// Start starts a worker of a behaviour, with the socket in a folder. The algorithm's version is name@1. The worker ends with the test.
func Start(t testing.TB, folder, behaviour, name string) *Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Socket: filepath.Join(folder, name+".sock"), ended: make(chan struct{})}
	p.cmd = exec.Command(exe)
	p.cmd.Env = append(os.Environ(), variable+"="+behaviour+"|"+name+"|"+p.Socket)
	if testing.Verbose() {
		p.cmd.Stderr = os.Stderr
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // a worker of a test is killed, or crashes
		close(p.ended)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Kill ends the worker, as kill -9 does, and waits for the end. The file of the socket stays.
func (p *Process) Kill() {
	p.once.Do(func() { _ = p.cmd.Process.Kill() }) // a process that has ended needs no killing
	<-p.ended
}

// Ended is closed when the worker has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Folder makes a folder for sockets. The path of a socket has about a hundred bytes at most, which folders of tests may exceed.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
