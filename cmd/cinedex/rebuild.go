package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/indexer/indexing"
	"github.com/cinedex/cinedex/services/operator/operating"
)

func newRebuild(o *output, h *home) *cobra.Command {
	d := doing{asks: "Rebuild the search engine?"}
	var rate float64
	var from settings
	c := &cobra.Command{
		Use:   "rebuild [search|store]",
		Short: "Make the search engine anew from the store, or a damaged store from its readable rows and the log",
		Long: `rebuild, or rebuild search, fills a fresh search engine from the store beside the live engine, compares the fresh
engine with the store, and swaps the engines at once if the fresh engine agrees with the store. Searches and writes
continue meanwhile, and both engines get the writes. A rebuild needs the space of a second engine until the swap.
A paused or killed rebuild begins anew; the live engine is unchanged. A rebuild works without a running Cinedex, too.

rebuild store is for a damaged store of the embedded size, and Cinedex must be stopped. The damaged store is set
aside. A new store gets every readable row, and then the events of the log are folded into the new store again.
The command names the losses.`,
		Example: `  cinedex rebuild --dry-run
  cinedex rebuild --rate 20000 --yes
  cinedex rebuild --detach
  cinedex rebuild store`,
		ValidArgs: []string{"search", "store"},
		Args:      args(cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs)),
		RunE: func(cmd *cobra.Command, a []string) error {
			cfg, err := from.load(h)
			if err != nil {
				return err
			}
			if len(a) == 1 && a[0] == "store" {
				return rebuildStore(cmd.Context(), o, cfg)
			}
			work := &pb.Rebuild{Rate: rate}
			if h.server == "" && cfg.Store.Engine == "pebble" {
				err := rebuildSearch(cmd.Context(), o, cfg, work, d.dryRun)
				if !errkind.Is(err, errkind.Conflict) {
					return err // a Conflict: Cinedex is running
				}
			}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Rebuild{Rebuild: work}})
			return err
		},
	}
	d.flags(c)
	from.flags(c, "YAML file of any service")
	c.Flags().Float64Var(&rate, "rate", 0, "items a second; 0 is no limit")
	return c
}

// openSearch opens the store and the search engine of a home. No process may run over the home.
func openSearch(ctx context.Context, p *platform.Platform, cfg upConfig) error {
	if err := p.OpenStore(ctx, cfg.Store); err != nil {
		return err
	}
	registry, err := builtin.Open(model.Cache{}, 1).Algorithms()
	if err != nil {
		return err
	}
	return p.OpenEngine(ctx, cfg.Search, registry.Spaces())
}

