package audit

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A line costs a search so much.
func BenchmarkWrite(b *testing.B) {
	cfg := Default()
	cfg.File = filepath.Join(b.TempDir(), "audit.jsonl")
	l, err := Open(cfg, Deps{Registerer: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if err := l.Write(example); err != nil {
			b.Fatal(err)
		}
	}
}
