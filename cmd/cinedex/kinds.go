package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// jsonKind is a kind of jobs in `jobs kinds --json`.
type jsonKind struct {
	Name    string       `json:"name"`
	Summary string       `json:"summary"`
	Role    string       `json:"role"`
	Selects bool         `json:"selects"`
	Options []jsonOption `json:"options"`
}

type jsonOption struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	Help    string `json:"help"`
}

// kinds asks the server for the kinds of jobs that the caller may start.
func (h *home) kinds(ctx context.Context) ([]*pb.JobKind, error) {
	client, e, err := h.operators()
	if err != nil {
		return nil, err
	}
	r, err := client.ListJobKinds(ctx, connect.NewRequest(&pb.ListJobKindsRequest{}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	return r.Msg.GetKinds(), nil
}

func newJobsKinds(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use: "kinds", Short: "List the kinds of jobs that you may start, with their options", Args: args(cobra.NoArgs),
		Example: "  cinedex jobs kinds --json | jq '.kinds[].name'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, err := h.kinds(cmd.Context())
			if err != nil {
				return err
			}
			if !o.json {
				return printKinds(o.out, kinds)
			}
			out := []jsonKind{}
			for _, k := range kinds {
				j := jsonKind{k.GetName(), k.GetSummary(), k.GetRole(), k.GetSelects(), []jsonOption{}}
				for _, p := range k.GetOptions() {
					j.Options = append(j.Options, jsonOption{p.GetName(), p.GetType(), p.GetDefault(), p.GetHelp()})
				}
				out = append(out, j)
			}
			return o.value(map[string]any{"kinds": out})
		},
	}
}

// printKinds writes kinds and their options for a person.
func printKinds(to io.Writer, kinds []*pb.JobKind) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	for _, k := range kinds {
		fmt.Fprintf(w, "%s\t%s\t\n", k.GetName(), k.GetSummary())
		for _, p := range k.GetOptions() {
			help := p.GetHelp()
			if p.GetDefault() != "" {
				help += " (default " + p.GetDefault() + ")"
			}
			fmt.Fprintf(w, "  %s=%s\t%s\t\n", p.GetName(), p.GetType(), help)
		}
	}
	return w.Flush()
}

// kindsWait bounds how long a help text waits for the server.
const kindsWait = 2 * time.Second

func newJobsStart(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Start this job?"}
	var set []string
	c := &cobra.Command{
		Use:   "start KIND",
		Short: "Start a job of any of the server's kinds",
		Long: `Starts a job of a kind by the name of the kind, over the selection, with options. The server lists
the kinds, and the options of each kind: ` + "`cinedex jobs kinds`" + `, or the end of this help while
a server answers.`,
		Example: `  cinedex jobs start verify --title big-buck-bunny --set deep=true
  cinedex jobs start replay --algorithm labels@2 --set rate=2 --dry-run`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			task := &pb.Task{Options: map[string]*pb.Value{}}
			for _, word := range set {
				name, value, ok := strings.Cut(word, "=")
				if !ok || name == "" {
					return usage(cmd, errkind.New(errkind.Invalid, "--set %q: want OPTION=VALUE", word))
				}
				if task.Options[name] != nil {
					return usage(cmd, errkind.New(errkind.Invalid, "--set %s: is given twice", name))
				}
				task.Options[name] = &pb.Value{Kind: &pb.Value_Text{Text: value}}
			}
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			task.Selection = sel
			_, err = d.do(cmd, o, h, &pb.Job{Kind: a[0], Work: &pb.Job_Task{Task: task}})
			return err
		},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(given) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return h.complete(kindNames)(cmd, given, typed)
		},
	}
	s.flags(c, true)
	d.flags(c)
	c.Flags().StringArrayVar(&set, "set", nil, "an option of the kind, OPTION=VALUE; may be repeated")
	help := c.HelpFunc()
	c.SetHelpFunc(func(cmd *cobra.Command, words []string) {
		help(cmd, words)
		ctx := cmd.Context()
		if ctx == nil { // the command is shown, and not executed
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, kindsWait)
		defer cancel()
		kinds, err := h.kinds(ctx)
		if err != nil {
			fmt.Fprintf(cmd.OutOrStdout(), "\nKinds: no server lists the kinds now (%v)\n", err)
			return
		}
		fmt.Fprint(cmd.OutOrStdout(), "\nKinds that you may start, with their options:\n")
		_ = printKinds(cmd.OutOrStdout(), kinds)
	})
	return c
}

func kindNames(ctx context.Context, h *home) (out []string) {
	kinds, err := h.kinds(ctx)
	if err != nil {
		return nil
	}
	for _, k := range kinds {
		out = append(out, k.GetName())
	}
	return out
}
