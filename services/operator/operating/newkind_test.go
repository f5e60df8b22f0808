package operating

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A kind of jobs in a new folder is built into the operator by a change to a single file: an import and a line in the list of kinds. testdata/newkind
// is the folder. How such a kind is planned, done and steered, cmd/cinedex tests.
func TestNewKindTouchesOneFile(t *testing.T) {
	abs := func(name string) string {
		t.Helper()
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	b, err := os.ReadFile("kinds.go")
	if err != nil {
		t.Fatal(err)
	}
	const importLine, listLine = "\t\"github.com/cinedex/cinedex/services/operator/jobs\"\n", "\t\treplayKind(deps),\n"
	changed := strings.Replace(string(b), importLine, importLine+"\t\"github.com/cinedex/cinedex/services/operator/stamping\"\n", 1)
	changed = strings.Replace(changed, listLine, listLine+"\t\tstamping.Kind(deps.Store),\n", 1)
	if strings.Count(changed, "stamping") != 2 {
		t.Fatal("kinds.go is written otherwise now")
	}
	dir := t.TempDir()
	touched := map[string]string{"kinds.go": filepath.Join(dir, "kinds.go")}
	replace := map[string]string{abs("../stamping/stamping.go"): abs("testdata/newkind/stamping.go")}
	for name, with := range touched {
		replace[abs(name)] = with
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"kinds.go": []byte(changed), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), ".", "../operatorapi", "../stamping")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building with the new kind: %v\n%s", err, out)
	}
	t.Logf("a new kind of jobs touches %d file outside its folder", len(touched))
}
