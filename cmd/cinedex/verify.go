package main

import (
	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newVerify(o *output, h *home) *cobra.Command {
	var s selection
	var d doing
	var log, deep bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Hold the search engine and the buckets against the store, and say what differs",
		Long: `Tells which items are missing in the search engine, which are there otherwise than the store has
them, and which are there that the store does not have: how many of each, and examples. What is being
written is left out. Looks at the bytes of each asset, too: whether size and time are those of its
arrival; --deep hashes them. Looks for text tracks, frame tables and thumbnails in the bucket, and counts
what nothing refers to. It changes nothing. Exit code 1 says that something differs.`,
		Example: `  cinedex verify
  cinedex verify --title big-buck-bunny --algorithm dialogue
  cinedex verify --log --json | jq .notes`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Verify{Verify: &pb.Verify{Selection: sel, Log: log, Deep: deep}}})
			return err
		},
	}
	s.flags(c, true)
	d.flags(c)
	c.Flags().BoolVar(&deep, "deep", false, "hash the bytes of every asset, in place of comparing size and time")
	c.Flags().BoolVar(&log, "log", false, "hold the store against the log, too, as far as the log reaches back")
	return c
}

func newRepair(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Change the search engine where it differs from the store?"}
	c := &cobra.Command{
		Use:   "repair",
		Short: "Mend in the search engine what differs from the store, and nothing else",
		Long: `Does what verify does, and writes what is missing or otherwise, and deletes what the store does not
have. Readers see whole runs meanwhile. What cannot be mended so is told, and a rebuild mends it.`,
		Example: `  cinedex repair --dry-run
  cinedex repair --title big-buck-bunny --yes`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Verify{Verify: &pb.Verify{Selection: sel, Repair: true}}})
			return err
		},
	}
	s.flags(c, true)
	d.flags(c)
	return c
}
