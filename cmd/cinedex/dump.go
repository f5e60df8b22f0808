package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// newDump writes the content of the store and of the search engine in canonical form, for comparing two Cinedexes. No
// process may have the folder in use.
func newDump(o *output, h *home) *cobra.Command {
	var from settings
	c := &cobra.Command{
		Use:   "dump store|search",
		Short: "Write the whole content of the store or the search engine of a stopped Cinedex",
		Long: `A JSON object a line, in a canonical order: the same library gives the same bytes, whatever its history.
In a cluster with concurrent writes, each part is as of the moment of its reading.`,
		Example: `  cinedex dump store --home .cinedex | sha256sum
  cinedex dump search --config config/production.yaml`,
		ValidArgs: []string{"store", "search"},
		Args:      args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := from.load(h)
			if err != nil {
				return err
			}
			return dump(cmd.Context(), cfg.Config, a[0], o.out)
		},
	}
	from.flags(c, "YAML file of any service")
	return c
}

func dump(ctx context.Context, cfg platform.Config, what string, out io.Writer) (err error) {
	// dump only reads.
	platform.SettingsOf[cassandrastore.Config](cfg.Store.Drivers).Migrate, cfg.Store.Adopt = false, false
	p, err := platform.Open(ctx, "dump", cfg, io.Discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	// A search engine in a folder of its own needs no store, and the store may be in use.
	if what == "store" || cfg.Search.Engine != "embedded" {
		if err := p.OpenStore(ctx, cfg.Store); err != nil {
			return err
		}
	}
	if what == "store" {
		return p.Store.Dump(ctx, out)
	}
	registry, err := builtin.Open(model.Cache{}, 1).Algorithms()
	if err != nil {
		return err
	}
	if err := p.OpenEngine(ctx, cfg.Search, registry.Spaces()); err != nil {
		return err
	}
	return p.Engine.Dump(ctx, out)
}
