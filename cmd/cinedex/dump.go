package main

import (
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// newDump writes what the store and the search engine hold, in their canonical form. It
// is how two Cinedexes are compared; the folder must not be in use.
func newDump(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:       "dump store|search",
		Short:     "Write all that the store or the search engine of a stopped Cinedex holds",
		Long:      "One JSON object a line, in a canonical order: the same library gives the same bytes, however it came about.",
		Example:   "  cinedex dump store --home .cinedex | sha256sum",
		ValidArgs: []string{"store", "search"},
		Args:      args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(cmd *cobra.Command, a []string) error {
			ctx := cmd.Context()
			quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
			if a[0] == "store" {
				cfg := pebblestore.Default()
				cfg.Dir = filepath.Join(h.dir, "store")
				s, err := pebblestore.Open(cfg, pebblestore.Deps{Log: quiet})
				if err != nil {
					return err
				}
				defer s.Close()
				return s.Dump(ctx, o.out)
			}
			models := builtin.Open(model.Cache{}, 1)
			registry, err := models.Algorithms()
			if err != nil {
				return err
			}
			e, err := embedded.Open(filepath.Join(h.dir, "search"), embedded.Config{Spaces: registry.Spaces()}, embedded.Deps{Log: quiet})
			if err != nil {
				return errkind.New(errkind.Of(err), "opening the search engine: %w", err)
			}
			defer e.Close()
			return e.Dump(ctx, o.out)
		},
	}
}
