package k8s

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const manifests = "../../deploy/k8s"

// The versions whose definitions are validated against.
const (
	kubernetes   = "1.30"
	keda         = "github.com/kedacore/keda/v2@v2.21.0"
	cassOperator = "github.com/k8ssandra/cass-operator@v1.28.0"
	strimzi      = "1.2.0"
)

// strimziKafkas are the versions of Kafka that this Strimzi runs, by its release notes
// (https://github.com/strimzi/strimzi-kafka-operator/releases/tag/1.2.0).
var strimziKafkas = []string{"4.2.0", "4.2.1", "4.3.0", "4.3.1"}

// TestKafkaVersion: an operator refuses a cluster of an unknown version.
func TestKafkaVersion(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(manifests, "overlays/production/kafka.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^    version: (\S+)`).FindSubmatch(b)
	if m == nil || !slices.Contains(strimziKafkas, string(m[1])) {
		t.Errorf("the cluster is of Kafka %q; Strimzi %s runs %q", m, strimzi, strimziKafkas)
	}
}

var strimziKinds = map[string]string{
	"io.strimzi.api.kafka.model.kafka.Kafka":            "kafka",
	"io.strimzi.api.kafka.model.nodepool.KafkaNodePool": "nodepool",
	"io.strimzi.api.kafka.model.topic.KafkaTopic":       "topic",
	"io.strimzi.api.kafka.model.user.KafkaUser":         "user",
}

func lacks(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("lacks %s: %v", what, err)
}

// module returns the folder of a Go module's files.
func module(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", name)
	cmd.Dir = t.TempDir() // outside every module, so that this module does not change
	b, err := cmd.Output()
	var m struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(b, &m); jsonErr == nil && m.Error != "" {
		err = errors.New(m.Error)
	}
	if err != nil || m.Dir == "" {
		lacks(t, name, err)
	}
	return m.Dir
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// java finds a Java of at least the given version: Strimzi's generator is built for 21.
func java(t *testing.T, least int) string {
	t.Helper()
	installed, _ := filepath.Glob("/usr/lib/jvm/*/bin/java")
	for _, program := range append([]string{filepath.Join(os.Getenv("JAVA_HOME"), "bin", "java"), "java"}, installed...) {
		out, err := exec.CommandContext(t.Context(), program, "-version").CombinedOutput()
		m := javaVersion.FindSubmatch(out)
		if err != nil || m == nil {
			continue
		}
		if v, _ := strconv.Atoi(string(m[1])); v >= least {
			return program
		}
	}
	lacks(t, fmt.Sprintf("Java %d", least), errors.New("none is installed; apt-get install openjdk-21-jre-headless, or set JAVA_HOME"))
	return ""
}

// strimziDefinitions returns the definitions that Strimzi's own generator writes.
func strimziDefinitions(t *testing.T) string {
	t.Helper()
	var jars []string
	dir := t.TempDir()
	for _, artifact := range []string{"crd-generator", "api"} {
		coordinates := fmt.Sprintf("io.strimzi:%s:%s", artifact, strimzi)
		fetch := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "dependency:copy", "-Dartifact="+coordinates, "-DoutputDirectory="+dir, "-Dmdep.useBaseVersion=true")
		if b, err := fetch.CombinedOutput(); err != nil {
			lacks(t, "Maven, or "+coordinates, fmt.Errorf("%w: %s", err, b))
		}
		jars = append(jars, filepath.Join(dir, artifact+"-"+strimzi+".jar"))
	}
	out := t.TempDir()
	args := []string{"-cp", strings.Join(jars, string(filepath.ListSeparator)), "io.strimzi.crdgenerator.CrdGenerator", "--yaml"}
	for class, file := range strimziKinds {
		args = append(args, class+"="+filepath.Join(out, file+".yaml"))
	}
	if b, err := exec.CommandContext(t.Context(), java(t, 21), args...).CombinedOutput(); err != nil {
		t.Fatalf("generating Strimzi's definitions: %v\n%s", err, b)
	}
	return out
}

func kustomize(t *testing.T, dir string) resmap.ResMap {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("building %s: %v", dir, err)
	}
	return m
}

func build(t *testing.T, overlay string) resmap.ResMap {
	t.Helper()
	return kustomize(t, filepath.Join(manifests, "overlays", overlay))
}

