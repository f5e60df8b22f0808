package eventstest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Harness is the broker under test.
type Harness struct {
	// Brokers of a running cluster. The suite makes topics there under its own prefixes.
	Brokers []string
	// Layout of the suite's topics.
	Layout events.Layout
	// Crash kills the broker without warning and starts the broker again, at the same addresses and over the same data.
	Crash func(t *testing.T)
	// Lacks are the exceptions: tests that this broker cannot pass, by name, each with the reason.
	Lacks map[string]string
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	lacks := maps.Clone(h.Lacks)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"RoundTrip", testRoundTrip},
		{"OrderByAsset", testOrderByAsset},
		{"PublishRefuses", testPublishRefuses},
		{"Oversize", testOversize},
		{"CommitAfterEffect", testCommitAfterEffect},
		{"RedeliveryAfterKill", testRedeliveryAfterKill},
		{"RetryByKind", testRetryByKind},
		{"PoisonIsolation", testPoisonIsolation},
		{"PanicIsInternal", testPanicIsInternal},
		{"DeadLetterKeepsBytes", testDeadLetterKeepsBytes},
		{"DeadLetterDrop", testDeadLetterDrop},
		{"BoundedMemory", testBoundedMemory},
		{"SlowPartition", testSlowPartition},
		{"Workers", testWorkers},
		{"AtOnce", testAtOnce},
		{"MaxWait", testMaxWait},
		{"Rebalance", testRebalance},
		{"StructuredMode", testStructuredMode},
		{"TransactionMarkers", testTransactionMarkers},
		{"AbortedTransactions", testAbortedTransactions},
		{"CutOffTransaction", testCutOffTransaction},
		{"Snapshot", testSnapshot},
		{"Follow", testFollow},
		{"ShutdownDrains", testShutdownDrains},
		{"ShutdownCancels", testShutdownCancels},
		{"Compaction", testCompaction},
		{"LostIsTold", testLostIsTold},
		{"Retention", testRetention},
		{"LateTopics", testLateTopics},
		{"Drift", testDrift},
		{"Plan", testPlan},
		{"ShortRetention", testShortRetention},
		{"Traces", testTraces},
		{"TraceOfTheEvent", testTraceOfTheEvent},
		{"BrokerCrash", testBrokerCrash},
	} {
		t.Run(test.name, func(t *testing.T) {
			if why := lacks[test.name]; why != "" {
				t.Skip("this broker's exception: " + why)
			}
			test.run(t, newBench(t, h))
		})
		delete(lacks, test.name)
	}
	for name := range lacks {
		t.Errorf("an exception is declared for %q, which is no test of the suite", name)
	}
}

// patience is how long a condition may take to come true. The group notices a crashed member after its session of 6 s.
const patience = 60 * time.Second

var benches atomic.Int64

// A bench is a test's own part of the cluster.
type bench struct {
	h        Harness
	cfg      events.Config
	registry *prometheus.Registry
	tracer   trace.Tracer
	c        *events.Client
}

func newBench(t *testing.T, h Harness) *bench {
	b := &bench{h: h, cfg: events.Default(), registry: prometheus.NewRegistry()}
	b.cfg.Brokers = h.Brokers
	b.cfg.Prefix = fmt.Sprintf("t%d-%d-%d.", os.Getpid(), time.Now().Unix(), benches.Add(1))
	b.cfg.SessionTimeout = 6 * time.Second
	b.c = b.client(t)
	return b
}

// topics makes the bench's topics.
func (b *bench) topics(t *testing.T) {
	t.Helper()
	if _, err := b.c.EnsureTopics(t.Context(), b.h.Layout); err != nil {
		t.Fatal(err)
	}
}

