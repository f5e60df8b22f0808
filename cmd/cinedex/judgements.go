package main

import (
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/judged"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// judgementsTimeout bounds the reading of judgements.
const judgementsTimeout = time.Minute

func newJudgements(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:   "judgements",
		Short: "Write your judgements of hits as a file of judged queries",
		Long: `Prints the judgements that you gave on the page, Right and Wrong, as the YAML that "cinedex calibrate" and
"cinedex runs compare" read. A hit that you did not judge says nothing: the queries are marked partial.`,
		Example: "  cinedex judgements > judged.yaml\n  cinedex judgements --json | jq '.judgements | length'",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := h.endpoint()
			if err != nil {
				return err
			}
			hc := e.client(judgementsTimeout)
			r, err := cinedexv1connect.NewJudgementServiceClient(hc, e.Server).ListJudgements(cmd.Context(), connect.NewRequest(&pb.ListJudgementsRequest{}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.message(r.Msg)
			}
			if len(r.Msg.GetJudgements()) == 0 {
				o.note("you have judged no hit yet: open a hit on the page, and choose Right or Wrong")
				return nil
			}
			b, err := judged.Format(r.Msg.GetJudgements())
			if err != nil {
				return err
			}
			o.printf("%s", b)
			return nil
		},
	}
}
