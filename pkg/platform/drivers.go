package platform

import (
	"context"
	"fmt"
	"strings"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// Links are the implementations in a program. Whatever a program does not list, the program does not link.
type Links struct {
	// Stores are the drivers for store.engine. The first driver is the default.
	Stores []store.Driver
	// Engines are the drivers for search.engine. The first driver is the default.
	Engines []search.Driver
	// Models opens the models in a cache.
	Models func(model.Cache) Models
}

// StoreConfig says where the truth is.
type StoreConfig struct {
	// Engine is pebble (a folder, a single process) or cassandra (a cluster, any number of processes).
	Engine string `mapstructure:"engine"`
	// Adopt makes the configured log and search engine the store's own, whichever log and engine the store had before.
	// Set Adopt for a single start, after the log or the engine was moved on purpose.
	Adopt bool `mapstructure:"adopt"`
	// Drivers are the sections of the linked stores.
	Drivers config.Sections `mapstructure:"-"`

	named choice[store.Settings]
}

// Validate returns an error for the first field that the engine cannot use.
func (c StoreConfig) Validate() error { return c.named.validate(c.Engine) }

// SearchConfig chooses the search engine.
type SearchConfig struct {
	// Engine is embedded (Bleve and the flat vector index in a folder, a single process) or opensearch (a cluster, any
	// number of processes).
	Engine string `mapstructure:"engine"`
	// Drivers are the sections of the linked search engines.
	Drivers config.Sections `mapstructure:"-"`

	named choice[search.Settings]
}

// Validate returns an error for the first field that the engine cannot use.
func (c SearchConfig) Validate() error { return c.named.validate(c.Engine) }

// defaultStore has the drivers' sections with their defaults.
func defaultStore(dir string, drivers []store.Driver) (c StoreConfig) {
	for _, d := range drivers {
		s := d.Settings(dir)
		c.Drivers = append(c.Drivers, config.Section{Key: d.Name, Into: s})
		c.named = append(c.named, named[store.Settings]{d.Name, d.Name, s})
	}
	c.Engine = c.named.first()
	return c
}

// defaultSearch has the drivers' sections with their defaults.
func defaultSearch(dir string, drivers []search.Driver) (c SearchConfig) {
	for _, d := range drivers {
		s := d.Settings(dir)
		c.Drivers = append(c.Drivers, config.Section{Key: d.Section, Into: s})
		c.named = append(c.named, named[search.Settings]{d.Name, d.Section, s})
	}
	c.Engine = c.named.first()
	return c
}

// SettingsOf returns the section of type T among the sections of a program's drivers, or nil if the program does not
// link the driver.
func SettingsOf[T any](drivers config.Sections) *T {
	for _, d := range drivers {
		if t, ok := d.Into.(*T); ok {
			return t
		}
	}
	return nil
}

// A choice is the settings of several drivers. An operator names the driver to use.
type choice[S interface{ Validate() error }] []named[S]

// named are the settings of a driver, and the key of the driver's section.
type named[S interface{ Validate() error }] struct {
	name, section string
	settings      S
}

func (c choice[S]) first() string {
	if len(c) == 0 {
		return ""
	}
	return c[0].name
}

// of returns the driver that the operator named.
func (c choice[S]) of(engine string) (named[S], error) {
	var known []string
	for _, n := range c {
		if n.name == engine {
			return n, nil
		}
		known = append(known, n.name)
	}
	switch len(known) {
	case 1:
		return named[S]{}, errkind.New(errkind.Invalid, "engine: %q is not %s, the only kind in this program", engine, known[0])
	case 2:
		return named[S]{}, errkind.New(errkind.Invalid, "engine: %q is neither %s nor %s", engine, known[0], known[1])
	}
	return named[S]{}, errkind.New(errkind.Invalid, "engine: %q is none of %s", engine, strings.Join(known, ", "))
}

// validate returns an error for the first field that the driver cannot use. The sections of other drivers are ignored.
func (c choice[S]) validate(engine string) error {
	n, err := c.of(engine)
	if err != nil {
		return err
	}
	if err := n.settings.Validate(); err != nil {
		if n.section == "" {
			return err
		}
		return fmt.Errorf("%s.%w", n.section, err)
	}
	return nil
}

// OpenStore opens the truth.
func (p *Platform) OpenStore(ctx context.Context, c StoreConfig) error {
	n, err := c.named.of(c.Engine)
	if err != nil {
		return fmt.Errorf("store.%w", err)
	}
	s, err := n.settings.Open(ctx, store.Deps{Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return err
	}
	p.Store, p.closers, p.adopt = s, append(p.closers, s), c.Adopt
	p.Memory.Hold("store", s)
	p.Events.Guard(func(ctx context.Context, id string) error { return owner{p}.Belongs(ctx, "log", id) })
	return nil
}

// OpenEngine opens the search engine for the spaces given. Where the store is open, the engine is compared with the store.
func (p *Platform) OpenEngine(ctx context.Context, c SearchConfig, spaces []*pb.Space) error {
	n, err := c.named.of(c.Engine)
	if err != nil {
		return fmt.Errorf("search.%w", err)
	}
	d := search.Deps{Spaces: spaces, Log: p.Log, Metrics: p.Registry}
	if p.Store != nil {
		d.Owner = owner{p}
	}
	e, err := n.settings.Open(ctx, d)
	if err != nil {
		return fmt.Errorf("opening the search engine: %w", err)
	}
	p.Engine, p.closers = e, append(p.closers, e)
	p.Memory.Hold("search", e)
	return nil
}

// owner is the platform's store as seen by the search engine. owner implements search.Owner.
type owner struct{ p *Platform }

func (o owner) Belongs(ctx context.Context, role, id string) error {
	was, err := o.p.Store.Partner(ctx, role, id, o.p.adopt)
	if err != nil {
		return err
	}
	if was != id {
		return errkind.New(errkind.Invalid, "the store belongs with the %s %s, and the configuration names %s: two clusters are mixed up. "+
			"Configure clusters that belong together, or, if the %s was moved on purpose, start once with store.adopt=true", role, was, id, role)
	}
	return nil
}

func (o owner) Filled(ctx context.Context, role, id string) (string, error) {
	return o.p.Store.Partner(ctx, role, id, o.p.adopt)
}

func (o owner) Refilled(ctx context.Context, role, id string) error {
	_, err := o.p.Store.Partner(ctx, role, id, true)
	return err
}

func (o owner) Owes(ctx context.Context) (bool, error) {
	for _, err := range o.p.Store.AllActive(ctx) {
		if err != nil {
			return false, fmt.Errorf("reading the expected items of the search engine: %w", err)
		}
		return true, nil
	}
	return false, nil
}
