package platform_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/search"
)

// two opens the store in dir over two logs in turn, and returns the result of reading from each log.
func two(t *testing.T, brokers []string, change func(second *platform.Config)) (first, second error) {
	t.Helper()
	ctx := t.Context()
	cfg := platform.Default(t.TempDir(), links)
	cfg.Kafka.Brokers, cfg.Kafka.Prefix = brokers, strings.ToLower(t.Name())+".one."
	read := func() error {
		p, err := platform.Open(ctx, "test", cfg, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			t.Fatal(err)
		}
		if err := p.OpenEngine(ctx, cfg.Search, nil); err != nil {
			return err
		}
		if _, err := p.Events.EnsureTopics(ctx, events.Layout{Replication: 1, Embedded: true}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(ctx, 3*time.Second)
		defer stop()
		return p.Events.Subscribe(ctx, events.Subscription{Group: "g", Topics: []events.Topic{events.MediaReady}},
			func(context.Context, []events.Delivery) error { return errors.New("there is nothing to read") })
	}
	first = read()
	change(&cfg)
	return first, read()
}

// A log other than the source of the store's data is refused before any event is read, unless the log is adopted.
func TestAnotherLog(t *testing.T) {
	log, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	brokers := []string{log.Addr()}
	another := func(c *platform.Config) { c.Kafka.Prefix = "another." }
	first, second := two(t, brokers, another)
	if first != nil || errkind.Of(second) != errkind.Invalid || !strings.Contains(second.Error(), "two clusters are mixed up") || !strings.Contains(second.Error(), "store.adopt=true") {
		t.Errorf("the log of before: %v; another: %v", first, second)
	}
	if first, second := two(t, brokers, func(*platform.Config) {}); first != nil || second != nil {
		t.Errorf("the same log twice: %v, %v", first, second)
	}
	if first, second := two(t, brokers, func(c *platform.Config) { another(c); c.Store.Adopt = true }); first != nil || second != nil {
		t.Errorf("another log, adopted: %v, %v", first, second)
	}
}

// The same of a search engine, in which nothing is made then.
func TestAnotherSearchEngine(t *testing.T) {
	url := serverstest.OpenSearch(t)
	log, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cfg := platform.Default(t.TempDir(), links)
	cfg.Kafka.Brokers = []string{log.Addr()}
	cfg.Search.Engine = "opensearch"
	openSearch(&cfg.Search).URLs = []string{url}
	open := func(prefix string, adopt bool) error {
		t.Helper()
		p, err := platform.Open(t.Context(), "test", cfg, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		openSearch(&cfg.Search).Prefix, cfg.Store.Adopt = prefix, adopt
		if err := p.OpenStore(t.Context(), cfg.Store); err != nil {
			t.Fatal(err)
		}
		return p.OpenEngine(t.Context(), cfg.Search, nil)
	}
	t.Cleanup(func() {
		req, err := http.NewRequest(http.MethodDelete, url+"/partner-one.*,partner-two.*", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	})
	if err := open("partner-one", false); err != nil {
		t.Fatal(err)
	}
	if err := open("partner-two", false); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "two clusters are mixed up") {
		t.Errorf("another engine: %v", err)
	}
	if err := open("partner-one", false); err != nil {
		t.Errorf("the one of before: %v", err)
	}
	if err := open("partner-two", true); err != nil {
		t.Errorf("another, adopted: %v", err)
	}
}

// If indices were deleted beside a store that has recorded the indices, the next start makes new indices. The new
// indices do not answer until a rebuild.
func TestSearchIndicesDeleted(t *testing.T) {
	url := serverstest.OpenSearch(t)
	log, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cfg := platform.Default(t.TempDir(), links)
	cfg.Kafka.Brokers = []string{log.Addr()}
	cfg.Search.Engine = "opensearch"
	openSearch(&cfg.Search).URLs, openSearch(&cfg.Search).Prefix = []string{url}, "partner-deleted"
	remove := func(ctx context.Context) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url+"/partner-deleted.*", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	remove(t.Context())
	t.Cleanup(func() { remove(context.Background()) })
	whole := func() error {
		t.Helper()
		p, err := platform.Open(t.Context(), "test", cfg, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.OpenStore(t.Context(), cfg.Store); err != nil {
			t.Fatal(err)
		}
		if err := p.OpenEngine(t.Context(), cfg.Search, nil); err != nil {
			t.Fatal(err)
		}
		return search.Whole(p.Engine)
	}
	for range 2 {
		if err := whole(); err != nil {
			t.Errorf("before: %v", err)
		}
	}
	remove(t.Context())
	for range 2 {
		if err := whole(); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), "cinedex rebuild search") {
			t.Errorf("indices that were deleted: %v", err)
		}
	}
}
