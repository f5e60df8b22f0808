package cedar_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/cedar"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// tokens recognises callers by their names.
type tokens map[string]*authz.Caller

func (k tokens) Authorise(_ context.Context, token string) (*authz.Caller, error) {
	if c := k[token]; c != nil {
		return c, nil
	}
	return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
}

// A desk is a pair of files whose clock is set by hand.
type desk struct {
	*cedar.Authoriser
	t   *testing.T
	cfg cedar.Config
	now time.Time
	log bytes.Buffer
}

func newDesk(t *testing.T, policies, entities string, next authz.Authoriser) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, cfg: cedar.Config{Policies: filepath.Join(dir, "policies.cedar"), Entities: filepath.Join(dir, "entities.json")}, now: time.Unix(1_800_000_000, 0)}
	d.write(d.cfg.Policies, policies)
	d.write(d.cfg.Entities, entities)
	var err error
	d.Authoriser, err = cedar.Open(d.cfg, next, cedar.Deps{Now: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) write(path, content string) {
	d.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// sees returns the titles of a caller, or the kind of the refusal.
func (d *desk) sees(name string) string {
	c, err := d.Authorise(d.t.Context(), name)
	switch {
	case errkind.Is(err, errkind.Denied):
		return "denied"
	case err != nil:
		return err.Error()
	}
	return strings.Join(c.Titles(), " ")
}

func (d *desk) want(name, titles string) {
	d.t.Helper()
	if got := d.sees(name); got != titles {
		d.t.Errorf("%s sees %q, want %q", name, got, titles)
	}
}

func title(id, attrs string) string {
	return fmt.Sprintf(`{"uid": {"type": "Title", "id": %q}, "parents": [], "attrs": {%s}}`, id, attrs)
}

func list(entities ...string) string { return "[\n" + strings.Join(entities, ",\n") + "\n]\n" }

// block returns the first block of the guide in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/guides/signing-in.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(b)
	if m == nil {
		t.Fatalf("the guide has no block of %s", language)
	}
	return string(m[1])
}

// The policies of the guide do as the guide says.
func TestGuide(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(file, []byte("tokens: []\ngroups:\n  - {name: editors, titles: ['*'], roles: [operator]}\n  - {name: dubbing-studio, titles: ['*']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := authz.OpenFile(file, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	editor, err := f.Members("oidc:ann", []string{"editors"})
	if err != nil {
		t.Fatal(err)
	}
	dubber, err := f.Members("oidc:bob", []string{"dubbing-studio"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, block(t, "cedar"), block(t, "json"), tokens{
		"editor": editor, "dubber": dubber,
		"berlin":   authz.NewCaller("berlin", []string{"*"}, authz.Batch),
		"listed":   authz.NewCaller("berlin", []string{"harbour-2", "harbour-3", "the-mountain"}),
		"stranger": authz.NewCaller("stranger", []string{"*"}, authz.Operator),
	})
	d.want("editor", "*")
	d.want("dubber", "denied") // without a territory
	d.want("berlin", "harbour-1")
	d.want("listed", "denied")
	d.want("stranger", "denied")
	d.want("nobody", "the token is not known")
	c, err := d.Authorise(t.Context(), "berlin")
	if err != nil || c.Require(authz.Batch) != nil || c.Require(authz.Operator) == nil || c.SeesAll() || c.MaySee("undescribed") {
		t.Errorf("%v, %v", c.Titles(), err)
	}
	if c, err := d.Authorise(t.Context(), "editor"); err != nil || c.Require(authz.Operator) != nil || !c.MaySee("undescribed") || c.Key() != "*" {
		t.Errorf("an editor: %v, %v", c.Titles(), err)
	}
}

// Every title is for callers of whom no described title is hidden, and policies do not widen the file of tokens.
func TestEveryTitle(t *testing.T) {
	next := tokens{"all": authz.NewCaller("all", []string{"*"}, authz.Operator), "a": authz.NewCaller("a", []string{"a"})}
	entities := list(title("a", ""), title("b", `"secret": true`))
	for policies, want := range map[string][2]string{
		`permit (principal, action, resource);`:                                                               {"*", "a"},
		`permit (principal, action == Action::"see", resource);`:                                              {"a b", "a"},
		`permit (principal, action, resource); forbid (principal, action, resource == Title::"b");`:           {"a", "a"},
		`permit (principal, action, resource) when { resource has secret };`:                                  {"b", "denied"},
		`permit (principal, action == Action::"seeAll", resource);`:                                           {"denied", "denied"},
		`permit (principal, action, resource); forbid (principal, action, resource is Title);`:                {"denied", "denied"},
		`permit (principal, action, resource) when { principal.roles.contains("operator") };`:                 {"*", "denied"},
		`permit (principal, action, resource) unless { resource.secret };`:                                    {"denied", "denied"},
		`permit (principal, action, resource); forbid (principal, action, resource) when {resource.secret};`:  {"denied", "denied"},
		`permit (principal == Caller::"a", action, resource);`:                                                {"denied", "a"},
		`permit (principal, action, resource); forbid (principal is Caller, action, resource is Library);`:    {"a b", "a"},
		`forbid (principal, action, resource);`:                                                               {"denied", "denied"},
		`permit (principal, action in [Action::"see", Action::"seeAll"], resource) when {resource like "a"};`: {"denied", "denied"},
	} {
		d := newDesk(t, policies, entities, next)
		if got := [2]string{d.sees("all"), d.sees("a")}; got != want {
			t.Errorf("%s: %q, want %q", policies, got, want)
		}
	}
	d := newDesk(t, "permit (principal, action, resource);\nforbid (principal, action, resource) when {resource.secret};", entities, next)
	d.want("a", "denied")
	if !strings.Contains(d.log.String(), "policies.cedar:2") {
		t.Errorf("the log does not name the policy: %s", d.log.String())
	}
}

// A policy is taken away, and the next call after Within is refused. A change of entities counts as well.
func TestRevocation(t *testing.T) {
	next := tokens{"ann": authz.NewCaller("ann", []string{"*"}), "ben": authz.NewCaller("ben", []string{"*"})}
	ann, ben := `permit (principal == Caller::"ann", action, resource) when { resource.open };`, "\n"+`permit (principal == Caller::"ben", action == Action::"see", resource);`
	entities := list(title("a", `"open": true`), title("b", `"open": true`))
	d := newDesk(t, ann+ben, entities, next)
	d.want("ann", "a b")
	before, err := d.Authorise(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(time.Second)
	again, err := d.Authorise(t.Context(), "ann")
	if err != nil || again != before {
		t.Error("a caller was decided about anew without a change")
	}
	d.write(d.cfg.Entities, list(title("a", `"open": true`), title("b", `"open": false`)))
	d.now = d.now.Add(cedar.Within)
	d.want("ann", "a")
	now, err := d.Authorise(t.Context(), "ann")
	if err != nil || now.Same(before) || now.Key() == before.Key() || !before.MaySee("b") {
		t.Error("a caller with other titles must be another caller with another key")
	}
	d.write(d.cfg.Policies, ben)
	d.now = d.now.Add(cedar.Within)
	d.want("ann", "denied")
	d.want("ben", "a b")
	d.write(d.cfg.Policies, ann)
	d.now = d.now.Add(cedar.Within)
	d.want("ann", "a")
	d.want("ben", "denied")
	if d.Ready() != nil || strings.Contains(d.log.String(), "level=ERROR") {
		t.Error(d.log.String())
	}
}

// An invalid file leaves the last valid files in force, is told once in the log, and makes the reader not ready until the file is right.
func TestBroken(t *testing.T) {
	next := tokens{"ann": authz.NewCaller("ann", []string{"*"})}
	good := `permit (principal, action == Action::"see", resource);`
	for name, spoil := range map[string]func(d *desk){
		"no policy":        func(d *desk) { d.write(d.cfg.Policies, "// none\n") },
		"half a policy":    func(d *desk) { d.write(d.cfg.Policies, good+"\nforbid (principal") },
		"half an entity":   func(d *desk) { d.write(d.cfg.Entities, "[\n"+title("a", "")[:20]) },
		"a missing file":   func(d *desk) { _ = os.Remove(d.cfg.Policies) },
		"a file too large": func(d *desk) { d.write(d.cfg.Policies, good+strings.Repeat(" ", 1<<20)) },
	} {
		d := newDesk(t, good, list(title("a", "")), next)
		d.want("ann", "a")
		spoil(d)
		for range 20 {
			d.now = d.now.Add(cedar.Within)
			d.want("ann", "a")
		}
		if err := d.Ready(); !errkind.Is(err, errkind.Unavailable) || !strings.Contains(err.Error(), filepath.Dir(d.cfg.Policies)) {
			t.Errorf("%s: readiness: %v", name, err)
		}
		if n := strings.Count(d.log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%s: %d lines: %s", name, n, d.log.String())
		}
		d.write(d.cfg.Policies, good+"\n"+`forbid (principal, action, resource == Title::"a");`)
		d.write(d.cfg.Entities, list(title("a", ""), title("b", "")))
		d.now = d.now.Add(cedar.Within)
		d.want("ann", "b")
		if err := d.Ready(); err != nil {
			t.Errorf("%s: readiness of right files: %v", name, err)
		}
	}
}

// Faults name the file, the line and the way out.
func TestFaults(t *testing.T) {
	good, described := "permit (principal, action, resource);", list(title("a", ""))
	for _, c := range []struct{ policies, entities, want string }{
		{"permit (principal, action, resource);\n\npermit (all);", described, "policies.cedar:3"},
		{"", described, "holds no policy; write forbid"},
		{good + "\n" + `forbid (principal, action == Action::"view", resource);`, described, `policies.cedar:2: the action Action::"view" does not exist; want Action::"see"`},
		{`forbid (principal, action in [Action::"see", Action::"View"], resource);`, described, `policies.cedar:1: the action Action::"View"`},
		{`forbid (principal == User::"ann", action, resource);`, described, `policies.cedar:1: the type User does not fit there; want one of ["Caller"]`},
		{`forbid (principal in Role::"x", action, resource);`, described, `the type Role does not fit there; want one of ["Caller" "Group"]`},
		{`forbid (principal, action, resource is Film);`, described, `the type Film does not fit there; want one of ["Title" "Library"]`},
		{good, "{}", "entities.json:1: want a list of entities"},
		{good, list(title("a", ""), title("a", "")), `entities.json:3: Title::"a" is described twice`},
		{good, list(title("a", ""), `{"uid": 7}`), "entities.json:3: entity 2"},
		{good, list(title("a", ""), title("*", "")), "entities.json:3"},
		{good, "[" + title("a", ""), "entities.json:1"},
		{good, described + "\n[]", "there is more behind the list"},
	} {
		dir := t.TempDir()
		cfg := cedar.Config{Policies: filepath.Join(dir, "policies.cedar"), Entities: filepath.Join(dir, "entities.json")}
		for path, content := range map[string]string{cfg.Policies: c.policies, cfg.Entities: c.entities} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := cedar.Open(cfg, tokens{}, cedar.Deps{}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %q", c.policies, c.entities, err, c.want)
		}
	}
	if _, err := cedar.Open(cedar.Config{Policies: "nowhere/p", Entities: "nowhere/e"}, tokens{}, cedar.Deps{}); err == nil || !strings.Contains(err.Error(), "nowhere/p") {
		t.Error(err)
	}
}

// Policies over 100,000 titles are evaluated once for a caller. Later calls cost a look at a map, and callers with the same titles share them.
func TestOnce(t *testing.T) {
	const n = 100_000
	entities := make([]string, n)
	for i := range entities {
		entities[i] = title(fmt.Sprint("t", i), fmt.Sprintf(`"open": %v`, i%10 > 0))
	}
	next := tokens{}
	for _, name := range []string{"ann", "ben"} {
		next[name] = authz.NewCaller(name, []string{"*"})
	}
	d := newDesk(t, `permit (principal, action == Action::"see", resource) when { resource.open };`, list(entities...), next)
	began := time.Now()
	first, err := d.Authorise(t.Context(), "ann")
	once := time.Since(began)
	if err != nil || len(first.Titles()) != n*9/10 || first.MaySee("t10") || !first.MaySee("t11") {
		t.Fatalf("%d titles, %v", len(first.Titles()), err)
	}
	began = time.Now()
	for range 1000 {
		if c, err := d.Authorise(t.Context(), "ann"); err != nil || c != first {
			t.Fatal("decided again", err)
		}
	}
	later := time.Since(began) / 1000
	t.Logf("100,000 titles: %v once, %v with each later call", once, later)
	if later > once/20 {
		t.Errorf("a later call takes %v, the first %v", later, once)
	}
	other, err := d.Authorise(t.Context(), "ben")
	if err != nil || other == first || other.Name() != "ben" || other.Key() != first.Key() || !slices.Equal(other.Titles(), first.Titles()) {
		t.Error("ben has other titles than ann", err)
	}
}

// A call does not wait for a look that is merely due, and a change counts for a caller who asks all the time.
func TestLooksBesideCalls(t *testing.T) {
	dir := t.TempDir()
	cfg := cedar.Config{Policies: filepath.Join(dir, "policies.cedar"), Entities: filepath.Join(dir, "entities.json")}
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cfg.Policies, `permit (principal, action == Action::"see", resource);`)
	write(cfg.Entities, list(title("a", "")))
	a, err := cedar.Open(cfg, tokens{"ann": authz.NewCaller("ann", []string{"*"})}, cedar.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	write(cfg.Policies, `forbid (principal, action, resource);`)
	changed := time.Now()
	for {
		began := time.Now()
		if _, err := a.Authorise(t.Context(), "ann"); errkind.Is(err, errkind.Denied) {
			return
		}
		if began.Sub(changed) > cedar.Within {
			t.Fatalf("a call %v after the change is admitted", began.Sub(changed))
		}
		runtime.Gosched()
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []cedar.Config{{Policies: "p"}, {Entities: "e"}} {
		if err := c.Validate(); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []cedar.Config{{}, {Policies: "p", Entities: "e"}} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}
