package servers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config says which servers are started, and where.
type Config struct {
	// Kafka, Cassandra and OpenSearch are the numbers of nodes: up to three, three and one. A Cassandra node has a
	// loopback address to itself: 127.0.0.1, 127.0.0.2 and so on.
	Kafka, Cassandra, OpenSearch int
	// OpenSearchVersion is "2" or "3"; empty is "2". OpenSearch 2 cannot open a folder that OpenSearch 3 has opened.
	OpenSearchVersion string
	// Dir gets a folder for each node. A stopped cluster continues with its data.
	Dir string
	// Cache is where the servers' jars lie, or are fetched into; empty means the user's cache folder.
	Cache string
	// KafkaPort, CassandraPort and OpenSearchPort are the ports of the first node; 0 takes free ports. Kafka's nodes
	// also use the ports up to 30 higher, and Cassandra's nodes the next port. OpenSearch's port lies in 9201 to 9299.
	KafkaPort, CassandraPort, OpenSearchPort int
	// KafkaSettings are added to the server.properties of each broker.
	KafkaSettings map[string]string
	// KafkaData holds the brokers' data instead of their folders, where a test fills a disk.
	KafkaData string
	// KafkaAdvertise returns the address that clients get for the broker listening at addr: the address of a proxy, for
	// example.
	KafkaAdvertise func(addr string) (string, error)
	// Secure makes Kafka and Cassandra ask for TLS and a password. See Cluster.CAFile and KafkaUsers.
	Secure bool
	// KafkaUsers are users and their passwords beside Admin, who may do everything; they may do nothing yet.
	KafkaUsers map[string]string
	// With Quick, Java compiles in its first stage only. A start takes half the work, and a process that runs for long
	// is slower.
	Quick bool
	// Detached nodes outlive this process. Open finds these nodes.
	Detached bool
	// Progress receives messages about the progress, and may be nil.
	Progress func(string)
}

// Admin is the user of a Secure Kafka with all rights, and AdminPassword is the user's password. Cassandra has its own
// user and password: cassandra, cassandra.
const (
	Admin         = "admin"
	AdminPassword = "admin-secret"
)

func (c *Config) validate() error {
	for _, n := range []struct {
		name      string
		got, most int
	}{{"Kafka", c.Kafka, 3}, {"Cassandra", c.Cassandra, 3}, {"OpenSearch", c.OpenSearch, 1}} {
		if n.got < 0 || n.got > n.most {
			return errkind.New(errkind.Invalid, "%d nodes of %s: between 0 and %d can be started", n.got, n.name, n.most)
		}
	}
	c.OpenSearchVersion = cmp.Or(c.OpenSearchVersion, "2")
	if _, ok := openSearches[c.OpenSearchVersion]; !ok {
		return errkind.New(errkind.Invalid, "OpenSearch %q: versions 2 and 3 can be started", c.OpenSearchVersion)
	}
	if c.Kafka+c.Cassandra+c.OpenSearch == 0 {
		return errkind.New(errkind.Invalid, "no server is asked for")
	}
	if c.Dir == "" {
		return errkind.New(errkind.Invalid, "no folder is given for the servers' data")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("finding the servers' folder: %w", err)
	}
	c.Dir = dir
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return nil
}

// portsFree refuses a start over taken ports before anything is fetched. The error names all taken ports. Ports chosen
// by Config are free when chosen.
func (c *Config) portsFree() error {
	var errs []error
	check := func(host string, ports ...int) {
		for _, p := range ports {
			errs = append(errs, free(address(host, p)))
		}
	}
	if p := c.KafkaPort; p != 0 {
		for i := range c.Kafka {
			first := p + kafkaStride*i
			check("127.0.0.1", first, first+1, first+2)
		}
	}
	if p := c.CassandraPort; p != 0 {
		for i := range c.Cassandra {
			check(cassandraHost(i), p, p+1)
		}
	}
	if p := c.OpenSearchPort; p != 0 && c.OpenSearch > 0 {
		if p < firstOpenSearch || p > lastOpenSearch {
			errs = append(errs, errkind.New(errkind.Invalid, "OpenSearch's port %d is not between %d and %d, the ports of its runner", p, firstOpenSearch, lastOpenSearch))
		} else {
			check("127.0.0.1", p, p+100)
		}
	}
	return errors.Join(errs...)
}

// A Cluster is the started servers. A kind of server that was not requested is nil.
type Cluster struct {
	Kafka      *Kafka      `json:"kafka,omitempty"`
	Cassandra  *Cassandra  `json:"cassandra,omitempty"`
	OpenSearch *OpenSearch `json:"opensearch,omitempty"`
	// CAFile holds the authority of a Secure cluster's certificates, PEM.
	CAFile string `json:"ca_file,omitempty"`

	dir string
}

