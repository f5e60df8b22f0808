package k8s_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/pkg/events"
)

var update = flag.Bool("update", false, "write the topics and users anew")

const (
	root       = "../.."
	production = "overlays/production"
)

type object = map[string]any

// documents returns objects as a single YAML file.
func documents(t *testing.T, about string, all []object) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# " + about + " Renew: go test ./deploy/k8s -update\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, o := range all {
		if err := e.Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what pkg/events says (%v); renew it with -update, and read the difference", name, err)
	}
}

var labels = object{"strimzi.io/cluster": "cinedex"}

func TestTopics(t *testing.T) {
	var all []object
	for _, c := range events.Contracts() {
		m := c.On(events.Layout{Replication: 3})
		config := object{}
		for k, v := range m.Settings {
			config[k] = v
		}
		all = append(all, object{
			"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic",
			"metadata": object{"name": string(c.Topic), "labels": labels},
			"spec":     object{"partitions": m.Partitions, "replicas": m.Replication, "config": config},
		})
	}
	golden(t, filepath.Join(production, "topics.yaml"), documents(t, "The topics, from their contracts in pkg/events.", all))
}

func TestUsers(t *testing.T) {
	user := func(name string, acls []object) object {
		return object{
			"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaUser",
			"metadata": object{"name": name, "labels": labels},
			"spec":     object{"authentication": object{"type": "scram-sha-512"}, "authorization": object{"type": "simple", "acls": acls}},
		}
	}
	acl := func(kind, name, pattern string, operations ...string) object {
		return object{"resource": object{"type": kind, "name": name, "patternType": pattern}, "operations": operations}
	}
	// The operator and the scaler may read the offsets of groups, and no messages.
	watches := []object{acl("topic", "*", "literal", "Describe"), acl("group", "*", "literal", "Describe")}
	var all []object
	for _, a := range events.Accesses() {
		var acls []object
		for _, topic := range a.Reads {
			acls = append(acls, acl("topic", string(topic), "literal", "Read", "DescribeConfigs"))
		}
		for _, topic := range a.Writes {
			acls = append(acls, acl("topic", string(topic), "literal", "Write", "DescribeConfigs"))
		}
		for _, group := range a.Groups {
			acls = append(acls, acl("group", group, "prefix", "Read"))
		}
		if a.Watches {
			acls = append(acls, watches...)
		}
		all = append(all, user(a.User, acls))
	}
	all = append(all, user("keda", watches))
	golden(t, filepath.Join(production, "users.yaml"), documents(t, "What each service may do on the log, from pkg/events.", all))
}

// A container holds the checked fields of a container in a manifest.
type container struct {
	Name    string
	Command []string
	Env     []struct{ Name, Value string }
}

type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct{ Containers []container }
		}
	}
}

func containers(t *testing.T, name string) []container {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []container
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var m manifest
		if err := d.Decode(&m); err != nil {
			break
		}
		out = append(out, m.Spec.Template.Spec.Containers...)
	}
	return out
}

// In TestSettings each program checks the configuration in its manifest, with every variable set.
func TestSettings(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", bin+"/", "./cmd/cinedex", "./services/...")
	build.Dir = root
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, b)
	}
	type asked struct {
		config   string // the path of the file in the repository, not in the container
		variable []string
		args     []string // before --config
	}
	want := map[string]asked{"cinedex": {config: "overlays/embedded/up.yaml", args: []string{"up"}}}
	for _, service := range []string{"ingestor", "algo-runner", "indexer", "operator", "search-api"} {
		a := asked{config: filepath.Join(production, service+".yaml")}
		for _, c := range containers(t, filepath.Join(production, "secrets", service+".yaml")) {
			for _, e := range c.Env {
				a.variable = append(a.variable, e.Name)
			}
		}
		want[service] = a
		declared := containers(t, filepath.Join("base", service+".yaml"))
		if command := []string{service, "--config", "/etc/cinedex/" + service + ".yaml"}; len(declared) != 1 || !slices.Equal(declared[0].Command, command) {
			t.Errorf("base/%s.yaml runs %v, want %v", service, declared, command)
		}
	}
	for program, a := range want {
		t.Run(program, func(t *testing.T) {
			check := func(env ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), append(a.args, "--config", a.config, "--check")...)
				cmd.Env = append(os.Environ(), env...)
				for _, name := range a.variable {
					cmd.Env = append(cmd.Env, name+"=secret")
				}
				b, err := cmd.CombinedOutput()
				return string(b), err
			}
			if out, err := check(); err != nil {
				t.Errorf("%s: %v\n%s", a.config, err, out)
			}
			// A variable that does not exist would have been refused.
			if out, err := check("CINEDEX_KAFKA_PASSWORD=x"); err == nil || !strings.Contains(out, "CINEDEX_KAFKA_PASSWORD") {
				t.Errorf("with a variable that is none: %v\n%s", err, out)
			}
		})
	}
}

// TestScaling compares the triggers of the scaled workers with the existing topics and groups.
func TestScaling(t *testing.T) {
	partitions := map[string]int{}
	for _, c := range events.Contracts() {
		partitions[string(c.Topic)] = c.Partitions
	}
	groups := map[string][]string{}
	for _, a := range events.Accesses() {
		groups[a.User] = a.Groups
	}
	b, err := os.ReadFile(filepath.Join(production, "scaling.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := os.ReadFile(filepath.Join(production, "kafka.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var m struct {
			Kind string
			Spec struct {
				ScaleTargetRef  struct{ Name string } `yaml:"scaleTargetRef"`
				MaxReplicaCount int                   `yaml:"maxReplicaCount"`
				Triggers        []struct{ Metadata map[string]string }
			}
		}
		if err := d.Decode(&m); err != nil {
			break
		}
		for _, trigger := range m.Spec.Triggers {
			seen++
			topic, group := trigger.Metadata["topic"], trigger.Metadata["consumerGroup"]
			where := fmt.Sprintf("scaling %s on %s", m.Spec.ScaleTargetRef.Name, topic)
			if partitions[topic] == 0 {
				t.Errorf("%s: there is no such topic", where)
			}
			if !slices.ContainsFunc(groups[m.Spec.ScaleTargetRef.Name], func(g string) bool { return strings.HasPrefix(group, g) }) {
				t.Errorf("%s: the service has no group %s", where, group)
			}
			// The consumers begin a topic at the first record; KEDA's default, the latest, would tell a new group no lag.
			if got := trigger.Metadata["offsetResetPolicy"]; got != "earliest" {
				t.Errorf("%s: offsetResetPolicy is %q", where, got)
			}
			if got := trigger.Metadata["version"]; !bytes.Contains(kafka, []byte("\n    version: "+got+" ")) {
				t.Errorf("%s: version is %q, and kafka.yaml has another", where, got)
			}
		}
		if most := m.Spec.MaxReplicaCount; len(m.Spec.Triggers) > 0 {
			widest := 0
			for _, trigger := range m.Spec.Triggers {
				widest = max(widest, partitions[trigger.Metadata["topic"]])
			}
			if most > widest {
				t.Errorf("scaling %s to %d, and its topics have %d partitions: the rest would wait", m.Spec.ScaleTargetRef.Name, most, widest)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d triggers were read", seen)
	}
}
