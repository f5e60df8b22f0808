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
		Short: "Look into messages that could not be handled, and retry or drop them",
		Example: `  cinedex dead-letters list
  cinedex dead-letters show ID
  cinedex dead-letters retry ID...`,
	})
	c.AddCommand(newLettersList(o, h), newLettersShow(o, h),
		newLettersResolve(o, h, "retry", "Put messages back into their topics, byte for byte", "retried", "Put %d messages back into their topics?", retryLetters),
		newLettersResolve(o, h, "drop", "Mark messages as dealt with", "dropped", "Drop %d messages for good?", dropLetters))
	return c
}

// filterFlags binds the flags for selecting letters to a filter.
func filterFlags(c *cobra.Command, f *pb.LetterFilter) {
	c.Flags().StringVar(&f.Topic, "topic", "", "only of this topic")
	c.Flags().StringVar(&f.Hop, "hop", "", "only of this hop")
	c.Flags().StringVar(&f.Asset, "asset", "", "only of this asset")
	c.Flags().StringVar(&f.Reason, "reason", "", "only of this kind of error, or with this in the reason's text")
}

func newLettersList(o *output, h *home) *cobra.Command {
	f := &pb.LetterFilter{}
	c := &cobra.Command{Use: "list", Short: "List dead letters that are neither retried nor dropped",
		Example: "  cinedex dead-letters list --topic media.arrived\n  cinedex dead-letters list --json | jq '.dead_letters[].reason'", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			letters, err := lettersOf(cmd.Context(), h, f)
			if err != nil {
				return err
			}
			rows := []jsonLetter{}
			for _, l := range letters {
				rows = append(rows, letterRow(l))
			}
			return printLetters(o, rows)
		}}
	filterFlags(c, f)
	return c
}

func newLettersShow(o *output, h *home) *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show a dead letter with its original bytes",
		Example: "  cinedex dead-letters show 790820fd964781a9968adfc5e5cd356b", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			letters, err := lettersOf(cmd.Context(), h, &pb.LetterFilter{Ids: a})
			if err != nil {
				return err
			}
			if len(letters) == 0 {
				return errkind.New(errkind.NotFound, "there is no such dead letter; `cinedex dead-letters list` shows which there are")
			}
			var rows []jsonLetter
			for _, l := range letters {
				j := letterRow(l)
				j.Value, j.Base64 = events.Letter{Value: l.GetValue()}.Message()
				rows = append(rows, j)
			}
			return printWhole(o, rows)
		}}
}

// maxLetters bounds the letters of a list.
const maxLetters = 1000

func lettersOf(ctx context.Context, h *home, f *pb.LetterFilter) ([]*pb.DeadLetter, error) {
	client, e, err := h.operators()
	if err != nil {
		return nil, err
	}
	r, err := client.ListDeadLetters(ctx, connect.NewRequest(&pb.ListDeadLettersRequest{Filter: f, Limit: maxLetters}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	return r.Msg.GetLetters(), nil
}

// letterRow returns a letter without the value of its message.
func letterRow(l *pb.DeadLetter) jsonLetter {
	return jsonLetter{ID: l.GetId(), Topic: l.GetTopic(), Hop: l.GetHop(), Asset: l.GetAsset(), Kind: l.GetKind(), Reason: l.GetReason(), Attempts: int(l.GetAttempts()),
		Time: time.UnixMilli(l.GetTimeMs()).UTC(), Bytes: len(l.GetValue())}
}

func printLetters(o *output, rows []jsonLetter) error {
	if o.json {
		return o.value(map[string]any{"dead_letters": rows})
	}
	if len(rows) == 0 {
		o.printf("No dead letters.\n")
		return nil
	}
	w := o.table()
	fmt.Fprintln(w, "ID\tTOPIC\tHOP\tKIND\tWHEN\tREASON")
	for _, j := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Topic, j.Hop, j.Kind, j.Time.Local().Format("01-02 15:04:05"), j.Reason)
	}
	return w.Flush()
}

// printWhole prints letters with the values of their messages.
func printWhole(o *output, rows []jsonLetter) error {
	if o.json {
		return o.value(map[string]any{"dead_letters": rows})
	}
	for _, j := range rows {
		o.printf("id        %s\ntopic     %s\nhop       %s\nasset     %s\nkind      %s\nreason    %s\nattempts  %d\ntime      %s\n\n%s\n", j.ID, j.Topic, j.Hop, j.Asset, j.Kind, j.Reason, j.Attempts, j.Time.Format(time.RFC3339), j.Value)
	}
	return nil
}

// resolving retries or drops the letters of a filter and returns their number. A dry run only counts the letters.
type resolving func(ctx context.Context, c cinedexv1connect.OperatorServiceClient, f *pb.LetterFilter, dry bool) (int64, error)

func retryLetters(ctx context.Context, c cinedexv1connect.OperatorServiceClient, f *pb.LetterFilter, dry bool) (int64, error) {
	r, err := c.RetryDeadLetters(ctx, connect.NewRequest(&pb.RetryDeadLettersRequest{Filter: f, DryRun: dry}))
	if err != nil {
		return 0, err
	}
	return r.Msg.GetLetters(), nil
}

func dropLetters(ctx context.Context, c cinedexv1connect.OperatorServiceClient, f *pb.LetterFilter, dry bool) (int64, error) {
	r, err := c.DropDeadLetters(ctx, connect.NewRequest(&pb.DropDeadLettersRequest{Filter: f, DryRun: dry}))
	if err != nil {
		return 0, err
	}
	return r.Msg.GetLetters(), nil
}

// newLettersResolve makes a command for resolving letters with the user's consent. done is the participle for the
// output.
func newLettersResolve(o *output, h *home, use, short, done, question string, resolve resolving) *cobra.Command {
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
			n, err := resolve(cmd.Context(), client, f, dry || !yes)
			if err != nil {
				return h.explain(e, err)
			}
			if !dry && !yes && n > 0 {
				if err := o.consent(fmt.Sprintf(question, n)); err != nil {
					return err
				}
				if n, err = resolve(cmd.Context(), client, f, false); err != nil {
					return h.explain(e, err)
				}
			}
			switch {
			case o.json:
				return o.value(map[string]int64{done: n})
			case dry:
				o.printf("%d would be %s\n", n, done)
			default:
				o.printf("%d %s\n", n, done)
			}
			return nil
		}}
	filterFlags(c, f)
	c.Flags().BoolVar(&dry, "dry-run", false, "print the number of letters, and do nothing")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}
