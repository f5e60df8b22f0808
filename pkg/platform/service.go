package platform

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

// ServiceConfig is what every service alone is configured with, beside its own.
type ServiceConfig struct {
	Config `mapstructure:",squash"`
	// Address serves the service's API, where it has one.
	Address string `mapstructure:"address"`
	// Hosts are the names under which the API may be asked, beside localhost, the host of the address, and any IP address.
	Hosts []string `mapstructure:"hosts"`
	// Proxies are the addresses and networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []string `mapstructure:"proxies"`
}

// Validate reports the first field of its own that cannot be used.
func (c ServiceConfig) Validate() error {
	if c.Address != "" {
		if err := telemetry.CheckAddress(c.Address); err != nil {
			return fmt.Errorf("address: %w", err)
		}
	}
	if _, err := rpc.ParseProxies(c.Proxies); err != nil {
		return err
	}
	return rpc.CheckHosts(c.Hosts)
}

// Serves refuses an empty address, for a service that has an API.
func (c ServiceConfig) Serves() error {
	if c.Address == "" {
		return errkind.New(errkind.Invalid, "address: must be set, as in :8080")
	}
	return nil
}

// A Part is a service as Main runs it: what serves until its context ends, and the HTTP API, if any.
type Part struct {
	Serve   func(context.Context) error
	Ready   func() error
	Handler http.Handler
}

// settings collects --set key=value.
type settings []string

func (s *settings) String() string     { return fmt.Sprint(*s) }
func (s *settings) Set(v string) error { *s = append(*s, v); return nil }

// Main is the whole main of a service: flags, configuration, platform, the part that
// build makes of them, health and metrics, and a clean drain at SIGTERM. cfg is a pointer to the
// service's configuration, filled with defaults; base points to the ServiceConfig within it.
func Main(name string, cfg any, base *ServiceConfig, build func(context.Context, *Platform) (Part, error)) {
	var set settings
	file := flag.String("config", "", "YAML file, see config/"+name+".yaml")
	flag.Var(&set, "set", "one setting, key=value; may be repeated")
	check := flag.Bool("check", false, "read the configuration, say what is wrong with it, and end")
	flag.Parse()
	KeepPrivate()
	ctx, stop := lifecycle.SignalContext(context.Background())
	defer stop()
	err := config.Load(cfg, *file, set)
	if err == nil && !*check {
		err = run(ctx, name, base, build)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// logReady reports whether the log answers, within the time that a probe has.
func (p *Platform) logReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return p.Events.Ready(ctx)
}

func run(ctx context.Context, name string, base *ServiceConfig, build func(context.Context, *Platform) (Part, error)) (err error) {
	p, err := Open(ctx, name, base.Config, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	part, err := build(ctx, p)
	if err != nil {
		return err
	}
	var actors []lifecycle.Actor
	if part.Serve != nil {
		actors = append(actors, lifecycle.Actor{Name: name, Serve: part.Serve, Ready: part.Ready})
	}
	if part.Handler != nil {
		proxies, err := rpc.ParseProxies(base.Proxies)
		if err != nil {
			return err
		}
		actors = append(actors, lifecycle.Actor{Name: name + " http", Ready: part.Ready, Serve: func(ctx context.Context) error {
			return telemetry.ServeHTTP(ctx, name+" (address)", base.Address, rpc.Guard(base.Address, base.Hosts, proxies.Handler(p.Traced(part.Handler))))
		}})
	}
	if a := base.Telemetry.AdminAddress; a != "" {
		watched := append(p.Watched(), actors...)
		if part.Serve != nil { // what serves from the log is not ready without it
			watched = append([]lifecycle.Actor{{Name: "log", Ready: p.logReady}}, watched...)
		}
		admin := p.Admin(func() error { return lifecycle.Ready(watched...) }, func() error { return lifecycle.Alive(watched...) })
		actors = append([]lifecycle.Actor{{Name: "admin", Serve: func(ctx context.Context) error {
			return telemetry.ServeHTTP(ctx, "health and metrics (telemetry.admin_address)", a, rpc.Guard(a, base.Hosts, admin))
		}}}, actors...)
	}
	p.Log.Info("started", "address", base.Address, "admin", base.Telemetry.AdminAddress)
	return lifecycle.Run(ctx, p.Log, actors...)
}
