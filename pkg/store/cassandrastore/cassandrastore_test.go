package cassandrastore_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/pkg/store/storetest"
)

// run is the keyspace of this run of the tests: created by the first test with a need for the keyspace, dropped after
// the last test.
var run = struct {
	keyspace string
	once     sync.Once
	err      error
	hosts    []string
}{keyspace: fmt.Sprintf("cinedex_test_%d_%x", os.Getpid(), time.Now().UnixNano())}

// modelChecks is how often the model is run without -rapid.checks. Each step of the model asks a server for every row,
// and a server takes a tenth of a second where a folder takes a millisecond.
const modelChecks = "10"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", modelChecks); err != nil {
		panic(err)
	}
	flag.Parse()
	if keyspace := os.Getenv(migrates); keyspace != "" {
		os.Exit(migrateAlone(keyspace))
	}
	code := m.Run()
	if len(run.hosts) > 0 {
		if err := drop(run.hosts, run.keyspace); err != nil {
			fmt.Fprintln(os.Stderr, "dropping the tests' keyspace:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// session is a session beside the store's, for reading and changing rows that only servers and operators change.
func session(hosts []string) (*gocql.Session, error) {
	c := gocql.NewCluster(hosts...)
	c.Timeout, c.ConnectTimeout, c.ProtoVersion = time.Minute, time.Minute, 4
	if _, port, err := net.SplitHostPort(hosts[0]); err == nil {
		if c.Port, err = strconv.Atoi(port); err != nil {
			return nil, err
		}
	}
	return c.CreateSession()
}

func drop(hosts []string, keyspace string) error {
	s, err := session(hosts)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Query("DROP KEYSPACE IF EXISTS " + keyspace).Exec()
}

// config is the configuration of a new store in the run's keyspace.
func config(t testing.TB, library string) cassandrastore.Config {
	t.Helper()
	cfg := cassandrastore.Default()
	cfg.Hosts, cfg.Keyspace = serverstest.Cassandra(t), run.keyspace
	run.once.Do(func() {
		run.hosts = cfg.Hosts
		run.err = cassandrastore.Migrate(context.Background(), cfg, nil)
	})
	if run.err != nil {
		t.Fatal(run.err)
	}
	name := sha256.Sum256([]byte(library))
	cfg.Library = hex.EncodeToString(name[:4])
	return cfg
}

func open(t testing.TB, cfg cassandrastore.Config, deps cassandrastore.Deps) *cassandrastore.Store {
	t.Helper()
	s, err := cassandrastore.Open(context.Background(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	serverstest.Cassandra(t)
	storetest.Run(t, storetest.Harness{
		Open: func(t testing.TB, name string, clock func() time.Time) store.Store {
			return open(t, config(t, name), cassandrastore.Deps{Clock: clock})
		},
	})
}

// An installation that shares its keyspace with nobody needs no name: every table has a place for an unnamed
// installation.
func TestUnnamedLibrary(t *testing.T) {
	cfg := config(t, "")
	cfg.Library = ""
	s := open(t, cfg, cassandrastore.Deps{})
	defer s.Close()
	ctx := t.Context()
	run := &pb.Run{Asset: "unnamed", Id: "run", Algorithm: "shots", Version: "1", State: pb.RunState_RUN_STATE_FINISHED, Annotations: 1, Epoch: 1}
	batch := store.Batch{Asset: run.Asset, Run: run.Id, Epoch: 1, Annotations: []*pb.Annotation{{Asset: run.Asset, Run: run.Id}}}
	for what, do := range map[string]func() error{
		"an asset": func() error { return s.PutAsset(ctx, &pb.Asset{Id: run.Asset}) },
		"a run":    func() error { return s.FinishRun(ctx, run) },
		"a batch":  func() error { return s.WriteBatches(ctx, []store.Batch{batch}) },
		"a marker": func() error {
			return s.MarkIndexed(ctx, []store.Marker{{Asset: run.Asset, Run: run.Id, Epoch: 1, Count: 1}})
		},
		"a lease":   func() error { _, err := s.Acquire(ctx, "unnamed", "me", time.Minute); return err },
		"a job":     func() error { _, err := s.PutJob(ctx, &pb.Job{Id: "unnamed"}); return err },
		"a partner": func() error { _, err := s.Partner(ctx, "log", "a", false); return err },
		"a version": func() error { _, err := s.Version(ctx); return err },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
