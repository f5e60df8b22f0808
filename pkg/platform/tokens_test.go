package platform_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/cedar"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// Policies of the configuration narrow the callers of the file of tokens. The service does not start with invalid policies, and is not ready while
// policies are invalid.
func TestPolicies(t *testing.T) {
	dir := t.TempDir()
	tokens := platform.Tokens{TokenFile: filepath.Join(dir, "tokens.yaml"), Cedar: cedar.Config{Policies: filepath.Join(dir, "policies.cedar"), Entities: filepath.Join(dir, "entities.json")}}
	if err := authz.WriteFile(tokens.TokenFile, "ann", "secret", "*"); err != nil {
		t.Fatal(err)
	}
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(tokens.Cedar.Entities, `[{"uid": {"type": "Title", "id": "a"}, "parents": [], "attrs": {}}, {"uid": {"type": "Title", "id": "b"}, "parents": [], "attrs": {}}]`)
	write(tokens.Cedar.Policies, `permit (principal, action, resource == Title::"a"`)
	open := func(c platform.Tokens) (*platform.Platform, authz.Authoriser, error) {
		p := &platform.Platform{Telemetry: &telemetry.Telemetry{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}}
		a, err := p.OpenTokens(c)
		return p, a, err
	}
	if _, _, err := open(tokens); err == nil || !strings.Contains(err.Error(), "policies.cedar:1") {
		t.Errorf("invalid policies: %v", err)
	}
	write(tokens.Cedar.Policies, `permit (principal, action, resource == Title::"a");`)
	p, a, err := open(tokens)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := a.Authorise(t.Context(), "secret"); err != nil || !c.MaySee("a") || c.MaySee("b") || lifecycle.Ready(p.Watched()...) != nil {
		t.Errorf("with policies: %v, %v", c.Titles(), err)
	}
	write(tokens.Cedar.Policies, "rubbish")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := lifecycle.Ready(p.Watched()...); err != nil && strings.Contains(err.Error(), "policies.cedar:1") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("ready with invalid policies")
		}
	}
	if c, err := a.Authorise(t.Context(), "secret"); err != nil || !c.MaySee("a") || c.MaySee("b") {
		t.Errorf("with invalid policies: %v, %v", c.Titles(), err)
	}
	tokens.Cedar = cedar.Config{}
	if _, a, err = open(tokens); err != nil {
		t.Fatal(err)
	}
	if c, err := a.Authorise(t.Context(), "secret"); err != nil || !c.SeesAll() {
		t.Errorf("without policies: %v, %v", c.Titles(), err)
	}
}
