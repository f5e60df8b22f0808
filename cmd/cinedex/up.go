package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/authz"
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // a bucket may be reached by S3's protocol
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/search/engines"
	"github.com/cinedex/cinedex/pkg/store/stores"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
	"github.com/cinedex/cinedex/services/indexer/indexing"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// upConfig is the configuration of all services in a single process.
type upConfig struct {
	platform.Config `mapstructure:",squash"`
	// API serves searches, the page, POST /events and operators.
	platform.API `mapstructure:",squash"`
	// Size is embedded (the log runs inside this process) or production (the services run in this process, over the
	// configured Kafka, store and search engine).
	Size string `mapstructure:"size"`
	// Replication is the number of brokers with a copy of each created topic, in production.
	Replication int `mapstructure:"replication"`
	// Broker is the log inside the process.
	Broker broker.Config `mapstructure:"broker"`

	Ingest    ingest.Config    `mapstructure:"ingest"`
	Runner    runner.Config    `mapstructure:"runner"`
	Indexing  indexing.Config  `mapstructure:"indexing"`
	Operating operating.Config `mapstructure:"operating"`
	Gateway   gateway.Config   `mapstructure:"gateway"`
}

const (
	sizeEmbedded   = "embedded"
	sizeProduction = "production"
)

func defaultUp(dir string) upConfig {
	c := upConfig{
		Config: platform.Default(dir, links), API: platform.API{Address: "127.0.0.1:8080"}, Size: sizeEmbedded, Replication: 1,
		Broker: broker.Default(filepath.Join(dir, "log")),
		Ingest: ingest.Default(), Runner: runner.Default(), Indexing: indexing.Default(), Operating: operating.Default(), Gateway: gateway.Default(),
	}
	c.Broker.Port = 9092
	c.TokenFile = filepath.Join(dir, "tokens.yaml")
	c.Workers.Folder = filepath.Join(dir, "workers")
	if abs, err := filepath.Abs(filepath.Join(dir, "uploads")); err == nil {
		c.Ingest.Uploads.Folder = abs
	}
	c.Audit.File = filepath.Join(dir, "audit", "audit.jsonl")
	c.Telemetry.AdminAddress = "127.0.0.1:8081"
	// A worker of the same name takes its own leases back at once: after a crash nothing waits.
	c.Runner.Worker, c.Operating.Worker = "up", "up"
	return c
}

// Validate checks the fields outside the sections, and returns an error for the first field that cannot be used.
func (c upConfig) Validate() error {
	if c.Size != sizeEmbedded && c.Size != sizeProduction {
		return errkind.New(errkind.Invalid, "size: %q is neither %s nor %s", c.Size, sizeEmbedded, sizeProduction)
	}
	if c.Replication < 1 || c.Replication > 100 {
		return errkind.New(errkind.Invalid, "replication: %d is not from 1 to 100", c.Replication)
	}
	if err := telemetry.CheckAddress(c.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if c.TokenFile == "" {
		return errkind.New(errkind.Invalid, "token_file: must name a file")
	}
	return nil
}

// settings are the values of --config and --set of a command.
type settings struct {
	file string
	set  []string
}

// flags gives the command both flags. file is the help text of --config.
func (s *settings) flags(c *cobra.Command, file string) {
	c.Flags().StringVar(&s.file, "config", "", file)
	c.Flags().StringArrayVar(&s.set, "set", nil, "a setting, key=value; may be repeated")
}

func (s *settings) load(h *home) (upConfig, error) {
	cfg := defaultUp(h.dir)
	err := config.Load(&cfg, s.file, s.set)
	return cfg, err
}

func newUp(o *output, h *home) *cobra.Command {
	var from settings
	var roots []string
	var check bool
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform in this process",
		Long: `Runs log, ingestor, algo-runner, indexer, operator and search API in a single process, with
its data in the home folder, until stopped. No Java, no other server.`,
		Example: `  cinedex up --media ~/films
  cinedex up --config config/up.yaml --set address=127.0.0.1:9000`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := from.load(h)
			if err != nil {
				return err
			}
			for _, r := range roots {
				abs, err := filepath.Abs(r)
				if err != nil {
					return err
				}
				cfg.Blobs.Roots = append(cfg.Blobs.Roots, abs)
			}
			if check {
				o.note("the configuration is right")
				return nil
			}
			u, err := start(cmd.Context(), o.err, h, cfg)
			if err != nil {
				return err
			}
			o.note("Cinedex is at %s", u.pageURL())
			return u.serve(cmd.Context())
		},
	}
	from.flags(c, "YAML file, see config/up.yaml")
	c.Flags().BoolVar(&check, "check", false, "check the configuration, print the first fault, and end")
	c.Flags().StringArrayVar(&roots, "media", nil, "folder of films to be ingested; may be repeated")
	return c
}

