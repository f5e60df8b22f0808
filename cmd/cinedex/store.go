package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

// newStore has the operators' commands for the store itself.
func newStore(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use: "store", Short: "Look after the store of the production size",
		Example: `  cinedex store migrate --config config/indexer.yaml`,
	}
	var from settings
	migrate := &cobra.Command{
		Use:   "migrate",
		Short: "Make the keyspace, and bring its tables up to date",
		Long: `Makes the keyspace in store.cassandra if the keyspace is missing, and brings its tables up to date.
Run the command at any time, any number of times at once, and again after an interruption.
Services continue meanwhile.`,
		Example: `  cinedex store migrate --config config/indexer.yaml
  cinedex store migrate --set store.engine=cassandra --set store.cassandra.hosts=10.0.0.1:9042 --set store.cassandra.replication=dc1:3`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := from.load(h)
			if err != nil {
				return err
			}
			if cfg.Store.Engine != "cassandra" {
				return errkind.New(errkind.Invalid, "store.engine is %s, which has nothing to migrate; give the configuration of a service with --config", cfg.Store.Engine)
			}
			cassandra := platform.SettingsOf[cassandrastore.Config](cfg.Store.Drivers)
			if err := cassandrastore.Migrate(cmd.Context(), *cassandra, slog.New(slog.NewTextHandler(o.err, nil))); err != nil {
				return err
			}
			if o.json {
				return o.value(map[string]any{"keyspace": cassandra.Keyspace, "migrated": true})
			}
			o.note("keyspace %s is up to date", cassandra.Keyspace)
			return nil
		},
	}
	from.flags(migrate, "YAML file of any service")
	c.AddCommand(migrate)
	return c
}
