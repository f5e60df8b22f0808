package cassandrastore_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// With migrates, this process only migrates the named keyspace. migratesAt are the hosts.
const (
	migrates   = "CASSANDRASTORE_TEST_MIGRATES"
	migratesAt = "CASSANDRASTORE_TEST_HOSTS"
)

func migrateAlone(keyspace string) int {
	cfg := cassandrastore.Default()
	cfg.Hosts, cfg.Keyspace = strings.Split(os.Getenv(migratesAt), ","), keyspace
	if err := cassandrastore.Migrate(context.Background(), cfg, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// In TestMigrate a process ends in the midst of a migration, and ten other processes then migrate at the same time.
func TestMigrate(t *testing.T) {
	cfg := cassandrastore.Default()
	cfg.Hosts, cfg.Keyspace = serverstest.Cassandra(t), run.keyspace+"_m"
	ctx := t.Context()
	refused := func(what, want string) {
		t.Helper()
		_, err := cassandrastore.Open(ctx, cfg, cassandrastore.Deps{})
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("opening %s: %v, want it refused with %q", what, err, want)
		}
	}
	refused("a keyspace that is missing", "cinedex store migrate")
	t.Cleanup(func() {
		if err := drop(cfg.Hosts, cfg.Keyspace); err != nil {
			t.Error(err)
		}
	})
	if err := cassandrastore.MigrateAndEnd(ctx, cfg, 3, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	refused("a keyspace whose migration was left", "cinedex store migrate")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			cmd := exec.CommandContext(ctx, self, "-test.run=^$")
			cmd.Env = append(os.Environ(), migrates+"="+cfg.Keyspace, migratesAt+"="+strings.Join(cfg.Hosts, ","))
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Run(); err != nil {
				t.Errorf("one of ten: %v: %s", err, said.String())
			}
		})
	}
	all.Wait()
	s := open(t, cfg, cassandrastore.Deps{})
	if v, err := s.Version(ctx); err != nil || v != 1 {
		t.Errorf("the version of an empty library is %d (%v)", v, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	db, err := session(cfg.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	set := func(version, needs int) {
		t.Helper()
		if err := db.Query(fmt.Sprintf("UPDATE %s.migrations SET version = ?, needs = ? WHERE name = 'tables' IF EXISTS", cfg.Keyspace), version, needs).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	newest := cassandrastore.Newest()
	set(newest+1, newest)
	open(t, cfg, cassandrastore.Deps{}).Close() // newer tables that this version can use
	set(newest+1, newest+1)
	refused("tables of a later version", "start a newer Cinedex")
}
