package catalog_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A log is a broker in the process with the topics of Cinedex.
type testLog struct {
	*events.Client
	addr string
}

func newLog(t *testing.T) *testLog {
	t.Helper()
	b, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	c, err := events.New(cfg, events.Deps{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	return &testLog{c, b.Addr()}
}

// end is how many events the topic of algorithms has had.
func (l *testLog) end(t *testing.T) int64 {
	t.Helper()
	bounds, err := l.Bounds(t.Context(), events.Algorithms)
	if err != nil {
		t.Fatal(err)
	}
	return bounds[0].End
}

// A process is a follower that runs.
type process struct {
	*catalog.Follower
	metrics *prometheus.Registry
	mu      sync.Mutex
	logged  bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logged.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logged.String()
}

// start runs a follower over built-in declarations; own are announced.
func (l *testLog) start(t *testing.T, builtin, own []*pb.AlgorithmAnnounced, now time.Time) *process {
	t.Helper()
	p := &process{metrics: prometheus.NewRegistry()}
	p.Follower = catalog.Follow(fresh(t, builtin...), catalog.Deps{Events: l, Log: slog.New(slog.NewTextHandler(p, nil)), Registerer: p.metrics, Own: own,
		Now: func() time.Time { return now }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) { // the interval of polling; the condition decides
		if time.Now().After(deadline) {
			t.Fatalf("still not after a minute: %s", what)
		}
	}
}

// A process has the leaves of an algorithm unknown to its build from the announcement by another process until the withdrawal.
func TestAnnounced(t *testing.T) {
	l := newLog(t)
	reader := l.start(t, nil, nil, time.UnixMilli(1))
	eventually(t, "the reader has read an empty topic", func() bool { return reader.Ready() == nil })
	runner := l.start(t, []*pb.AlgorithmAnnounced{lines()}, []*pb.AlgorithmAnnounced{lines(), looks("1")}, time.UnixMilli(50))
	want := []string{"alike", "any", "said"}
	eventually(t, "the reader has the runner's leaves", func() bool { return slices.Equal(reader.Catalog().View().LeafNames(), want) })
	eventually(t, "the runner is ready", func() bool { return runner.Ready() == nil })
	if got := testutil.CollectAndCount(reader.metrics, "cinedex_algorithms_refused_total"); got != 0 {
		t.Errorf("%d refusals were counted", got)
	}

	// An equal declaration is not published again. A changed declaration is published, with the time of its first announcement.
	before := l.end(t)
	if err := runner.Announce(t.Context(), lines(), looks("1")); err != nil {
		t.Fatal(err)
	}
	if after := l.end(t); after != before {
		t.Errorf("%d events were published of what the topic had", after-before)
	}
	changed := lines()
	changed.GetAlgorithm().Summary = "another"
	later := l.start(t, nil, []*pb.AlgorithmAnnounced{changed}, time.UnixMilli(99))
	eventually(t, "the change is announced", func() bool {
		return later.Ready() == nil && reader.Catalog().Announced("lines@1").GetAlgorithm().GetSummary() == "another"
	})
	if since := reader.Catalog().Announced("lines@1").GetSinceMs(); since != 50 {
		t.Errorf("since %d", since)
	}

	if err := l.Publish(t.Context(), events.Algorithms, events.Event{Subject: "looks@1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what is withdrawn is gone", func() bool { return slices.Equal(reader.Catalog().View().LeafNames(), []string{"any", "said"}) })
}

// A wrong event of the topic is told by name and counted, and later events are read.
func TestBadAnnouncements(t *testing.T) {
	l := newLog(t)
	p := l.start(t, []*pb.AlgorithmAnnounced{lines()}, nil, time.UnixMilli(1))
	thief := other()
	thief.GetAlgorithm().Kinds = []string{"line"}
	invalid := other()
	invalid.GetAlgorithm().Name, invalid.GetAlgorithm().Leaves = "vague", []*pb.LeafSpec{{Name: "any", Shape: pb.LeafShape_LEAF_SHAPE_WORDS}}
	for subject, a := range map[string]*pb.AlgorithmAnnounced{"other@1": thief, "vague@1": invalid, "lines@1": other(), "nothing@1": {}} {
		if err := l.Publish(t.Context(), events.Algorithms, events.Event{Subject: subject, Data: a}); err != nil {
			t.Fatal(err)
		}
	}
	foreign, err := kgo.NewClient(kgo.SeedBrokers(l.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	if err := foreign.ProduceSync(t.Context(), &kgo.Record{Topic: string(events.Algorithms), Key: []byte("broken@1"), Value: []byte("}{")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := l.Publish(t.Context(), events.Algorithms, events.Event{Subject: "looks@1", Data: looks("1")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what comes after is read", func() bool { return p.Catalog().View().Leaf("alike") != nil && p.Ready() == nil })
	if leaf := p.Catalog().View().Leaf("said"); leaf == nil || leaf.Algorithm != "lines" {
		t.Errorf("said is of %v", leaf)
	}
	said := p.said()
	for _, want := range []string{"other@1", `which algorithm lines has`, "vague@1", "means something else in a query", "lines@1", "nothing@1", "declares no algorithm"} {
		if !strings.Contains(strings.ReplaceAll(said, `\"`, `"`), want) {
			t.Errorf("the log does not tell %s:\n%s", want, said)
		}
	}
	count := func(kind errkind.Kind) (n float64) {
		families, err := p.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "cinedex_algorithms_refused_total" && m.GetLabel()[0].GetValue() == kind.String() {
					n += m.GetCounter().GetValue()
				}
			}
		}
		return n
	}
	if c, i := count(errkind.Conflict), count(errkind.Invalid); c != 1 || i != 4 {
		t.Errorf("counted %v conflicts and %v that are invalid, want 1 and 4", c, i)
	}
}

// A declaration that claims what another algorithm has is not published, by name; others of the same process are.
func TestRefusedAtAnnouncement(t *testing.T) {
	l := newLog(t)
	first := l.start(t, nil, []*pb.AlgorithmAnnounced{lines()}, time.UnixMilli(1))
	eventually(t, "the first is ready", func() bool { return first.Ready() == nil })
	for what, change := range map[string]func(*pb.AlgorithmSpec){
		`the kind "line"`: func(s *pb.AlgorithmSpec) { s.Kinds = []string{"line"} },
		`the leaf "said"`: func(s *pb.AlgorithmSpec) {
			s.Leaves = []*pb.LeafSpec{{Name: "said", Shape: pb.LeafShape_LEAF_SHAPE_WORDS}}
		},
	} {
		thief := other()
		change(thief.GetAlgorithm())
		before := l.end(t)
		err := first.Announce(t.Context(), thief)
		if !errkind.Is(err, errkind.Conflict) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "algorithm lines has") {
			t.Errorf("%s: %v", what, err)
		}
		if after := l.end(t); after != before {
			t.Errorf("%s: %d events were published", what, after-before)
		}
	}
	thief := other()
	thief.GetAlgorithm().Kinds = []string{"line"}
	next := proto.CloneOf(lines())
	next.GetAlgorithm().Version = "2" // the same algorithm may claim the same
	second := l.start(t, nil, []*pb.AlgorithmAnnounced{thief, next}, time.UnixMilli(2))
	eventually(t, "the second version is in the catalogue", func() bool { return first.Catalog().Announced("lines@2") != nil })
	eventually(t, "the refusal is told", func() bool { return errkind.Is(second.Ready(), errkind.Conflict) })
}

// Whether the runs of a version wait is kept when the version is announced again.
func TestWaits(t *testing.T) {
	l := newLog(t)
	p := l.start(t, nil, []*pb.AlgorithmAnnounced{lines()}, time.UnixMilli(1))
	waits := func(want bool) func() bool {
		return func() bool { e := p.View().Entry("lines@1"); return e != nil && e.Waits == want }
	}
	eventually(t, "it is announced", func() bool { return p.Ready() == nil && waits(false)() })
	for _, want := range []bool{true, false} {
		if err := p.SetWaits(t.Context(), "lines@1", want); err != nil {
			t.Fatal(err)
		}
		eventually(t, "runs wait, or not", waits(want))
		before := l.end(t)
		if err := p.SetWaits(t.Context(), "lines@1", want); err != nil {
			t.Fatal(err)
		}
		if err := p.Announce(t.Context(), lines()); err != nil {
			t.Fatal(err)
		}
		if err := p.SetWaits(t.Context(), "unknown@1", want); err != nil {
			t.Fatal(err)
		}
		if after := l.end(t); after != before || !waits(want)() {
			t.Errorf("%d events were published, and runs wait: %v", after-before, p.View().Entry("lines@1").Waits)
		}
	}
}

// A calibration that an operator sets is in force in every process, outlives a second announcement of the version, and can be taken back.
func TestCalibrate(t *testing.T) {
	l := newLog(t)
	own := []*pb.AlgorithmAnnounced{looks("1")}
	p := l.start(t, []*pb.AlgorithmAnnounced{lines()}, own, time.UnixMilli(5))
	other := l.start(t, []*pb.AlgorithmAnnounced{lines()}, nil, time.UnixMilli(5))
	calibration := func(f *process) *pb.Calibration {
		leaf := f.View().Leaf("said")
		if leaf == nil || len(leaf.Sources) < 2 {
			return nil
		}
		return leaf.Sources[1].CalibrationOf("colours@1")
	}
	eventually(t, "both have the declarations", func() bool { return p.Ready() == nil && calibration(p) != nil && calibration(other) != nil })
	declared := calibration(p)

	fitted := &pb.FittedCalibration{Space: "colours@1", Leaf: "said", Calibration: &pb.Calibration{Middle: 0.7, Slope: 30, Match: 0.2}, Pairs: 100, Error: 0.01, SetBy: "somebody"}
	if err := p.Calibrate(t.Context(), "looks@1", fitted); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(calibration(p), fitted.GetCalibration()) {
		t.Errorf("in force: %v", calibration(p))
	}
	eventually(t, "the other process has it", func() bool { return proto.Equal(calibration(other), fitted.GetCalibration()) })
	if e := p.View().Entry("looks@1"); len(e.Fitted) != 1 || e.Fitted[0].GetSetBy() != "somebody" {
		t.Errorf("fitted: %v", e.Fitted)
	}
	if alike := p.View().Leaf("alike").Sources[0].CalibrationOf("colours@1"); alike.GetMiddle() != 0.5 {
		t.Errorf("the answer of another leaf has changed: %v", alike)
	}

	before := l.end(t)
	if err := p.Announce(t.Context(), own...); err != nil {
		t.Fatal(err)
	}
	changed := proto.CloneOf(own[0])
	changed.Algorithm.Summary = "Looks, said anew"
	if err := p.Announce(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the changed declaration is known", func() bool { return p.View().Entry("looks@1").GetSummary() == changed.GetAlgorithm().GetSummary() })
	if after := l.end(t); after != before+1 || !proto.Equal(calibration(p), fitted.GetCalibration()) {
		t.Errorf("%d events, in force: %v", after-before, calibration(p))
	}

	for _, c := range []struct {
		id   string
		cal  *pb.FittedCalibration
		kind errkind.Kind
	}{
		{"nobody@1", fitted, errkind.NotFound},
		{"looks@1", &pb.FittedCalibration{Space: "colours@2", Leaf: "said", Calibration: fitted.GetCalibration()}, errkind.Invalid},
		{"looks@1", &pb.FittedCalibration{Space: "colours@1", Leaf: "nothing", Calibration: fitted.GetCalibration()}, errkind.Invalid},
		{"looks@1", &pb.FittedCalibration{Space: "colours@1", Leaf: "said", Calibration: &pb.Calibration{Middle: 0.7, Slope: -1}}, errkind.Invalid},
		{"looks@1", &pb.FittedCalibration{Space: "colours@1", Leaf: "said", Calibration: &pb.Calibration{Middle: 0.7, Slope: 1, Match: 1}}, errkind.Invalid},
		{"looks@1", &pb.FittedCalibration{Space: "colours@1", Leaf: "said", Calibration: &pb.Calibration{Middle: math.NaN(), Slope: 1}}, errkind.Invalid},
	} {
		if err := p.Calibrate(t.Context(), c.id, c.cal); !errkind.Is(err, c.kind) {
			t.Errorf("%s %v: %v, want %s", c.id, c.cal, err, c.kind)
		}
	}
	if err := p.Calibrate(t.Context(), "looks@1", &pb.FittedCalibration{Space: "colours@1", Leaf: "said"}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(calibration(p), declared) {
		t.Errorf("taken back: %v, want %v", calibration(p), declared)
	}
}

// A version without a calibration has none: the calibration of another version says nothing of its similarities.
func TestUncalibratedVersion(t *testing.T) {
	c := fresh(t, lines())
	two := looks("2")
	two.SinceMs = 9
	two.GetAlgorithm().Answers[1].Calibration = nil
	for _, d := range []*pb.AlgorithmAnnounced{two, looks("1")} {
		if err := c.Put(d); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.View().Leaf("said").Sources[1]; s.CalibrationOf("colours@2") != nil || s.CalibrationOf("colours@1").GetMiddle() != 0.2 {
		t.Errorf("version 2 has %v, version 1 %v", s.CalibrationOf("colours@2"), s.CalibrationOf("colours@1"))
	}
}
