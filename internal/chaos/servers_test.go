package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

// A service is the work of a child process, run by this test binary: a worker or an indexer.
type service struct {
	Name       string
	Indexer    bool
	Events     events.Config
	Cassandra  cassandrastore.Config
	OpenSearch opensearch.Config
}

const serviceVariable = "CINEDEX_CHAOS_SERVICE"

func TestMain(m *testing.M) {
	if s := os.Getenv(serviceVariable); s != "" {
		if err := serveChild(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// A toxiproxy link may never end if the link is cut while data passes.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"))
}

func serveChild(spec string) error {
	var s service
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return err
	}
	ctx, log := context.Background(), slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := events.New(s.Events, events.Deps{Logger: log, Registerer: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	st, err := cassandrastore.Open(ctx, s.Cassandra, cassandrastore.Deps{Log: log})
	if err != nil {
		return err
	}
	if s.Indexer {
		e, err := opensearch.Open(ctx, s.OpenSearch, opensearch.Deps{Log: log})
		if err != nil {
			return err
		}
		x, err := indexing.New(indexing.Default(), indexing.Deps{Events: c, Store: st, Engine: e, Log: log, Registerer: prometheus.NewRegistry()})
		if err != nil {
			return err
		}
		return x.Serve(ctx)
	}
	registry, err := algo.NewRegistry(script{})
	if err != nil {
		return err
	}
	cfg := runner.Default()
	cfg.Worker, cfg.LeaseTTL = s.Name, 5*time.Second
	r, err := runner.New(cfg, runner.Deps{Events: c, Store: st, Registry: registry, Log: log, Registerer: prometheus.NewRegistry(), Model: func(string) error { return nil }})
	if err != nil {
		return err
	}
	return r.Serve(ctx)
}

// script writes linesEach lines over an asset, in about a second, so a fault often hits the middle of a run.
type script struct{}

const linesEach = 2500

func (script) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "script", Version: "1", Summary: "writes lines", Kinds: []string{"line"}}
}

func (script) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for i := range int64(linesEach) {
		if _, err := out.Annotation(ctx, &pb.Annotation{Kind: "line", Start: i * int64(schema.Second) / 50, End: (i + 1) * int64(schema.Second) / 50,
			Text: line(in.Asset().GetId(), i), Language: "en", Confidence: 1}); err != nil {
			return err
		}
		if i%250 == 0 {
			pause := time.NewTimer(100 * time.Millisecond) // the time for looking at a film
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return ctx.Err()
			}
		}
	}
	return nil
}

func line(asset string, i int64) string { return fmt.Sprintf("line %d of %s", i, asset[:8]) }

// A process is a child for a test to kill, pause, wake and start again.
type process struct {
	t    *testing.T
	spec service
	cmd  *exec.Cmd
	said bytes.Buffer
}

func (p *process) start() {
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	b := must[[]byte](p.t)(json.Marshal(p.spec))
	p.cmd.Env = append(os.Environ(), serviceVariable+"="+string(b))
	p.cmd.Stderr = &p.said
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

func (p *process) signal(s syscall.Signal) {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// awake starts an exited process, as a supervisor would: without its servers, the process cannot start.
func (p *process) awake() {
	if p.cmd != nil && syscall.Kill(p.cmd.Process.Pid, 0) == nil && !zombie(p.cmd.Process.Pid) {
		return
	}
	p.kill()
	p.start()
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// rig is the servers of all plans, and the network to the servers.
type rig struct {
	t       *testing.T
	c       *servers.Cluster
	proxies *toxiproxy.ApiServer
	network map[string]*toxiproxy.Proxy
	kafka   []string
	hosts   []string
	url     string
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, network: map[string]*toxiproxy.Proxy{}, proxies: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard))}
	r.c = serverstest.Start(t, servers.Config{Kafka: 1, Cassandra: 1, OpenSearch: 1,
		KafkaAdvertise: func(addr string) (string, error) { return r.through("kafka", addr) }})
	r.kafka = r.c.Kafka.Brokers()
	r.hosts = []string{must[string](t)(r.through("cassandra", r.c.Cassandra.Hosts()[0]))}
	r.url = "http://" + must[string](t)(r.through("opensearch", strings.TrimPrefix(r.c.OpenSearch.URL(), "http://")))
	t.Cleanup(func() {
		for _, p := range r.network {
			p.Stop()
		}
	})
	return r
}

// through makes a network to an address. A test can cut the network.
func (r *rig) through(name, addr string) (string, error) {
	p := toxiproxy.NewProxy(r.proxies, name, "127.0.0.1:0", addr)
	if err := p.Start(); err != nil {
		return "", err
	}
	r.network[name] = p
	return p.Listen, nil
}

// An act is a fault of a server or a service, followed by the repair after a while.
type act struct {
	After, For time.Duration
	What, Who  string
}

func (a act) String() string {
	return fmt.Sprintf("+%.1fs %s %s %.1fs", a.After.Seconds(), a.What, a.Who, a.For.Seconds())
}