// cassDefinitions returns cass-operator's definitions as installed: patched by its own kustomization. Without the
// patch, the configuration of Cassandra would have to be base64.
func cassDefinitions(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	for i, r := range kustomize(t, filepath.Join(module(t, cassOperator), "config/crd")).Resources() {
		b, err := r.AsYAML()
		if err == nil {
			err = os.WriteFile(filepath.Join(out, fmt.Sprintf("%d.yaml", i)), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestManifests(t *testing.T) {
	v, err := validator.New(openapiclient.NewComposite(
		openapiclient.NewHardcodedBuiltins(kubernetes),
		openapiclient.NewLocalCRDFiles(
			os.DirFS(filepath.Join(module(t, keda), "config/crd/bases")),
			os.DirFS(cassDefinitions(t)),
			os.DirFS(strimziDefinitions(t)),
		)))
	if err != nil {
		t.Fatal(err)
	}
	validate := func(document []byte) error {
		_, object, err := v.Parse(document)
		if err != nil {
			return err
		}
		return v.Validate(object)
	}
	for overlay, kinds := range map[string][]string{
		"embedded": {"StatefulSet", "Service", "NetworkPolicy", "ServiceAccount"},
		"production": {"Deployment", "Service", "Job", "PodDisruptionBudget", "NetworkPolicy", "Kafka", "KafkaNodePool", "KafkaTopic",
			"KafkaUser", "CassandraDatacenter", "ScaledObject", "TriggerAuthentication", "HorizontalPodAutoscaler"},
	} {
		t.Run(overlay, func(t *testing.T) {
			seen := map[string]bool{}
			for _, r := range build(t, overlay).Resources() {
				seen[r.GetKind()] = true
				document, err := r.AsYAML()
				if err != nil {
					t.Fatal(err)
				}
				if err := validate(document); err != nil {
					t.Errorf("%s %s: %v", r.GetKind(), r.GetName(), err)
				}
			}
			for _, kind := range kinds {
				if !seen[kind] {
					t.Errorf("there is no %s", kind)
				}
			}
		})
	}
	// A misspelt field is found, in a built-in kind and in an operator's kind.
	for name, document := range map[string]string{
		"deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: y}\nspec: {replica: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
		"topic":      "apiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata: {name: x, namespace: y}\nspec: {partitions: many}\n",
		"scaler":     "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x, namespace: y}\nspec: {triggers: []}\n",
	} {
		if err := validate([]byte(document)); err == nil {
			t.Errorf("%s: what is wrong in it was not found", name)
		}
	}
}

type object = map[string]any

func get(o any, path ...string) any {
	for _, p := range path {
		m, _ := o.(object)
		o = m[p]
	}
	return o
}

func list(o any, path ...string) []any {
	l, _ := get(o, path...).([]any)
	return l
}

// TestPods checks every pod against the platform's rules: no root, no writable path except volumes, bounded memory,
// probes of health and not of the API, no secret in the text.
func TestPods(t *testing.T) {
	for _, overlay := range []string{"embedded", "production"} {
		m := build(t, overlay)
		secrets, pods := map[string]bool{}, 0
		for _, r := range m.Resources() {
			o, err := r.Map()
			if err != nil {
				t.Fatal(err)
			}
			if r.GetKind() == "Secret" {
				t.Errorf("%s: the secret %s is in the manifests", overlay, r.GetName())
			}
			spec := get(o, "spec", "template", "spec")
			if spec == nil {
				continue
			}
			pods++
			where := fmt.Sprintf("%s: %s %s", overlay, r.GetKind(), r.GetName())
			if get(spec, "securityContext", "runAsNonRoot") != true || get(spec, "automountServiceAccountToken") != false {
				t.Errorf("%s may run as root, or gets a token to the cluster", where)
			}
			for _, c := range append(list(spec, "initContainers"), list(spec, "containers")...) {
				name := fmt.Sprint(get(c, "name"))
				if get(c, "securityContext", "readOnlyRootFilesystem") != true || get(c, "securityContext", "allowPrivilegeEscalation") != false {
					t.Errorf("%s: %s may write its image, or gain rights", where, name)
				}
				if get(c, "resources", "limits", "memory") == nil || get(c, "resources", "requests", "memory") == nil || get(c, "resources", "requests", "cpu") == nil {
					t.Errorf("%s: %s has no requests, or no limit of memory", where, name)
				}
				for _, e := range list(c, "env") {
					if n := fmt.Sprint(get(e, "name")); strings.HasSuffix(n, "PASSWORD") {
						if get(e, "valueFrom", "secretKeyRef", "name") == nil {
							t.Errorf("%s: %s gets %s otherwise than from a secret", where, name, n)
						}
						secrets[fmt.Sprint(get(e, "valueFrom", "secretKeyRef", "name"))] = true
					}
				}
			}
			if r.GetKind() == "Job" {
				continue
			}
			for _, c := range list(spec, "containers") {
				var paths []string
				for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
					paths = append(paths, fmt.Sprint(get(c, probe, "httpGet", "path"), " ", get(c, probe, "httpGet", "port")))
				}
				if want := []string{"/livez admin", "/livez admin", "/readyz admin"}; !slices.Equal(paths, want) {
					t.Errorf("%s: probes look at %q, want %q", where, paths, want)
				}
			}
		}
		if want := map[string]int{"embedded": 1, "production": 6}[overlay]; pods != want {
			t.Errorf("%s has %d kinds of pod, want %d", overlay, pods, want)
		}
		if overlay == "production" && len(secrets) < 4 {
			t.Errorf("production refers to the secrets %v alone", secrets)
		}
	}
}
