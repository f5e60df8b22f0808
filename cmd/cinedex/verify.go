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
		Short: "Compare the search engine and the buckets with the store, and list the differences",
		Long: `Lists items that are missing in the search engine, items that differ from the store's, and items that the
store does not have: the number of each, and examples. Items under way are left out. Compares size and time
of each asset's bytes with the time of arrival; --deep hashes the bytes. Looks for text tracks, frame tables
and thumbnails in the bucket, and counts the files that nothing refers to. Changes nothing. Exit code 1 means
that there are differences.`,
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
	c.Flags().BoolVar(&log, "log", false, "compare the store with the log, too, as far as the log reaches back")
	return c
}

func newRepair(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Change the search engine's items that differ from the store?"}
	c := &cobra.Command{
		Use:   "repair",
		Short: "Mend the search engine's differing items, and nothing else",
		Long: `Verifies, writes missing and differing items, and deletes items that the store does not have. Readers see
whole runs meanwhile. Prints the differences that repair cannot mend; a rebuild mends these differences.`,
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
