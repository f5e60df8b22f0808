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
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/pkg/store/storetest"
)

// run is the keyspace of this run of the tests: made by the first test that needs it, dropped after the last.
var run = struct {
	keyspace string
	once     sync.Once
	err      error
	hosts    []string
}{keyspace: fmt.Sprintf("cinedex_test_%d_%x", os.Getpid(), time.Now().UnixNano())}

// modelChecks is how often the model is run unless -rapid.checks says otherwise: each of its steps
// asks a server for everything, which takes a tenth of a second where a folder takes a millisecond.
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

// session is one beside the store's, to look at and change what only servers and operators do.
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

// config is of a store of its own in the run's keyspace.
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
