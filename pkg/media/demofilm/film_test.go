package demofilm

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/truth.json")

// TestTruth holds the truth against the file that other tests read.
func TestTruth(t *testing.T) {
	truth, err := TruthOf()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(truth, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/truth.json"
	if *update {
		if err := os.WriteFile(name, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Errorf("%s is stale: run go test ./pkg/media/demofilm -run Truth -update", name)
	}
	if len(truth.Moments) != len(moments) {
		t.Errorf("%d moments, want %d", len(truth.Moments), len(moments))
	}
}
