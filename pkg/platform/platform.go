// Package platform opens the resources of services from a single configuration: the log, the store, the search engine,
// media and models. Mains and `cinedex up` differ only in the services over the platform.
package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/cedar"
	"github.com/cinedex/cinedex/pkg/authz/oidc"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// Config is the operator's settings of the resources shared by services.
type Config struct {
	Telemetry  telemetry.Config `mapstructure:"telemetry"`
	Kafka      events.Config    `mapstructure:"kafka"`
	Store      StoreConfig      `mapstructure:"store"`
	Search     SearchConfig     `mapstructure:"search"`
	Media      media.Config     `mapstructure:"media"`
	Blobs      blob.Config      `mapstructure:"blobs"`
	Audit      audit.Config     `mapstructure:"audit"`
	ModelFiles `mapstructure:",squash"`
	Served     `mapstructure:",squash"`
	Faces      `mapstructure:",squash"`
	Arrivals   `mapstructure:",squash"`
	// Workers are programs with algorithms of their own.
	Workers remote.Config `mapstructure:"workers"`
	Tokens  `mapstructure:",squash"`
}

// ModelFiles says where the files of models are.
type ModelFiles struct {
	// ModelCache is the folder of the model files; empty means the user's cache folder.
	ModelCache string `mapstructure:"model_cache"`
}

// Served says which models servers of models serve.
type Served struct {
	// ServedModels is a folder of manifests, *.yaml, of models that a server of the Open Inference Protocol serves: each becomes an algorithm. The
	// algo-runner and the search API need the same folder. Empty means none.
	ServedModels string `mapstructure:"served_models"`

	serve func(dir string) error // checks the manifests of a folder; nil in a program without algorithms
}

// Validate returns an error for the first manifest that cannot be used.
func (s Served) Validate() error {
	if s.serve == nil {
		return nil
	}
	if err := s.serve(s.ServedModels); err != nil {
		return fmt.Errorf("served_models: %w", err)
	}
	return nil
}

// Faces says whose faces get a name.
type Faces struct {
	// Gallery is a folder of portraits, NAME.jpg or NAME.png, or a folder NAME of portraits: faces that are like a portrait get the name, if the
	// algorithm gallery runs. Every algo-runner needs the same folder. Empty means that no face gets a name.
	Gallery string `mapstructure:"gallery"`

	read func(dir string) error // checks a folder; nil in a program without algorithms
}

// Validate returns an error for the first portrait that cannot be used.
func (f Faces) Validate() error {
	if f.read == nil || f.Gallery == "" {
		return nil
	}
	if err := f.read(f.Gallery); err != nil {
		return fmt.Errorf("gallery: %w", err)
	}
	return nil
}

// Arrivals says what arriving media gets.
type Arrivals struct {
	// Algorithms are the names of the algorithms that arriving media gets. default stands for the cheap algorithms, and suite for all others. An
	// algorithm that is not named runs where an operator requests it: `cinedex replay --algorithm NAME`. Every algo-runner needs the same list.
	Algorithms []string `mapstructure:"algorithms"`

	check func(algorithms ...string) error // nil in a program without algorithms
}

// Validate returns an error if the program has no such algorithm, or if a named algorithm reads the output of an algorithm that is not named.
func (a Arrivals) Validate() error {
	if a.check == nil {
		return nil
	}
	if err := a.check(a.Algorithms...); err != nil {
		return fmt.Errorf("algorithms: %w", err)
	}
	return nil
}

// defaultArrivals enables the default algorithms of the program.
func defaultArrivals(l Links) Arrivals {
	a := Arrivals{Algorithms: []string{"default"}}
	if l.Models != nil {
		a.check = func(algorithms ...string) error {
			cache, err := model.OpenCache("") // with the operator's own models
			if err != nil {
				return err
			}
			m := l.Models(cache)
			return errors.Join(m.Enable(algorithms...), m.Close())
		}
	}
	return a
}

// Tokens is the settings of callers' rights.
type Tokens struct {
	// TokenFile holds the tokens, each with the token's titles and roles. Without the file no caller gets an answer.
	// `cinedex up` creates a missing file with a single token.
	TokenFile string `mapstructure:"token_file"`
	// OIDC is the identity provider that people sign in with, beside the tokens of the file.
	OIDC oidc.Config `mapstructure:"oidc"`
	// Cedar names policies that narrow the titles of callers.
	Cedar cedar.Config `mapstructure:"cedar"`
}

