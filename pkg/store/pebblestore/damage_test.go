package pebblestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

func openAt(dir string) (*pebblestore.Store, error) {
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = dir, 0
	return pebblestore.Open(cfg, pebblestore.Deps{})
}

// written is a store with rows in its tables and in its log, closed or in the state after a crash, and the store's
// dump.
func written(t *testing.T, crashed bool) (dir, dump string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "store")
	for part := range 2 { // the rows of the first session are in tables once the second session has opened the store
		s, err := openAt(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			run := fmt.Sprintf("run-%d-%d", part, i)
			batch := store.Batch{Asset: "asset", Run: run, Epoch: 1}
			for n := range 20 {
				batch.Annotations = append(batch.Annotations, &pb.Annotation{Asset: "asset", Run: run, Ordinal: int64(n), Text: strings.Repeat(run+" ", 5)})
			}
			if err := s.WriteBatches(t.Context(), []store.Batch{batch}); err != nil {
				t.Fatal(err)
			}
		}
		dump = dumpOf(t, s)
		if crashed && part == 1 {
			kept := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			dir = kept
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir, dump
}

func dumpOf(t *testing.T, s *pebblestore.Store) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// changed changes the last file of a pattern, and returns its path.
func changed(t *testing.T, dir, pattern string, do func([]byte) []byte) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	path := paths[len(paths)-1]
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, do(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func flipAt(part float64) func([]byte) []byte {
	return func(b []byte) []byte { b[int(part*float64(len(b)-1))] ^= 16; return b }
}

func cutAt(part float64) func([]byte) []byte {
	return func(b []byte) []byte { return b[:int(part*float64(len(b)))] }
}

// TestDamageIsTold damages the files in which Pebble takes damage for a torn end: opening names the file. The result of
// Salvage opens, and holds only rows of the store.
func TestDamageIsTold(t *testing.T) {
	for _, c := range []struct {
		file    string
		crashed bool
		do      func([]byte) []byte
	}{
		{"*.log", true, flipAt(0.2)}, {"*.log", true, flipAt(0.9)}, {"*.log", true, flipAt(0.0)}, {"MANIFEST-*", true, flipAt(0.5)}, {"MANIFEST-*", true, flipAt(0.99)},
		{"*.log", false, flipAt(0.2)}, {"*.log", false, flipAt(1)}, {"*.log", false, cutAt(0.5)}, {"*.log", false, cutAt(0)},
		{"MANIFEST-*", false, flipAt(0.3)}, {"MANIFEST-*", false, cutAt(0.9)}, {"*.sst", false, cutAt(0.9)},
	} {
		t.Run(fmt.Sprint(c.file, " crashed ", c.crashed), func(t *testing.T) {
			dir, dump := written(t, c.crashed)
			path := changed(t, dir, c.file, c.do)
			s, err := openAt(dir)
			if err == nil {
				_ = s.Close()
			}
			if errkind.Of(err) != errkind.Internal || !strings.Contains(err.Error(), filepath.Base(path)) || !strings.Contains(err.Error(), "`cinedex rebuild store`") {
				t.Fatalf("opening a store with damage in %s: %v", path, err)
			}
			salvaged(t, dir, dump)
		})
	}
}

// salvaged salvages a store, and checks that the result holds only rows of the store.
func salvaged(t *testing.T, dir, dump string) pebblestore.Salvaged {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = dir, 0
	got, err := pebblestore.Salvage(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil || got.Aside == "" || len(got.Damage) == 0 {
		t.Fatalf("salvaging: %+v, %v", got, err)
	}
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	had := map[string]bool{}
	for line := range strings.Lines(dump) {
		had[line] = true
	}
	for line := range strings.Lines(dumpOf(t, s)) {
		if !had[line] {
			t.Errorf("a row that was never written: %s", line)
		}
	}
	return got
}

// A read meets the damage of a table: the read fails and names the table, and the store is not ready from then on. Rows
// on both sides of the damaged block are salvaged.
func TestDamagedTable(t *testing.T) {
	dir, dump := written(t, false)
	path := changed(t, dir, "*.sst", flipAt(0.3))
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Dump(t.Context(), &bytes.Buffer{})
	if errkind.Of(err) != errkind.Internal || !strings.Contains(err.Error(), filepath.Base(path)) || !strings.Contains(err.Error(), "`cinedex rebuild store`") {
		t.Errorf("reading: %v", err)
	}
	if err := s.Ready(t.Context()); !strings.Contains(fmt.Sprint(err), filepath.Base(path)) {
		t.Errorf("ready: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := salvaged(t, dir, dump); got.Rows < 800 {
		t.Errorf("salvaged %d rows of 1600", got.Rows)
	}
}

// Harmless changes are no damage: a crash, the settings of Pebble, and a torn end after a crash, which is reported.
func TestNoDamage(t *testing.T) {
	dir, dump := written(t, true)
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	if dumpOf(t, s) != dump {
		t.Error("a crash changed what is held")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	changed(t, dir, "OPTIONS-*", flipAt(0.5))
	if s, err = openAt(dir); err != nil {
		t.Fatal(err)
	}
	if dumpOf(t, s) != dump {
		t.Error("damaged settings changed what is held")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	changed(t, dir, "CLOSED", flipAt(0.5))
	if s, err = openAt(dir); err != nil {
		t.Fatal(err)
	}
	if dumpOf(t, s) != dump {
		t.Error("a damaged seal changed what is held")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	dir, _ = written(t, true)
	path := changed(t, dir, "*.log", func(b []byte) []byte { return b[:len(b)-10] })
	var said bytes.Buffer
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = dir, 0
	if s, err = pebblestore.Open(cfg, pebblestore.Deps{Log: slog.New(slog.NewTextHandler(&said, nil))}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(said.String(), filepath.Base(path)) || !strings.Contains(said.String(), "cinedex verify --log") {
		t.Errorf("a torn end is not told: %s", said.String())
	}
}

// Damage of the first log of a store is reported as well. A harmless crash is not reported as damage.
func TestFirstLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		run := fmt.Sprintf("run-%d", i)
		batch := store.Batch{Asset: "asset", Run: run, Epoch: 1, Annotations: []*pb.Annotation{{Asset: "asset", Run: run, Text: strings.Repeat(run, 20)}}}
		if err := s.WriteBatches(t.Context(), []store.Batch{batch}); err != nil {
			t.Fatal(err)
		}
	}
	dump := dumpOf(t, s)
	crashed := []string{filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "damaged")}
	for _, to := range crashed {
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	var said bytes.Buffer
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = crashed[0], 0
	if s, err = pebblestore.Open(cfg, pebblestore.Deps{Log: slog.New(slog.NewTextHandler(&said, nil))}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if dumpOf(t, s) != dump || strings.Contains(said.String(), "cut off") {
		t.Errorf("a crash of a new store: %s", said.String())
	}

	changed(t, crashed[1], "*.log", flipAt(0.5))
	if s, err := openAt(crashed[1]); errkind.Of(err) != errkind.Internal {
		t.Errorf("a record in the middle of a new store's log was damaged, and opening says %v", err)
		if err == nil {
			s.Close()
		}
	}
}

// A release without seals leaves the seal in place, and writes the store. A manifest out of use may hold anything.
func TestWhatOthersLeave(t *testing.T) {
	dir, _ := written(t, false)
	seal, err := os.ReadFile(filepath.Join(dir, "CLOSED"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	batch := store.Batch{Asset: "asset", Run: "later", Epoch: 1, Annotations: []*pb.Annotation{{Asset: "asset", Run: "later"}}}
	if err := s.WriteBatches(t.Context(), []store.Batch{batch}); err != nil {
		t.Fatal(err)
	}
	dump := dumpOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"CLOSED": seal, "MANIFEST-999999": []byte("cut while it was being made")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = openAt(dir); err != nil {
		t.Fatalf("opening a store that an earlier release wrote: %v", err)
	}
	defer s.Close()
	if dumpOf(t, s) != dump {
		t.Error("what the earlier release wrote is not there")
	}
}

// An interrupted salvage leaves a store that cannot be opened, and begins anew. After the salvage the log MUST be read
// again.
func TestSalvageCutShort(t *testing.T) {
	dir, dump := written(t, false)
	for session := range 2 { // the rows of the first session are in tables once the second session has opened the store
		s, err := openAt(dir)
		if err != nil {
			t.Fatal(err)
		}
		if session == 0 {
			err = s.Reach(t.Context(), "indexer", []store.Position{{Topic: "media.ready", Partition: 1, Next: 7}})
		} else {
			err = s.PutAsset(t.Context(), &pb.Asset{Id: "asset"})
		}
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	changed(t, dir, "*.log", flipAt(0.2))
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = dir, 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pebblestore.Salvage(ctx, cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Fatalf("a salvage that is cut short: %v", err)
	}
	if s, err := openAt(dir); errkind.Of(err) != errkind.Internal || !strings.Contains(err.Error(), "`cinedex rebuild store`") {
		t.Errorf("opening a store whose salvage was cut short: %v", err)
		if err == nil {
			s.Close()
		}
	}
	if got := salvaged(t, dir, dump); got.Rows < 1600 {
		t.Errorf("%d rows were salvaged, want 1600: %q", got.Rows, got.Damage)
	}
	s, err := openAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at, err := s.Positions(t.Context(), "indexer")
	if err != nil || len(at) != 1 || at[0].Next != 0 || at[0].Partition != 1 {
		t.Errorf("after a salvage, the log was read to %v, %v", at, err)
	}
}
