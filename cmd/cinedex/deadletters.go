package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

type jsonLetter struct {
	ID       string    `json:"id"`
	Topic    string    `json:"topic"`
	Hop      string    `json:"hop"`
	Asset    string    `json:"asset"`
	Kind     string    `json:"kind"`
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"`
	Time     time.Time `json:"time"`
	Bytes    int       `json:"bytes"`
	Value    string    `json:"value,omitempty"`
	Base64   bool      `json:"base64,omitempty"`
}

func newDeadLetters(o *output, h *home) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "dead-letters",
		Short: "Look into what could not be handled, and try it again",
		Example: `  cinedex dead-letters list
  cinedex dead-letters show ID
  cinedex dead-letters retry ID...`,
	})
	filter := func(c *cobra.Command, f *pb.LetterFilter) {
		c.Flags().StringVar(&f.Topic, "topic", "", "only of this topic")
		c.Flags().StringVar(&f.Hop, "hop", "", "only of this hop")
		c.Flags().StringVar(&f.Asset, "asset", "", "only of this asset")
		c.Flags().StringVar(&f.Reason, "reason", "", "only of this kind of error, or with this in the reason's text")
	}
	list := func(cmd *cobra.Command, f *pb.LetterFilter, whole bool) error {
		client, e, err := h.operators()
		if err != nil {
			return err
		}
		r, err := client.ListDeadLetters(cmd.Context(), connect.NewRequest(&pb.ListDeadLettersRequest{Filter: f, Limit: maxLetters}))
		if err != nil {
			return h.explain(e, err)
		}
		rows := []jsonLetter{}
		for _, l := range r.Msg.GetLetters() {
			j := jsonLetter{ID: l.GetId(), Topic: l.GetTopic(), Hop: l.GetHop(), Asset: l.GetAsset(), Kind: l.GetKind(), Reason: l.GetReason(), Attempts: int(l.GetAttempts()),
				Time: time.UnixMilli(l.GetTimeMs()).UTC(), Bytes: len(l.GetValue())}
			if whole {
				j.Value, j.Base64 = events.Letter{Value: l.GetValue()}.Message()
			}
			rows = append(rows, j)
		}
		if whole && len(rows) == 0 {
			return errkind.New(errkind.NotFound, "there is no such dead letter; `cinedex dead-letters list` shows which there are")
		}
		if o.json {
			return o.value(map[string]any{"dead_letters": rows})
		}
		if len(rows) == 0 {
			o.printf("No dead letters.\n")
			return nil
		}
		if whole {
			for _, j := range rows {
				o.printf("id        %s\ntopic     %s\nhop       %s\nasset     %s\nkind      %s\nreason    %s\nattempts  %d\ntime      %s\n\n%s\n", j.ID, j.Topic, j.Hop, j.Asset, j.Kind, j.Reason, j.Attempts, j.Time.Format(time.RFC3339), j.Value)
			}
			return nil
		}
		w := o.table()
		fmt.Fprintln(w, "ID\tTOPIC\tHOP\tKIND\tWHEN\tREASON")
		for _, j := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Topic, j.Hop, j.Kind, j.Time.Local().Format("01-02 15:04:05"), j.Reason)
		}
		return w.Flush()
	}
	ls := &cobra.Command{Use: "list", Short: "List dead letters that are neither retried nor dropped",
		Example: "  cinedex dead-letters list --topic media.arrived\n  cinedex dead-letters list --json | jq '.dead_letters[].reason'", Args: args(cobra.NoArgs)}
	listed := &pb.LetterFilter{}
	filter(ls, listed)
	ls.RunE = func(cmd *cobra.Command, _ []string) error { return list(cmd, listed, false) }
	show := &cobra.Command{Use: "show ID", Short: "Show one dead letter with its original bytes",
		Example: "  cinedex dead-letters show 790820fd964781a9968adfc5e5cd356b", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			return list(cmd, &pb.LetterFilter{Ids: a}, true)
		}}
	type resolving func(context.Context, cinedexv1connect.OperatorServiceClient, *pb.LetterFilter, bool) (int64, error)
	resolve := func(use, short, done, asks string, do resolving) *cobra.Command {
		f := &pb.LetterFilter{}
		var dry, yes bool
		c := &cobra.Command{Use: use + " [ID...]", Short: short,
			Example: "  cinedex dead-letters " + use + " 790820fd964781a9968adfc5e5cd356b\n  cinedex dead-letters " + use + " --hop algo-runner --reason unavailable --dry-run",
			RunE: func(cmd *cobra.Command, a []string) error {
				if f.Ids = a; len(a) == 0 && f.GetTopic() == "" && f.GetHop() == "" && f.GetAsset() == "" && f.GetReason() == "" {
					return usage(cmd, errors.New("which letters? Give their ids, or --topic, --hop, --asset or --reason"))
				}
				client, e, err := h.operators()
				if err != nil {
					return err
				}
				n, err := do(cmd.Context(), client, f, dry || !yes)
				if err != nil {
					return h.explain(e, err)
				}
				if !dry && !yes && n > 0 {
					if err := o.consent(fmt.Sprintf(asks, n)); err != nil {
						return err
					}
					if n, err = do(cmd.Context(), client, f, false); err != nil {
						return h.explain(e, err)
					}
				}
				if o.json {
					return o.value(map[string]int64{done: n})
				}
				if dry {
					o.printf("%d would be %s\n", n, done)
					return nil
				}
				o.printf("%d %s\n", n, done)
				return nil
			}}
		filter(c, f)
		c.Flags().BoolVar(&dry, "dry-run", false, "tell how many, and do nothing")
		c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
		return c
	}
	c.AddCommand(ls, show,
		resolve("retry", "Put messages back into their topics, byte for byte", "retried", "Put %d messages back into their topics?", func(ctx context.Context, c cinedexv1connect.OperatorServiceClient, f *pb.LetterFilter, dry bool) (int64, error) {
			r, err := c.RetryDeadLetters(ctx, connect.NewRequest(&pb.RetryDeadLettersRequest{Filter: f, DryRun: dry}))
			if err != nil {
				return 0, err
			}
			return r.Msg.GetLetters(), nil
		}),
		resolve("drop", "Say that messages are dealt with", "dropped", "Drop %d messages for good?", func(ctx context.Context, c cinedexv1connect.OperatorServiceClient, f *pb.LetterFilter, dry bool) (int64, error) {
			r, err := c.DropDeadLetters(ctx, connect.NewRequest(&pb.DropDeadLettersRequest{Filter: f, DryRun: dry}))
			if err != nil {
				return 0, err
			}
			return r.Msg.GetLetters(), nil
		}))
	return c
}

// maxLetters is how many letters are listed at once.
const maxLetters = 1000
