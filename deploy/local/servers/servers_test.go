package servers

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// startTest starts servers for a test. The test is skipped without Java, or without Maven to fetch the servers.
func startTest(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	cfg.Dir, cfg.Progress = t.TempDir(), func(s string) { t.Log(s) }
	c, err := Start(t.Context(), cfg)
	if err != nil && errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") != "1" {
		t.Skip("lacks a program for starting servers: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// answers requests Kafka's version of the protocol: 20 bytes that every broker answers before any other request.
func answers(t *testing.T, addr string, within time.Duration) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(within))
	if _, err := conn.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 4))
	return err == nil
}

// A node does not answer after Kill, Pause and Stop, and answers after a restart.
func TestNode(t *testing.T) {
	c := startTest(t, Config{Kafka: 1})
	n := c.Kafka.Nodes[0]
	if !answers(t, n.Addr, 10*time.Second) {
		t.Fatal("a started node does not answer")
	}
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	if answers(t, n.Addr, 500*time.Millisecond) {
		t.Error("a paused node answers")
	}
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	if !answers(t, n.Addr, 10*time.Second) {
		t.Error("a resumed node does not answer")
	}
	before := n.PID()
	if err := n.Kill(); err != nil || n.Running() {
		t.Fatalf("killed: %v, running: %v", err, n.Running())
	}
	if answers(t, n.Addr, 500*time.Millisecond) {
		t.Error("a killed node answers")
	}
	if err := n.Pause(); errkind.Of(err) != errkind.NotFound {
		t.Errorf("pausing what does not run: %v", err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n.PID() == before || !answers(t, n.Addr, 10*time.Second) {
		t.Errorf("a node that was started again does not answer; PID %d, before %d", n.PID(), before)
	}

	// Another process finds the cluster by its folder, and stops the cluster.
	found, err := Open(c.dir)
	if err != nil || found.Running() != 1 || found.Kafka.Brokers()[0] != n.Addr {
		t.Fatalf("found %+v, %v", found, err)
	}
	if _, err := Start(t.Context(), Config{Kafka: 1, Dir: c.dir}); errkind.Of(err) != errkind.Conflict {
		t.Errorf("starting a second cluster over the same folder: %v", err)
	}
	if err := found.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.gone(t.Context()); err != nil { // this process is the parent, and sees the end
		t.Error(err)
	}
}

// A server that cannot start is refused, and the error says what to do.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	n := &Node{Name: "node-1", Dir: dir, Addr: "127.0.0.1:1", Listens: []string{"127.0.0.1:1"}, HeapMB: 384, progress: func(string) {}}
	said := func(script string) func() error {
		return func() error {
			n.Command = []string{"/bin/sh", "-c", script, dir}
			n.Listens = nil
			said, err := n.launch()
			if err != nil {
				return err
			}
			return n.await(t.Context(), said)
		}
	}
	tests := []struct {
		name string
		do   func() error
		kind errkind.Kind
		says string
	}{
		{"nothing", func() error { _, err := Start(t.Context(), Config{Dir: dir}); return err }, errkind.Invalid, "no server is asked for"},
		{"too many", func() error { _, err := Start(t.Context(), Config{Dir: dir, Kafka: 4}); return err }, errkind.Invalid, "between 0 and 3"},
		{"no folder", func() error { _, err := Start(t.Context(), Config{Kafka: 1}); return err }, errkind.Invalid, "no folder"},
		{"a port that is taken", func() error { return free(address("127.0.0.1", port)) }, errkind.Conflict, "choose others with KAFKA_PORT"},
		{"an address of another machine", func() error { return free("192.0.2.1:80") }, errkind.Invalid, "no address 192.0.2.1"},
		{"no such Java", func() error { _, err := java("X", 1, 1); return err }, errkind.NotFound, "JAVA_HOME"},
		{"not running", func() error { _, err := Open(dir); return err }, errkind.NotFound, "no servers were started"},
		{"another end of a server that tells its options", said("echo JVM arguments [-XX:+ExitOnOutOfMemoryError]; echo NoClassDefFoundError; exit 1"), errkind.Internal, "NoClassDefFoundError"},
		{"out of memory", said("echo java.lang.OutOfMemoryError: Java heap space; exit 3"), errkind.Exhausted, "384 MB of heap"},
		{"killed", said("kill -9 $$"), errkind.Exhausted, "or was killed"},
		{"a full disk", said("echo java.io.IOException: No space left on device; exit 1"), errkind.Exhausted, "no room on the disk"},
		{"a port taken meanwhile", said("echo Failed to bind to 127.0.0.1:1; exit 1"), errkind.Conflict, "taken meanwhile"},
		{"another end", said("echo what went wrong; exit 7"), errkind.Internal, "what went wrong"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.do()
			if err == nil || errkind.Of(err) != test.kind || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v (%v); want %v with %q", err, errkind.Of(err), test.kind, test.says)
			}
		})
	}
}

