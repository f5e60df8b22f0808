package platform

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Part is one service, as its own main and `cinedex up` run it.
type Part interface {
	// Spec says what the service is called and what it needs. It is asked before the configuration is read.
	Spec() Spec
	// Open makes the service over a platform that has what Spec needs. Open starts nothing.
	Open(ctx context.Context, p *Platform) (Service, error)
}

// A Spec is what a program has to know of a part before it opens the part.
type Spec struct {
	// Name is the name of the service and of its program.
	Name string
	// Key is the section of the part's own configuration, and Config a pointer to it, which holds the defaults.
	Key    string
	Config any
	Needs  Needs
	// API says that the service answers over HTTP, so that its program needs an address.
	API bool
}

// Needs are the pieces of the platform that a part stands on, beside the log, which all have.
type Needs struct {
	// Store is the truth.
	Store bool
	// Engine is the search engine; it needs Store and Models.
	Engine bool
	// Models are the algorithms and the models that they run on, with the catalogue, which follows the topic of algorithms.
	Models bool
	// Announces says that the algorithms run here, so that the catalogue announces them; it needs Models.
	Announces bool
	// Blobs are the buckets.
	Blobs bool
	// Films are the programs that read films; they need Blobs.
	Films bool
	// Tokens is who may do what, and Audit the record of who did.
	Tokens, Audit bool
}

// and returns what either needs.
func (n Needs) and(o Needs) Needs {
	return Needs{
		Store: n.Store || o.Store, Engine: n.Engine || o.Engine, Models: n.Models || o.Models, Announces: n.Announces || o.Announces, Blobs: n.Blobs || o.Blobs,
		Films: n.Films || o.Films, Tokens: n.Tokens || o.Tokens, Audit: n.Audit || o.Audit,
	}
}

// NeedsOf returns what any of the parts needs.
func NeedsOf(parts ...Part) (n Needs) {
	for _, part := range parts {
		n = n.and(part.Spec().Needs)
	}
	return n
}

// A Service is a part that was opened.
type Service struct {
	// Serve blocks until its context ends, drains, and returns nil on a clean stop. It is nil for a service that only answers.
	Serve func(context.Context) error
	Ready func() error
	// Register puts the service's handlers onto mux; nil where it has none.
	Register func(mux *http.ServeMux)
	// Procedures are the names of the Connect services among the handlers, for health and reflection.
	Procedures []string
}

// Models are the algorithms and the models that they run on, each opened at its first need.
type Models interface {
	io.Closer
	Algorithms() (*algo.Registry, error)
	Encoders() (*encode.Set, error)
	// Declarations say what the algorithms are.
	Declarations() []*pb.AlgorithmAnnounced
}

// Provide opens what the needs are, in the order in which one stands on the other.
func (p *Platform) Provide(ctx context.Context, c Config, n Needs, l Links) (err error) {
	if n.Store {
		if err := p.OpenStore(ctx, c.Store); err != nil {
			return err
		}
	}
	if n.Models {
		if err := p.OpenModels(l); err != nil {
			return err
		}
		p.followCatalog(n.Announces)
	}
	if n.Engine {
		if err := p.OpenEngine(ctx, c.Search, p.Algorithms.Spaces()); err != nil {
			return err
		}
	}
	if n.Films {
		err = p.OpenMedia(ctx, c.Media, c.Blobs)
	} else if n.Blobs {
		err = p.OpenBlobs(ctx, c.Blobs)
	}
	if err != nil {
		return err
	}
	if n.Audit {
		if p.Audit, err = p.OpenAudit(c.Audit); err != nil {
			return err
		}
	}
	if n.Tokens {
		if p.Authoriser, err = p.OpenTokens(c.TokenFile); err != nil {
			return fmt.Errorf("token_file: nobody is answered without a token: %w", err)
		}
	}
	return nil
}

// OpenModels names the models in the cache, and the algorithms that run on them.
func (p *Platform) OpenModels(l Links) (err error) {
	p.Models = l.Models(p.Cache)
	p.OnClose(p.Models)
	if p.Algorithms, err = p.Models.Algorithms(); err != nil {
		return err
	}
	if p.Encoders, err = p.Models.Encoders(); err != nil {
		return err
	}
	p.Catalog, err = catalog.New(p.Models.Declarations()...)
	return err
}

// followCatalog has the catalogue follow the topic of algorithms for as long as the program runs.
func (p *Platform) followCatalog(announces bool) {
	deps := catalog.Deps{Events: p.Events, Log: p.Log, Registerer: p.Registry}
	if announces {
		deps.Own = p.Models.Declarations()
	}
	f := catalog.Follow(p.Catalog, deps)
	p.RunBeside(lifecycle.Actor{Name: "catalogue", Serve: f.Serve, Ready: f.Ready})
}

// RunBeside has an actor of the platform itself run with the services: it starts before them, stops after them, and a program is not ready
// before the actor is.
func (p *Platform) RunBeside(a lifecycle.Actor) { p.beside = append(p.beside, a) }

// Beside are the actors given to RunBeside. They are all there once the parts are open.
func (p *Platform) Beside() []lifecycle.Actor { return slices.Clone(p.beside) }

// Mux has the handlers of services, and of what is said about all of them: health and reflection. ready says why they cannot answer now.
func Mux(ready func() error, services ...Service) *http.ServeMux {
	mux := http.NewServeMux()
	var procedures []string
	for _, s := range services {
		if s.Register != nil {
			s.Register(mux)
		}
		procedures = append(procedures, s.Procedures...)
	}
	if len(procedures) > 0 {
		rpc.Describe(mux, ready, procedures...)
	}
	return mux
}
