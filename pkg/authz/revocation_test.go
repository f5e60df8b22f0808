package authz_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/authztest"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// A desk is a file of tokens whose clock is set by hand.
type desk struct {
	*authz.File
	path string
	now  time.Time
	log  bytes.Buffer
	reg  *prometheus.Registry
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{now: time.Unix(1_800_000_000, 0), reg: prometheus.NewRegistry()}
	var err error
	if d.path, err = authztest.Start(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	d.File, err = authz.OpenFile(d.path, authz.Deps{Now: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Registerer: d.reg})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) metric(t *testing.T, name string) float64 {
	t.Helper()
	all, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == name {
			return m.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// lost reports whether Gone has lost a right.
func (d *desk) lost(t *testing.T, right authztest.Right) bool {
	t.Helper()
	c, err := d.Authorise(t.Context(), authztest.Gone)
	if err != nil && !errkind.Is(err, errkind.Unauthenticated) && !errkind.Is(err, errkind.Denied) {
		t.Fatal(err)
	}
	switch right {
	case authztest.Operating:
		return err == nil && c.Require(authz.Operator) != nil && c.MaySee("b")
	case authztest.TitleB:
		return err == nil && !c.MaySee("b") && c.MaySee("a")
	}
	return err != nil
}

func (d *desk) keeps(t *testing.T) bool {
	t.Helper()
	_, err := d.Authorise(t.Context(), authztest.Kept)
	return err == nil
}

// However a token is taken away, the token is refused in time, other tokens are admitted, and an invalid file is
// reported.
func TestRevocation(t *testing.T) {
	for _, r := range authztest.Revocations() {
		t.Run(r.Name, func(t *testing.T) {
			d := newDesk(t)
			if d.lost(t, r.Loses) || !d.keeps(t) || d.Ready() != nil {
				t.Fatal("wrong before anything was changed")
			}
			step := func() { d.now = d.now.Add(50 * time.Millisecond) }
			if err := r.Do(d.path, func() {
				for range 40 {
					step()
					_ = d.keeps(t)
				}
			}); err != nil {
				t.Fatal(err)
			}
			began := d.now
			for !d.lost(t, r.Loses) {
				if step(); d.now.Sub(began) > 2*time.Second {
					t.Fatalf("Gone has %s after two seconds", r.Loses)
				}
			}
			if took := d.now.Sub(began); took > authz.RevokedWithin {
				t.Errorf("took %v, more than the %v promised", took, authz.RevokedWithin)
			}
			if d.keeps(t) != r.Keeps {
				t.Errorf("Kept is let in: %v, want %v", !r.Keeps, r.Keeps)
			}
			if err := d.Ready(); (err != nil) != r.Broken || err != nil && !strings.Contains(err.Error(), d.path) {
				t.Errorf("readiness: %v", err)
			}
			if broken := d.metric(t, "cinedex_tokens_broken") == 1; broken != r.Broken {
				t.Errorf("cinedex_tokens_broken: %v, want %v", broken, r.Broken)
			}
			for range 100 { // asked for long after, and told once
				d.now = d.now.Add(time.Second)
				if !d.lost(t, r.Loses) || d.keeps(t) != r.Keeps {
					t.Fatal("it does not last")
				}
			}
			if n := strings.Count(d.log.String(), "level=ERROR"); r.Broken && n == 0 || !r.Broken && n > 0 || n > 2 {
				t.Errorf("%d lines: %s", n, d.log.String())
			}
		})
	}
}

// The first caller long after the change is refused at once.
func TestRevocationIsSeenByTheFirstWhoCome(t *testing.T) {
	for _, r := range authztest.Revocations() {
		d := newDesk(t)
		if err := r.Do(d.path, func() {}); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(2 * time.Second)
		if !d.lost(t, r.Loses) {
			t.Errorf("%s: let in", r.Name)
		}
	}
}

// An editor that saves in two steps shuts no caller out, and neither does a mistake in another entry. A corrected file
// counts at once.
func TestMistakesLockNobodyOut(t *testing.T) {
	d := newDesk(t)
	right, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(d.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tick := func() {
		t.Helper()
		d.now = d.now.Add(450 * time.Millisecond)
		if d.lost(t, authztest.Everything) || !d.keeps(t) {
			t.Fatal("locked out")
		}
	}
	tick()
	write("")
	tick()
	write(string(right))
	tick()
	write(string(right) + "  - name: new\n    sha256: half\n")
	for range 10 {
		tick()
	}
	if err := d.Ready(); !errkind.Is(err, errkind.Unavailable) || !strings.Contains(err.Error(), "0 of 3 tokens are refused") || !strings.Contains(err.Error(), "tokens[3].sha256") {
		t.Errorf("readiness: %v", err)
	}
	// An invalid file does not admit a token absent from every valid file.
	write(string(right) + "  - name: new\n    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n    titles: ['*']\nrubbish\n")
	tick()
	if _, err := d.Authorise(t.Context(), "test"); !errkind.Is(err, errkind.Unauthenticated) {
		t.Errorf("a new token of a wrong file: %v", err)
	}
	write(string(right))
	tick()
	if err := d.Ready(); err != nil {
		t.Errorf("readiness: %v", err)
	}
	if d.metric(t, "cinedex_tokens_accepted") != 3 {
		t.Error("not all are accepted")
	}
}

func TestSecretsAreWrittenWhole(t *testing.T) {
	path := t.TempDir() + "/token"
	for _, content := range []string{"one", "two"} {
		if err := authz.WriteSecret(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(b) != content || info.Mode().Perm() != 0o600 {
			t.Errorf("%q, %v, %v", b, info.Mode(), err)
		}
	}
	if err := authz.WriteSecret(path+"/below/a/file", nil); err == nil {
		t.Error("written into nowhere")
	}
}
