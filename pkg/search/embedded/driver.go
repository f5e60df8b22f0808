package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

// Driver is the engine in one folder, for one process.
var Driver = search.Driver{Name: "embedded", Settings: func(dir string) search.Settings {
	return &Settings{Dir: filepath.Join(dir, "search")}
}}

// Settings is what an operator sets of the engine.
type Settings struct {
	// Dir is the embedded engine's folder.
	Dir string `mapstructure:"dir"`
}

// Validate implements search.Settings.
func (s Settings) Validate() error {
	if s.Dir == "" {
		return errkind.New(errkind.Invalid, "dir: must name a folder")
	}
	return nil
}

// Open implements search.Settings.
func (s Settings) Open(ctx context.Context, d search.Deps) (search.Engine, error) {
	e, err := Open(s.Dir, Config{Spaces: d.Spaces, Mend: d.Owner != nil}, Deps{Log: d.Log, Metrics: d.Metrics})
	if err != nil {
		return nil, err // a nil *Engine in the interface would not be nil
	}
	if d.Owner != nil {
		if err := e.recognise(ctx, d.Owner); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// role is the part of the engine in its store's record of partners.
const role = "embedded search engine"

// recognise finds out whether the engine was filled from its owner. An engine whose folder was emptied or exchanged holds less than the store, and
// looks like any other.
func (e *Engine) recognise(ctx context.Context, owner search.Owner) error {
	known, err := owner.Filled(ctx, role, e.ID())
	if err != nil {
		return fmt.Errorf("asking the store for its search engine: %w", err)
	}
	e.OnWhole(func(ctx context.Context) error { return owner.Refilled(ctx, role, e.ID()) })
	if known != e.ID() {
		return e.Doubt("it is another search engine than the one that was filled from this store: its folder was emptied, exchanged or set aside")
	}
	if !e.Made() {
		return nil
	}
	owes, err := owner.Owes(ctx)
	if err != nil || !owes {
		return err
	}
	return e.Doubt("it is empty, and the store is not")
}
