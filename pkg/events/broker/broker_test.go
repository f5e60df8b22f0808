package broker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/events/eventstest"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const childDir, childPort = "CINEDEX_BROKER_TEST_DIR", "CINEDEX_BROKER_TEST_PORT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	eventstest.Main(m)
}

func runChild(dir string) error {
	port, err := strconv.Atoi(os.Getenv(childPort))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	b, err := broker.Open(broker.Config{Dir: dir, Port: port})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	return b.Close()
}

// A process is a broker in a child process, which a test kills and starts again.
type process struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

func start(t *testing.T) *process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	p.start(t)
	t.Cleanup(func() { p.end(t, syscall.SIGKILL) })
	return p
}

func (p *process) addr() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

func (p *process) start(t *testing.T) {
	t.Helper()
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), childDir+"="+p.dir, childPort+"="+strconv.Itoa(p.port))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the broker does not start: %q, %v", line, err)
	}
}

func (p *process) end(t *testing.T, how os.Signal) {
	t.Helper()
	_ = p.cmd.Process.Signal(how)
	_ = p.cmd.Wait()
}

func (p *process) crash(t *testing.T) {
	t.Helper()
	p.end(t, syscall.SIGKILL)
	p.start(t)
}

// The suite runs against a broker in another process, so tests can kill the broker.
func TestSuite(t *testing.T) {
	p := start(t)
	eventstest.Run(t, eventstest.Harness{Brokers: []string{p.addr()}, Layout: events.Layout{Replication: 1, Embedded: true}, Crash: p.crash,
		Lacks: map[string]string{
			"Compaction": "it keeps every event of a compacted topic, since kfake's compaction would lose some in a crash",
			"Retention":  "it removes nothing that a group has yet to read",
		}})
}

// The process is out of descriptors for a moment, with more callers at the port than the process can take. Afterwards
// the process takes connections and events again.
func TestOutOfDescriptors(t *testing.T) {
	p := start(t)
	if err := client(t, p.addr()).Publish(t.Context(), events.RunsFinished, events.Event{Subject: "before", Data: &cinedexv1.RunFinished{}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		restore := squeeze(t, p.cmd.Process.Pid, 2)
		var hoard []net.Conn
		for range 20 {
			c, err := net.DialTimeout("tcp", p.addr(), time.Second)
			if err == nil {
				hoard = append(hoard, c)
			}
		}
		if len(hoard) == 0 {
			t.Fatal("no connection at all")
		}
		time.Sleep(20 * time.Millisecond) // for a refused Accept or two
		restore()
		for _, c := range hoard {
			c.Close()
		}
		// A new client, for new connections.
		if err := client(t, p.addr()).Publish(t.Context(), events.RunsFinished, events.Event{Subject: "after", Data: &cinedexv1.RunFinished{}}); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
	}
}

// squeeze lets a process open only so many more files, until restore is called.
func squeeze(t *testing.T, pid, more int) (restore func()) {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var was unix.Rlimit
	now := uint64(len(open) + more)
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: now, Max: was.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil); err != nil {
			t.Error(err)
		}
	}
}