// parts are the services in a single process, in the order of starting. A service that others depend on starts first
// and stops last. search is the search API among the parts.
func parts(cfg upConfig) (all []platform.Part, search *searchapi.Part) {
	search = &searchapi.Part{Config: cfg.Gateway}
	return []platform.Part{
		&indexing.Part{Config: cfg.Indexing},
		&operatorapi.Part{Config: cfg.Operating},
		search,
		&runner.Part{Config: cfg.Runner},
		&ingest.Part{Config: cfg.Ingest},
	}, search
}

// links are the implementations in this program: all of them.
var links = platform.Links{
	Stores:  stores.Drivers(),
	Engines: engines.Drivers(),
	Models:  func(c model.Cache) platform.Models { return builtin.Open(c, runtime.GOMAXPROCS(0)) },
}

// running is the platform in this process, opened and ready to serve.
type running struct {
	*platform.Platform
	cfg      upConfig
	home     *home
	token    string
	broker   *broker.Broker
	gateway  *gateway.Gateway
	api      *searchapi.Service
	listener net.Listener
	actors   []lifecycle.Actor
}

// start opens every resource in the order of dependence. If a later resource fails, start closes the resources opened
// before.
func start(ctx context.Context, logs io.Writer, h *home, cfg upConfig) (u *running, err error) {
	if err := platform.MakePrivate(h.dir); err != nil {
		return nil, fmt.Errorf("opening the home folder: %w", err)
	}
	u = &running{cfg: cfg, home: h}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.close())
		}
	}()
	// The port first: a taken port is the most frequent fault, and start then has opened nothing.
	if u.listener, err = net.Listen("tcp", cfg.Address); err != nil {
		return u, telemetry.ListenError("the search API (address)", cfg.Address, err)
	}
	if u.token, err = ensureTokens(h.dir, cfg.TokenFile); err != nil {
		return u, err
	}
	if folder := cfg.Ingest.Uploads.Folder; folder != "" { // uploaded films are media like any other
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return u, fmt.Errorf("ingest.uploads.folder: %w", err)
		}
		cfg.Blobs.Roots = append(slices.Clone(cfg.Blobs.Roots), folder)
		u.cfg = cfg
	}
	if u.Platform, err = platform.Begin(ctx, "cinedex", cfg.Config, logs); err != nil {
		return u, err
	}
	if err = u.openLog(ctx); err != nil {
		return u, err
	}
	all, search := parts(cfg)
	if err = u.Provide(ctx, cfg.Config, platform.NeedsOf(all...), links); err != nil {
		return u, err
	}
	if err = u.assemble(ctx, all, search); err != nil {
		return u, err
	}
	u.gateway, u.api = search.Gateway, search.Service
	return u, h.write(endpoint{Server: u.server(), Brokers: u.cfg.Kafka.Brokers, Token: u.token, PID: os.Getpid()})
}

// openLog opens the log, inside this process in the embedded size, and makes the topics.
func (u *running) openLog(ctx context.Context) (err error) {
	layout := events.Layout{Replication: u.cfg.Replication}
	if u.cfg.Size == sizeEmbedded {
		layout = events.Layout{Replication: 1, Embedded: true}
		u.cfg.Broker.Logger, u.cfg.Broker.Registerer = u.Log, u.Registry
		if u.broker, err = broker.Open(u.cfg.Broker); err != nil { //nolint:contextcheck // it serves until it is closed, whatever becomes of the context
			return err
		}
		u.cfg.Kafka.Brokers, u.LogReady = []string{u.broker.Addr()}, u.broker.Ready
	}
	if err := u.OpenEvents(u.cfg.Kafka); err != nil {
		return err
	}
	if _, err := u.Events.EnsureTopics(ctx, layout); err != nil {
		return fmt.Errorf("making the topics: %w", err)
	}
	return nil
}

