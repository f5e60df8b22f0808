// Package platform opens what services stand on, from one configuration: the log,
// the store, the search engine, media and models. Mains and `cinedex up` differ in
// which services they run over it, and in nothing else.
package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// Config is what an operator sets of the parts that services share.
type Config struct {
	Telemetry  telemetry.Config `mapstructure:"telemetry"`
	Kafka      events.Config    `mapstructure:"kafka"`
	Store      StoreConfig      `mapstructure:"store"`
	Search     SearchConfig     `mapstructure:"search"`
	Media      media.Config     `mapstructure:"media"`
	Blobs      blob.Config      `mapstructure:"blobs"`
	Audit      audit.Config     `mapstructure:"audit"`
	ModelFiles `mapstructure:",squash"`
	Tokens     `mapstructure:",squash"`
}

// ModelFiles says where the files of models are.
type ModelFiles struct {
	// ModelCache is the folder of the model files; empty means the user's cache folder.
	ModelCache string `mapstructure:"model_cache"`
}

// Tokens says who may do what.
type Tokens struct {
	// TokenFile holds the tokens, each with the titles and the roles that it is good for; without it nobody is answered. `cinedex up` makes it with
	// one token where it is missing.
	TokenFile string `mapstructure:"token_file"`
}

// StoreConfig says where the truth is.
type StoreConfig struct {
	// Engine is pebble: one folder, one process; or cassandra: a cluster, any number of processes.
	Engine string `mapstructure:"engine"`
	// Adopt takes the log and the search engine that are configured as the store's own, whichever they were before: for the one
	// start after either was moved on purpose.
	Adopt     bool                  `mapstructure:"adopt"`
	Pebble    pebblestore.Config    `mapstructure:"pebble"`
	Cassandra cassandrastore.Config `mapstructure:"cassandra"`
}

// SearchConfig says what finds things.
type SearchConfig struct {
	// Engine is embedded: Bleve and the flat vector index in one folder, one process; or opensearch: a cluster, any number
	// of processes.
	Engine string `mapstructure:"engine"`
	// Dir is the embedded engine's folder.
	Dir        string            `mapstructure:"dir"`
	OpenSearch opensearch.Config `mapstructure:"opensearch"`
}

// Validate reports the first field that the engine cannot use.
func (c SearchConfig) Validate() error {
	switch c.Engine {
	case "embedded":
		if c.Dir == "" {
			return errkind.New(errkind.Invalid, "dir: must name a folder")
		}
	case "opensearch":
		if err := c.OpenSearch.Validate(); err != nil {
			return fmt.Errorf("opensearch.%w", err)
		}
	default:
		return errkind.New(errkind.Invalid, "engine: %q is neither embedded nor opensearch", c.Engine)
	}
	return nil
}

// Default keeps everything below dir.
func Default(dir string) Config {
	c := Config{
		Telemetry: telemetry.Default(), Kafka: events.Default(), Media: media.Default(), Blobs: blob.Default(), Audit: audit.Default(),
		Store:  StoreConfig{Engine: "pebble", Pebble: pebblestore.Default(), Cassandra: cassandrastore.Default()},
		Search: SearchConfig{Engine: "embedded", Dir: filepath.Join(dir, "search"), OpenSearch: opensearch.Default()},
	}
	c.TokenFile = "tokens.yaml"
	c.Store.Pebble.Dir = filepath.Join(dir, "store")
	if abs, err := filepath.Abs(filepath.Join(dir, "media")); err == nil {
		c.Blobs.Bucket = "file://" + filepath.ToSlash(abs)
	}
	return c
}

// Validate reports the first field that the engine cannot use.
func (c StoreConfig) Validate() error {
	switch c.Engine {
	case "pebble":
		if err := c.Pebble.Validate(); err != nil {
			return fmt.Errorf("pebble.%w", err)
		}
		return nil
	case "cassandra":
		if err := c.Cassandra.Validate(); err != nil {
			return fmt.Errorf("cassandra.%w", err)
		}
		return nil
	}
	return errkind.New(errkind.Invalid, "engine: %q is neither pebble nor cassandra", c.Engine)
}

