package store

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// A Driver is one implementation of Store, as programs choose it. A program lists the drivers that it links; `store.engine` names one of them.
type Driver struct {
	// Name is the value of store.engine, and the key of the driver's section below store.
	Name string
	// Settings returns a pointer to the section, filled with defaults. dir is the folder of the program's data.
	Settings func(dir string) Settings
}

// Settings is the section of one driver, as config.Load fills it.
type Settings interface {
	// Validate reports the first field that cannot be used, and begins with the key of the field.
	Validate() error
	// Open opens the store. The caller MUST close the store.
	Open(ctx context.Context, d Deps) (Store, error)
}

// Deps is what every driver is opened with.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics; there are none where it is nil.
	Registerer prometheus.Registerer
}
