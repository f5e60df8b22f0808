package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Cassandra reaches into Java's own packages; since Java 17 each has to be named.
var (
	cassandraExports = strings.Fields(`
		java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.rmi/sun.rmi.registry
		java.rmi/sun.rmi.server java.rmi/sun.rmi.transport.tcp java.management.rmi/com.sun.jmx.remote.internal.rmi
		java.sql/java.sql jdk.attach/sun.tools.attach jdk.compiler/com.sun.tools.javac.file jdk.unsupported/sun.misc`)
	cassandraOpens = strings.Fields(`
		java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.net
		java.base/java.nio java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic
		java.base/jdk.internal.loader java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.ref
		java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch
		jdk.management/com.sun.management.internal`)
)

var cassandraYAML = template.Must(template.New("cassandra.yaml").Parse(string(cassandraRelease.file("cassandra.yaml"))))

// cassandraHost is the address of a node.
func cassandraHost(i int) string { return fmt.Sprintf("127.0.0.%d", i+1) }

func startCassandra(ctx context.Context, cfg Config) ([]*Node, error) {
	jre, err := java("Cassandra 5.0", 17, 17)
	if err != nil {
		return nil, err
	}
	jars, err := cassandraRelease.fetch(ctx, cfg.Cache, cfg.Progress)
	if err != nil {
		return nil, err
	}
	var hosts []string
	for i := range cfg.Cassandra {
		hosts = append(hosts, cassandraHost(i))
	}
	port := cfg.CassandraPort
	if port == 0 {
		if port, err = freePorts(2, hosts...); err != nil {
			return nil, err
		}
	}
	var nodes []*Node
	for i := range hosts {
		n, err := cassandraNode(cfg, i, hosts, port, jre, jars)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, n)
		// The nodes start one after the other: two nodes that join an empty ring at the same time would each create a
		// schema.
		if err := n.Start(ctx); err != nil {
			return nodes, err
		}
	}
	return nodes, nil
}

func cassandraNode(cfg Config, i int, hosts []string, port int, jre, jars string) (*Node, error) {
	n := &Node{
		Name: fmt.Sprintf("cassandra-%d", i+1), Addr: address(hosts[i], port), HeapMB: 1024,
		Listens: []string{address(hosts[i], port), address(hosts[i], port+1)}, detached: cfg.Detached, progress: cfg.Progress,
	}
	n.Dir = filepath.Join(cfg.Dir, n.Name)
	conf := filepath.Join(n.Dir, "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", n.Name, err)
	}
	var yaml bytes.Buffer
	err := cassandraYAML.Execute(&yaml, map[string]any{
		"Host": hosts[i], "Seeds": strings.Join(hosts, ","), "Port": port, "StoragePort": port + 1, "Data": filepath.Join(n.Dir, "data"),
		"Secure": cfg.Secure, "ServerFile": filepath.Join(cfg.Dir, serverFile), "CAFile": filepath.Join(cfg.Dir, caFile),
	})
	if err != nil {
		return nil, fmt.Errorf("configuring %s: %w", n.Name, err)
	}
	for name, b := range map[string][]byte{"cassandra.yaml": yaml.Bytes(), "logback.xml": cassandraRelease.file("logback.xml")} {
		if err := os.WriteFile(filepath.Join(conf, name), b, 0o644); err != nil {
			return nil, fmt.Errorf("configuring %s: %w", n.Name, err)
		}
	}
	agents, _ := filepath.Glob(filepath.Join(jars, "lib", "jamm-*.jar"))
	if len(agents) != 1 {
		return nil, errkind.New(errkind.Internal, "%s has no jamm: remove the folder, and the next start fetches the folder again", jars)
	}
	n.Command = append([]string{jre}, cfg.javaOptions(n.HeapMB)...)
	n.Command = append(n.Command, "-Xms512m", "-XX:MaxDirectMemorySize=512m", "-javaagent:"+agents[0],
		"-Dcassandra.config=file://"+filepath.Join(conf, "cassandra.yaml"), "-Dcassandra.storagedir="+filepath.Join(n.Dir, "data"),
		"-Dcassandra-foreground=yes", "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1000",
		"-Djdk.attach.allowAttachSelf=true", "-Dio.netty.tryReflectionSetAccessible=true")
	for _, p := range cassandraExports {
		n.Command = append(n.Command, "--add-exports", p+"=ALL-UNNAMED")
	}
	for _, p := range cassandraOpens {
		n.Command = append(n.Command, "--add-opens", p+"=ALL-UNNAMED")
	}
	n.Command = append(n.Command, "-cp", conf+string(os.PathListSeparator)+filepath.Join(jars, "lib", "*"), "org.apache.cassandra.service.CassandraDaemon")
	return n, nil
}