// A cancelled start leaves nothing running.
func TestGivenUp(t *testing.T) {
	dir := t.TempDir()
	n := &Node{Name: "node-1", Dir: dir, Command: []string{"/bin/sh", "-c", "sleep 1000", dir}, ReadyLine: "never", progress: func(string) {}}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := n.Start(ctx); err == nil || n.Running() {
		t.Errorf("%v, running: %v", err, n.Running())
	}
}

// A jar that differs from the pinned jar is refused.
func TestCheck(t *testing.T) {
	tests := []struct {
		name, file, content, says string
	}{
		{"as it should be", "a.jar", "good", ""},
		{"another content", "a.jar", "bad", "a.jar has the SHA-256"},
		{"another file", "b.jar", "good", "a.jar is missing"},
	}
	want := []byte("770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c  a.jar\n")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			lib := filepath.Join(dir, "lib")
			if err := os.Mkdir(lib, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(lib, test.file), []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			err := check(dir, want)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %q", err, test.says)
			}
		})
	}
}

// Every release has sums, and a pom with its version.
func TestReleases(t *testing.T) {
	for _, r := range allReleases {
		if !strings.Contains(string(r.file("pom.xml")), "<version>"+r.version) {
			t.Errorf("the pom of %s names another version", r)
		}
		if n := len(sums(r.file(sumsFile))); n < 40 {
			t.Errorf("%s has %d sums", r, n)
		}
	}
}

// Servers that start at the same time, and listen some seconds after they were given ports, get different ports.
func TestPortsAreGivenOnce(t *testing.T) {
	var mu sync.Mutex
	by := map[int]int{}
	var all sync.WaitGroup
	for who := range 60 {
		all.Go(func() {
			n := 1 + who%10
			first, err := freePorts(n, "127.0.0.1")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for p := first; p < first+n; p++ {
				if other, ok := by[p]; ok {
					t.Errorf("port %d was given to both %d and %d", p, other, who)
				}
				by[p] = who
			}
		})
	}
	all.Wait()
}

// The error names all taken ports, of every kind of server, before anything is fetched or created.
func TestPortsAreLookedAtFirst(t *testing.T) {
	var taken []string
	var ports []int
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken, ports = append(taken, l.Addr().String()), append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	cache, dir := t.TempDir(), filepath.Join(t.TempDir(), "servers")
	_, err := Start(t.Context(), Config{Kafka: 1, Cassandra: 1, OpenSearch: 1, Dir: dir, Cache: cache, KafkaPort: ports[0], CassandraPort: ports[1], OpenSearchPort: 80})
	if err == nil || !strings.Contains(err.Error(), taken[0]) || !strings.Contains(err.Error(), taken[1]) || !strings.Contains(err.Error(), "OpenSearch's port 80") {
		t.Errorf("%v, want one that names %q and OpenSearch's port", err, taken)
	}
	if fetched, err := os.ReadDir(cache); err != nil || len(fetched) != 0 {
		t.Errorf("%d entries were fetched: %v", len(fetched), err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}
