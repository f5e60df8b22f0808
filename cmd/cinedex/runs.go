package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

type jsonListedRun struct {
	Run         string            `json:"run"`
	Asset       string            `json:"asset"`
	Title       string            `json:"title"`
	Algorithm   string            `json:"algorithm"`
	Version     string            `json:"version"`
	State       string            `json:"state"`
	Active      bool              `json:"active"`
	Previous    bool              `json:"previous"`
	Held        bool              `json:"held"`
	Annotations int64             `json:"annotations"`
	Embeddings  int64             `json:"embeddings"`
	Inputs      map[string]string `json:"inputs,omitempty"`
	Parameters  map[string]string `json:"parameters,omitempty"`
	Error       string            `json:"error,omitempty"`
}

func listedRun(e *pb.RunEntry) jsonListedRun {
	r := e.GetRun()
	return jsonListedRun{r.GetId(), r.GetAsset(), e.GetTitle(), r.GetAlgorithm(), r.GetVersion(), runs.StateName(r.GetState()), e.GetActive(), e.GetPrevious(),
		r.GetHold() && !r.GetActivated(), r.GetAnnotations(), r.GetEmbeddings(), r.GetInputs(), r.GetParameters(), r.GetError()}
}

func newRuns(o *output, h *home) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "runs",
		Short: "List the versions, switch readers to a version, go back, clear away",
		Long: `A run is a version of an algorithm over an asset. Of each algorithm and asset, readers
see a single run. A switch shows readers another run, at once. Going back is the same switch.`,
		Example: `  cinedex runs list --algorithm dialogue
  cinedex runs compare labels 1 2 --queries judged.yaml
  cinedex runs activate labels@2 --wave 0.1 --pause 1m --stop-at 0.05
  cinedex runs rollback labels@2
  cinedex runs gc --dry-run`,
	})
	c.AddCommand(newRunsList(o, h), newRunsShow(o, h), newRunsActivate(o, h), newRunsRollback(o, h), newRunsCompare(o, h), newRunsGC(o, h))
	return c
}