// Kafka is a single broker, or three brokers that keep three copies. With three brokers, the loss of a broker loses
// nothing.
type Kafka struct {
	Nodes []*Node `json:"nodes"`
}

// Brokers are the addresses of the bootstrap brokers.
func (k *Kafka) Brokers() []string { return addresses(k.Nodes) }

// Cassandra is a single node, or several nodes in a single datacentre, datacenter1.
type Cassandra struct {
	Nodes []*Node `json:"nodes"`
}

// Hosts are the host:port addresses of CQL; the port is the same for all.
func (c *Cassandra) Hosts() []string { return addresses(c.Nodes) }

// OpenSearch is a single node.
type OpenSearch struct {
	Nodes []*Node `json:"nodes"`
}

// URL is the URL of OpenSearch's API.
func (o *OpenSearch) URL() string { return "http://" + o.Nodes[0].Addr }

func addresses(nodes []*Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Addr)
	}
	return all
}

// Nodes returns all nodes.
func (c *Cluster) Nodes() []*Node {
	var all []*Node
	if c.Kafka != nil {
		all = append(all, c.Kafka.Nodes...)
	}
	if c.Cassandra != nil {
		all = append(all, c.Cassandra.Nodes...)
	}
	if c.OpenSearch != nil {
		all = append(all, c.OpenSearch.Nodes...)
	}
	return all
}

// javaOptions are the Java options of every server.
func (c Config) javaOptions(heapMB int) []string {
	o := []string{fmt.Sprintf("-Xmx%dm", heapMB), "-XX:+ExitOnOutOfMemoryError"}
	if c.Quick {
		o = append(o, "-XX:TieredStopAtLevel=1")
	}
	return o
}

// patience is the longest wait for a node to answer, on a busy machine.
const patience = 4 * time.Minute

// Start starts servers and returns when all servers answer. After an error no server runs.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if running, err := Open(cfg.Dir); err == nil && running.Running() > 0 {
		return nil, errkind.New(errkind.Conflict, "servers run over %s already: use these servers, or stop the servers first (make servers-stop)", cfg.Dir)
	}
	if err := cfg.portsFree(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the servers' folder: %w", err)
	}
	c := &Cluster{dir: cfg.Dir}
	if cfg.Secure {
		if err := makeCertificates(cfg.Dir); err != nil {
			return nil, fmt.Errorf("making certificates: %w", err)
		}
		c.CAFile = filepath.Join(cfg.Dir, caFile)
	}
	started, within := errgroup.WithContext(ctx)
	if cfg.Kafka > 0 {
		c.Kafka = &Kafka{}
		started.Go(func() (err error) { c.Kafka.Nodes, err = startKafka(within, cfg); return err })
	}
	if cfg.Cassandra > 0 {
		c.Cassandra = &Cassandra{}
		started.Go(func() (err error) { c.Cassandra.Nodes, err = startCassandra(within, cfg); return err })
	}
	if cfg.OpenSearch > 0 {
		c.OpenSearch = &OpenSearch{}
		started.Go(func() (err error) { c.OpenSearch.Nodes, err = startOpenSearch(within, cfg); return err })
	}
	err := started.Wait()
	if err == nil {
		err = c.save()
	}
	if err != nil {
		return nil, errors.Join(err, c.Kill()) //nolint:contextcheck // a process is killed whatever becomes of the context
	}
	return c, nil
}

// Kill ends all nodes at the same moment, as a power failure would. All acknowledged data is in the folders of the
// nodes.
func (c *Cluster) Kill() error {
	var errs []error
	for _, n := range c.Nodes() {
		errs = append(errs, n.Kill())
	}
	return errors.Join(errs...)
}

// Stop lets all nodes end in order, and kills nodes that take too long.
func (c *Cluster) Stop(ctx context.Context) error {
	var all errgroup.Group
	for _, n := range c.Nodes() {
		all.Go(func() error { return n.Stop(ctx) })
	}
	return all.Wait()
}

// Running is how many nodes run.
func (c *Cluster) Running() int {
	n := 0
	for _, node := range c.Nodes() {
		if node.Running() {
			n++
		}
	}
	return n
}

const stateFile = "servers.json"

func (c *Cluster) save() error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(c.dir, stateFile)
	if err := os.WriteFile(file+".new", b, 0o644); err != nil {
		return fmt.Errorf("writing down the running servers: %w", err)
	}
	return os.Rename(file+".new", file)
}

// Open finds the cluster that was started over a folder, running or not. The error is NotFound if dir has no cluster.
func Open(dir string) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errkind.New(errkind.NotFound, "no servers were started over %s", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the running servers: %w", err)
	}
	c := &Cluster{dir: dir}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("reading the servers running over %s: %w", dir, err)
	}
	for _, n := range c.Nodes() {
		n.detached = true
		n.progress = func(string) {}
	}
	return c, nil
}
