package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events/broker"
)

// newLog works on the files of the embedded log.
func newLog(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:     "log",
		Short:   "Check and repair the embedded log's files",
		Long:    "Checks and repairs the files of the log inside `cinedex up`. `cinedex up` must not run meanwhile. Apache Kafka keeps and mends its own files.",
		Example: "  cinedex log check\n  cinedex log repair",
	}
	group(c)
	c.AddCommand(newLogCheck(o, h), newLogRepair(o, h))
	return c
}

func newLogCheck(o *output, h *home) *cobra.Command {
	var from settings
	c := &cobra.Command{
		Use:     "check",
		Short:   "Look for damage in the embedded log",
		Long:    "Reads every record batch of the embedded log and names the damaged offsets. Changes nothing.",
		Example: "  cinedex log check\n  cinedex log check --json | jq '.damages[]'",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			dir, err := logDir(&from, h)
			if err != nil {
				return err
			}
			damages, err := broker.Check(dir)
			if err != nil {
				return err
			}
			if err := tellDamages(o, damages, "the log is whole"); err != nil {
				return err
			}
			if len(damages) > 0 {
				return errkind.New(errkind.Internal, "the log is damaged in %d places: restore its folder from a backup, or continue without the lost records: `cinedex log repair`", len(damages))
			}
			return nil
		},
	}
	from.flags(c, "YAML file, see config/up.yaml")
	return c
}

func newLogRepair(o *output, h *home) *cobra.Command {
	var from settings
	c := &cobra.Command{
		Use:   "repair",
		Short: "Set damaged parts of the embedded log aside, and keep the rest",
		Long: `Moves damaged files of the embedded log into its folder "damaged" and writes the files anew with every whole
record, before and after the damage, under the record's own offset. Names the lost offsets; cinedex doctor
names the lost offsets, too. Send a film with lost events again with cinedex ingest; request runs again with cinedex replay.`,
		Example: "  cinedex log repair && cinedex up",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := logDir(&from, h)
			if err != nil {
				return err
			}
			damages, err := broker.Repair(dir, nil)
			if err != nil {
				return err
			}
			return tellDamages(o, damages, "the log is whole; nothing was changed")
		},
	}
	from.flags(c, "YAML file, see config/up.yaml")
	return c
}

func logDir(from *settings, h *home) (string, error) {
	cfg, err := from.load(h)
	if err != nil {
		return "", err
	}
	if cfg.Size != sizeEmbedded {
		return "", errkind.New(errkind.Invalid, "size: %s has no log of its own", cfg.Size)
	}
	return cfg.Broker.Dir, nil
}

func tellDamages(o *output, damages []broker.Damage, none string) error {
	if o.json {
		if damages == nil {
			damages = []broker.Damage{}
		}
		return o.value(map[string]any{"damages": damages})
	}
	if len(damages) == 0 {
		o.printf("%s\n", none)
		return nil
	}
	for _, d := range damages {
		o.printf("%s\n", d)
		if d.SetAside != "" {
			o.printf("  the damaged file is kept as %s\n", d.SetAside)
		}
	}
	return nil
}

// lostEvents reports the losses that earlier repairs of the embedded log could not restore.
func lostEvents(h *home) []finding {
	losses, err := broker.Losses(filepath.Join(h.dir, "log"))
	if err != nil {
		return []finding{{Check: "log", Detail: err.Error()}}
	}
	var fs []finding
	for _, l := range losses {
		fs = append(fs, finding{Check: "log", OK: false, Detail: fmt.Sprintf("%s; found %s", l.Damage, l.When.Format("2006-01-02 15:04 MST")),
			Remedy: "ingest the films concerned again, or restore from a backup; then remove " + filepath.Join(h.dir, "log", "lost.jsonl")})
	}
	return fs
}
