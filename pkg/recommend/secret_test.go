package recommend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/recommend"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func TestSearchNamesTheAnswer(t *testing.T) {
	s := recommend.Secret(strings.Repeat("s", 32))
	hits := []*pb.Hit{{Asset: "a", Start: 1, End: 2}, {Asset: "b", Start: 3, End: 4}}
	id := s.Search("ann", "coffee", hits)
	if again := s.Search("ann", "coffee", hits); again != id {
		t.Errorf("the same answer has the names %q and %q", id, again)
	}
	q, has, err := s.Open("ann", id)
	if err != nil || q != "coffee" {
		t.Fatalf("opened %q, %v", q, err)
	}
	for _, c := range []struct {
		m    *pb.PickedMoment
		want bool
	}{{&pb.PickedMoment{Asset: "a", Start: 1, End: 2}, true}, {&pb.PickedMoment{Asset: "b", Start: 3, End: 4}, true}, {&pb.PickedMoment{Asset: "a", Start: 3, End: 4}, false}, {&pb.PickedMoment{}, false}} {
		if got := has(c.m); got != c.want {
			t.Errorf("has %v: %v, want %v", c.m, got, c.want)
		}
	}
	for what, open := range map[string]func() error{
		"another person":  func() error { _, _, err := s.Open("ben", id); return err },
		"another secret":  func() error { _, _, err := recommend.Secret(strings.Repeat("o", 32)).Open("ann", id); return err },
		"nothing":         func() error { _, _, err := s.Open("ann", ""); return err },
		"too long":        func() error { _, _, err := s.Open("ann", strings.Repeat("A", 1<<20)); return err },
		"the end cut off": func() error { _, _, err := s.Open("ann", id[:len(id)-8]); return err },
		"another letter":  func() error { _, _, err := s.Open("ann", id[:40]+"x"+id[41:]); return err },
	} {
		if err := open(); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v, want Invalid", what, err)
		}
	}
	if id := s.Search("ann", strings.Repeat("q", recommend.MaxQuery+1), nil); id != "" {
		t.Errorf("a long query has the name %q", id)
	}
	if a, b := s.Person("ann"), recommend.Secret(strings.Repeat("o", 32)).Person("ann"); a == b || strings.Contains(a, "ann") || a != s.Person("ann") {
		t.Errorf("ann is %q with one secret, and %q with another", a, b)
	}
}

// TestOpenNeverPanics: a search from outside is any text.
func TestOpenNeverPanics(t *testing.T) {
	s := recommend.Secret(strings.Repeat("s", 32))
	rapid.Check(t, func(t *rapid.T) {
		if _, _, err := s.Open("ann", rapid.StringMatching(`[A-Za-z0-9_-]{0,120}`).Draw(t, "search")); err == nil {
			t.Fatal("taken")
		}
	})
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := recommend.ReadSecret(path); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("no file: %v", err)
	}
	for body, want := range map[string]bool{"short": false, strings.Repeat("x", 31): false, recommend.NewSecret(): true} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := recommend.ReadSecret(path); (err == nil) != want {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
}
