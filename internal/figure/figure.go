// Package figure measures a claim of docs/benchmarks again. Tests named TestFigure…, beside the measured code, use
// the package. A figure prints a single line with the claim, the measured value and the verdict.
//
//	make figures                  every figure
//	make figures ONLY='vectors*'  some figures
//
// Without FIGURES=1 in the environment a figure skips, because a figure may run for minutes and needs a quiet machine.
package figure

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A Result is one claim and its measured value.
type Result struct {
	// Name is the name for ONLY: "vectors/recall".
	Name string `json:"name"`
	// Claim is the promise, with its unit: "recall@10 ≥ 0.99 with a 1 % filter".
	Claim string `json:"claim"`
	// Measured is the measured value, with its unit.
	Measured string `json:"measured"`
	// Ratio is against a peer or a bare loop in the same run; 0 where there is none.
	Ratio float64 `json:"ratio,omitempty"`
	// Pass says whether the claim holds.
	Pass bool `json:"pass"`
	// Note qualifies the figure for its readers.
	Note string `json:"note,omitempty"`
}

// Begin skips the test unless figures are asked for and ONLY picks the name.
func Begin(t testing.TB, name string) {
	t.Helper()
	if os.Getenv("FIGURES") != "1" {
		t.Skipf("figure %s: run the figure with make figures", name)
	}
	if only := os.Getenv("ONLY"); only != "" {
		if !picks(only, name) {
			t.Skipf("figure %s: ONLY=%s does not pick the figure", name, only)
		}
	}
}

// picks reports whether a glob picks a name; a star goes past the slash, too.
func picks(only, name string) bool {
	flat := strings.NewReplacer("/", ".")
	ok, err := path.Match(flat.Replace(only), flat.Replace(name))
	return err == nil && ok
}

// Size returns a size that a variable of the environment may set.
func Size(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Load is the load of the machine over the last minute, where the machine tells the load.
func Load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(b)); err == nil && len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}

// Browser runs web/tests/NAME.figure.ts in a browser, and reads the measurements into a value. tests is the folder web/tests, and the environment names the
// server. The path is that of the file of measurements: a script may write files beside. Run scripts/web-test before, which installs Playwright.
func Browser(t testing.TB, tests, name string, into any, env ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name+".json")
	cmd := exec.CommandContext(t.Context(), "npx", "--no-install", "playwright", "test", "--reporter=line")
	cmd.Dir = tests
	cmd.Env = append(append(os.Environ(), "CINEDEX_WEB_FIGURE="+name, "CINEDEX_WEB_FIGURES="+path), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("measuring in a browser: %v\n%s", err, said)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return path
}

// Quantile returns the value that a share of the values, from 0 to 1, does not exceed.
func Quantile(xs []float64, share float64) float64 {
	return slices.Sorted(slices.Values(xs))[min(len(xs)-1, int(share*float64(len(xs))))]
}

// Median returns the middle value, or the higher of the two middle values.
func Median(xs []float64) float64 { return slices.Sorted(slices.Values(xs))[len(xs)/2] }

// Peak is the most memory that a process has held, in bytes (VmHWM of proc_pid_status(5)).
func Peak(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d tells no VmHWM", pid)
}

// Report prints the line, and appends the line to the file that FIGURES_OUT names. A failed claim is printed. A failed
// claim fails the test only if hard is set, for claims that must hold on any machine.
func Report(t testing.TB, hard bool, r Result) {
	t.Helper()
	verdict := "pass"
	if !r.Pass {
		verdict = "FALLS SHORT"
	}
	ratio := ""
	if r.Ratio != 0 {
		ratio = fmt.Sprintf(" | ratio %.2f", r.Ratio)
	}
	note := ""
	if r.Note != "" {
		note = " | " + r.Note
	}
	fmt.Printf("figure %s | claim %s | measured %s%s | %s%s\n", r.Name, r.Claim, r.Measured, ratio, verdict, note)
	if name := os.Getenv("FIGURES_OUT"); name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatalf("keeping a figure: %v", err)
		}
		defer f.Close()
		if err := json.NewEncoder(f).Encode(r); err != nil {
			t.Fatalf("keeping a figure: %v", err)
		}
	}
	if hard && !r.Pass {
		t.Errorf("%s: %s, measured %s", r.Name, r.Claim, r.Measured)
	}
}
