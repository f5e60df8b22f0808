package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Ports of a broker: for clients, for the other brokers, for the controllers. The ports of the next broker are
// kafkaStride higher.
const kafkaStride = 10

func startKafka(ctx context.Context, cfg Config) ([]*Node, error) {
	jre, err := java("Kafka 4.2", 17, 24)
	if err != nil {
		return nil, err
	}
	jars, err := kafkaRelease.fetch(ctx, cfg.Cache, cfg.Progress)
	if err != nil {
		return nil, err
	}
	port := cfg.KafkaPort
	if port == 0 {
		if port, err = freePorts(kafkaStride*cfg.Kafka, "127.0.0.1"); err != nil {
			return nil, err
		}
	}
	cluster, err := clusterID(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("naming the Kafka cluster: %w", err)
	}
	var nodes []*Node
	var formatted errgroup.Group
	for i := range cfg.Kafka {
		n, err := kafkaNode(cfg, i, port, jre, jars)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		formatted.Go(func() error { return formatKafka(ctx, cfg, n, cluster) })
	}
	if err := formatted.Wait(); err != nil {
		return nil, err
	}
	return nodes, startTogether(ctx, nodes)
}

// startTogether starts nodes that become ready only together.
func startTogether(ctx context.Context, nodes []*Node) error {
	var ready errgroup.Group
	for _, n := range nodes {
		ready.Go(func() error { return n.Start(ctx) })
	}
	return ready.Wait()
}

// clusterID is drawn once for a folder, so a broker of another cluster is recognised.
func clusterID(dir string) (string, error) {
	file := filepath.Join(dir, "kafka-cluster-id")
	if b, err := os.ReadFile(file); !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(b)), err
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	raw[0] &= 0x7f // the command line takes a text with a leading dash for an option
	id := base64.RawURLEncoding.EncodeToString(raw[:])
	return id, os.WriteFile(file, []byte(id+"\n"), 0o644)
}

func kafkaNode(cfg Config, i, first int, jre, jars string) (*Node, error) {
	client, internal, controller := first+kafkaStride*i, first+kafkaStride*i+1, first+kafkaStride*i+2
	n := &Node{
		Name: fmt.Sprintf("kafka-%d", i+1), Addr: address("127.0.0.1", client), HeapMB: 512,
		Listens:   []string{address("127.0.0.1", client), address("127.0.0.1", internal), address("127.0.0.1", controller)},
		ReadyLine: "Kafka Server started", detached: cfg.Detached, progress: cfg.Progress,
	}
	if cfg.Kafka > 1 {
		n.HeapMB = 384
	}
	n.Dir = filepath.Join(cfg.Dir, n.Name)
	if err := os.MkdirAll(n.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", n.Name, err)
	}
	if cfg.KafkaAdvertise != nil {
		var err error
		if n.Addr, err = cfg.KafkaAdvertise(n.Listens[0]); err != nil {
			return nil, fmt.Errorf("asking for the advertised address of %s: %w", n.Name, err)
		}
	}
	log4j, properties := filepath.Join(n.Dir, "log4j2.xml"), filepath.Join(n.Dir, "server.properties")
	if err := os.WriteFile(log4j, kafkaRelease.file("log4j2.xml"), 0o644); err != nil {
		return nil, fmt.Errorf("configuring %s: %w", n.Name, err)
	}
	n.Command = append([]string{jre}, cfg.javaOptions(n.HeapMB)...)
	n.Command = append(n.Command, "-Dlog4j2.configurationFile="+log4j, "-cp", filepath.Join(jars, "lib", "*"), "kafka.Kafka", properties)
	settings := kafkaSettings(cfg, n, i, first)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", k, settings[k])
	}
	if err := os.WriteFile(properties, []byte(b.String()), 0o600); err != nil {
		return nil, fmt.Errorf("configuring %s: %w", n.Name, err)
	}
	return n, nil
}

