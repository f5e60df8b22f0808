package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
)

// Wherever the first start is cut off, the next start has a token, and the file of tokens admits the token.
func TestFirstStartIsCutOff(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, dir string){
		"before anything":             func(*testing.T, string) {},
		"never":                       func(t *testing.T, dir string) { admitted(t, dir) },
		"between the two files":       func(t *testing.T, dir string) { admitted(t, dir); remove(t, filepath.Join(dir, "tokens.yaml")) },
		"before the token is renamed": func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".token-1"), "half") },
		"before the file is renamed": func(t *testing.T, dir string) {
			admitted(t, dir)
			remove(t, filepath.Join(dir, "tokens.yaml"))
			write(t, filepath.Join(dir, ".tokens.yaml-1"), "tok")
		},
		"an older version's file": func(t *testing.T, dir string) {
			token := admitted(t, dir)
			write(t, filepath.Join(dir, "tokens.yaml"), fmt.Sprintf("# Tokens are kept as their sha256: printf %%s TOKEN | sha256sum\ntokens:\n  - name: owner\n    sha256: %x\n    titles: [\"*\"]\n    roles: [operator]\n", sha256.Sum256([]byte(token))))
		},
		"a file from before the roles": func(t *testing.T, dir string) {
			token := admitted(t, dir)
			write(t, filepath.Join(dir, "tokens.yaml"), fmt.Sprintf("# Tokens are kept as their sha256: printf %%s TOKEN | sha256sum\ntokens:\n  - name: owner\n    sha256: %x\n    titles: [\"*\"]\n", sha256.Sum256([]byte(token))))
		},
		"an older version's empty token": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "token"), "") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cut(t, dir)
			was, _ := os.ReadFile(filepath.Join(dir, "token"))
			first := admitted(t, dir)
			if again := admitted(t, dir); again != first || len(was) > 0 && first+"\n" != string(was) {
				t.Errorf("the token was %q, is %q, and then %q", was, first, again)
			}
		})
	}
}

// The token is written before the file of admitted tokens. In the other order, a crash between the two writes would
// lose the token for ever.
func TestTheTokenIsWrittenFirst(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "nowhere", "tokens.yaml") // cannot be written
	if _, err := ensureTokens(dir, file); err == nil {
		t.Fatal("written into nowhere")
	}
	b, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil || len(b) < 20 {
		t.Errorf("the token: %q, %v", b, err)
	}
}

func TestSomebodysOwnTokensAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens.yaml")
	write(t, file, "tokens: []\n")
	if token, err := ensureTokens(dir, file); err != nil || token != "" {
		t.Errorf("got %q, %v", token, err)
	}
	if b, _ := os.ReadFile(file); string(b) != "tokens: []\n" {
		t.Errorf("the file is %q", b)
	}
}

// admitted starts, and returns the token, which the file of tokens must admit.
func admitted(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "tokens.yaml")
	token, err := ensureTokens(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := authz.OpenFile(file, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Authorise(t.Context(), token)
	if err != nil || !c.SeesAll() {
		t.Fatalf("the token %q is %+v, %v", token, c, err)
	}
	for _, role := range authz.Roles {
		if err := c.Require(role); err != nil {
			t.Fatal(err)
		}
	}
	return token
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}
