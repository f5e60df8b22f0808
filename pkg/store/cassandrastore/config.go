package cassandrastore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// Config is the operator's settings of the store.
type Config struct {
	// Hosts are nodes of the cluster, host or host:port. A single answering node is enough to start. All nodes have the
	// same port.
	Hosts []string `mapstructure:"hosts"`
	// Keyspace holds the tables.
	Keyspace string `mapstructure:"keyspace"`
	// Library separates installations that share a keyspace, as kafka.prefix does for topics. An installation alone
	// leaves Library empty.
	Library string `mapstructure:"library"`
	// Datacenter is asked before any other datacenter. Leave Datacenter empty for a cluster with a single datacenter.
	Datacenter string `mapstructure:"datacenter"`
	// Consistency is local_quorum if all writers are in a single datacenter, or quorum if the writers are in several.
	// No weaker level keeps the promises of the contract.
	Consistency string `mapstructure:"consistency"`
	// Username and Password are empty where the cluster asks for none.
	Username string `mapstructure:"username"`
	Password string `mapstructure:"password"`
	// TLS to the nodes.
	TLS tlsclient.Config `mapstructure:"tls"`
	// Migrate creates the keyspace and brings its tables up to date at start. If Migrate is false, a start with a
	// missing or older keyspace is refused, and `cinedex store migrate` migrates the keyspace.
	Migrate bool `mapstructure:"migrate"`
	// Replication is the replication of a created keyspace: copies in each datacenter, "3", or "dc1:3,dc2:3".
	Replication string `mapstructure:"replication"`
	// Timeout is the longest time of a request, above the server's own limit.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxClockSkew is the greatest allowed difference between this machine's clock and the cluster's: well below the
	// shortest lease.
	MaxClockSkew time.Duration `mapstructure:"max_clock_skew"`
}

// Default is a single node on this machine.
func Default() Config {
	return Config{
		Hosts: []string{"127.0.0.1:9042"}, Keyspace: "cinedex", Consistency: "local_quorum", Replication: "1",
		Timeout: 12 * time.Second, MaxClockSkew: 2 * time.Second,
	}
}

// An unquoted name in CQL, no longer than a server allows.
var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// Validate returns an error for the first field that cannot be used.
func (c Config) Validate() error {
	invalid := func(format string, args ...any) error { return errkind.New(errkind.Invalid, format, args...) }
	if len(c.Hosts) == 0 {
		return invalid("hosts: must name a node")
	}
	for _, h := range c.Hosts {
		if strings.TrimSpace(h) == "" {
			return invalid("hosts: a host is empty")
		}
	}
	if !keyspaceName.MatchString(c.Keyspace) {
		return invalid("keyspace: %q is not a name of a to z, 0 to 9 and _ that begins with a letter and has at most 48", c.Keyspace)
	}
	if _, _, ok := c.consistency(); !ok {
		return invalid("consistency: %q is neither local_quorum nor quorum", c.Consistency)
	}
	switch {
	case c.Username != "" && c.Password == "":
		return invalid("password: must be set where username is: the two go together")
	case c.Username == "" && c.Password != "":
		return invalid("username: must be set where password is: the two go together")
	}
	if err := c.TLS.Validate(); err != nil {
		return fmt.Errorf("tls.%w", err)
	}
	if _, err := c.replication(); err != nil {
		return err
	}
	if c.Timeout < time.Second || c.Timeout > time.Hour {
		return invalid("timeout: %s is not from 1s to 1h", c.Timeout)
	}
	if c.MaxClockSkew < time.Millisecond || c.MaxClockSkew > time.Minute {
		return invalid("max_clock_skew: %s is not from 1ms to 1m", c.MaxClockSkew)
	}
	return nil
}

// consistency returns the levels of plain and of linearizable requests.
func (c Config) consistency() (gocql.Consistency, gocql.SerialConsistency, bool) {
	switch c.Consistency {
	case "local_quorum":
		return gocql.LocalQuorum, gocql.LocalSerial, true
	case "quorum":
		return gocql.Quorum, gocql.Serial, true
	}
	return 0, 0, false
}

// replication returns the keyspace's replication in CQL.
func (c Config) replication() (string, error) {
	out := "{'class': 'NetworkTopologyStrategy'"
	for _, part := range strings.Split(c.Replication, ",") {
		dc, copies, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			dc, copies = "replication_factor", dc
		}
		n, err := strconv.Atoi(copies)
		if err != nil || n < 1 || n > 100 || dc == "" || strings.ContainsAny(dc, `'"`) {
			return "", errkind.New(errkind.Invalid, `replication: %q is neither a number of copies, "3", nor "dc1:3,dc2:3"`, c.Replication)
		}
		out += fmt.Sprintf(", '%s': %d", dc, n)
	}
	return out + "}", nil
}
