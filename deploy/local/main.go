// Command local runs real servers on this machine: `make servers`, `make servers-stop`.
//
//	go run ./deploy/local start [-kafka 3] [-cassandra 2] [-opensearch 1] [-opensearch-version 3] [-dir DIR]
//	go run ./deploy/local status
//	go run ./deploy/local stop
//	go run ./deploy/local fetch [-renew]
//
// start prints lines for a shell, which tell tests and Cinedex where the servers are; all else goes to standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/pkg/errkind"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}

func say(s string) { fmt.Fprintln(os.Stderr, s) }

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errkind.New(errkind.Invalid, "say start, status, stop or fetch")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	dir := flags.String("dir", envOr("CINEDEX_SERVERS", ".cinedex/servers"), "folder of the servers' data and logs (CINEDEX_SERVERS)")
	switch args[0] {
	case "start":
		cfg := servers.Config{Detached: true, Progress: say}
		flags.IntVar(&cfg.Kafka, "kafka", 1, "Kafka brokers: 0 to 3")
		flags.IntVar(&cfg.Cassandra, "cassandra", 1, "Cassandra nodes: 0 to 3")
		flags.IntVar(&cfg.OpenSearch, "opensearch", 1, "OpenSearch nodes: 0 or 1")
		flags.StringVar(&cfg.OpenSearchVersion, "opensearch-version", "2", "version of OpenSearch: 2 or 3; a folder that version 3 has opened is closed to version 2")
		flags.IntVar(&cfg.KafkaPort, "kafka-port", 19092, "Kafka's first port; 0 takes free ports")
		flags.IntVar(&cfg.CassandraPort, "cassandra-port", 9042, "Cassandra's port; 0 takes a free port")
		flags.IntVar(&cfg.OpenSearchPort, "opensearch-port", 9201, "OpenSearch's port, 9201 to 9299; 0 takes a free port")
		flags.BoolVar(&cfg.Secure, "secure", false, "Kafka and Cassandra ask for TLS and a password")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		cfg.Dir = *dir
		return start(ctx, cfg)
	case "status":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return status(*dir)
	case "stop":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return stop(ctx, *dir)
	case "fetch":
		renew := flags.Bool("renew", false, "write down the sums of the poms' present jars, from the root of the repository")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if *renew {
			return servers.Renew(ctx, "deploy/local/servers", say)
		}
		return servers.Fetch(ctx, "", say)
	}
	return errkind.New(errkind.Invalid, "%q is none of start, status, stop, fetch", args[0])
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

// start starts the servers and prints their addresses. Servers of an earlier start that have ended since are started
// again.
func start(ctx context.Context, cfg servers.Config) error {
	c, err := servers.Open(cfg.Dir)
	if err != nil && errkind.Of(err) != errkind.NotFound {
		return err
	}
	if err == nil && c.Running() > 0 {
		if cfg.Kafka != size(c.Kafka != nil, func() int { return len(c.Kafka.Nodes) }) ||
			cfg.Cassandra != size(c.Cassandra != nil, func() int { return len(c.Cassandra.Nodes) }) ||
			cfg.OpenSearch != size(c.OpenSearch != nil, func() int { return len(c.OpenSearch.Nodes) }) {
			return errkind.New(errkind.Conflict, "servers run over %s already, and not as many of each: stop the servers first with make servers-stop", cfg.Dir)
		}
		for _, n := range c.Nodes() {
			if n.Running() {
				continue
			}
			say(n.Name + " has ended, and is started again")
			if err := n.Start(ctx); err != nil {
				return err
			}
		}
		say("servers run over " + cfg.Dir)
	} else if c, err = servers.Start(ctx, cfg); err != nil {
		return err
	}
	for _, line := range c.Environment() {
		fmt.Println("export " + line)
	}
	return nil
}

func size(there bool, n func() int) int {
	if !there {
		return 0
	}
	return n()
}

func status(dir string) error {
	c, err := servers.Open(dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tSTATE\tADDRESS\tPID\tMEMORY\tLOG")
	for _, n := range c.Nodes() {
		state, pid, memory := "ended", "", ""
		if p := n.PID(); p != 0 {
			state, pid = "running", fmt.Sprint(p)
			if mb := n.ResidentMB(); mb > 0 {
				memory = fmt.Sprintf("%d MB", mb)
			}
		}
		fmt.Fprintln(w, strings.Join([]string{n.Name, state, n.Addr, pid, memory, n.Log()}, "\t"))
	}
	return w.Flush()
}

func stop(ctx context.Context, dir string) error {
	c, err := servers.Open(dir)
	if errkind.Of(err) == errkind.NotFound && err != nil {
		say(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	n := c.Running()
	if err := c.Stop(ctx); err != nil {
		return errors.Join(errors.New("stopping the servers"), err)
	}
	say(fmt.Sprintf("%d servers stopped; their data stays in %s", n, dir))
	return nil
}
