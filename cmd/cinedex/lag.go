package main

import (
	"fmt"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

type jsonLag struct {
	Hop        string   `json:"hop"`
	Topic      string   `json:"topic"`
	Messages   int64    `json:"messages"`
	Seconds    float64  `json:"seconds"`
	Rate       float64  `json:"rate"`
	EtaSeconds *float64 `json:"eta_seconds,omitempty"`
}

func newLag(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:   "lag",
		Short: "Show how far each hop is behind",
		Long: `Prints for each hop and topic the number of waiting events, the age of the oldest event, the number of
events handled a second lately, and the time until the hop has caught up at the same rate.`,
		Example: `  cinedex lag
  cinedex lag --json | jq '.lags[] | select(.messages > 0)'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.GetLag(cmd.Context(), connect.NewRequest(&pb.GetLagRequest{}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				out := []jsonLag{}
				for _, l := range r.Msg.GetLags() {
					j := jsonLag{Hop: l.GetHop(), Topic: l.GetTopic(), Messages: l.GetMessages(), Seconds: l.GetSeconds(), Rate: l.GetRate()}
					if eta := l.GetEtaSeconds(); eta >= 0 {
						j.EtaSeconds = &eta
					}
					out = append(out, j)
				}
				return o.value(map[string]any{"lags": out})
			}
			w := o.table()
			fmt.Fprintln(w, "HOP\tTOPIC\tWAITING\tOLDEST\tA SECOND\tCAUGHT UP IN")
			for _, l := range r.Msg.GetLags() {
				eta := "?"
				if l.GetEtaSeconds() >= 0 {
					eta = seconds(l.GetEtaSeconds()).String()
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.1f\t%s\n", l.GetHop(), l.GetTopic(), l.GetMessages(), seconds(l.GetSeconds()), l.GetRate(), eta)
			}
			return w.Flush()
		},
	}
}
