package servers

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gocql/gocql"
)

// Two Cassandras form a ring, over TLS and with a password. A node that was killed and started again is part of the
// ring.
func TestChaosCassandraRing(t *testing.T) {
	if os.Getenv("CHAOS") != "1" {
		t.Skip("starts two Cassandras: run it with make chaos")
	}
	c := startTest(t, Config{Cassandra: 2, Secure: true, Quick: true})
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	session := func(password string, secure bool) (*gocql.Session, error) {
		host, port, err := net.SplitHostPort(c.Cassandra.Hosts()[0])
		if err != nil {
			t.Fatal(err)
		}
		cfg := gocql.NewCluster(host)
		cfg.Port, _ = strconv.Atoi(port)
		cfg.Timeout, cfg.ConnectTimeout = 20*time.Second, 20*time.Second
		cfg.Authenticator = gocql.PasswordAuthenticator{Username: "cassandra", Password: password}
		if secure {
			cfg.SslOpts = &gocql.SslOptions{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}, EnableHostVerification: true}
		}
		return cfg.CreateSession()
	}
	for name, connect := range map[string]func() (*gocql.Session, error){
		"another password": func() (*gocql.Session, error) { return session("other", true) },
		"no TLS":           func() (*gocql.Session, error) { return session("cassandra", false) },
	} {
		if s, err := connect(); err == nil {
			s.Close()
			t.Errorf("%s: let in", name)
		}
	}
	s, err := session("cassandra", true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, q := range []string{
		"CREATE KEYSPACE ring WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 2}",
		"CREATE TABLE ring.t (k int PRIMARY KEY, v int)",
	} {
		if err := s.Query(q).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	write := func(k int, level gocql.Consistency) error {
		return s.Query("INSERT INTO ring.t (k, v) VALUES (?, ?)", k, k).Consistency(level).Exec()
	}
	if err := write(1, gocql.All); err != nil {
		t.Errorf("both nodes: %v", err)
	}
	if err := c.Cassandra.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := write(2, gocql.One); err != nil {
		t.Errorf("one of two: %v", err)
	}
	if err := write(3, gocql.All); err == nil {
		t.Error("a node that was killed acknowledges")
	}
	if err := c.Cassandra.Nodes[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for k := 4; ; k++ {
		if err := write(k, gocql.All); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("a node that was started again does not take part: %v", err)
		}
	}
}
