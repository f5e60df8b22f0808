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
	"strings"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
	"github.com/cinedex/cinedex/services/indexer/indexing"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// upConfig is the configuration of everything in one process.
type upConfig struct {
	platform.Config `mapstructure:",squash"`
	// Address serves the search API, the page, and POST /events.
	Address string `mapstructure:"address"`
	// Hosts are the names under which the API may be asked, beside localhost, the host of the address, and any IP address.
	Hosts []string `mapstructure:"hosts"`
	// Proxies are the addresses and networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []string `mapstructure:"proxies"`
	// TokenFile holds who may see which titles; made with one token where it is missing.
	TokenFile string `mapstructure:"token_file"`
	// Size is embedded, with the log inside this process, or production: the services in this
	// process, over the Kafka, store and search engine that kafka, store and search name.
	Size string `mapstructure:"size"`
	// Replication is how many brokers keep each topic that is made, in production.
	Replication int `mapstructure:"replication"`
	// Broker is the log inside the process.
	Broker broker.Config `mapstructure:"broker"`

	Ingest    ingest.Config    `mapstructure:"ingest"`
	Runner    runner.Config    `mapstructure:"runner"`
	Indexing  indexing.Config  `mapstructure:"indexing"`
	Operating operating.Config `mapstructure:"operating"`
	Gateway   gateway.Config   `mapstructure:"gateway"`
}

// The sizes.
const (
	sizeEmbedded   = "embedded"
	sizeProduction = "production"
)

func defaultUp(dir string) upConfig {
	c := upConfig{
		Config: platform.Default(dir), Size: sizeEmbedded, Replication: 1, Address: "127.0.0.1:8080", TokenFile: filepath.Join(dir, "tokens.yaml"),
		Broker: broker.Default(filepath.Join(dir, "log")),
		Ingest: ingest.Default(), Runner: runner.Default(), Indexing: indexing.Default(), Operating: operating.Default(), Gateway: gateway.Default(),
	}
	c.Broker.Port = 9092
	c.Audit.File = filepath.Join(dir, "audit", "audit.jsonl")
	c.Telemetry.AdminAddress = "127.0.0.1:8081"
	// A worker of the same name takes its own leases back at once: after a crash nothing waits.
	c.Runner.Worker, c.Operating.Worker = "up", "up"
	return c
}

// Validate reports the first field of its own that cannot be used.
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
	if err := rpc.CheckHosts(c.Hosts); err != nil {
		return err
	}
	_, err := rpc.ParseProxies(c.Proxies)
	return err
}

// settings are what --config and --set of a command say.
type settings struct {
	file string
	set  []string
}

// flags gives the command both; file says what the first one names.
func (s *settings) flags(c *cobra.Command, file string) {
	c.Flags().StringVar(&s.file, "config", "", file)
	c.Flags().StringArrayVar(&s.set, "set", nil, "one setting, key=value; may be repeated")
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
		Long: `Runs log, ingestor, algo-runner, indexer and search API in one process, with its
data in the home folder, until stopped. No Java, no other server.`,
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
	c.Flags().BoolVar(&check, "check", false, "read the configuration, say what is wrong with it, and end")
	c.Flags().StringArrayVar(&roots, "media", nil, "folder that films may be ingested from; may be repeated")
	return c
}

// running is the platform in this process, opened and ready to serve.
type running struct {
	*platform.Platform
	cfg      upConfig
	home     *home
	token    string
	broker   *broker.Broker
	models   *builtin.Models
	gateway  *gateway.Gateway
	api      *searchapi.Service
	listener net.Listener
	actors   []lifecycle.Actor
}

