package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// productionFile has settings of the production size over the local servers, with topics, tables and indices of the
// test's own.
func productionFile(t *testing.T) string {
	t.Helper()
	kafka, cassandra, opensearch := serverstest.Kafka(t), serverstest.Cassandra(t), serverstest.OpenSearch(t)
	own := fmt.Sprintf("size_%x", time.Now().UnixNano())
	settings := fmt.Sprintf("size: production\nreplication: 1\nkafka: {brokers: [%s], prefix: %q}\nstore: {engine: cassandra, cassandra: {hosts: [%s], keyspace: %s, migrate: true}}\nsearch: {engine: opensearch, opensearch: {urls: [%q], prefix: %q}}\nindexing: {backfill_rate: 11000}\n",
		strings.Join(kafka, ", "), own+".", strings.Join(cassandra, ", "), own, opensearch, own)
	file := filepath.Join(t.TempDir(), "production.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFigureSizes runs the demo in both sizes, each from an empty folder, and compares the answers of the demo's
// searches.
func TestFigureSizes(t *testing.T) {
	figure.Begin(t, "demo/sizes")
	production := productionFile(t)
	cache := testCache(t, "big-buck-bunny", "elephants-dream-en")
	bin := buildCommand(t)
	demo := func(line ...string) (answers []string, took time.Duration) {
		t.Helper()
		dir := t.TempDir()
		var said bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin, append([]string{"--home", filepath.Join(dir, "home"), "--json", "demo", "--once", "--address", "127.0.0.1:0"}, line...)...)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "CINEDEX_CACHE="+cache.Dir()), &said
		began := time.Now()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("cinedex demo %s: %v\n%s", strings.Join(line, " "), err, tail(said.Bytes(), 4000))
		}
		took = time.Since(began)
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var line json.RawMessage
			if err := d.Decode(&line); errors.Is(err, io.EOF) {
				return answers, took
			} else if err != nil {
				t.Fatal(err)
			}
			var a pb.SearchResponse
			if err := schema.UnmarshalStrictJSON(line, &a); err != nil {
				continue // a downloaded file
			}
			var hits []string
			for _, h := range a.GetHits() {
				hits = append(hits, fmt.Sprintf("%s %d-%d %s", h.GetTitle(), h.GetStartFrame(), h.GetEndFrame(), h.GetText()))
			}
			answers = append(answers, strings.Join(hits, "\n"))
		}
	}
	small, smallTook := demo()
	large, largeTook := demo("--config", production)
	same, hits := 0, 0
	for i := range small {
		hits += strings.Count(small[i], "\n") + 1
		if i < len(large) && small[i] == large[i] {
			same++
			continue
		}
		t.Logf("search %d, embedded:\n%s\nproduction:\n%v", i+1, small[i], large[i:])
	}
	figure.Report(t, true, figure.Result{Name: "demo/sizes", Claim: "the demo's searches have the same hits, frames and order in both sizes",
		Measured: fmt.Sprintf("%d of %d searches the same, %d hits; embedded watched and searched in %.0f s, production in %.0f s", same, len(small), hits, smallTook.Seconds(), largeTook.Seconds()),
		Pass:     same == len(small) && same == len(large) && same >= 3, Note: "three servers share the machine with the second"})
}