var (
	nodesOf  = []string{"kafka", "cassandra", "opensearch"}
	childsOf = []string{"worker-1", "worker-2", "indexer-1", "indexer-2"}
)

func planOf(seed uint64) (acts []act) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 3 + rnd.IntN(3) {
		a := act{After: time.Duration(500+rnd.IntN(3500)) * time.Millisecond, For: time.Duration(500+rnd.IntN(8000)) * time.Millisecond}
		if rnd.IntN(2) == 0 {
			a.Who, a.What = nodesOf[rnd.IntN(3)], []string{"kill", "pause", "cut"}[rnd.IntN(3)]
		} else {
			a.Who, a.What = childsOf[rnd.IntN(4)], []string{"kill", "pause"}[rnd.IntN(2)]
		}
		acts = append(acts, a)
	}
	return acts
}

// do does an act and undoes the act.
func (r *rig) do(a act, children map[string]*process) error {
	rest := func() { time.Sleep(a.For) } // the length of the fault is the fault
	if p := children[a.Who]; p != nil {
		switch a.What {
		case "kill":
			p.kill()
			rest()
			p.start()
		case "pause":
			p.signal(syscall.SIGSTOP)
			rest()
			p.signal(syscall.SIGCONT)
		}
		return nil
	}
	n := map[string]*servers.Node{"kafka": r.c.Kafka.Nodes[0], "cassandra": r.c.Cassandra.Nodes[0], "opensearch": r.c.OpenSearch.Nodes[0]}[a.Who]
	switch a.What {
	case "kill":
		if err := n.Kill(); err != nil {
			return err
		}
		rest()
		return n.Start(r.t.Context())
	case "pause":
		if err := n.Pause(); err != nil {
			return err
		}
		rest()
		return n.Resume()
	default:
		r.network[a.Who].Stop()
		rest()
		return r.network[a.Who].Start()
	}
}

// TestChaosServers kills, pauses and cuts off everything at random moments while runs are made. CHAOS_PLANS is the
// number of plans (50), CHAOS_SEED the seed of the first plan, and CHAOS_MINUTES a limit of the time.
func TestChaosServers(t *testing.T) {
	serverstest.Chaos(t)
	number := func(variable string, or int) int {
		if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
			return n
		}
		return or
	}
	plans, seed, most := number("CHAOS_PLANS", 50), number("CHAOS_SEED", 1), time.Duration(number("CHAOS_MINUTES", 120))*time.Minute
	r, began, held, done := newRig(t), time.Now(), 0, 0
	for ; done < plans && time.Since(began) < most; done++ {
		s := uint64(seed + done)
		acts, start := planOf(s), time.Now()
		n, err := r.plan(s, acts)
		verdict := "holds"
		if err != nil {
			verdict = err.Error()
			t.Errorf("plan %d: %v", s, err)
		} else {
			held++
		}
		fmt.Printf("plan %d of %d, seed %d, %d annotations, %.0f s: %v: %s\n", done+1, plans, s, n, time.Since(start).Seconds(), acts, verdict)
	}
	figure.Report(t, true, figure.Result{Name: "chaos/servers",
		Claim:    "plans of kill -9, pause and network cuts of Kafka, Cassandra, OpenSearch, workers and indexers: what readers see equals the fold of the log",
		Measured: fmt.Sprintf("%d of %d plans hold, in %.0f min", held, done, time.Since(began).Minutes()), Pass: held == done && done > 0,
		Note: "one node of each server; stopped early where the time was up"})
}

const assetsEach = 8