// start opens everything in the order in which it is needed; what was opened is closed again if a later part fails.
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
	// The port first: it is the usual thing to be taken, and nothing is opened for nothing then.
	if u.listener, err = net.Listen("tcp", cfg.Address); err != nil {
		return u, telemetry.ListenError("the search API (address)", cfg.Address, err)
	}
	if u.token, err = ensureTokens(h.dir, cfg.TokenFile); err != nil {
		return u, err
	}
	if u.Platform, err = platform.Begin(ctx, "cinedex", cfg.Config, logs); err != nil {
		return u, err
	}
	layout := events.Layout{Replication: cfg.Replication}
	if cfg.Size == sizeEmbedded {
		layout = events.Layout{Replication: 1, Embedded: true}
		cfg.Broker.Logger, cfg.Broker.Registerer = u.Log, u.Registry
		if u.broker, err = broker.Open(cfg.Broker); err != nil { //nolint:contextcheck // it serves until it is closed, whatever becomes of the context
			return u, err
		}
		cfg.Kafka.Brokers = []string{u.broker.Addr()}
	}
	if err = u.OpenEvents(cfg.Kafka); err != nil {
		return u, err
	}
	if _, err = u.Events.EnsureTopics(ctx, layout); err != nil {
		return u, fmt.Errorf("making the topics: %w", err)
	}
	if err = u.OpenStore(ctx, cfg.Store); err != nil {
		return u, err
	}
	u.models = builtin.Open(u.Cache, runtime.GOMAXPROCS(0))
	registry, err := u.models.Algorithms()
	if err != nil {
		return u, err
	}
	if err = u.OpenEngine(ctx, cfg.Search, registry.Spaces()); err != nil {
		return u, err
	}
	if err = u.OpenMedia(ctx, cfg.Media, cfg.Blobs); err != nil {
		return u, err
	}
	record, err := u.OpenAudit(cfg.Audit)
	if err != nil {
		return u, err
	}
	authoriser, err := u.OpenTokens(cfg.TokenFile)
	if err != nil {
		return u, err
	}

	var logReady func() error
	if u.broker != nil {
		logReady = u.broker.Ready
	}
	ing, err := ingest.New(cfg.Ingest, ingest.Deps{Events: u.Events, LogReady: logReady, Library: u.Store, Authoriser: authoriser, Audit: record, Reader: u.Reader, Blobs: u.Blobs, Log: u.Log, Registerer: u.Registry})
	if err != nil {
		return u, err
	}
	run, err := runner.New(cfg.Runner, runner.Deps{
		Events: u.Events, Store: u.Store, Registry: registry, Reader: u.Reader, Blobs: u.Blobs,
		Model: u.ModelFile, Log: u.Log, Registerer: u.Registry,
	})
	if err != nil {
		return u, err
	}
	idx, err := indexing.New(cfg.Indexing, indexing.Deps{Events: u.Events, Store: u.Store, Engine: u.Engine, Log: u.Log, Registerer: u.Registry})
	if err != nil {
		return u, err
	}
	jobs, err := operating.New(cfg.Operating, operating.Deps{Events: u.Events, Store: u.Store, Engine: u.Engine, Registry: registry, Blobs: u.Blobs, Log: u.Log, Registerer: u.Registry})
	if err != nil {
		return u, err
	}
	operators, err := operatorapi.New(operatorapi.Deps{Operating: jobs, Events: u.Events, Authoriser: authoriser, Audit: record, Log: u.Log})
	if err != nil {
		return u, err
	}
	api, err := searchapi.New(cfg.Gateway, searchapi.Deps{
		Store: u.Store, Engine: u.Engine, Encoders: u.models.Encoders(), Spaces: registry.SpacesOf, Authoriser: authoriser, Audit: record, Planned: registry.Runs,
		Blobs: u.Blobs, Reader: u.Reader, Log: u.Log, Registerer: u.Registry,
	})
	if err != nil {
		return u, err
	}
	u.api, u.gateway = api, api.Gateway
	proxies, err := rpc.ParseProxies(cfg.Proxies)
	if err != nil {
		return u, err
	}
	mux := http.NewServeMux()
	ing.Register(mux)
	operators.Register(mux)
	rpc.Describe(mux, api.Gateway.Ready, cinedexv1connect.SearchServiceName, cinedexv1connect.OperatorServiceName)
	mux.Handle("/", api.Handler)

	u.actors = []lifecycle.Actor{
		{Name: "indexer", Serve: idx.Serve, Ready: idx.Ready},
		{Name: "operating", Serve: jobs.Serve, Ready: jobs.Ready},
		{Name: "search-api", Serve: func(ctx context.Context) error {
			return telemetry.ServeListener(ctx, u.listener, rpc.Guard(cfg.Address, cfg.Hosts, proxies.Handler(u.Traced(mux))))
		}, Ready: api.Gateway.Ready},
		{Name: "algo-runner", Serve: run.Serve, Ready: run.Ready},
		{Name: "ingestor", Serve: ing.Serve, Ready: ing.Ready},
	}
	if u.broker != nil {
		// First, since all others stand on it: it stops last, and ends the process when its disk fails.
		u.actors = append([]lifecycle.Actor{{Name: "log", Serve: u.broker.Serve, Ready: u.broker.Ready, Alive: u.broker.Alive}}, u.actors...)
	}
	if cfg.Telemetry.AdminAddress != "" {
		watched := append(u.Watched(), u.actors...)
		admin := u.Admin(func() error { return lifecycle.Ready(watched...) }, func() error { return lifecycle.Alive(watched...) })
		u.actors = append([]lifecycle.Actor{{Name: "admin", Serve: func(ctx context.Context) error {
			return telemetry.ServeHTTP(ctx, "health and metrics (telemetry.admin_address)", cfg.Telemetry.AdminAddress, rpc.Guard(cfg.Telemetry.AdminAddress, cfg.Hosts, admin))
		}}}, u.actors...)
	}
	return u, h.write(endpoint{Server: u.server(), Brokers: cfg.Kafka.Brokers, Token: u.token, PID: os.Getpid()})
}

func (u *running) server() string { return "http://" + u.listener.Addr().String() }

// pageURL carries the token once; the page turns it into a cookie.
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
	if u.models != nil {
		errs = append(errs, u.models.Close())
	}
	if u.broker != nil {
		errs = append(errs, u.broker.Close())
	}
	return errors.Join(errs...)
}

// ownerName is the name of the token that the first start makes.
const ownerName = "owner"

// ensureTokens makes a token that may do everything where there is no file of tokens, and returns the token that it made, now or earlier.
//
// The token is kept before the file that admits it, and each file is written wholly or not at all. A crash between the two leaves a
// token that nothing admits yet; the next start writes the file for it. A file as earlier releases made it gets the roles that are new.
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
		return token, nil // where the token is empty, the file is somebody's own: its tokens are theirs to know
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
