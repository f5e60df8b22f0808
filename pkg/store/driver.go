package store

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// A Driver is an implementation of Store for programs to choose. A program lists its drivers; `store.engine` names a
// driver of the list.
type Driver struct {
	// Name is the value of store.engine, and the key of the driver's section below store.
	Name string
	// Settings returns a pointer to the section, filled with defaults. dir is the folder of the program's data.
	Settings func(dir string) Settings
}

// Settings is the section of a driver, as config.Load fills the section.
type Settings interface {
	// Validate returns an error for the first field that cannot be used. The error begins with the key of the field.
	Validate() error
	// Open opens the store. The caller MUST close the store.
	Open(ctx context.Context, d Deps) (Store, error)
}

// Deps are the dependencies of every driver.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics. With nil, the store has no metrics.
	Registerer prometheus.Registerer
}
