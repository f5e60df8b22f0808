package cassandrastore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// told asks for the changes since a token, and fails where the answer is not whole.
func told(t *testing.T, s *cassandrastore.Store, since string) (assets []string, next string) {
	t.Helper()
	c, err := s.Changes(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Whole && since != "" {
		t.Fatalf("the answer since %q is not whole", since)
	}
	slices.Sort(c.Assets)
	return c.Assets, c.Next
}

// A process that ends between a change and the telling leaves a row marked as untold. The next process at the row
// tells, once.
func TestWhatWasNotToldIsToldLater(t *testing.T) {
	cfg := config(t, t.Name())
	s := open(t, cfg, cassandrastore.Deps{})
	defer s.Close()
	ctx := t.Context()
	db, err := session(cfg.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	untold := func(what string) {
		t.Helper()
		if err := db.Query("UPDATE "+cfg.Keyspace+".runs SET told = "+what+" WHERE library = ? AND asset = 'a' AND kind = 1 AND name = 'r' IF EXISTS", cfg.Library).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	run := &pb.Run{Asset: "a", Id: "r", Algorithm: "shots", State: pb.RunState_RUN_STATE_REQUESTED}
	_, next := told(t, s, "")
	step := func(what string, want []string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var got []string
		if got, next = told(t, s, next); !slices.Equal(got, want) {
			t.Errorf("%s: %q are told, want %q", what, got, want)
		}
	}
	create := func() error { _, err := s.CreateRun(ctx, run); return err }
	step("created", []string{"a"}, create())
	untold("false")
	step("come upon by a creator", []string{"a"}, create())
	step("come upon again", nil, create())
	untold("null") // as written by an earlier release
	step("a record of an earlier release", nil, create())
	untold("false")
	stale := &pb.Run{Asset: "a", Id: "r", Algorithm: "shots", State: pb.RunState_RUN_STATE_FAILED, Epoch: 1}
	end := &pb.Run{Asset: "a", Id: "r", Algorithm: "shots", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 2}
	step("come upon by its end", []string{"a"}, s.FinishRun(ctx, end))
	step("its end again", nil, s.FinishRun(ctx, end))
	untold("false")
	if err := s.FinishRun(ctx, stale); err == nil {
		t.Error("an older epoch ended the run")
	}
	step("come upon by an end that is refused", []string{"a"}, nil)
	step("the refused end once more", nil, func() error { _ = s.FinishRun(ctx, stale); return nil }())
	if r, err := s.Run(ctx, "a", "r"); err != nil || r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetEpoch() != 2 {
		t.Errorf("the run is %v (%v)", r, err)
	}
}

// Services of an earlier release make the version grow without an entry. An answer over such a change is not whole.
func TestChangesOfEarlierRelease(t *testing.T) {
	cfg := config(t, t.Name())
	s := open(t, cfg, cassandrastore.Deps{})
	defer s.Close()
	ctx := t.Context()
	db, err := session(cfg.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, next := told(t, s, "")
	if err := s.PutAsset(ctx, &pb.Asset{Id: "new"}); err != nil {
		t.Fatal(err)
	}
	before, err := s.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Query("UPDATE "+cfg.Keyspace+".versions SET changes = changes + 1 WHERE library = ? AND name = 'library'", cfg.Library).Exec(); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Version(ctx); err != nil || v <= before {
		t.Errorf("version %d after %d (%v)", v, before, err)
	}
	c, err := s.Changes(ctx, next)
	if err != nil || c.Whole {
		t.Fatalf("over a change of an earlier release, the answer is %+v (%v), want one that is not whole", c, err)
	}
	if err := s.PutAsset(ctx, &pb.Asset{Id: "newer"}); err != nil {
		t.Fatal(err)
	}
	if assets, _ := told(t, s, c.Next); !slices.Contains(assets, "newer") {
		t.Errorf("%q are told", assets)
	}
}

// TestChangesOverClocks has the clocks of a writer and a reader drift apart as far as the skew allows: each change is told all the same,
// and told once.
func TestChangesOverClocks(t *testing.T) {
	cfg := config(t, t.Name())
	cfg.MaxClockSkew = 30 * time.Second
	var drift [2]time.Duration
	at := func(i int) *cassandrastore.Store {
		s := open(t, cfg, cassandrastore.Deps{Wall: func() time.Time { return time.Now().Add(drift[i]) }})
		t.Cleanup(func() { s.Close() })
		return s
	}
	writer, reader := at(0), at(1)
	for _, d := range [][2]time.Duration{{-25 * time.Second, 25 * time.Second}, {25 * time.Second, -25 * time.Second}} {
		drift = d
		_, next := told(t, reader, "")
		var assets []string
		for i := range 4 {
			id := fmt.Sprint(d[0], i)
			if err := writer.PutAsset(t.Context(), &pb.Asset{Id: id}); err != nil {
				t.Fatal(err)
			}
			if assets, next = told(t, reader, next); !slices.Contains(assets, id) || i > 0 && len(assets) != 1 {
				t.Errorf("the writer's clock is %s off and the reader's %s: %q are told, want %s", d[0], d[1], assets, id)
			}
		}
	}

	// Entries are kept for hours: a token from before is refused.
	drift = [2]time.Duration{}
	_, next := told(t, reader, "")
	drift[1] = 6 * time.Hour
	if c, err := reader.Changes(t.Context(), next); err != nil || c.Whole {
		t.Errorf("after six hours, the answer is %+v (%v), want one that is not whole", c, err)
	}
}