// client makes a further client, closed at the end of the test.
func (b *bench) client(t *testing.T) *events.Client {
	t.Helper()
	c, err := events.New(b.cfg, events.Deps{Logger: logger(t), Registerer: b.registry, Tracer: b.tracer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// foreign is a client of another make.
func (b *bench) foreign(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.h.Brokers...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (b *bench) publish(t *testing.T, topic events.Topic, evs ...events.Event) {
	t.Helper()
	if err := b.c.Publish(t.Context(), topic, evs...); err != nil {
		t.Fatal(err)
	}
}

// metric is the sum of a counter over the samples with all the labels.
func (b *bench) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	sample:
		for _, m := range f.GetMetric() {
			for k, v := range labels {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetName() == k && l.GetValue() == v
				}
				if !found {
					continue sample
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// finished makes events of RunsFinished: n of each asset, numbered from 0 in the run's count of annotations.
func finished(assets, n int) []events.Event {
	var evs []events.Event
	for i := range n {
		for a := range assets {
			evs = append(evs, numbered(asset(a), i))
		}
	}
	return evs
}

func asset(a int) string { return fmt.Sprintf("asset-%03d", a) }

func numbered(asset string, i int) events.Event {
	return events.Event{Subject: asset, Data: &cinedexv1.RunFinished{Run: &cinedexv1.Run{Id: fmt.Sprintf("%s/%d", asset, i), Asset: asset, Annotations: int64(i)}}}
}

// key reads back the key that numbered wrote.
func key(d events.Delivery) string { return d.Data.(*cinedexv1.RunFinished).GetRun().GetId() }

func number(d events.Delivery) int64 {
	return d.Data.(*cinedexv1.RunFinished).GetRun().GetAnnotations()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("still not after %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // the interval of polling; the condition decides
	}
}

// A consumer is a running subscription whose handled events are collected.
type consumer struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error

	mu   sync.Mutex
	seen []events.Delivery
}

// consume starts a subscription to RunsFinished, or to the topics in sub. An event counts as seen when handle returns
// nil. handle may be nil.
func consume(t *testing.T, c *events.Client, sub events.Subscription, handle events.Handler) *consumer {
	t.Helper()
	if sub.Group == "" {
		sub.Group = "group"
	}
	if len(sub.Topics) == 0 {
		sub.Topics = []events.Topic{events.RunsFinished}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &consumer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = c.Subscribe(ctx, sub, func(ctx context.Context, batch []events.Delivery) error {
			if handle != nil {
				if err := handle(ctx, batch); err != nil {
					return err
				}
			}
			s.mu.Lock()
			s.seen = append(s.seen, batch...)
			s.mu.Unlock()
			return nil
		})
	}()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// stop ends the subscription and checks for a clean end.
func (s *consumer) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("the subscription does not end")
	}
	if s.err != nil {
		t.Errorf("the subscription ended with %v", s.err)
	}
}

func (s *consumer) events() []events.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]events.Delivery(nil), s.seen...)
}

// counts says how often each event was seen.
func (s *consumer) counts() map[string]int {
	n := make(map[string]int)
	for _, d := range s.events() {
		n[key(d)]++
	}
	return n
}

// sees waits until every event was seen.
func (s *consumer) sees(t *testing.T, evs []events.Event) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events seen", len(evs)), func() bool { return missing(s.counts(), evs) == 0 })
}

func missing(counts map[string]int, evs []events.Event) int {
	n := 0
	for _, e := range evs {
		if counts[e.Data.(*cinedexv1.RunFinished).GetRun().GetId()] == 0 {
			n++
		}
	}
	return n
}

// committed is the sum of a group's committed offsets. A partition without an offset counts 0.
func (b *bench) committed(t *testing.T, group string) int64 {
	t.Helper()
	lag, err := b.c.Lag(context.Background(), group, events.RunsFinished)
	if err != nil {
		t.Logf("asking for the lag: %v", err)
		return -1
	}
	sum := int64(0)
	for _, l := range lag {
		sum += max(0, l.Committed)
	}
	return sum
}

func (b *bench) letters(t *testing.T) []events.Letter {
	t.Helper()
	var all []events.Letter
	for l, err := range b.c.DeadLetters(context.Background(), events.LetterFilter{}) {
		if err != nil {
			t.Logf("reading dead letters: %v", err)
			return nil
		}
		all = append(all, l)
	}
	return all
}

func logger(t *testing.T) *slog.Logger {
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: level}))
}

// testWriter logs to the test, also from goroutines that outlive the test by a little.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (n int, err error) {
	defer func() { _ = recover() }() // the test is over
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// A child is a consumer in a child process, which a test kills.
type child struct {
	Config  events.Config
	Group   string
	Hang    string // the event on which the handler hangs for ever
	Journal string // a file: a line for each handled event, and a line for the hang
}

const childVariable = "CINEDEX_EVENTSTEST_CHILD"

// Main is the TestMain of packages with the suite. Main lets the test binary be the suite's child process, and checks
// for goroutines left over.
func Main(m *testing.M) {
	if s := os.Getenv(childVariable); s != "" {
		if err := runChild(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func runChild(s string) error {
	var ch child
	if err := json.Unmarshal([]byte(s), &ch); err != nil {
		return err
	}
	c, err := events.New(ch.Config, events.Deps{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(ch.Journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return c.Subscribe(context.Background(), events.Subscription{Group: ch.Group, Topics: []events.Topic{events.RunsFinished}, MaxBatch: 10},
		func(_ context.Context, batch []events.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			for _, d := range batch {
				if key(d) == ch.Hang {
					fmt.Fprintln(f, "hangs")
					select {}
				}
			}
			for _, d := range batch {
				fmt.Fprintln(f, "did", key(d))
			}
			return nil
		})
}

// start starts the child. kill kills the child, and journal returns the lines written by the child.
func (ch child) start(t *testing.T) (kill func(), journal func() []string) {
	t.Helper()
	ch.Journal = filepath.Join(t.TempDir(), "journal")
	arg, err := json.Marshal(ch)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+string(arg))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	return kill, func() []string {
		b, _ := os.ReadFile(ch.Journal)
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

func itoa(i int) string { return strconv.Itoa(i) }