func newRunsList(o *output, h *home) *cobra.Command {
	var s selection
	var limit int32
	var cursor, state string
	c := &cobra.Command{
		Use:   "list",
		Short: "List runs, and mark the runs that readers see",
		Example: `  cinedex runs list --title big-buck-bunny
  cinedex runs list --algorithm labels@2 --json | jq '.runs[] | select(.held)'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.ListRuns(cmd.Context(), connect.NewRequest(&pb.ListRunsRequest{Selection: sel, Limit: limit, Cursor: cursor}))
			if err != nil {
				return h.explain(e, err)
			}
			rows := []jsonListedRun{}
			for _, e := range r.Msg.GetRuns() {
				if row := listedRun(e); state == "" || row.State == state {
					rows = append(rows, row)
				}
			}
			if o.json {
				return o.value(map[string]any{"runs": rows, "cursor": r.Msg.GetCursor()})
			}
			if len(rows) == 0 {
				o.printf("No runs.\n")
				return nil
			}
			w := o.table()
			fmt.Fprintln(w, "RUN\tTITLE\tALGORITHM\tSTATE\tSEEN\tANNOTATIONS\tEMBEDDINGS")
			for _, r := range rows {
				fmt.Fprintf(w, "%.12s\t%s\t%s@%s\t%s\t%s\t%d\t%d\n", r.Run, r.Title, r.Algorithm, r.Version, r.State, r.seen(), r.Annotations, r.Embeddings)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if next := r.Msg.GetCursor(); next != "" {
				o.note("there are more: --cursor %s", next)
			}
			return nil
		},
	}
	s.flags(c, true)
	c.Flags().StringVar(&state, "state", "", "only runs in this state: requested, running, finished, failed or cancelled")
	c.Flags().Int32VarP(&limit, "limit", "n", 100, "runs looked at, at most 1000")
	c.Flags().StringVar(&cursor, "cursor", "", "the next page, as printed with the last page")
	return c
}

func (r jsonListedRun) seen() string {
	switch {
	case r.Active:
		return "yes"
	case r.Previous:
		return "before"
	case r.Held:
		return "waits"
	}
	return ""
}

func newRunsShow(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:     "show RUN",
		Short:   "Show a run: its inputs, its output, its end",
		Long:    "Shows a run by its id, or by the first characters of its id.",
		Example: "  cinedex runs show 61e83b9bfcf4",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			var found []*pb.RunEntry
			err := eachRun(cmd.Context(), h, func(e *pb.RunEntry) {
				if strings.HasPrefix(e.GetRun().GetId(), a[0]) {
					found = append(found, e)
				}
			})
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				return errkind.New(errkind.NotFound, "there is no run %.64q; `cinedex runs list` shows which there are", a[0])
			case len(found) > 1:
				return errkind.New(errkind.Invalid, "%d runs begin with %.64q; give more of the id", len(found), a[0])
			}
			r := listedRun(found[0])
			if o.json {
				return o.value(r)
			}
			w := o.table()
			fmt.Fprintf(w, "run\t%s\nasset\t%s\ntitle\t%s\nalgorithm\t%s@%s\nstate\t%s\nseen\t%s\nannotations\t%d\nembeddings\t%d\n",
				r.Run, r.Asset, r.Title, r.Algorithm, r.Version, r.State, r.seen(), r.Annotations, r.Embeddings)
			for name, id := range r.Inputs {
				fmt.Fprintf(w, "reads\t%s, run %s\n", name, id)
			}
			for name, v := range r.Parameters {
				fmt.Fprintf(w, "parameter\t%s = %s\n", name, v)
			}
			if r.Error != "" {
				fmt.Fprintf(w, "error\t%s\n", r.Error)
			}
			return w.Flush()
		},
	}
}

// eachRun goes through every run, page by page.
func eachRun(ctx context.Context, h *home, each func(*pb.RunEntry)) error {
	client, e, err := h.operators()
	if err != nil {
		return err
	}
	for cursor := ""; ; {
		r, err := client.ListRuns(ctx, connect.NewRequest(&pb.ListRunsRequest{Limit: 1000, Cursor: cursor}))
		if err != nil {
			return h.explain(e, err)
		}
		for _, e := range r.Msg.GetRuns() {
			each(e)
		}
		if cursor = r.Msg.GetCursor(); cursor == "" {
			return nil
		}
	}
}

// parseVersion takes NAME@VERSION apart.
func parseVersion(cmd *cobra.Command, s string) (algorithm, version string, err error) {
	algorithm, version, ok := strings.Cut(s, "@")
	if !ok || algorithm == "" || version == "" {
		return "", "", usage(cmd, errkind.New(errkind.Invalid, "%q: want NAME@VERSION, such as labels@2", s))
	}
	return algorithm, version, nil
}

func newRunsActivate(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Switch the runs that readers see?"}
	var wave, stopAt float64
	var pause time.Duration
	c := &cobra.Command{
		Use:     "activate ALGORITHM@VERSION",
		Aliases: []string{"switch"},
		Short:   "Switch readers to another version, for some assets or for all",
		Long: `Switches readers of every asset with a finished run of the version to the finished run. Each asset is
switched at once; no reader sees half of a run, or a mix of two runs. An unfinished run, and a run that
is not wholly indexed, is not switched to.

In waves: a share of the assets at a time, with a pause between two waves, and no further wave after a
wave in which more than --stop-at of the assets could not be switched.`,
		Example: `  cinedex runs activate labels@2 --dry-run
  cinedex runs activate labels@2 --title big-buck-bunny
  cinedex runs activate labels@2 --wave 0.1 --pause 5m --stop-at 0.02`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			algorithm, version, err := parseVersion(cmd, a[0])
			if err != nil {
				return err
			}
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Activate{Activate: &pb.Activate{
				Algorithm: algorithm, Version: version, Selection: sel, Wave: wave, PauseSeconds: pause.Seconds(), StopAt: stopAt,
			}}})
			return err
		},
	}
	s.flags(c, false)
	d.flags(c)
	c.Flags().Float64Var(&wave, "wave", 0, "share of the assets in each wave, from 0 to 1; 0 is all at once")
	c.Flags().DurationVar(&pause, "pause", 0, "between waves")
	c.Flags().Float64Var(&stopAt, "stop-at", 0, "no further wave after more than this share of a wave could not be switched")
	return c
}

func newRunsRollback(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Switch readers back to the runs before?"}
	c := &cobra.Command{
		Use:   "rollback ALGORITHM@VERSION",
		Short: "Switch the assets that see a version back to the run before",
		Long: `Every asset whose readers see this version is switched back to the run that readers saw
before. Other assets stay unchanged.`,
		Example: `  cinedex runs rollback labels@2
  cinedex runs rollback labels@2 --title big-buck-bunny --yes`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			algorithm, _, err := parseVersion(cmd, a[0])
			if err != nil {
				return err
			}
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			sel.Algorithms = []string{a[0]}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Activate{Activate: &pb.Activate{Algorithm: algorithm, Selection: sel, StopAt: 1}}})
			return err
		},
	}
	s.flags(c, false)
	d.flags(c)
	return c
}

func newRunsGC(o *output, h *home) *cobra.Command {
	var s selection
	d := doing{asks: "Delete the runs listed above for good?"}
	var grace time.Duration
	c := &cobra.Command{
		Use:   "gc",
		Short: "Delete runs that readers have not seen for a while",
		Long: `Deletes runs replaced at least --grace ago, from the search engine and then from the store. Runs
waiting for their switch stay. The run that readers saw before is deleted, too, after the grace:
nobody can go back to a deleted run.

An earlier collection shows how long ago a run was replaced: the first collection notes the unseen
runs, and a collection begun a grace later deletes the runs. Run the command once a day.`,
		Example: `  cinedex runs gc --dry-run
  cinedex runs gc --grace 72h --yes
  cinedex runs gc --algorithm labels@1`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := s.resolve(cmd.Context(), h)
			if err != nil {
				return err
			}
			_, err = d.do(cmd, o, h, &pb.Job{Work: &pb.Job_Collect{Collect: &pb.Collect{Selection: sel, GraceSeconds: int64(grace.Seconds())}}})
			return err
		},
	}
	s.flags(c, true)
	d.flags(c)
	c.Flags().DurationVar(&grace, "grace", 24*time.Hour, "how long ago a run must have been replaced; at least 10m")
	return c
}

func newRunsCompare(o *output, h *home) *cobra.Command {
	var file string
	var depth int32
	c := &cobra.Command{
		Use:   "compare ALGORITHM FROM TO",
		Short: "Compare the answers and the cost of two versions, before a switch",
		Long: `Asks each query twice, as if readers saw either version. Prints the share of equal hits, and for a query
with right answers in the file, the share of right hits of each version.
docs/guides/backfill-and-switch.md has the form of the file.`,
		Example: `  cinedex runs compare labels 1 2 --queries judged.yaml
  cinedex runs compare labels 1 2 --queries judged.yaml --json | jq .to_mrr`,
		Args: args(cobra.ExactArgs(3)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if file == "" {
				return usage(cmd, errkind.New(errkind.Invalid, "--queries: give a file of judged queries"))
			}
			b, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("--queries: %w", err)
			}
			client, e, err := h.client()
			if err != nil {
				return err
			}
			titles, err := allTitles(cmd.Context(), client)
			if err != nil {
				return h.explain(e, err)
			}
			queries, err := parseJudged(b, titles)
			if err != nil {
				return fmt.Errorf("--queries: %s: %w", file, err)
			}
			r, err := client.CompareVersions(cmd.Context(), connect.NewRequest(&pb.CompareVersionsRequest{Algorithm: a[0], From: a[1], To: a[2], Queries: queries, Depth: depth}))
			if err != nil {
				return h.explain(e, err)
			}
			costs, err := costsOf(cmd.Context(), h, a[0], a[1], a[2], titles)
			if err != nil {
				return err
			}
			return printComparison(o, a[0], a[1], a[2], costs, queries, r.Msg)
		},
	}
	c.Flags().StringVar(&file, "queries", "", "YAML file of judged queries")
	c.Flags().Int32Var(&depth, "depth", 10, "how many hits of each answer count")
	return c
}
