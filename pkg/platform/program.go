package platform

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// API is where a program answers over HTTP.
type API struct {
	// Address serves the API. The address of `cinedex up` serves searches, the page, POST /events and operators.
	Address string `mapstructure:"address"`
	// Hosts are the names under which the API may be asked, beside localhost, the host of the address, and any IP address.
	Hosts []string `mapstructure:"hosts"`
	// Origins are the web applications whose pages may call the API, such as https://app.example.org.
	Origins []string `mapstructure:"origins"`
	// Proxies are the addresses and networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []string `mapstructure:"proxies"`
}

// Validate returns an error for the first field that cannot be used. A service without an API needs no address.
func (c API) Validate() error {
	if c.Address != "" {
		if err := telemetry.CheckAddress(c.Address); err != nil {
			return fmt.Errorf("address: %w", err)
		}
	}
	if _, err := rpc.ParseProxies(c.Proxies); err != nil {
		return err
	}
	if err := rpc.CheckOrigins(c.Origins); err != nil {
		return err
	}
	return rpc.CheckHosts(c.Hosts)
}

// A Program is a service as a process of its own.
type Program struct {
	Part Part
	Links
}

// programConfig is the configuration of a Program: the sections in the needs of its part.
type programConfig struct {
	Sections config.Sections `mapstructure:"-"`

	spec Spec
	base *Config
	api  *API
}

// Validate checks the fields outside the sections, and returns an error for the first field that cannot be used.
func (c programConfig) Validate() error {
	switch {
	case c.spec.Needs.Tokens && c.base.TokenFile == "":
		return errkind.New(errkind.Invalid, "token_file: the %s answers nobody without a token: name the file of tokens, which all services share", c.spec.Name)
	case c.spec.API && c.api.Address == "":
		return errkind.New(errkind.Invalid, "address: must be set, as in :8080")
	}
	return nil
}

// sections are the names of the sections of all services. A file or an environment that several services share may hold
// any of these sections. operating was a section of the indexer until the operator became a service.
var sections = []string{"store.pebble", "store.cassandra", "search", "search.dir", "search.opensearch", "media", "blobs", "audit", "token_file", "oidc", "cedar", "model_cache", "served_models", "gallery", "algorithms", "workers", "operating"}

// Elsewhere implements config.Elsewhere: the sections that only other services have.
func (c *programConfig) Elsewhere() []string {
	keys := config.Keys(c)
	return slices.DeleteFunc(slices.Clone(sections), func(section string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return key == section || strings.HasPrefix(key, section+".") })
	})
}

// Config is the configuration of the program, filled with defaults. Config is a pointer for config.Load.
func (p Program) Config() any { return p.config() }

func (p Program) config() *programConfig {
	spec := p.Part.Spec()
	base := Default(".cinedex", p.Links)
	c := &programConfig{spec: spec, base: &base, api: &API{}}
	if spec.API {
		c.api.Address = ":8080"
	}
	add := func(needed bool, key string, into any) {
		if needed {
			c.Sections = append(c.Sections, config.Section{Key: key, Into: into})
		}
	}
	add(true, "", c.api)
	add(true, "telemetry", &base.Telemetry)
	add(true, "kafka", &base.Kafka)
	add(spec.Needs.Store, "store", &base.Store)
	add(spec.Needs.Engine, "search", &base.Search)
	add(spec.Needs.Films, "media", &base.Media)
	add(spec.Needs.Blobs || spec.Needs.Films, "blobs", &base.Blobs)
	add(spec.Needs.Audit, "audit", &base.Audit)
	add(true, "", &base.ModelFiles)
	add(spec.Needs.Models, "", &base.Served)
	add(spec.Needs.Announces, "", &base.Faces)
	add(spec.Needs.Announces, "", &base.Arrivals)
	add(spec.Needs.Workers, "workers", &base.Workers)
	add(spec.Needs.Tokens, "", &base.Tokens)
	add(true, spec.Key, spec.Config)
	return c
}

