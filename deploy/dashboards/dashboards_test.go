package dashboards_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

// suffixes are the endings that Prometheus' clients add to a histogram's name.
var suffixes = regexp.MustCompile(`_(bucket|count|sum)$`)

var metric = regexp.MustCompile(`\bcinedex_[a-z0-9_]+`)

// exported are the names of all metrics in the code.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	literal := regexp.MustCompile(`"(cinedex_[a-z0-9_]+)"`)
	names := map[string]bool{}
	for _, tree := range []string{"pkg", "services", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, tree), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			b, err := os.ReadFile(name)
			for _, m := range literal.FindAllStringSubmatch(string(b), -1) {
				names[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func hold(t *testing.T, where, query string, names map[string]bool) {
	t.Helper()
	for _, m := range metric.FindAllString(query, -1) {
		if !names[m] && !names[suffixes.ReplaceAllString(m, "")] {
			t.Errorf("%s asks for %s, which nothing in the code exports", where, m)
		}
	}
}

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

type ruleTests struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string
			ExpAlerts []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func read(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil && strings.HasSuffix(name, ".json") {
		err = json.Unmarshal(b, v)
	} else if err == nil {
		err = yaml.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAlerts(t *testing.T) {
	var r rules
	var tests ruleTests
	read(t, "alerts.yaml", &r)
	read(t, "alerts_test.yaml", &tests)
	runbook, err := os.ReadFile(filepath.Join(root, "docs/guides/runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	fires := map[string]bool{}
	for _, c := range tests.Tests {
		for _, a := range c.AlertRuleTest {
			fires[a.Alertname] = fires[a.Alertname] || len(a.ExpAlerts) > 0
		}
	}
	names, alerts := exported(t), map[string]bool{}
	for _, g := range r.Groups {
		for _, a := range g.Rules {
			alerts[a.Alert] = true
			hold(t, a.Alert, a.Expr, names)
			if !fires[a.Alert] {
				t.Errorf("%s is never seen to fire in alerts_test.yaml", a.Alert)
			}
			if !strings.Contains(string(runbook), "\n## "+a.Alert+"\n") {
				t.Errorf("docs/guides/runbook.md has no part %s", a.Alert)
			}
			if want := "docs/guides/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
				t.Errorf("%s points to %q, want %q", a.Alert, a.Annotations["runbook"], want)
			}
			if s := a.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s has the severity %q", a.Alert, s)
			}
		}
	}
	if len(alerts) < 10 {
		t.Fatalf("only the alerts %v were read", slices.Sorted(maps.Keys(alerts)))
	}
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(runbook), -1) {
		if !alerts[m[1]] {
			t.Errorf("docs/guides/runbook.md speaks of %s, which is no alert", m[1])
		}
	}
}

func TestDashboard(t *testing.T) {
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read(t, "cinedex.json", &d)
	names, queries := exported(t), 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries++
			hold(t, "the panel "+p.Title, target.Expr, names)
		}
	}
	if queries < 20 {
		t.Fatalf("only %d queries were read", queries)
	}
}

// TestRules has Prometheus' own tool evaluate the rules over made-up series.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("lacks promtool (Debian's package prometheus): ", err)
	}
	if b, err := exec.CommandContext(t.Context(), promtool, "test", "rules", "alerts_test.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
}