// rebuildSearch rebuilds the search engine of a home. The error is Conflict while Cinedex runs over the home.
func rebuildSearch(ctx context.Context, o *output, cfg upConfig, w *pb.Rebuild, dryRun bool) (err error) {
	p, err := platform.Open(ctx, "rebuild", cfg.Config, o.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := openSearch(ctx, p, cfg); err != nil {
		return err
	}
	if dryRun {
		o.note("nothing runs over this home: the search engine would be filled anew from the store, here; leave out --dry-run")
		return nil
	}
	b := o.bar("rebuild", 1, false)
	lines, err := operating.Rebuild(ctx, p.Store, p.Engine, w, func(done, total int64) { b.set(done, max(total, 1)) })
	b.done()
	if o.json {
		j := jobJSON{Kind: "rebuild", State: "finished", Notes: append([]string{}, lines...)}
		if err != nil {
			j.State, j.ErrorKind, j.Error = "failed", errkind.Of(err).String(), err.Error()
		}
		return errors.Join(o.value(j), err)
	}
	for _, l := range lines {
		o.printf("%s\n", l)
	}
	return err
}

// rebuildStore mends a damaged store: from the readable rows, and over these from the log.
func rebuildStore(ctx context.Context, o *output, cfg upConfig) (err error) {
	if cfg.Store.Engine != "pebble" || cfg.Size != sizeEmbedded {
		return errkind.New(errkind.Invalid, "rebuild store: the store is %s; repair the store with its own tools, and fold the log into the store again with `cinedex replay --source log`", cfg.Store.Engine)
	}
	settings := platform.SettingsOf[pebblestore.Config](cfg.Store.Drivers)
	quiet := slog.New(slog.NewTextHandler(o.err, &slog.HandlerOptions{Level: slog.LevelError}))
	got, err := pebblestore.Salvage(ctx, *settings, quiet)
	switch {
	case errkind.Is(err, errkind.NotFound): // the store's folder is gone: the log is the only source
	case err != nil:
		return err
	case got.Aside == "":
		o.printf("the store in %s is not damaged\n", settings.Dir)
		return nil
	}
	for _, d := range got.Damage {
		o.printf("%s\n", d)
	}
	if got.Aside != "" {
		o.printf("%d rows of the damaged store were read; the damaged store is in %s, which may be deleted\n", got.Rows, got.Aside)
	}
	cfg.Broker.Port, cfg.Broker.Logger = 0, slog.New(slog.DiscardHandler)
	log, err := broker.Open(cfg.Broker) //nolint:contextcheck // it serves until it is closed, whatever becomes of the context
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	cfg.Kafka.Brokers = []string{log.Addr()}
	p, err := platform.Open(ctx, "rebuild", cfg.Config, o.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := openSearch(ctx, p, cfg); err != nil {
		return err
	}
	folded, err := foldAgain(ctx, p, cfg.Indexing)
	if err != nil {
		return err
	}
	o.printf("%d events of the log were folded again\n", folded)
	lost, err := lostRows(ctx, p.Store)
	if err != nil {
		return err
	}
	for _, l := range lost {
		o.printf("lost: %s\n", l)
	}
	if e, ok := search.As[*embedded.Engine](p.Engine); ok && len(lost) > 0 {
		if err := e.Doubt("the store has lost rows that the search engine may still have"); err != nil {
			return err
		}
	}
	if len(lost) == 0 {
		o.printf("every finished run has all of its rows. Rows in neither the damaged store nor the log are lost: assets whose events the log no longer keeps, operators' jobs, switches made by hand\n")
	}
	return nil
}

// foldAgain has the indexer fold the whole log, and returns the number of events. The planner reads the whole log at the next start.
func foldAgain(ctx context.Context, p *platform.Platform, cfg indexing.Config) (int64, error) {
	for _, hop := range []events.Hop{events.HopIndexer, events.HopPlanner} {
		if err := p.Events.Rewind(ctx, hop.Group, hop.Topics...); err != nil {
			return 0, err
		}
	}
	waiting := func() (n int64, err error) {
		behind, err := p.Events.Behind(ctx, events.HopIndexer)
		for _, l := range behind {
			n += l.Messages
		}
		return n, err
	}
	all, err := waiting()
	if err != nil {
		return 0, err
	}
	idx, err := indexing.New(cfg, indexing.Deps{Events: p.Events, Store: p.Store, Engine: p.Engine, Log: p.Log, Registerer: p.Registry})
	if err != nil {
		return 0, err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- idx.Serve(serving) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			stop()
			return 0, errors.Join(ctx.Err(), <-ended)
		case err := <-ended:
			stop()
			return 0, errors.Join(errkind.New(errkind.Internal, "folding the log again ended early"), err)
		case <-tick.C:
		}
		if n, err := waiting(); err != nil || n == 0 {
			stop()
			return all, errors.Join(err, <-ended)
		}
	}
}

// lostRows names the finished runs with fewer rows than the run's end says.
func lostRows(ctx context.Context, s store.Store) (lost []string, err error) {
	for a, err := range s.AllAssets(ctx) {
		if err != nil {
			return nil, err
		}
		all, err := runs.Of(ctx, s, a.GetId())
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if !runs.Finished(r) {
				continue
			}
			var annotations, embeddings int64
			for _, err := range s.AnnotationsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
				if err != nil {
					return nil, err
				}
				annotations++
			}
			for _, err := range s.EmbeddingsOf(ctx, r.GetAsset(), r.GetId(), store.Span{}) {
				if err != nil {
					return nil, err
				}
				embeddings++
			}
			if annotations < r.GetAnnotations() || embeddings < r.GetEmbeddings() {
				lost = append(lost, fmt.Sprintf("run %s (%s@%s) of title %s lacks %d of %d annotations and %d of %d embeddings", r.GetId(), r.GetAlgorithm(), r.GetVersion(), a.GetTitle().GetId(),
					r.GetAnnotations()-annotations, r.GetAnnotations(), r.GetEmbeddings()-embeddings, r.GetEmbeddings()))
			}
		}
	}
	return lost, nil
}
