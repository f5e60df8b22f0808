package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
)

// topics on a real Kafka: a plan changes nothing, applying makes all, and then nothing is left to do.
func TestTopics(t *testing.T) {
	brokers := serverstest.Kafka(t)
	prefix := fmt.Sprintf("topics-%d-%d.", os.Getpid(), time.Now().UnixNano())
	file := filepath.Join(t.TempDir(), "kafka.yaml")
	yaml := fmt.Sprintf("kafka: {brokers: [%s], prefix: %q}\nservice: of another\n", strings.Join(brokers, ", "), prefix)
	if err := os.WriteFile(file, []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (jsonTopicPlan, error) {
		t.Helper()
		var p jsonTopicPlan
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		root := newRoot(out, out)
		root.SetArgs(append([]string{"topics", "--json", "--home", t.TempDir()}, args...))
		if err := root.ExecuteContext(context.Background()); err != nil {
			return p, err
		}
		b, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(&p); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		return p, nil
	}
	does := func(p jsonTopicPlan) map[string]int {
		n := make(map[string]int)
		for _, c := range p.Changes {
			n[c.Does]++
		}
		return n
	}
	all := len(events.Contracts())
	for range 2 { // neither a plan nor a dry run makes anything
		for _, args := range [][]string{{"plan"}, {"apply", "--dry-run"}} {
			p, err := run(append(args, "--config", file, "--replication", "1")...)
			if err != nil || p.Applied || does(p)["make"] != all {
				t.Fatalf("%v: %+v, %v", args, p, err)
			}
		}
	}
	p, err := run("apply", "--config", file, "--replication", "1")
	if err != nil || !p.Applied || does(p)["make"] != all {
		t.Fatalf("applied: %+v, %v", p, err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for p, err = run("plan", "--config", file, "--replication", "1"); err != nil || len(p.Changes) > 0; p, err = run("plan", "--config", file, "--replication", "1") {
		if time.Now().After(deadline) {
			t.Fatalf("after applying: %+v, %v", p, err)
		}
	}
	if p, err = run("plan", "--config", file, "--replication", "1", "--retention", "annotations=336h"); err != nil || does(p)["change"] != 1 || p.Changes[0].Want != "1209600000" {
		t.Errorf("longer: %+v, %v", p, err)
	}
	for name, test := range map[string]struct {
		args []string
		kind errkind.Kind
		says string
	}{
		"above brokers":   {[]string{"--config", file, "--replication", "9"}, errkind.Invalid, "9 copies of each partition need 9 brokers"},
		"too short":       {[]string{"--config", file, "--replication", "1", "--retention", "annotations=1h"}, errkind.Invalid, "set the retention to 72h0m0s or more"},
		"no duration":     {[]string{"--config", file, "--replication", "1", "--retention", "annotations=week"}, errkind.Invalid, "want a duration"},
		"misspelt":        {[]string{"--config", file, "--set", "kafka.borkers=x"}, errkind.Invalid, "kafka.borkers"},
		"nobody there":    {[]string{"--brokers", "127.0.0.1:1"}, errkind.Unavailable, "connection refused"},
		"nothing is said": {nil, errkind.Unavailable, "cinedex up"},
	} {
		if _, err := run(append([]string{"plan"}, test.args...)...); errkind.Of(err) != test.kind || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v (%s), want %s with %q", name, err, errkind.Of(err), test.kind, test.says)
		}
	}
}
