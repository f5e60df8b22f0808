package serverstest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// Kafka returns the brokers in CINEDEX_TEST_KAFKA, or else the brokers that `make servers` has started.
func Kafka(t testing.TB) []string {
	t.Helper()
	return strings.Split(running(t, "Kafka", servers.KafkaVariable), ",")
}

// Cassandra returns the host:port addresses in CINEDEX_TEST_CASSANDRA, or else the addresses of `make servers`.
func Cassandra(t testing.TB) []string {
	t.Helper()
	return strings.Split(running(t, "Cassandra", servers.CassandraVariable), ",")
}

// OpenSearch returns the URL in CINEDEX_TEST_OPENSEARCH, or else the URL of `make servers`.
func OpenSearch(t testing.TB) string {
	t.Helper()
	return running(t, "OpenSearch", servers.OpenSearchVariable)
}

func running(t testing.TB, server, variable string) string {
	t.Helper()
	if v := os.Getenv(variable); v != "" {
		return v
	}
	dir := os.Getenv("CINEDEX_SERVERS")
	if dir == "" {
		dir = filepath.Join(root(t), ".cinedex", "servers")
	}
	if c, err := servers.Open(dir); err == nil && c.Running() == len(c.Nodes()) {
		for _, e := range c.Environment() {
			if v, ok := strings.CutPrefix(e, variable+"="); ok {
				return v
			}
		}
	}
	lack(t, "lacks a running "+server+": start the servers with `make servers`, or name a server in "+variable)
	return ""
}

// root is the repository's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Chaos skips the test unless harmful tests are requested. Harmful tests are named TestChaos…, start servers of their
// own, and take minutes.
func Chaos(t testing.TB) {
	t.Helper()
	if os.Getenv("CHAOS") != "1" {
		t.Skip("does harm to servers of its own, for minutes: run it with make chaos")
	}
}

// Start starts servers for this test alone. The servers are killed at the end of the test. If the test failed, the ends
// of the servers' logs are printed.
func Start(t testing.TB, cfg servers.Config) *servers.Cluster {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Progress = func(s string) { t.Log(s) }
	cfg.Quick = os.Getenv("FIGURES") != "1" // a figure measures servers that run for long
	c, err := servers.Start(context.WithoutCancel(t.Context()), cfg)
	if errkind.Of(err) == errkind.NotFound && err != nil {
		lack(t, "lacks a program for starting servers: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.Nodes() {
				t.Logf("the end of the log of %s:\n%s", n.Name, tail(n.Log()))
			}
		}
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-3000):])
}