// assemble opens the parts and lists the actors. All APIs are behind a single address, served in the place of the
// search API.
func (u *running) assemble(ctx context.Context, all []platform.Part, search *searchapi.Part) error {
	proxies, err := rpc.ParseProxies(u.cfg.Proxies)
	if err != nil {
		return err
	}
	var services []platform.Service
	var handler http.Handler
	for _, part := range all {
		s, err := part.Open(ctx, u.Platform)
		if err != nil {
			return err
		}
		services = append(services, s)
		if part == platform.Part(search) {
			s.Serve = func(ctx context.Context) error { return telemetry.ServeListener(ctx, u.listener, handler) }
		}
		u.actors = append(u.actors, lifecycle.Actor{Name: part.Spec().Name, Serve: s.Serve, Ready: s.Ready})
	}
	mux := platform.Mux(search.Gateway.Ready, services...)
	handler = rpc.Guard(u.cfg.Address, u.cfg.Hosts, u.cfg.Origins, proxies.Handler(u.Traced(mux)))
	if folder := u.cfg.Workers.Folder; folder != "" {
		published := &keeper{folder: folder, log: u.Log}
		u.actors = append(u.actors, lifecycle.Actor{Name: "published workers", Serve: published.Serve})
	}
	u.actors = append(u.Beside(), u.actors...)
	if u.broker != nil {
		// The log is the first actor, because all others stand on the log: the log stops last, and ends the process
		// when its disk fails.
		u.actors = append([]lifecycle.Actor{{Name: "log", Serve: u.broker.Serve, Ready: u.broker.Ready, Alive: u.broker.Alive}}, u.actors...)
	}
	u.actors = u.WithAdmin(u.cfg.Telemetry.AdminAddress, u.cfg.Hosts, u.actors)
	return nil
}

func (u *running) server() string { return "http://" + u.listener.Addr().String() }

// pageURL carries the token once; the page turns the token into a cookie.
func (u *running) pageURL() string {
	if u.token == "" {
		return u.server() + "/"
	}
	return u.server() + "/?token=" + u.token
}

// serve runs until ctx ends, and closes everything.
func (u *running) serve(ctx context.Context) error {
	err := lifecycle.Run(ctx, u.Log, u.actors...)
	return errors.Join(err, u.close())
}

func (u *running) close() error {
	var errs []error
	if u.listener != nil {
		if err := u.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if u.Platform != nil {
		errs = append(errs, u.Close())
	}
	if u.broker != nil {
		errs = append(errs, u.broker.Close())
	}
	return errors.Join(errs...)
}

// ownerName is the name of the token from the first start.
const ownerName = "owner"

// ensureTokens creates a token with all rights if the file of tokens is missing. ensureTokens returns the token that
// this start or an earlier start created.
//
// The token is kept before the file of admitted tokens is written, and each file is written wholly or not at all. After
// a crash between the two writes no file admits the token yet; the next start writes the file. A file of an earlier
// release gets the new roles.
func ensureTokens(dir, file string) (string, error) {
	own := filepath.Join(dir, "token")
	b, err := os.ReadFile(own)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	there, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the file of tokens: %w", err)
	}
	if err == nil && !authz.Outdated(there, ownerName, token) {
		return token, nil // with an empty token, the file is the operator's own, and the operator knows the tokens
	}
	if token == "" {
		token = rand.Text()
		if err := authz.WriteSecret(own, []byte(token+"\n")); err != nil {
			return "", fmt.Errorf("making the token: %w", err)
		}
	}
	if err := authz.WriteFile(file, ownerName, token, "*"); err != nil {
		return "", fmt.Errorf("making the file of tokens: %w", err)
	}
	return token, nil
}
