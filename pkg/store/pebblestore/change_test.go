package pebblestore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

func changes(t *testing.T, s *pebblestore.Store, since string) store.Changes {
	t.Helper()
	c, err := s.Changes(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, s *pebblestore.Store, id string) {
	t.Helper()
	if err := s.PutAsset(t.Context(), &pb.Asset{Id: id}); err != nil {
		t.Fatal(err)
	}
}

// The log of changes is bounded: who asks too late is told to read the library anew.
func TestChangesAreTrimmed(t *testing.T) {
	s := open(t, config("/store"), pebblestore.Deps{FS: vfs.NewMem()})
	defer s.Close()
	const kept = 10
	s.KeepChanges(kept)
	first, recent := changes(t, s, "").Next, ""
	const n = pebblestore.TrimEvery + 3
	for i := range n {
		if i == n-kept {
			recent = changes(t, s, "").Next
		}
		put(t, s, fmt.Sprint(i))
	}
	if c := changes(t, s, first); c.Whole || len(c.Assets) > 0 {
		t.Errorf("of %d changes, %d are told, whole: %v; want none, since %d are kept", n, len(c.Assets), c.Whole, kept)
	}
	if c := changes(t, s, recent); !c.Whole || len(c.Assets) != kept {
		t.Errorf("of the last %d changes, %d are told, whole: %v", kept, len(c.Assets), c.Whole)
	}
}

// A folder of an earlier release has no log of changes, and gets a log in place.
func TestChangesOfEarlierRelease(t *testing.T) {
	cfg := config(t.TempDir())
	s := open(t, cfg, pebblestore.Deps{})
	put(t, s, "by this release")
	token := changes(t, s, "").Next
	put(t, s, "not remembered")
	if err := s.ForgetChangeLog(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg, pebblestore.Deps{})
	defer s.Close()
	if c := changes(t, s, token); c.Whole {
		t.Errorf("%q are told since a token of another log", c.Assets)
	}
	token = changes(t, s, "").Next
	put(t, s, "remembered")
	if c := changes(t, s, token); !c.Whole || !slices.Equal(c.Assets, []string{"remembered"}) {
		t.Errorf("%q are told, whole: %v", c.Assets, c.Whole)
	}
}

// A mended store may lack rows that its log of changes does not mention.
func TestChangesOfMendedStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, config(dir), pebblestore.Deps{})
	put(t, s, "a")
	token := changes(t, s, "").Next
	put(t, s, "b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damagedLog := func() string {
		logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatalf("the store has no log (%v)", err)
		}
		return logs[len(logs)-1]
	}()
	b, err := os.ReadFile(damagedLog)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(damagedLog, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := pebblestore.Salvage(t.Context(), config(dir), nil); err != nil || out.Aside == "" {
		t.Fatalf("salvaging: %+v, %v", out, err)
	}
	s = open(t, config(dir), pebblestore.Deps{})
	defer s.Close()
	put(t, s, "c")
	put(t, s, "d")
	if c := changes(t, s, token); c.Whole {
		t.Errorf("%q are told since a token from before the store was mended", c.Assets)
	}
}

// Changes of the library share a sync of the disk, like other writes: a backfill requests runs at the disk's full
// speed. The version becomes visible with the sync.
func TestChangesShareSyncs(t *testing.T) {
	fs := newFaulty()
	fs.FS = vfs.NewMem()
	s := open(t, config("/store"), pebblestore.Deps{FS: fs})
	defer s.Close()
	ctx := t.Context()
	before, err := s.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slow := make(chan struct{})
	fs.slow.Store(&slow)
	release := sync.OnceFunc(func() { fs.slow.Store(nil); close(slow) })
	defer release()
	const n = 50
	syncs := fs.syncs.Load()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if _, err := s.CreateRun(ctx, &pb.Run{Asset: fmt.Sprint(i), Id: "r"}); err != nil {
				t.Error(err)
			}
		})
	}
	there := 0
	until(t, "many runs to be in the log", func() bool {
		there = 0
		for _, err := range s.Inactive(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			there++
		}
		return there >= n/3 // some assets have a lock together
	})
	if v, err := s.Version(ctx); err != nil || v != before {
		t.Errorf("version %d (%v) while nothing is durable, before %d", v, err, before)
	}
	release()
	all.Wait()
	if v, err := s.Version(ctx); err != nil || v != before+n {
		t.Errorf("version %d (%v) after %d changes, before %d", v, err, n, before)
	}
	// The sync under way covers some of the runs in the log, and the next sync covers all of them. Each later run may come alone.
	if took, most := fs.syncs.Load()-syncs, int64(2+n-there); took > most {
		t.Errorf("%d syncs, want at most %d: %d of %d runs were in the log during the first sync", took, most, there, n)
	}
}