func kafkaSettings(cfg Config, n *Node, i, first int) map[string]string {
	var voters []string
	for v := range cfg.Kafka {
		voters = append(voters, fmt.Sprintf("%d@%s", v+1, address("127.0.0.1", first+kafkaStride*v+2)))
	}
	copies, insync := fmt.Sprint(cfg.Kafka), fmt.Sprint(max(1, cfg.Kafka-1))
	s := map[string]string{
		"process.roles":            "broker,controller",
		"node.id":                  fmt.Sprint(i + 1),
		"controller.quorum.voters": strings.Join(voters, ","),
		"listeners":                fmt.Sprintf("CLIENT://%s,INTERNAL://%s,CONTROLLER://%s", n.Listens[0], n.Listens[1], n.Listens[2]),
		"advertised.listeners":     fmt.Sprintf("CLIENT://%s,INTERNAL://%s", n.Addr, n.Listens[1]),

		"listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":     "INTERNAL",
		"controller.listener.names":      "CONTROLLER",
		"log.dirs":                       kafkaData(cfg, n),

		// Topics are made by `cinedex topics apply`, never by a misspelt name.
		"auto.create.topics.enable":                        "false",
		"default.replication.factor":                       copies,
		"offsets.topic.replication.factor":                 copies,
		"offsets.topic.num.partitions":                     "8",
		"transaction.state.log.replication.factor":         copies,
		"transaction.state.log.min.isr":                    insync,
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": copies,
		"share.coordinator.state.topic.min.isr":            insync,

		// A test waits for a member, a dead broker, retention or compaction, so these come soon.
		"group.initial.rebalance.delay.ms": "0",
		"broker.session.timeout.ms":        "6000",
		"broker.heartbeat.interval.ms":     "1000",
		"log.retention.check.interval.ms":  "1000",
		"log.segment.delete.delay.ms":      "1000",
		"log.cleaner.backoff.ms":           "1000",

		// The defaults are too large for a small heap.
		"log.cleaner.threads":            "1",
		"log.cleaner.dedupe.buffer.size": "16777216",
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
	}
	if cfg.Secure {
		s["listener.security.protocol.map"] = "CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
		s["sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
		for _, m := range []string{"scram-sha-256", "scram-sha-512"} {
			s["listener.name.client."+m+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
		s["ssl.keystore.type"], s["ssl.truststore.type"] = "PEM", "PEM"
		s["ssl.keystore.location"] = filepath.Join(cfg.Dir, serverFile)
		s["ssl.truststore.location"] = filepath.Join(cfg.Dir, caFile)
		s["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		// Whoever comes without a name comes by the brokers' own listeners.
		s["super.users"] = "User:" + Admin + ";User:ANONYMOUS"
	}
	maps.Copy(s, cfg.KafkaSettings)
	return s
}

func kafkaData(cfg Config, n *Node) string {
	if cfg.KafkaData != "" {
		return filepath.Join(cfg.KafkaData, n.Name)
	}
	return filepath.Join(n.Dir, "data")
}

// formatKafka writes the cluster's id and first users into an empty data folder.
func formatKafka(ctx context.Context, cfg Config, n *Node, cluster string) error {
	if _, err := os.Stat(filepath.Join(kafkaData(cfg, n), "meta.properties")); err == nil {
		return nil
	}
	last := len(n.Command) - 1
	args := append(slices.Clone(n.Command[1:last-1]), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", n.Command[last])
	if cfg.Secure {
		users := map[string]string{Admin: AdminPassword}
		maps.Copy(users, cfg.KafkaUsers)
		for _, name := range slices.Sorted(maps.Keys(users)) {
			for _, m := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
				args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", m, name, users[name]))
			}
		}
	}
	out, err := exec.CommandContext(ctx, n.Command[0], args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("formatting the folder of %s: %w\n%s", n.Name, err, out)
	}
	return nil
}
