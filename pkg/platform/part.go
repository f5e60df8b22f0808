package platform

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Part is a service. The service's own main and `cinedex up` both run the service as a Part.
//
// A program calls Spec, reads the configuration into Spec.Config, opens the platform with Spec.Needs, calls Open once,
// and then runs the Service.
type Part interface {
	// Spec returns the name, the configuration and the needs of the service.
	//
	//   - Spec MUST return equal values at each call, with the same pointer as Config.
	//   - Spec MUST NOT read the configuration: the configuration is read after the first call.
	Spec() Spec
	// Open makes the service.
	//
	//   - The configuration is read by then, and p has everything in Spec.Needs. Every other field of p MAY be nil.
	//   - Open MUST start nothing: no goroutine, no server, no subscription.
	//   - A part that opens a resource of its own MUST pass the closer to p.OnClose. The program closes p, also after
	//     an error of Open.
	Open(ctx context.Context, p *Platform) (Service, error)
}

// A Spec is the description of a part that a program needs before the program opens the part.
type Spec struct {
	// Name is the name of the service and of its program.
	Name string
	// Key is the name of the part's own section of the configuration.
	Key string
	// Config is a pointer to the part's own configuration. The program fills the configuration, which holds the defaults before.
	Config any
	Needs  Needs
	// API says that the service answers over HTTP. The program then needs an address.
	API bool
}

// Needs are the pieces of the platform that a part uses. Every part also has the log, the model cache, logging and metrics. A part that sets a
// need MUST also set the needs that the comment of the need names.
type Needs struct {
	// Store is Platform.Store.
	Store bool
	// Engine is Platform.Engine, the search engine. Engine requires Models. With Store, the engine is compared with the store when the
	// engine is opened; every part with Engine SHOULD have Store.
	Engine bool
	// Models are Platform.Models, Algorithms, Encoders and Catalog. The catalogue follows the topic of algorithms.
	Models bool
	// With Announces, this process runs the algorithms. The process then announces the declarations of the algorithms.
	// Announces requires Models.
	Announces bool
	// Workers is Platform.Workers. Platform.Encoders then has the encoders of workers, too. Workers requires Models.
	Workers bool
	// Blobs is Platform.Blobs, the buckets.
	Blobs bool
	// Films is Platform.Reader, with the programs for reading films. Films includes Blobs.
	Films bool
	// Tokens is Platform.Authoriser, the rights of callers. Audit is Platform.Audit, the record of callers' acts.
	Tokens, Audit bool
}

// and returns the needs of n and of o together.
func (n Needs) and(o Needs) Needs {
	return Needs{
		Store: n.Store || o.Store, Engine: n.Engine || o.Engine, Models: n.Models || o.Models, Announces: n.Announces || o.Announces, Blobs: n.Blobs || o.Blobs,
		Films: n.Films || o.Films, Workers: n.Workers || o.Workers, Tokens: n.Tokens || o.Tokens, Audit: n.Audit || o.Audit,
	}
}

// NeedsOf returns the needs of all parts together.
func NeedsOf(parts ...Part) (n Needs) {
	for _, part := range parts {
		n = n.and(part.Spec().Needs)
	}
	return n
}

// A Service is an open part.
type Service struct {
	// Serve runs the service until the context ends. Serve then finishes the work under way, and returns nil on a clean stop. Serve is nil
	// for a service that has handlers alone. The program of a service with Serve is not ready while the log does not answer.
	Serve func(context.Context) error
	// Ready returns the reason why the service cannot work now; nil where the service can. Ready MUST return soon: health probes call Ready.
	// A Ready that is not set means that the service can always work.
	Ready func() error
	// Register adds the service's handlers to mux; nil for a service without handlers.
	Register func(mux *http.ServeMux)
	// Procedures are the names of the Connect services among the handlers, for health and reflection.
	Procedures []string
}

// Models are the algorithms of a program, and the models that the algorithms use. A model is opened at its first use.
type Models interface {
	io.Closer
	Algorithms() (*algo.Registry, error)
	Encoders() (*encode.Set, error)
	// Serve adds the algorithms of served models, from the manifests in a folder; an empty folder name adds none.
	Serve(dir string) error
	// Gallery gives the portraits of a folder to the algorithm that names faces; an empty folder name gives none.
	Gallery(dir string) error
	// Enable says which algorithms arriving media gets, by name, with "default" and "suite" for groups. The other algorithms are candidates. The error
	// is Invalid and in words for the operator.
	Enable(algorithms ...string) error
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
		// A process that runs no algorithms learns from the announcements which algorithms are enabled.
		if err := p.OpenModels(l, c.Served, c.Faces, c.Arrivals); err != nil {
			return err
		}
		p.followCatalog(n.Announces)
	}
	if n.Workers {
		if err := p.openWorkers(c.Workers); err != nil {
			return fmt.Errorf("workers.%w", err)
		}
	}
	if n.Engine {
		own := p.Algorithms.Spaces()
		if err := p.OpenEngine(ctx, c.Search, own); err != nil {
			return err
		}
		p.Spaces = newSpaces(p.Engine, own, p.Catalog, p.Follower.Ready, p.Log)
		p.RunBeside(lifecycle.Actor{Name: "spaces", Serve: p.Spaces.Serve, Ready: p.Spaces.Ready})
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
		if p.Authoriser, err = p.OpenTokens(c.Tokens); err != nil {
			return fmt.Errorf("token_file: nobody is answered without a token: %w", err)
		}
	}
	return nil
}

// OpenModels names the models in the cache, and the algorithms that run on them.
func (p *Platform) OpenModels(l Links, s Served, f Faces, a Arrivals) (err error) {
	p.Models = l.Models(p.Cache)
	p.OnClose(p.Models)
	p.Memory.Hold("models", p.Models)
	if err := p.Models.Serve(s.ServedModels); err != nil {
		return fmt.Errorf("served_models: %w", err)
	}
	if err := p.Models.Gallery(f.Gallery); err != nil {
		return fmt.Errorf("gallery: %w", err)
	}
	if err := p.Models.Enable(a.Algorithms...); err != nil {
		return fmt.Errorf("algorithms: %w", err)
	}
	if p.Algorithms, err = p.Models.Algorithms(); err != nil {
		return err
	}
	encoders, err := p.Models.Encoders()
	if err != nil {
		return err
	}
	p.Encoders = encoders
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
	p.Follower = f
	p.RunBeside(lifecycle.Actor{Name: "catalogue", Serve: f.Serve, Ready: f.Ready})
}

// openWorkers makes the host of workers. A worker encodes for the algorithms in the catalogue alone.
func (p *Platform) openWorkers(c remote.Config) (err error) {
	admit := func(a *pb.WorkerAlgorithm) error {
		e := p.Follower.View().Entry(catalog.ID(a.GetAlgorithm()))
		if e == nil || !e.Remote || !slices.EqualFunc(e.GetSpaces(), a.GetAlgorithm().GetSpaces(), func(x, y *pb.Space) bool { return proto.Equal(x, y) }) {
			return errkind.New(errkind.Conflict, "the catalogue does not have the spaces of %s", catalog.ID(a.GetAlgorithm()))
		}
		return nil
	}
	if p.Workers, err = remote.New(c, remote.Deps{Log: p.Log, Registerer: p.Registry, Admit: admit}); err != nil {
		return err
	}
	p.Encoders = encode.Chain{p.Encoders, p.Workers}
	p.RunBeside(lifecycle.Actor{Name: "workers", Serve: p.Workers.Serve})
	return nil
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
