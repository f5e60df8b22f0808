package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newReplay(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Replay this?"}
	m := &pb.Replay{}
	var topics []string
	var from, to string
	c := &cobra.Command{
		Use:   "replay",
		Short: "Do work over the library again, behind what is live",
		Long: `Does work again, from one of three sources:

  library   runs of algorithms over assets that are in the library: a backfill. What has finished is
            not made again; what a run reads is made with it. The runs are held: readers see them when
            ` + "`cinedex runs activate`" + ` switches, or at once with --activate.
  store     what the active runs wrote is folded again into store and search engine.
  log       events that the log still has, by topic and time, are folded again.

It goes through lanes of its own, behind everything that is live. It may be paused, resumed and cancelled
(` + "`cinedex jobs`" + `), and goes on after a crash where it was.`,
		Example: `  cinedex replay --algorithm labels@2 --dry-run
  cinedex replay --algorithm labels@2 --title big-buck-bunny --yes
  cinedex replay --source store --rate 5000 --detach
  cinedex replay --source log --topic annotations --from 2026-11-20T00:00:00Z --to 24h`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			sel.Topics = topics
			now := time.Now()
			if sel.FromMs, err = instant(from, now); err != nil {
				return usage(cmd, fmt.Errorf("--from: %w", err))
			}
			if sel.ToMs, err = instant(to, now); err != nil {
				return usage(cmd, fmt.Errorf("--to: %w", err))
			}
			m.Selection = sel
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Replay{Replay: m}})
			return err
		},
	}
	s.flags(c, true)
	d.flags(c)
	f := c.Flags()
	f.StringVar(&m.Source, "source", "library", "library, store or log")
	f.Float64Var(&m.Rate, "rate", 0, "assets (library) or items (store, log) a second; 0 is as fast as the hops behind take it")
	f.BoolVar(&m.Activate, "activate", false, "switch to the runs as they finish")
	f.BoolVar(&m.Failed, "failed", false, "try runs again that failed")
	f.StringArrayVar(&topics, "topic", nil, "from the log: only this topic (media.ready, annotations, embeddings); may be repeated")
	f.StringVar(&from, "from", "", "from the log: what it took since then, a time (2026-11-20T00:00:00Z) or how long ago (36h)")
	f.StringVar(&to, "to", "", "from the log: and before then")
	return c
}

// instant reads a time, or how long before now; in milliseconds since 1970, 0 for none.
func instant(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if ago, err := time.ParseDuration(s); err == nil {
		return now.Add(-ago).UnixMilli(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a time such as 2026-11-20T00:00:00Z nor how long ago, such as 36h", s)
	}
	return t.UnixMilli(), nil
}
