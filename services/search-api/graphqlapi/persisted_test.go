package graphqlapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPersistedQueries: a client that has sent a document once asks by its hash. A document under a wrong hash is refused, and a long
// document is never kept.
func TestPersistedQueries(t *testing.T) {
	s := serve(t)
	persisted := func(document, hash string) string {
		body := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
		if document != "" {
			body["query"] = document
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	document := `{ search(q: "dialogue.words:lamp") { hits { title } } }`
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(document)))
	if a := post(t, s, "all", persisted("", hash)); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a hash that nobody has sent: %+v", a)
	}
	if a := post(t, s, "all", persisted(document, strings.Repeat("0", 64))); len(a.Errors) == 0 {
		t.Errorf("a document under another hash was answered: %+v", a)
	}
	whole := post(t, s, "all", persisted(document, hash))
	if len(whole.Errors) > 0 {
		t.Fatalf("%+v", whole)
	}
	short := post(t, s, "all", persisted("", hash))
	if len(short.Errors) > 0 || string(short.Data["search"]) != string(whole.Data["search"]) {
		t.Errorf("by hash %s, %+v; whole %s", short.Data["search"], short.Errors, whole.Data["search"])
	}
	// The document is of everybody, and the answer is of the caller.
	if a := post(t, s, "nothing", persisted("", hash)); a.status < 400 {
		t.Errorf("without a token that is known: %d", a.status)
	}

	long := document + " #" + strings.Repeat("x", 20<<10)
	hash = fmt.Sprintf("%x", sha256.Sum256([]byte(long)))
	if a := post(t, s, "all", persisted(long, hash)); len(a.Errors) > 0 {
		t.Fatalf("%+v", a)
	}
	if a := post(t, s, "all", persisted("", hash)); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a long document was kept: %+v", a)
	}
}

// TestExplained: explain tells each step of a query, and a request without explain gets none.
func TestExplained(t *testing.T) {
	s := serve(t)
	const document = `{ search(q: "dialogue.words:lamp AND label:lighthouse", explain: %t) { total { count exact } explain { step depth drives moments } } }`
	for _, wanted := range []bool{true, false} {
		a := ask(t, s, "all", fmt.Sprintf(document, wanted), nil)
		if len(a.Errors) > 0 || strings.Contains(string(a.Data["search"]), `"step":"and"`) != wanted {
			t.Errorf("explain %t: %s, %+v", wanted, a.Data["search"], a.Errors)
		}
	}
}
