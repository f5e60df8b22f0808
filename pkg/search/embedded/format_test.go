package embedded_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

// An engine of another format is told, does not answer, and is whole after a rebuild. Answers of it would lack what its words were not indexed by.
func TestFormat(t *testing.T) {
	for _, format := range []any{nil, 1, 1000} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			dir := filled(t, false)
			renumber(t, dir, format)
			e := opened(t, dir, false)
			ask := func() ([]search.Hit, error) {
				return e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lighthouse", Limit: 10})
			}
			for range 2 {
				if lack := e.Lacking(); lack == nil || !strings.Contains(lack.Reason, "format") {
					t.Fatalf("the engine lacks %+v", lack)
				}
				if hits, err := ask(); errkind.Of(err) != errkind.Unavailable {
					t.Errorf("the engine answers %v, %v", hits, err)
				}
				// It is remembered until a rebuild, whatever was written meanwhile.
				fill(t, e)
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				e = opened(t, dir, false)
			}
			r, err := e.Rebuild(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			fill(t, r)
			if err := r.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if hits, err := ask(); len(hits) != 3 || err != nil {
				t.Errorf("after the rebuild the engine answers %v, %v", hits, err)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if e = opened(t, dir, false); e.Lacking() != nil {
				t.Errorf("after the rebuild the engine still lacks %+v", e.Lacking())
			}
		})
	}
}

// renumber writes another format into an engine's record; nil takes it out, as of before formats were numbered.
func renumber(t *testing.T, dir string, format any) {
	t.Helper()
	path := filepath.Join(dir, "ENGINE")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), "\n")
	var record map[string]any
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		t.Fatal(err)
	}
	if record["format"] == nil {
		t.Fatalf("the record tells no format: %s", text)
	}
	delete(record, "format")
	if format != nil {
		record["format"] = format
	}
	if b, err = json.Marshal(record); err != nil {
		t.Fatal(err)
	}
	b = fmt.Appendf(b, "\n%08x\n", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
