package events

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "renew docs/asyncapi.yaml")

func TestAsyncAPI(t *testing.T) {
	const path = "../../docs/asyncapi.yaml"
	want, err := asyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/asyncapi.yaml is stale; renew it with: go test ./pkg/events -run AsyncAPI -update\n%s", diff)
	}
}
