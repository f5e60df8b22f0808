package main

import (
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// recommender returns a client of the recommendations.
func (h *home) recommender() (cinedexv1connect.RecommendServiceClient, endpoint, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, e, err
	}
	hc := e.client(time.Minute)
	return cinedexv1connect.NewRecommendServiceClient(hc, e.Server, connect.WithProtoJSON()), e, nil
}

func newRecommend(o *output, h *home) *cobra.Command {
	var limit int32
	c := &cobra.Command{
		Use:   "recommend QUERY",
		Short: "Show what other people searched and picked, who searched the same",
		Long: `Shows the queries and the moments of other people who searched the same, and queries of a similar
meaning. Several people stand behind each, and nobody is named or counted. Titles that the token may
not see have no part in the answer. docs/guides/recommendations.md says what is kept, and for how long.`,
		Example: `  cinedex recommend 'dialogue:"coffee"'
  cinedex recommend 'look:"rain at night"' --json | jq -r '.also[]'
  cinedex forget`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.recommender()
			if err != nil {
				return err
			}
			r, err := client.Recommend(cmd.Context(), connect.NewRequest(&pb.RecommendRequest{Q: a[0], Limit: limit}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(object{r.Msg.ProtoReflect(), e.Server})
			}
			printRecommended(o, r.Msg)
			return nil
		},
	}
	c.Flags().Int32VarP(&limit, "limit", "n", 5, "recommendations of each kind wanted, at most 20")
	return c
}

func printRecommended(o *output, r *pb.RecommendResponse) {
	for _, p := range r.GetPartial() {
		o.note("without %s: %s", p.GetPart(), p.GetError())
	}
	if len(r.GetAlso())+len(r.GetMoments())+len(r.GetLike()) == 0 {
		o.printf("Nothing to recommend: too few people have searched for %s.\n", r.GetQuery())
		return
	}
	list := func(head string, queries []string) {
		if len(queries) > 0 {
			o.printf("%s\n", head)
		}
		for _, q := range queries {
			o.printf("  %s\n", q)
		}
	}
	list("Also searched", r.GetAlso())
	if len(r.GetMoments()) > 0 {
		o.printf("Picked\n")
	}
	for _, m := range r.GetMoments() {
		o.printf("  %s  %s to %s  %s\n", m.GetTitleName(), m.GetStartTimecode(), m.GetEndTimecode(), m.GetAsset())
	}
	list("Like this one", r.GetLike())
}

func newForget(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:   "forget [NAME]",
		Short: "Delete what a person searched and picked from the log of recommendations",
		Long: `Deletes every pick of a person from the log that recommendations are made of: of the token's own
person, or of another person by the name in the file of tokens, for operators. After the command,
nothing of the person has a part in any recommendation. The audit log is another log, and stays.`,
		Example: "  cinedex forget\n  cinedex forget trailer-team\n  cinedex forget trailer-team --json | jq .forgotten",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			req := &pb.ForgetRequest{}
			if len(a) == 1 {
				req.Name = a[0]
			}
			client, e, err := h.recommender()
			if err != nil {
				return err
			}
			r, err := client.Forget(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(object{r.Msg.ProtoReflect(), e.Server})
			}
			o.printf("%d picks forgotten.\n", r.Msg.GetForgotten())
			return nil
		},
	}
}
