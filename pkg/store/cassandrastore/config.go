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

// Config is what an operator sets.
type Config struct {
	// Hosts are nodes of the cluster, host or host:port; any one that answers is enough to start. The port is the same for all.
	Hosts []string `mapstructure:"hosts"`
	// Keyspace holds the tables.
	Keyspace string `mapstructure:"keyspace"`
	// Library tells installations apart that share a keyspace, as kafka.prefix does for topics; empty for one alone.
	Library string `mapstructure:"library"`
	// Datacenter is asked before any other; empty where there is one only.
	Datacenter string `mapstructure:"datacenter"`
	// Consistency is local_quorum, where all that write are in one datacenter, or quorum,
	// where they are in several. Nothing weaker keeps what the contract promises.
	Consistency string `mapstructure:"consistency"`
	// Username and Password are empty where the cluster asks for none.
	Username string `mapstructure:"username"`
	Password string `mapstructure:"password"`
	// TLS to the nodes.
	TLS tlsclient.Config `mapstructure:"tls"`
	// Migrate makes the keyspace and brings its tables up to date at start. Where it
	// is false, a start with a keyspace that is missing or behind is refused, and
	// `cinedex store migrate` does it.
	Migrate bool `mapstructure:"migrate"`
	// Replication is of a keyspace that is made: copies in each datacenter, "3", or "dc1:3,dc2:3".
	Replication string `mapstructure:"replication"`
	// Timeout is the longest that one request may take; above what the server allows itself.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxClockSkew is the most that this machine's clock may differ from the cluster's: well below the shortest lease.
	MaxClockSkew time.Duration `mapstructure:"max_clock_skew"`
}

// Default is one node on this machine.
func Default() Config {
	return Config{
		Hosts: []string{"127.0.0.1:9042"}, Keyspace: "cinedex", Consistency: "local_quorum", Replication: "1",
		Timeout: 12 * time.Second, MaxClockSkew: 2 * time.Second,
	}
}

// An unquoted name in CQL, as long as the server takes one.
var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	invalid := func(format string, args ...any) error { return errkind.New(errkind.Invalid, format, args...) }
	if len(c.Hosts) == 0 {
		return invalid("hosts: must name a node")
	}
	for _, h := range c.Hosts {
		if strings.TrimSpace(h) == "" {
			return invalid("hosts: one is empty")
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