// Default keeps all data below dir, in the linked implementations.
func Default(dir string, l Links) Config {
	c := Config{
		Telemetry: telemetry.Default(), Kafka: events.Default(), Media: media.Default(), Blobs: blob.Default(), Audit: audit.Default(),
		Store: defaultStore(dir, l.Stores), Search: defaultSearch(dir, l.Engines), Tokens: Tokens{TokenFile: "tokens.yaml", OIDC: oidc.Default()},
		Arrivals: defaultArrivals(l), Workers: remote.Default(),
	}
	if l.Models != nil {
		c.serve = func(dir string) error {
			m := l.Models(model.Cache{})
			return errors.Join(m.Serve(dir), m.Close())
		}
		c.read = func(dir string) error {
			m := l.Models(model.Cache{})
			return errors.Join(m.Gallery(dir), m.Close())
		}
	}
	if abs, err := filepath.Abs(filepath.Join(dir, "media")); err == nil {
		c.Blobs.Bucket = "file://" + filepath.ToSlash(abs)
	}
	return c
}

// Platform holds the open resources. A resource that was not requested is nil.
type Platform struct {
	*telemetry.Telemetry
	Events *events.Client
	Store  store.Store
	Engine search.Engine
	Blobs  *blob.Blobs
	Reader *media.Reader
	Cache  model.Cache
	// Models and Algorithms are the linked models and algorithms.
	Models     Models
	Algorithms *algo.Registry
	// Catalog lists the kinds, spaces and leaves. Encoders make the vectors of a query.
	Catalog *catalog.Catalog
	// Follower keeps Catalog up to date.
	Follower *catalog.Follower
	// Spaces gives Engine the spaces of Catalog.
	Spaces   *Spaces
	Encoders encode.Encoders
	// Workers knows the programs that have algorithms of their own.
	Workers    *remote.Host
	Authoriser authz.Authoriser
	// SignIn leads people to the identity provider; nil where people type tokens.
	SignIn *oidc.SignIn
	Audit  *audit.Log
	// Running says how far the executions of runs in this process are.
	Running *runs.Board
	// LogReady says why the log takes no event now; nil where only an attempt tells.
	LogReady func() error

	beside  []lifecycle.Actor
	service string
	adopt   bool
	closers []io.Closer
	watched []lifecycle.Actor // beside the service's own parts
}

// Open makes a platform with the log and the model cache. The methods below open the other resources, so that a service
// opens only its needs. Close closes all of the resources.
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

// Begin makes a platform without the log, for a process that first starts a log of its own and gives the platform's
// logger and registry to the log.
func Begin(ctx context.Context, service string, c Config, logs io.Writer) (*Platform, error) {
	t, err := telemetry.New(ctx, service, c.Telemetry, logs)
	if err != nil {
		return nil, err
	}
	p := &Platform{Telemetry: t, service: service, Running: &runs.Board{}}
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

// OpenTokens reads the file of callers' rights, opens the identity provider beside the file, and reads the policies. The service is
// not ready while a file is invalid.
func (p *Platform) OpenTokens(t Tokens) (authz.Authoriser, error) {
	f, err := authz.OpenFile(t.TokenFile, authz.Deps{Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return nil, err
	}
	p.watched = append(p.watched, lifecycle.Actor{Name: "token_file", Ready: f.Ready})
	people, err := oidc.New(t.OIDC, f)
	if err != nil {
		return nil, err
	}
	if p.SignIn, err = people.SignIn(); err != nil {
		return nil, fmt.Errorf("oidc.%w", err)
	}
	if t.Cedar.Policies == "" {
		return people, nil
	}
	policies, err := cedar.Open(t.Cedar, people, cedar.Deps{Log: p.Log})
	if err != nil {
		return nil, err
	}
	p.watched = append(p.watched, lifecycle.Actor{Name: "cedar", Ready: policies.Ready})
	return policies, nil
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

// Watched are the actors that readiness depends on beside the services. Watched is an argument of lifecycle.Ready.
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

// OpenMedia opens the buckets and finds the programs for reading films.
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

// OnClose has c closed with the platform, before the resources that were opened earlier.
func (p *Platform) OnClose(c io.Closer) { p.closers = append(p.closers, c) }

// ModelFile says why a model file cannot be used, or returns nil if the file is present.
func (p *Platform) ModelFile(id string) error {
	_, err := p.Cache.Require(id)
	return err
}

// Close closes the opened resources, the last first.
func (p *Platform) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i].Close())
	}
	p.closers = nil
	return errors.Join(errs...)
}
