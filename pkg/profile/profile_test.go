package profile_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
)

func parse(t *testing.T, lines ...string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse([]byte(strings.Join(append([]string{"name: p", "version: 1"}, lines...), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFaultsAreNamed(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "the file is empty"},
		{"name: p\nversion: 1\nweights: {look: 2}", "field weights not found"},
		{"name: P\nversion: 1", "name: "},
		{"name: p", "version: 0 is not from 1"},
		{"name: p\nversion: 1\norder: size", "order: "},
		{"name: p\nversion: 1\ngroup: series", "group: hits are not grouped by \"series\"; write title"},
		{"name: p\nversion: 1\nfusion: best", "fusion: \"best\" is none of rank, weighted, max"},
		{"name: p\nversion: 1\nlanguages: [de, klingon!]", "languages[1]: "},
		{"name: p\nversion: 1\nlanguages: [" + strings.Repeat("en, ", 17) + "]", "languages: 17 are more than the 16 allowed"},
		{"name: p\nversion: 1\nlimit: 60\nmax_limit: 50", "limit: 60 is not from 1 to 50"},
		{"name: p\nversion: 1\nleaves: {look: 0}", "leaves.look: "},
		{"name: p\nversion: 1\nleaves: {look: .nan}", "leaves.look: "},
		{"name: p\nversion: 1\nfilter: {languages: [klingon!]}", "filter.languages[0]: "},
		{"name: p\nversion: 1\nfilter: {min_confidence: 2}", "filter.min_confidence: "},
		{"name: p\nversion: 1\nfields: [title, colour]", "fields[1]: a hit has no field \"colour\""},
		{"name: p\nversion: 1\nvariety: {apart: 2h}", "variety.apart: "},
		{"name: p\nversion: 1\nsplit: {profile: q, share: 1}", "split.share: "},
		{"name: p\nversion: 1\n---\nname: q\nversion: 1", "more than one document"},
		{"name: p\nversion: 1\nabout: " + strings.Repeat("x", profile.MaxBytes), "more than the 65536 allowed"},
	} {
		_, err := profile.Parse([]byte(c.file))
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%.60q: %v, want Invalid with %q", c.file, err, c.want)
		}
	}
}

func TestScore(t *testing.T) {
	in := &profile.Inputs{Score: 2, Confidence: 0.5, StartMS: 1000, EndMS: 3000, DurationMS: 2000, Title: "bbb", Kind: "dialogue", Language: "en", Leaves: map[string]float64{"look": 0.7}}
	for expression, want := range map[string]float64{
		"score": 2,
		"3":     3,
		"score * (duration_ms < 4000 ? 1.5 : 1.0)":              3,
		"'look' in leaves ? leaves['look'] : 0.0":               0.7,
		"language == 'en' && kind != 'shot' ? confidence : 0.0": 0.5,
		"title.startsWith('b') ? 1 : 2":                         1,
	} {
		s, err := profile.Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := s.Of(in); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", expression, got, err, want)
		}
	}
}

// TestScoreIsRefused: an expression that could take long, or gives no number, is refused quickly and when the file is loaded.
func TestScoreIsRefused(t *testing.T) {
	for _, expression := range []string{
		"", "score +", "colour", "title", "score > 1.0", strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100),
		"[1, 2, 3].all(x, x > 0) ? 1 : 2",
		"leaves.map(l, leaves.map(m, leaves.map(n, l + m + n))).size()",
		"title.matches('(a|b)*') ? 1 : 2 + " + strings.TrimSuffix(strings.Repeat("(title.matches('(a|b)*') ? 1 : 2) + ", 50), " + "),
		strings.Repeat("1 + ", profile.MaxExpression/4) + "1",
	} {
		begun := time.Now()
		_, err := profile.Compile(expression)
		if !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%.40q: %v, want Invalid", expression, err)
		}
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("%.40q: refused after %s", expression, took)
		}
	}
	s, err := profile.Compile("leaves['look']")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of(&profile.Inputs{}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a leaf without evidence: %v, want Invalid", err)
	}
	s, err = profile.Compile("1.0 / (score - score)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Of(&profile.Inputs{Score: 1}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("an endless score: %v, want Invalid", err)
	}
}

// TestExamples: the profiles that come with Cinedex are valid.
func TestExamples(t *testing.T) {
	ps, err := profile.Load("../../config/profiles", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(ps.All()) < 2 {
		t.Errorf("%d profiles", len(ps.All()))
	}
}

func TestLimits(t *testing.T) {
	p := parse(t, "limit: 12", "max_limit: 50")
	for asked, want := range map[int32]int32{0: 12, 1: 1, 50: 50} {
		if got, err := p.LimitOf(asked); err != nil || got != want {
			t.Errorf("%d: %d, %v, want %d", asked, got, err, want)
		}
	}
	if _, err := p.LimitOf(51); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("51: %v", err)
	}
}

func write(t *testing.T, dir, name, file string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "name: a\nversion: 1\nlimit: 5\nsplit: {profile: b, share: 0.25}")
	write(t, dir, "b.yaml", "name: b\nversion: 7")
	write(t, dir, "README.md", "no profile")
	ps, err := profile.Load(dir, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]int{}
	for i := range 10_000 {
		caller := fmt.Sprint("caller-", i)
		p, err := ps.Get("a", caller)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ps.Get("a", caller); err != nil || again != p {
			t.Fatalf("%s got %s and then %s", caller, p.ID(), again.ID())
		}
		given[p.ID()]++
	}
	if n := given["b@7"]; n < 2300 || n > 2700 || given["a@1"] != 10_000-n {
		t.Errorf("a share of 0.25 of 10000 callers: %v", given)
	}
	if _, err := ps.Get("c", "x"); !errkind.Is(err, errkind.NotFound) || !strings.Contains(err.Error(), "there are a, b") {
		t.Errorf("an unknown profile: %v", err)
	}

	for _, c := range []struct{ file, fault string }{
		{"name: a\nversion: 1\nlimit: 6", "has not grown; write version: 2"},
		{"name: a\nversion: 2\nlimit: many", "a.yaml: "},
		{"name: b\nversion: 8", "must be called b.yaml"},
		{"name: a\nversion: 2\nsplit: {profile: c, share: 0.5}", "there is no profile c"},
	} {
		write(t, dir, "a.yaml", c.file)
		ps.Reload()
		if err := ps.Fault(); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %v, want Invalid with %q", c.file, err, c.fault)
		}
		if all := ps.All(); len(all) != 2 || all[0].ID() != "a@1" || all[0].Limit != 5 {
			t.Errorf("%q: the earlier profiles did not stay: %v", c.file, all)
		}
	}
	write(t, dir, "a.yaml", "name: a\nversion: 2\nlimit: 6")
	ps.Reload()
	if err := ps.Fault(); err != nil {
		t.Error(err)
	}
	if p, err := ps.Get("a", "x"); err != nil || p.Version != 2 || p.Limit != 6 {
		t.Errorf("after the mend: %v, %v", p, err)
	}
}

func TestDiff(t *testing.T) {
	a := parse(t, "leaves: {look: 2, dialogue: 1}", "variety: {per_title: 2}")
	b, err := profile.Parse([]byte("name: p\nversion: 2\nleaves: {look: 3, dialogue: 1}\nfilter: {languages: [en, de]}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := []profile.Change{{"version", "1", "2"}, {"leaves.look", "2", "3"}, {"variety.per_title", "2", ""}, {"filter.languages", "", "en, de"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
