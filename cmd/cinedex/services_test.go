package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// apart are the services, each run as a process of its own.
var apart = []string{"ingestor", "algo-runner", "indexer", "operator", "search-api"}

// TestFigureServices runs the five services as processes over real servers. The services watch the demo's films and
// answer queries. The figure compares the peaks of memory with the limits in the manifests.
func TestFigureServices(t *testing.T) {
	figure.Begin(t, "apart/services")
	on := newOwnServers(t)
	cache := testCache(t, "big-buck-bunny", "elephants-dream-en")
	bin, home := buildServices(t), t.TempDir()
	tokens := filepath.Join(home, "tokens.yaml")
	const token = "a token of the test's"
	if err := os.WriteFile(tokens, fmt.Appendf(nil, "tokens:\n  - {name: test, sha256: %x, titles: [\"*\"], roles: [operator, ingest]}\n", sha256.Sum256([]byte(token))), 0o600); err != nil {
		t.Fatal(err)
	}
	films, err := openFilms(&output{out: os.Stderr, err: os.Stderr}, cache, filepath.Join(home, "films"), false)
	if err != nil {
		t.Fatal(err)
	}
	arrivals, err := films.quick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	harbour, err := films.harbour(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	arrivals = append(arrivals, harbour)
	allowed, err := roots(films.dir, cache.Dir())
	if err != nil {
		t.Fatal(err)
	}
	blobs := []string{"blobs.bucket=file://" + filepath.ToSlash(filepath.Join(home, "media")), "blobs.roots=" + strings.Join(allowed, ",")}
	who := []string{"token_file=" + tokens}
	wants := map[string][][]string{
		"ingestor": {on.kafka, on.cassandra, blobs, who}, "algo-runner": {on.kafka, on.cassandra, blobs},
		"indexer": {on.kafka, on.cassandra, on.opensearch}, "operator": {on.kafka, on.cassandra, on.opensearch, blobs, who}, "search-api": {on.kafka, on.cassandra, on.opensearch, blobs, who},
	}
	if err := os.MkdirAll(filepath.Join(home, "media"), 0o755); err != nil {
		t.Fatal(err)
	}
	addresses, processes := map[string]string{}, map[string]*os.Process{}
	for _, name := range apart {
		var sets []string
		for _, s := range wants[name] {
			sets = append(sets, s...)
		}
		addresses[name], processes[name] = service(t, filepath.Join(bin, name), cache.Dir(), sets...)
	}
	began := time.Now()
	for _, m := range arrivals {
		if _, err := send(t.Context(), endpoint{Server: "http://" + addresses["ingestor"], Token: token}, m); err != nil {
			t.Fatal(err)
		}
	}
	hc := &http.Client{Transport: bearer{token, http.DefaultTransport}, Timeout: time.Minute}
	client := cinedexv1connect.NewSearchServiceClient(hc, "http://"+addresses["search-api"], connect.WithProtoJSON())
	for tick := time.NewTicker(500 * time.Millisecond); ; <-tick.C {
		r, err := client.GetStatus(t.Context(), connect.NewRequest(&pb.GetStatusRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		done, total, failed, seen := tally(r.Msg, titlesOf(arrivals))
		if failed != "" {
			t.Fatal(failed)
		}
		if seen == len(arrivals) && done == total {
			tick.Stop()
			break
		}
		if time.Since(began) > 20*time.Minute {
			t.Fatalf("%d of %d runs have ended", done, total)
		}
	}
	took := time.Since(began)
	found := 0
	for _, q := range []string{"dialogue:harbour", "look:flowers title:big-buck-bunny", `dialogue:"the machine is like a clockwork"`} {
		r, err := client.Search(context.Background(), connect.NewRequest(&pb.SearchRequest{Q: q, Limit: 3}))
		if err != nil {
			t.Fatalf("asking %s: %v", q, err)
		}
		if len(r.Msg.GetHits()) > 0 && len(r.Msg.GetPartial()) == 0 {
			found++
		}
	}
	letters := 0
	for range on.log.DeadLetters(t.Context(), events.LetterFilter{}) {
		letters++
	}
	within, told := true, ""
	for _, name := range apart {
		peak, err := figure.Peak(processes[name].Pid)
		if err != nil {
			t.Fatal(err)
		}
		limit := limitOf(t, name)
		within = within && peak <= limit
		told += fmt.Sprintf(", %s %d of %d MiB", name, peak>>20, limit>>20)
	}
	figure.Report(t, false, figure.Result{Name: "apart/services", Claim: "the five services as processes over real servers: the demo's films watched and found; each peak of memory within the manifests' limit",
		Measured: fmt.Sprintf("three films watched in %.0f s, %d of 3 searches answered, %d dead letters; peaks%s", took.Seconds(), found, letters, told),
		Pass:     within && found == 3 && letters == 0, Note: "peaks are VmHWM, without ffmpeg, which is a process of its own"})
}

// TestFigureBehind starts an indexer a million messages behind, and an indexer some thousands behind, and watches the
// memory of both.
func TestFigureBehind(t *testing.T) {
	figure.Begin(t, "apart/behind")
	bin, cache := buildServices(t), testCache(t)
	few, many := behind(t, bin, cache.Dir(), 20_000), behind(t, bin, cache.Dir(), 1_000_000)
	if t.Failed() {
		return
	}
	limit := limitOf(t, "indexer")
	ratio := float64(many.peaks[3]) / float64(few.peaks[3])
	figure.Report(t, false, figure.Result{Name: "apart/behind", Claim: "an indexer 1M messages behind, over real servers, does not grow: its peak ≤ 1.3 of one that is 20,000 behind, and within the manifest's limit",
		Measured: fmt.Sprintf("peak %d MiB of %d, by quarters of what it was behind %d, %d, %d, %d; 20,000 behind: %d MiB; it had caught up in %.0f s, %.0f messages/s of one annotation each",
			many.peaks[3]>>20, limit>>20, many.peaks[0]>>20, many.peaks[1]>>20, many.peaks[2]>>20, many.peaks[3]>>20, few.peaks[3]>>20, many.took.Seconds(), 1_000_000/many.took.Seconds()),
		Ratio: ratio, Pass: ratio <= 1.3 && many.peaks[3] <= limit, Note: "peaks are VmHWM"})
}

type caughtUp struct {
	peaks [4]int64 // when each quarter was done
	took  time.Duration
}

// behind logs n messages of an annotation each, and starts an indexer over these messages.
func behind(t *testing.T, bin, cache string, n int64) (c caughtUp) {
	t.Helper()
	t.Run(fmt.Sprint(n), func(t *testing.T) {
		on := newOwnServers(t)
		library := synthetic.Library{Annotations: int(n), Run: 1000, Event: 1, TextEvery: 10}
		for batches, finished := range library.Events() {
			if err := on.log.Publish(t.Context(), events.Annotations, batches...); err != nil {
				t.Fatal(err)
			}
			if err := on.log.Publish(t.Context(), events.RunsFinished, finished); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		_, process := service(t, filepath.Join(bin, "indexer"), cache, slices.Concat(on.kafka, on.cassandra, on.opensearch)...)
		quarters := 0
		for tick := time.NewTicker(250 * time.Millisecond); quarters < len(c.peaks); <-tick.C {
			lags, err := on.log.Lag(t.Context(), events.HopIndexer.Group, events.HopIndexer.Topics...)
			if err != nil {
				t.Fatal(err)
			}
			left := events.Waiting(lags)
			peak, err := figure.Peak(process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			for quarters < len(c.peaks) && left <= (n+int64(library.Runs()))*int64(3-quarters)/4 {
				c.peaks[quarters] = peak
				quarters++
			}
			if time.Since(began) > 20*time.Minute {
				t.Fatalf("it is %d messages behind", left)
			}
		}
		c.took = time.Since(began)
		s, err := cassandrastore.Open(t.Context(), on.store, cassandrastore.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if seen := countActive(t, s); seen != library.Runs() {
			t.Errorf("%d of %d runs are seen", seen, library.Runs())
		}
	})
	return c
}

// ownServers are topics, tables and indices of a test's own, with the settings for them.
type ownServers struct {
	log                          *events.Client
	store                        cassandrastore.Config
	kafka, cassandra, opensearch []string
}

func newOwnServers(t *testing.T) ownServers {
	t.Helper()
	brokers, hosts, url := serverstest.Kafka(t), serverstest.Cassandra(t), serverstest.OpenSearch(t)
	own := fmt.Sprintf("apart_%x", time.Now().UnixNano())
	on := ownServers{
		store:      cassandrastore.Default(),
		kafka:      []string{"kafka.brokers=" + strings.Join(brokers, ","), "kafka.prefix=" + own + "."},
		cassandra:  []string{"store.engine=cassandra", "store.cassandra.hosts=" + strings.Join(hosts, ","), "store.cassandra.keyspace=" + own},
		opensearch: []string{"search.engine=opensearch", "search.opensearch.urls=" + url, "search.opensearch.prefix=" + own},
	}
	on.store.Hosts, on.store.Keyspace = hosts, own
	if err := cassandrastore.Migrate(t.Context(), on.store, nil); err != nil {
		t.Fatal(err)
	}
	kafka := events.Default()
	kafka.Brokers, kafka.Prefix = brokers, own+"."
	var err error
	if on.log, err = events.New(kafka, events.Deps{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = on.log.Close() })
	if _, err := on.log.EnsureTopics(t.Context(), events.Layout{Replication: 1}); err != nil {
		t.Fatal(err)
	}
	return on
}

var builtServices = building("../../services/...")

// buildServices builds the services into a folder.
func buildServices(t *testing.T) (bin string) {
	t.Helper()
	bin, err := builtServices()
	if err != nil {
		t.Fatalf("building the services: %v", err)
	}
	return bin
}

// service starts a service and returns the service's address once the service answers. The service ends with the test.
func service(t *testing.T, bin, cache string, sets ...string) (string, *os.Process) {
	t.Helper()
	// The algo-runner has no API of its own. Every service has health.
	address, health := freeAddress(t), freeAddress(t)
	args := []string{"--set", "address=" + address, "--set", "telemetry.admin_address=" + health, "--set", "telemetry.log_level=warn"}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	var said bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), "CINEDEX_CACHE="+cache), t.TempDir()
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(bin), tail(said.Bytes(), 4000))
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get("http://" + health + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return address, cmd.Process
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %s", filepath.Base(bin), said.String())
		}
	}
}

// limitOf is the memory limit of a service in the manifests, in bytes: the limit of the pod's last container. The
// containers before are done when the last container starts.
func limitOf(t *testing.T, service string) int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "deploy", "k8s", "base", service+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`limits: \{memory: (\d+)Gi\}`).FindAllSubmatch(b, -1)
	if len(all) == 0 {
		t.Fatalf("the manifest of %s sets no limit", service)
	}
	gi, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return gi << 30
}