func client(t *testing.T, addr string) *events.Client {
	t.Helper()
	cfg := events.Default()
	cfg.Brokers = []string{addr}
	c, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The broker is killed at random moments of publishing, and the tails of its files are torn afterwards. Every
// acknowledged event is present, in order, and so is every committed offset.
func TestKillKeepsAcknowledged(t *testing.T) {
	p := start(t)
	c := client(t, p.addr())
	const assets, rounds = 8, 8
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := make([]int64, assets) // per asset, how many were acknowledged
	committed := int64(0)
	for round := range rounds {
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for a := range assets {
			wg.Go(func() {
				for ctx.Err() == nil {
					err := c.Publish(ctx, events.RunsFinished, events.Event{Subject: fmt.Sprint("asset", a),
						Data: &cinedexv1.RunFinished{Run: &cinedexv1.Run{Id: fmt.Sprint(a), Annotations: acked[a]}}})
					if err == nil {
						acked[a]++
					} else if !errors.Is(err, context.Canceled) {
						t.Error(err)
						return
					}
				}
			})
		}
		subscription, unsubscribe := context.WithCancel(t.Context())
		wg.Go(func() {
			if err := c.Subscribe(subscription, events.Subscription{Group: "group", Topics: []events.Topic{events.RunsFinished}},
				func(context.Context, []events.Delivery) error { return nil }); err != nil {
				t.Error(err)
			}
		})
		for round == 0 && commits(t, c) == 0 {
			time.Sleep(5 * time.Millisecond) // once, the group gets as far as committing
		}
		time.Sleep(time.Duration(random.IntN(300)+20) * time.Millisecond) // a random moment, by design
		p.end(t, syscall.SIGKILL)
		if round%2 == 1 {
			tear(t, p.dir, random)
		}
		p.start(t)
		stop()
		unsubscribe()
		wg.Wait()
		now := commits(t, c)
		if now < committed {
			t.Errorf("round %d: %d offsets committed, and %d were before", round, now, committed)
		}
		committed = now
	}
	p.end(t, syscall.SIGTERM) // a clean stop, for once
	p.start(t)
	next := make(map[string]int64)
	for d, err := range c.ReadAll(t.Context(), events.RunsFinished) {
		if err != nil {
			t.Fatal(err)
		}
		n := d.Data.(*cinedexv1.RunFinished).GetRun().GetAnnotations()
		if n > next[d.Subject] {
			t.Fatalf("%s: event %d came where %d was due", d.Subject, n, next[d.Subject])
		}
		next[d.Subject] = max(next[d.Subject], n+1)
	}
	total := int64(0)
	for a, n := range acked {
		total += n
		if got := next[fmt.Sprint("asset", a)]; got < n {
			t.Errorf("asset%d: %d events acknowledged and %d there", a, n, got)
		}
	}
	t.Logf("%d events acknowledged over %d kills, %d offsets committed", total, rounds, committed)
	if total == 0 || committed == 0 {
		t.Error("nothing was published or handled, so nothing was shown")
	}
}

// commits is the sum of the group's committed offsets.
func commits(t *testing.T, c *events.Client) int64 {
	t.Helper()
	lag, err := c.Lag(t.Context(), "group", events.RunsFinished)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, l := range lag {
		sum += max(0, l.Committed)
	}
	return sum
}

// tear appends half a record to the newest files of a partition, as an interrupted write leaves them.
func tear(t *testing.T, dir string, random *rand.Rand) {
	t.Helper()
	var logs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".dat") {
			logs = append(logs, path)
		}
		return err
	})
	if err != nil || len(logs) == 0 {
		t.Fatalf("looking for the log's files: %v, %d there", err, len(logs))
	}
	slices.Sort(logs)
	for _, path := range logs {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole) < 64 {
			continue
		}
		// The first half of a well-formed batch is the worst tail, because its length field is valid.
		appendTo(t, path, whole[:20+random.IntN(40)])
		appendTo(t, strings.TrimSuffix(path, ".dat")+".idx", whole[:random.IntN(14)+1])
	}
	appendTo(t, filepath.Join(dir, "groups.log"), []byte{40, 0, 0, 0, 1, 2, 3, 4, 1, 0, '{'})
}

func appendTo(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Open(broker.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if other, err := broker.Open(broker.Config{Dir: dir}); errkind.Of(err) != errkind.Conflict || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the same folder twice: %v, %v", other, err)
	}
	_, port, _ := net.SplitHostPort(b.Addr())
	n, _ := strconv.Atoi(port)
	if other, err := broker.Open(broker.Config{Dir: t.TempDir(), Port: n}); errkind.Of(err) != errkind.Conflict || !strings.Contains(err.Error(), "port "+port+" is in use") {
		t.Errorf("a port in use: %v, %v", other, err)
	}
	if _, err := broker.Open(broker.Config{}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no folder: %v", err)
	}
	if _, err := broker.Open(broker.Config{Dir: filepath.Join(dir, "LOCK", "x")}); err == nil {
		t.Error("a folder that cannot be made was opened")
	}
}

// After a clean stop, published events and committed offsets are there.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		b, err := broker.Open(broker.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := client(t, b.Addr())
		if err := c.Publish(t.Context(), events.MediaReady, events.Event{Subject: fmt.Sprint(i), Data: &cinedexv1.MediaReady{}}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range c.ReadAll(t.Context(), events.MediaReady) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != i+1 {
			t.Errorf("%d events after opening %d times", n, i+1)
		}
		drift, err := c.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true})
		if err != nil || len(drift) > 0 {
			t.Errorf("drift: %v, %v", drift, err)
		}
		if err := errors.Join(c.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
