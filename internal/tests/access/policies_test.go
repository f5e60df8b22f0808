package access

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/authztest"
	"github.com/cinedex/cinedex/pkg/authz/cedar"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// TestPolicyIsTakenAway: Gone has every title in the file of tokens, and one policy. The policy is taken away, and the doors are shut in time; Kept is still admitted.
func TestPolicyIsTakenAway(t *testing.T) {
	t.Parallel()
	file, err := authztest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := authz.OpenFile(file, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := cedar.Config{Policies: filepath.Join(dir, "policies.cedar"), Entities: filepath.Join(dir, "entities.json")}
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	kept, gone := `permit (principal == Caller::"kept", action, resource);`, `permit (principal == Caller::"gone", action == Action::"see", resource) unless { resource.hidden };`
	var described []string
	for _, title := range []string{"a", "b", "c"} {
		described = append(described, fmt.Sprintf(`{"uid": {"type": "Title", "id": %q}, "parents": [], "attrs": {"hidden": %v}}`, title, title == "c"))
	}
	write(cfg.Policies, kept+gone)
	write(cfg.Entities, "["+strings.Join(described, ",")+"]")
	policies, err := cedar.Open(cfg, tokens, cedar.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, policies, "a", "b", "c")
	search := w.search + "/" + cinedexv1connect.SearchServiceName + "/"
	titles := func(token string) string { return w.ask("POST", search+"ListTitles", `{}`, token) }
	found := func(token string) string {
		return w.ask("POST", search+"Search", `{"q": "dialogue.words:storm"}`, token)
	}
	for name, answer := range map[string]string{"titles": titles(authztest.Gone), "a search": found(authztest.Gone)} {
		if !strings.HasPrefix(answer, "200") || !strings.Contains(answer, `"b"`) || strings.Contains(answer, `"c"`) || strings.Contains(answer, "over c") {
			t.Errorf("%s of Gone: %s", name, answer)
		}
	}
	write(cfg.Policies, kept)
	for end := time.Now().Add(20 * time.Second); strings.HasPrefix(titles(authztest.Gone), "200"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Gone is admitted after the policy was taken away")
		}
	}
	if answer := found(authztest.Gone); !strings.HasPrefix(answer, "403") {
		t.Errorf("a search of Gone: %s", answer)
	}
	if answer := titles(authztest.Kept); !strings.HasPrefix(answer, "200") || !strings.Contains(answer, `"a"`) {
		t.Errorf("titles of Kept: %s", answer)
	}
}