// Platform is what is open. A part that was not asked for is nil.
type Platform struct {
	*telemetry.Telemetry
	Events *events.Client
	Store  store.Store
	Engine search.Engine
	Blobs  *blob.Blobs
	Reader *media.Reader
	Cache  model.Cache
	// Models and Algorithms are those that the program links.
	Models     Models
	Algorithms *algo.Registry
	// Catalog says what there is to be asked, and Encoders make the vectors that spaces are asked with.
	Catalog    *catalog.Catalog
	Encoders   *encode.Set
	Authoriser authz.Authoriser
	Audit      *audit.Log
	// LogReady says why the log takes no event now; nil where only an attempt tells.
	LogReady func() error

	beside  []lifecycle.Actor
	service string
	adopt   bool
	closers []io.Closer
	watched []lifecycle.Actor // beside the service's own parts
}

// Open makes a platform with the log and the model cache; the other parts are opened by the methods below,
// so that a service opens what it needs. Close closes them all.
func Open(ctx context.Context, service string, c Config, logs io.Writer) (*Platform, error) {
	p, err := Begin(ctx, service, c, logs)
	if err != nil {
		return nil, err
	}
	if err := p.OpenEvents(c.Kafka); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Begin makes a platform without the log, for a process that first starts a log of its own and has it tell what it meets.
func Begin(ctx context.Context, service string, c Config, logs io.Writer) (*Platform, error) {
	t, err := telemetry.New(ctx, service, c.Telemetry, logs)
	if err != nil {
		return nil, err
	}
	p := &Platform{Telemetry: t, service: service}
	p.closers = append(p.closers, t)
	if p.Cache, err = model.OpenCache(c.ModelCache); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// OpenEvents makes the client of the log.
func (p *Platform) OpenEvents(c events.Config) error {
	client, err := events.New(c, events.Deps{Logger: p.Log, Registerer: p.Registry, Tracer: p.Tracer})
	if err != nil {
		return err
	}
	p.Events, p.closers = client, append(p.closers, client)
	return nil
}

// OpenStore opens the truth.
func (p *Platform) OpenStore(ctx context.Context, c StoreConfig) (err error) {
	if c.Engine == "cassandra" {
		p.Store, err = cassandrastore.Open(ctx, c.Cassandra, cassandrastore.Deps{Log: p.Log, Registerer: p.Registry})
	} else {
		p.Store, err = pebblestore.Open(c.Pebble, pebblestore.Deps{Log: p.Log, Registerer: p.Registry})
	}
	if err != nil {
		p.Store = nil // not a nil of one of their types
		return err
	}
	p.closers = append(p.closers, p.Store)
	p.adopt = c.Adopt
	p.Events.Guard(func(ctx context.Context, id string) error { return p.belongs(ctx, "log", id) })
	return nil
}

// belongs refuses a server that is not the one that the store's data came from, or went to.
func (p *Platform) belongs(ctx context.Context, role, id string) error {
	was, err := p.Store.Partner(ctx, role, id, p.adopt)
	if err != nil {
		return err
	}
	if was != id {
		return errkind.New(errkind.Invalid, "the store belongs with the %s %s, and the configured one is %s: two clusters are mixed up. "+
			"Configure those that belong together, or, if the %s was moved on purpose, start once with store.adopt=true", role, was, id, role)
	}
	return nil
}

// OpenEngine opens the search engine for the spaces given; the store must be open.
func (p *Platform) OpenEngine(ctx context.Context, c SearchConfig, spaces []*pb.Space) (err error) {
	if c.Engine == "opensearch" {
		p.Engine, err = opensearch.Open(ctx, c.OpenSearch, opensearch.Deps{
			Spaces: spaces, Log: p.Log, Metrics: p.Registry,
			Belongs: func(ctx context.Context, id string) error { return p.belongs(ctx, "search engine", id) },
			Filled:  p.filled,
		})
	} else {
		p.Engine, err = embedded.Open(c.Dir, embedded.Config{Spaces: spaces, Mend: p.Store != nil}, embedded.Deps{Log: p.Log, Metrics: p.Registry}) //nolint:contextcheck // it serves until it is closed, whatever becomes of the context
	}
	if err != nil {
		p.Engine = nil // not a nil of one of their types
		return fmt.Errorf("opening the search engine: %w", err)
	}
	p.closers = append(p.closers, p.Engine)
	if e, ok := p.Engine.(*embedded.Engine); ok && p.Store != nil {
		return p.recognise(ctx, e)
	}
	return nil
}

// recognise finds out whether the embedded engine was filled from this store. An engine whose folder was emptied or
// exchanged holds less than the store, and looks like any other.
func (p *Platform) recognise(ctx context.Context, e *embedded.Engine) error {
	const role = "embedded search engine"
	known, err := p.Store.Partner(ctx, role, e.ID(), p.adopt)
	if err != nil {
		return fmt.Errorf("asking the store for its search engine: %w", err)
	}
	e.OnWhole(func(ctx context.Context) error {
		_, err := p.Store.Partner(ctx, role, e.ID(), true)
		return err
	})
	if known != e.ID() {
		return e.Doubt("it is another search engine than the one that was filled from this store: its folder was emptied, exchanged or set aside")
	}
	if !e.Made() {
		return nil
	}
	owed, err := p.owed(ctx)
	if err != nil || !owed {
		return err
	}
	return e.Doubt("it is empty, and the store is not")
}

// owed reports whether the store has anything that a search engine is to hold.
func (p *Platform) owed(ctx context.Context) (bool, error) {
	for _, err := range p.Store.AllActive(ctx) {
		if err != nil {
			return false, fmt.Errorf("reading what the search engine is to hold: %w", err)
		}
		return true, nil
	}
	return false, nil
}

// filled returns the identity of the search indices that were filled from this store. Indices that were emptied or made anew carry another.
func (p *Platform) filled(ctx context.Context, id string, empty bool) (string, error) {
	if empty {
		owed, err := p.owed(ctx)
		if err != nil {
			return "", err
		}
		if owed {
			id = rand.Text() // nothing was filled from this store
		}
	}
	return p.Store.Partner(ctx, "search indices", id, p.adopt)
}

// OpenTokens reads the file that says who may do what. The service is not ready while the file is wrong.
func (p *Platform) OpenTokens(file string) (authz.Authoriser, error) {
	f, err := authz.OpenFile(file, authz.Deps{Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return nil, err
	}
	p.watched = append(p.watched, lifecycle.Actor{Name: "token_file", Ready: f.Ready})
	return f, nil
}

// OpenAudit opens the audit log. The service is not ready while lines cannot be written.
func (p *Platform) OpenAudit(c audit.Config) (*audit.Log, error) {
	l, err := audit.Open(c, audit.Deps{Service: p.service, Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return nil, err
	}
	p.OnClose(l)
	p.watched = append(p.watched, lifecycle.Actor{Name: "audit", Ready: l.Ready})
	return l, nil
}

// Watched are the parts that readiness depends on beside the services: they are given to lifecycle.Ready.
func (p *Platform) Watched() []lifecycle.Actor { return p.watched }

// OpenBlobs opens the buckets.
func (p *Platform) OpenBlobs(ctx context.Context, b blob.Config) error {
	blobs, err := blob.Open(ctx, b, blob.Deps{Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return fmt.Errorf("opening media: %w", err)
	}
	p.Blobs, p.closers = blobs, append(p.closers, blobs)
	return nil
}

// OpenMedia opens the buckets and finds the programs that read films.
func (p *Platform) OpenMedia(ctx context.Context, c media.Config, b blob.Config) error {
	err := p.OpenBlobs(ctx, b)
	if err != nil {
		return err
	}
	var tools media.Tools
	if tools.FFmpeg, err = p.Cache.Tool("ffmpeg"); err != nil {
		return err
	}
	if tools.FFprobe, err = p.Cache.Tool("ffprobe"); err != nil {
		return err
	}
	p.Reader, err = media.NewReader(c, tools, p.Log)
	return err
}

// OnClose has c closed with the platform, before what was opened earlier.
func (p *Platform) OnClose(c io.Closer) { p.closers = append(p.closers, c) }

// ModelFile says why a model file cannot be used; nil where it is there.
func (p *Platform) ModelFile(id string) error {
	_, err := p.Cache.Require(id)
	return err
}

// Close closes what was opened, the last first.
func (p *Platform) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i].Close())
	}
	p.closers = nil
	return errors.Join(errs...)
}