// settings collects --set key=value.
type settings []string

func (s *settings) String() string     { return fmt.Sprint(*s) }
func (s *settings) Set(v string) error { *s = append(*s, v); return nil }

// Main is the whole main of a service: flags, configuration, platform, the part, health and metrics, and a clean drain at SIGTERM.
func (p Program) Main() {
	name := p.Part.Spec().Name
	var set settings
	file := flag.String("config", "", "YAML file, see config/"+name+".yaml")
	flag.Var(&set, "set", "a setting, key=value; may be repeated")
	check := flag.Bool("check", false, "check the configuration, print the first fault, and end")
	flag.Parse()
	KeepPrivate()
	ctx, stop := lifecycle.SignalContext(context.Background())
	defer stop()
	cfg := p.config()
	err := config.Load(cfg, *file, set)
	if err == nil && !*check {
		err = p.run(ctx, cfg)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// logReady returns an error if the log does not answer within the time of a probe.
func (p *Platform) logReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return p.Events.Ready(ctx)
}

// run serves the part until ctx ends.
func (p Program) run(ctx context.Context, cfg *programConfig) (err error) {
	on, err := Open(ctx, cfg.spec.Name, *cfg.base, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.Close()) }()
	if err := on.Provide(ctx, *cfg.base, cfg.spec.Needs, p.Links); err != nil {
		return err
	}
	s, err := p.Part.Open(ctx, on)
	if err != nil {
		return err
	}
	actors, err := on.actors(cfg, s)
	if err != nil {
		return err
	}
	on.Log.Info("started", "address", cfg.api.Address, "admin", cfg.base.Telemetry.AdminAddress)
	return lifecycle.Run(ctx, on.Log, actors...)
}

// actors are the actors of the program: health and metrics, the platform's own actors, the service, and the service's
// API.
func (p *Platform) actors(cfg *programConfig, s Service) (actors []lifecycle.Actor, err error) {
	name := cfg.spec.Name
	if s.Serve != nil {
		actors = append(actors, lifecycle.Actor{Name: name, Serve: s.Serve, Ready: s.Ready})
	}
	if s.Register != nil {
		proxies, err := rpc.ParseProxies(cfg.api.Proxies)
		if err != nil {
			return nil, err
		}
		handler := rpc.Guard(cfg.api.Address, cfg.api.Hosts, cfg.api.Origins, proxies.Handler(p.Traced(Mux(s.Ready, s))))
		actors = append(actors, lifecycle.Actor{Name: name + " http", Ready: s.Ready, Serve: func(ctx context.Context) error {
			return telemetry.ServeHTTP(ctx, name+" (address)", cfg.api.Address, handler)
		}})
	}
	actors = append(p.Beside(), actors...)
	if s.Serve != nil { // a service with Serve is not ready without the log
		p.watched = append([]lifecycle.Actor{{Name: "log", Ready: p.logReady}}, p.watched...)
	}
	return p.WithAdmin(cfg.base.Telemetry.AdminAddress, cfg.api.Hosts, actors), nil
}

// WithAdmin puts an actor for health and metrics at address before the actors. With an empty address, WithAdmin adds
// nothing.
func (p *Platform) WithAdmin(address string, hosts []string, actors []lifecycle.Actor) []lifecycle.Actor {
	if address == "" {
		return actors
	}
	watched := append(slices.Clone(p.watched), actors...)
	admin := p.Admin(func() error { return lifecycle.Ready(watched...) }, func() error { return lifecycle.Alive(watched...) })
	return append([]lifecycle.Actor{{Name: "admin", Serve: func(ctx context.Context) error {
		return telemetry.ServeHTTP(ctx, "health and metrics (telemetry.admin_address)", address, rpc.Guard(address, hosts, nil, admin))
	}}}, actors...)
}
