package indexing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// A store that was restored from an older backup, or lost, is filled again from the log, though the group has read it all.
func TestRestoredStoreIsFilledFromTheLog(t *testing.T) {
	log, err := broker.Open(broker.Config{Dir: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cfg := events.Default()
	cfg.Brokers = []string{log.Addr()}
	client, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	published := 0
	publish := func(n int) {
		t.Helper()
		for range n {
			id := fmt.Sprint("asset", published)
			if err := client.Publish(t.Context(), events.MediaReady, events.Event{Subject: id, Data: &pb.MediaReady{Asset: &pb.Asset{Id: id}}}); err != nil {
				t.Fatal(err)
			}
			published++
		}
	}
	// indexUntil serves over the store in a folder until it has so many assets and has read the log to its end.
	indexUntil := func(dir string, want int) {
		t.Helper()
		cfg := pebblestore.Default()
		cfg.Dir, cfg.MinFreeBytes = dir, 0
		s, err := pebblestore.Open(cfg, pebblestore.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		indexer, err := New(Default(), Deps{Events: client, Store: s, Engine: e, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- indexer.Serve(ctx) }()
		has, left := 0, int64(-1)
		for has < want || left != 0 {
			if ctx.Err() != nil {
				t.Fatalf("%d assets in the store, want %d; %d events unread", has, want, left)
			}
			time.Sleep(10 * time.Millisecond) // between two looks
			has = 0
			for _, err := range s.AllAssets(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				has++
			}
			if lags, err := client.Lag(t.Context(), events.HopIndexer.Group, events.MediaReady); err == nil {
				left = events.Waiting(lags)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	dir, backup := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "backup")
	publish(3)
	indexUntil(dir, 3)
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	publish(3)
	indexUntil(dir, 6)
	indexUntil(backup, 6)
	indexUntil(filepath.Join(t.TempDir(), "new"), 6)
}
