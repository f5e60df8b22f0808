package servers

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Variables with the addresses of running servers. Tests use these servers and do them no harm.
const (
	KafkaVariable      = "CINEDEX_TEST_KAFKA"      // host:port, several with commas
	CassandraVariable  = "CINEDEX_TEST_CASSANDRA"  // the same
	OpenSearchVariable = "CINEDEX_TEST_OPENSEARCH" // a URL
)

// Environment tells where the servers are, as NAME=value.
func (c *Cluster) Environment() []string {
	var env []string
	if c.Kafka != nil {
		env = append(env, KafkaVariable+"="+strings.Join(c.Kafka.Brokers(), ","))
	}
	if c.Cassandra != nil {
		env = append(env, CassandraVariable+"="+strings.Join(c.Cassandra.Hosts(), ","))
	}
	if c.OpenSearch != nil {
		env = append(env, OpenSearchVariable+"="+c.OpenSearch.URL())
	}
	return env
}

// ResidentMB is the resident memory of the node's process, or 0 if the system does not tell.
func (n *Node) ResidentMB() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb >> 10
		}
	}
	return 0
}
