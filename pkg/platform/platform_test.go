package platform_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/search/engines"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
	"github.com/cinedex/cinedex/pkg/store/stores"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// links are all implementations.
var links = platform.Links{Stores: stores.Drivers(), Engines: engines.Drivers()}

func openSearch(c *platform.SearchConfig) *opensearch.Config {
	return platform.SettingsOf[opensearch.Config](c.Drivers)
}

// A search engine's setting that cannot be used is refused by its key.
func TestSearchConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*platform.SearchConfig)
		says   string
	}{
		"unknown":  {func(c *platform.SearchConfig) { c.Engine = "solr" }, `search.engine: "solr" is neither embedded nor opensearch`},
		"no nodes": {func(c *platform.SearchConfig) { c.Engine, openSearch(c).URLs = "opensearch", nil }, "search.opensearch.urls: name a node"},
		"password in the clear": {func(c *platform.SearchConfig) {
			c.Engine, openSearch(c).Username, openSearch(c).Password = "opensearch", "a", "b"
		}, "search.opensearch.urls:"},
	} {
		cfg := platform.Default(t.TempDir(), links)
		c.change(&cfg.Search)
		if err := config.Validate(&cfg); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := platform.Default(t.TempDir(), links)
	cfg.Search.Engine = "opensearch"
	if err := config.Validate(&cfg); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	openSearch(&cfg.Search).URLs = []string{"http://127.0.0.1:1"}
	p := &platform.Platform{Telemetry: &telemetry.Telemetry{}}
	if err := p.OpenEngine(context.Background(), cfg.Search, nil); errkind.Of(err) != errkind.Unavailable || p.Engine != nil {
		t.Errorf("a cluster that is not there: %v, %v", err, p.Engine)
	}
}
