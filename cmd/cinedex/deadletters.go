package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
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
	var topic, hop, asset string
	list := func(cmd *cobra.Command, f events.LetterFilter, whole bool) error {
		client, err := h.log(cmd.Context())
		if err != nil {
			return err
		}
		defer client.Close()
		rows := []jsonLetter{}
		for l, err := range client.DeadLetters(cmd.Context(), f) {
			if err != nil {
				o.note("a letter cannot be read: %v", err)
				if l.ID == "" {
					return err
				}
				continue
			}
			j := jsonLetter{ID: l.ID, Topic: string(l.Topic), Hop: l.Group, Asset: l.Subject, Kind: l.Kind.String(), Reason: l.Reason, Attempts: l.Attempts, Time: l.Time, Bytes: len(l.Value)}
			if whole {
				j.Value, j.Base64 = l.Message()
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
		Example: "  cinedex dead-letters list --topic media.arrived\n  cinedex dead-letters list --json | jq '.dead_letters[].reason'", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(cmd, events.LetterFilter{Topic: events.Topic(topic), Group: hop, Subject: asset}, false)
		}}
	ls.Flags().StringVar(&topic, "topic", "", "only of this topic")
	ls.Flags().StringVar(&hop, "hop", "", "only of this hop")
	ls.Flags().StringVar(&asset, "asset", "", "only of this asset")
	show := &cobra.Command{Use: "show ID", Short: "Show one dead letter with its original bytes",
		Example: "  cinedex dead-letters show 790820fd964781a9968adfc5e5cd356b", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			return list(cmd, events.LetterFilter{IDs: a}, true)
		}}
	resolve := func(use, short, done string, do func(*events.Client, *cobra.Command, []string) (int, error)) *cobra.Command {
		return &cobra.Command{Use: use + " ID...", Short: short,
			Example: "  cinedex dead-letters " + use + " 790820fd964781a9968adfc5e5cd356b", Args: args(cobra.MinimumNArgs(1)),
			RunE: func(cmd *cobra.Command, a []string) error {
				client, err := h.log(cmd.Context())
				if err != nil {
					return err
				}
				defer client.Close()
				n, err := do(client, cmd, a)
				if err != nil {
					return err
				}
				if o.json {
					return o.value(map[string]int{done: n})
				}
				o.printf("%d %s\n", n, done)
				return nil
			}}
	}
	c.AddCommand(ls, show,
		resolve("retry", "Put messages back into their topics, byte for byte", "retried", func(c *events.Client, cmd *cobra.Command, ids []string) (int, error) {
			return c.Retry(cmd.Context(), ids...)
		}),
		resolve("drop", "Say that messages are dealt with", "dropped", func(c *events.Client, cmd *cobra.Command, ids []string) (int, error) {
			return c.Drop(cmd.Context(), ids...)
		}))
	return c
}
