package main

import (
	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newRebuild(o *output, h *home) *cobra.Command {
	d := doing{asks: "Rebuild the search engine?"}
	var rate float64
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the search engine anew from the store, and swap it in",
		Long: `Fills a fresh search engine from the store beside the live one, holds it against the store,
and swaps it in at once where the two agree. Searches and writes go on meanwhile, and what is
written meanwhile is in both. It needs the space of a second engine until the swap. One that is
paused or killed begins anew; the live engine is what it was.`,
		Example: `  cinedex rebuild --dry-run
  cinedex rebuild --rate 20000 --yes
  cinedex rebuild --detach`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Rebuild{Rebuild: &pb.Rebuild{Rate: rate}}})
			return err
		},
	}
	d.flags(c)
	c.Flags().Float64Var(&rate, "rate", 0, "items a second; 0 is as fast as it goes")
	return c
}
