package search

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Driver is one implementation of Engine, as programs choose it. A program lists the drivers that it links; `search.engine` names one of them.
type Driver struct {
	// Name is the value of search.engine.
	Name string
	// Section is the key of the driver's section below search. Where Section is empty, the settings lie among those of search itself.
	Section string
	// Settings returns a pointer to the section, filled with defaults. dir is the folder of the program's data.
	Settings func(dir string) Settings
}

// Settings is the section of one driver, as config.Load fills it.
type Settings interface {
	// Validate reports the first field that cannot be used, and begins with the key of the field.
	Validate() error
	// Open opens the engine. The caller MUST close the engine.
	Open(ctx context.Context, d Deps) (Engine, error)
}

// Deps is what every driver is opened with.
type Deps struct {
	// Spaces are those that embeddings may be of.
	Spaces  []*pb.Space
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Owner is the store that the engine is filled from. Without an owner the engine cannot tell whether it holds what the store has: for tools
	// that read the engine alone.
	Owner Owner
}

// An Owner is the store that an engine is filled from. A driver asks the owner whether the engine holds what the store has: an engine that was
// emptied, exchanged or filled from another store answers wrongly without any error.
type Owner interface {
	// Belongs records id as the identity of the server that plays the role, or compares id with the identity on record.
	//
	// Errors: Invalid where the identities differ, and the operator has not asked to adopt another server.
	Belongs(ctx context.Context, role, id string) error
	// Filled returns the identity of the engine that was filled from the store, in a role. The first id that is given becomes this identity,
	// and so does an id that the operator has asked to adopt.
	Filled(ctx context.Context, role, id string) (string, error)
	// Refilled records id as the identity of the engine that was filled from the store.
	Refilled(ctx context.Context, role, id string) error
	// Owes reports whether the store has anything that an engine is to hold.
	Owes(ctx context.Context) (bool, error)
}
