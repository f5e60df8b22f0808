package authz_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestFile(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := authz.WriteFile(path, "demo", "secret", "a", "b"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); strings.Contains(string(b), "secret") {
		t.Error("the token itself stands in the file")
	}
	f, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Authorise(ctx, "secret")
	if err != nil || c.Name() != "demo" || !c.MaySee("a") || c.MaySee("c") || c.MaySee("*") {
		t.Errorf("got %+v, %v", c, err)
	}
	for token, want := range map[string]errkind.Kind{"": errkind.Unauthenticated, "Secret": errkind.Unauthenticated} {
		if _, err := f.Authorise(ctx, token); !errkind.Is(err, want) {
			t.Errorf("token %q: got %v, want %v", token, err, want)
		}
	}
	if (*authz.Caller)(nil).MaySee("a") {
		t.Error("nobody sees something")
	}
}

func TestNoTitles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := authz.WriteFile(path, "new", "x"); err != nil {
		t.Fatal(err)
	}
	f, err := authz.OpenFile(path, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Authorise(context.Background(), "x"); !errkind.Is(err, errkind.Denied) {
		t.Errorf("got %v, want Denied", err)
	}
}

var zeros = strings.Repeat("0", 64)

// Each file is right except for a single fault, and the refusal names the fault. A file with two faults would test
// neither.
func TestRefusesBadFiles(t *testing.T) {
	entry := func(more string) string { return "tokens: [{name: a, sha256: " + zeros + more + "}]" }
	open := func(body string) error {
		path := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := authz.OpenFile(path, authz.Deps{})
		return err
	}
	right := entry(", titles: [a]")
	if err := open(right); err != nil {
		t.Fatalf("the right file: %v", err)
	}
	for name, c := range map[string]struct{ body, says string }{
		"unknown field":              {entry(", titles: [a], token: b"), "field token not found"},
		"short hash":                 {strings.Replace(right, zeros, zeros[1:], 1), "tokens[0].sha256"},
		"half written":               {right[:len(right)-2], "did not find expected"},
		"not yaml":                   {"tokens: [", "did not find expected"},
		"empty":                      {"", "the file is empty"},
		"no name":                    {strings.Replace(right, "name: a, ", "", 1), "tokens[0].name"},
		"an empty title":             {entry(", titles: ['']"), "titles"},
		"two documents":              {right + "\n---\n" + right + "\n", "document"},
		"the same token twice":       {"tokens: [{name: a, sha256: " + zeros + ", titles: [a]}, {name: b, sha256: " + zeros + ", titles: [b]}]", "tokens[1].sha256"},
		"an operator of some titles": {entry(", titles: [a], roles: [operator]"), "operator"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(c.body); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want Invalid that says %q", err, c.says)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	var nobody *authz.Caller
	for _, c := range []struct {
		caller *authz.Caller
		role   authz.Role
		want   errkind.Kind
	}{
		{nobody, authz.Batch, errkind.Unauthenticated},
		{authz.NewCaller("editor", []string{"*"}), authz.Batch, errkind.Denied},
		{authz.NewCaller("editor", []string{"*"}), authz.Operator, errkind.Denied},
		{authz.NewCaller("researcher", []string{"a"}, authz.Batch), authz.Operator, errkind.Denied},
		{authz.NewCaller("operator of a title", []string{"a"}, authz.Operator), authz.Operator, errkind.Denied},
		{authz.NewCaller("operator of a title", []string{"a"}, authz.Operator), authz.Batch, errkind.Denied},
		{authz.NewCaller("operator", []string{"*"}, authz.Operator), authz.Ingest, errkind.Denied},
		{authz.NewCaller("operator", []string{"*"}, authz.Operator), authz.Retitle, errkind.Denied},
		{authz.NewCaller("upload", []string{"*"}, authz.Ingest), authz.Retitle, errkind.Denied},
		{authz.NewCaller("upload", []string{"*"}, authz.Ingest), authz.Batch, errkind.Denied},
	} {
		if err := c.caller.Require(c.role); !errkind.Is(err, c.want) {
			t.Errorf("%s as %s: got %v, want %v", c.caller.Name(), c.role, err, c.want)
		}
	}
	for _, role := range []authz.Role{authz.Operator, authz.Batch} {
		if err := authz.NewCaller("op", []string{"*"}, authz.Operator).Require(role); err != nil {
			t.Errorf("an operator as %s: %v", role, err)
		}
	}
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte("tokens:\n  - name: x\n    sha256: "+strings.Repeat("0", 64)+"\n    titles: [a]\n    roles: [king]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := authz.OpenFile(path, authz.Deps{}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "king") {
		t.Errorf("an unknown role: %v", err)
	}
}