// plan carries out a plan, over its own topics, rows and indices.
func (r *rig) plan(seed uint64, acts []act) (annotations int, err error) {
	t, ctx := r.t, r.t.Context()
	name := fmt.Sprintf("plan%d", time.Now().UnixNano())
	ecfg := events.Default()
	ecfg.Brokers, ecfg.Prefix, ecfg.SessionTimeout = r.kafka, name+".", 6*time.Second
	ccfg := cassandrastore.Default()
	ccfg.Hosts, ccfg.Keyspace, ccfg.Library, ccfg.Migrate, ccfg.MaxClockSkew = r.hosts, "chaos", name, true, 4*time.Second
	ocfg := opensearch.Default()
	ocfg.URLs, ocfg.Prefix = []string{r.url}, name
	c, err := events.New(ecfg, events.Deps{Logger: discard, Registerer: prometheus.NewRegistry()})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if _, err := c.EnsureTopics(ctx, events.Layout{Replication: 1, Embedded: true}); err != nil {
		return 0, err
	}
	st, err := cassandrastore.Open(ctx, ccfg, cassandrastore.Deps{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	e, err := opensearch.Open(ctx, ocfg, opensearch.Deps{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()

	children := map[string]*process{}
	for _, who := range childsOf {
		children[who] = &process{t: t, spec: service{who, strings.HasPrefix(who, "indexer"), ecfg, ccfg, ocfg}}
		children[who].start()
	}
	defer func() {
		for _, p := range children {
			p.kill()
			if err != nil {
				said := p.said.String()
				t.Logf("%s said:\n%s", p.spec.Name, said[max(0, len(said)-1500):])
			}
		}
	}()
	var publishing sync.WaitGroup
	failed := make(chan error, 1)
	publishing.Go(func() {
		for i := range assetsEach {
			a := asset(i)
			for {
				err := c.Publish(ctx, events.MediaReady, events.Event{Subject: a.GetId(), Data: &pb.MediaReady{Asset: a}})
				if err == nil {
					break
				}
				if ctx.Err() != nil {
					failed <- err
					return
				}
			}
			time.Sleep(time.Second) // assets arrive while things go wrong
		}
	})
	for _, a := range acts {
		time.Sleep(a.After) // the plan gives the time of the act
		if err := r.do(a, children); err != nil {
			return 0, fmt.Errorf("doing %s: %w", a, err)
		}
	}
	publishing.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	if err := r.rest(c, st, children); err != nil {
		return 0, err
	}
	return judge(ctx, c, st, e)
}

// rest waits until every run is seen and no hop is behind.
func (r *rig) rest(c *events.Client, st store.Store, children map[string]*process) error {
	deadline := time.Now().Add(4 * time.Minute)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range children {
			p.awake()
		}
		seen, behind := 0, int64(0)
		ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
		var err error
		for _, e := range st.AllActive(ctx) {
			err = errors.Join(err, e)
			seen++
		}
		for _, hop := range []events.Hop{events.HopIndexer, events.HopPlanner, events.HopRunner} {
			lags, e := c.Lag(ctx, hop.Group, hop.Topics...)
			err = errors.Join(err, e)
			behind += events.Waiting(lags)
		}
		cancel()
		if err == nil && seen == assetsEach && behind == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after 4 minutes %d of %d runs are seen, the hops are %d messages behind: %w", seen, assetsEach, behind, err)
		}
		<-tick.C
	}
}

// judge reads the log from its start and compares the fold with the readers' view.
func judge(ctx context.Context, c *events.Client, st store.Store, e search.Engine) (annotations int, err error) {
	type execution struct {
		run   string
		epoch int64
	}
	var mu sync.Mutex
	said, ends := map[execution]map[int64]string{}, map[execution]int64{}
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() {
		_ = c.Subscribe(reading, events.Subscription{Group: "judge", Topics: []events.Topic{events.Annotations, events.RunsFinished}}, func(_ context.Context, batch []events.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			for _, d := range batch {
				switch m := d.Data.(type) {
				case *pb.AnnotationBatch:
					x := execution{m.GetRun(), m.GetEpoch()}
					if said[x] == nil {
						said[x] = map[int64]string{}
					}
					for _, a := range m.GetAnnotations() {
						said[x][a.GetOrdinal()] = a.GetText()
					}
				case *pb.RunFinished:
					ends[execution{m.GetRun().GetId(), m.GetRun().GetEpoch()}] = m.GetRun().GetAnnotations()
				}
			}
			return nil
		})
	})
	for behind := int64(1); behind != 0; {
		lags, err := c.Lag(ctx, "judge", events.Annotations, events.RunsFinished)
		if err != nil && ctx.Err() != nil {
			break
		}
		behind = events.Waiting(lags)
		if err != nil || len(lags) == 0 {
			behind = 1
		}
		time.Sleep(100 * time.Millisecond) // the interval of polling
	}
	stop()
	reader.Wait()
	for a, err := range st.AllActive(ctx) {
		if err != nil {
			return 0, err
		}
		r, err := st.Run(ctx, a.GetAsset(), a.GetRun())
		if err != nil {
			return 0, err
		}
		x := execution{r.GetId(), r.GetEpoch()}
		if n, ok := ends[x]; !ok || n != r.GetAnnotations() || n != linesEach {
			return 0, fmt.Errorf("run %s of epoch %d has %d annotations, the log says %d", r.GetId(), r.GetEpoch(), r.GetAnnotations(), n)
		}
		got := int64(0)
		for x2, err := range st.AnnotationsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
			if err != nil {
				return 0, err
			}
			if x2.GetOrdinal() != got || x2.GetText() != said[x][got] {
				return 0, fmt.Errorf("annotation %d of run %s is %q, the log says %q of %d", x2.GetOrdinal(), r.GetId(), x2.GetText(), said[x][got], got)
			}
			got++
		}
		hits, err := e.Text(ctx, search.TextQuery{Scope: search.NewScope([]string{r.GetId()}), Words: "line", Languages: []string{"en"}, Limit: search.MaxLimit})
		if err != nil {
			return 0, err
		}
		found := map[int64]bool{}
		for _, h := range hits {
			found[h.Ordinal] = true
		}
		if got != linesEach || len(hits) != linesEach || len(found) != linesEach {
			return 0, fmt.Errorf("run %s: %d annotations in the store, %d hits, %d different ones, of %d", r.GetId(), got, len(hits), len(found), linesEach)
		}
		annotations += int(got)
	}
	for l, err := range c.DeadLetters(ctx, events.LetterFilter{}) {
		return 0, errors.Join(fmt.Errorf("a dead letter of %s: %s", l.Group, l.Reason), err)
	}
	return annotations, nil
}
