package searchtest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/search"
)

// testAudit compares the lines that an Auditor announces with the lines of Dump.
func testAudit(t *testing.T, h Harness) {
	e := open(t, h)
	audit, ok := search.As[search.Auditor](e)
	if !ok {
		t.Fatalf("a %T is no search.Auditor", e)
	}
	items := append(corpus(), hostileAnnotations()...)
	write(t, e, items...)
	embeddings := vectors(20)
	embeddings[3].Language, embeddings[4].Character, embeddings[5].Vector[0] = "EN-gb", "Ünï", 7
	if err := e.Write(t.Context(), search.Batch{Embeddings: embeddings}); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	tell := func(line any) {
		var b bytes.Buffer
		if err := search.WriteLine(&b, line); err != nil {
			t.Fatal(err)
		}
		told[b.String()] = true
	}
	for _, a := range items {
		if line, kept := audit.KeptAnnotation(a); kept {
			tell(line)
		} else if a.GetText() != "" || a.GetLabel() != "" {
			t.Errorf("%v is not kept", a)
		}
	}
	for _, m := range embeddings {
		if line, kept := audit.KeptEmbedding(m); kept {
			tell(line)
		} else {
			t.Errorf("embedding %d is not kept", m.GetOrdinal())
		}
	}
	held := map[string]bool{}
	for line := range bytes.Lines([]byte(dumpOf(t, e))) {
		held[string(line)] = true
	}
	if diff := cmp.Diff(held, told); diff != "" {
		t.Errorf("what is told (+) is not what is held (-):\n%s", diff)
	}
	embeddings[0].Space = "nowhere@1"
	if _, kept := audit.KeptEmbedding(embeddings[0]); kept {
		t.Error("an embedding of an unknown space is said to be kept")
	}
}
