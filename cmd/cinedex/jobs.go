package main

import (
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// jobEntry is a job in `jobs list --json` and `jobs show --json`.
type jobEntry struct {
	jobJSON
	Caller     string    `json:"caller"`
	Created    time.Time `json:"created"`
	EtaSeconds *float64  `json:"eta_seconds,omitempty"`
}

func jobEntryOf(j *pb.Job) jobEntry {
	return jobEntry{jobAsJSON(j), j.GetCaller(), time.UnixMilli(j.GetCreatedMs()).UTC(), nil}
}

func newJobs(o *output, h *home) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "jobs",
		Short: "Start, see, pause, resume and cancel operators' work",
		Example: `  cinedex jobs kinds
  cinedex jobs list
  cinedex jobs show ID
  cinedex jobs pause ID`,
	})
	c.AddCommand(newJobsKinds(o, h), newJobsStart(o, h), newJobsList(o, h), newJobsShow(o, h),
		newJobsSteer(o, h, "pause", "Stop a job where it is; `resume` goes on from there"),
		newJobsSteer(o, h, "resume", "Go on with a job that was paused or has failed"),
		newJobsSteer(o, h, "cancel", "End a job; what it has done stays done"))
	return c
}

func newJobsList(o *output, h *home) *cobra.Command {
	var kinds []string
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List jobs that have not ended", Args: args(cobra.NoArgs),
		Example: "  cinedex jobs list --all --kind replay",
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.ListJobs(cmd.Context(), connect.NewRequest(&pb.ListJobsRequest{Kinds: kinds, All: all}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				out := []jobEntry{}
				for _, j := range r.Msg.GetJobs() {
					out = append(out, jobEntryOf(j))
				}
				return o.value(map[string]any{"jobs": out})
			}
			if len(r.Msg.GetJobs()) == 0 {
				o.printf("No jobs.\n")
				return nil
			}
			w := o.table()
			fmt.Fprintln(w, "ID\tKIND\tSTATE\tDONE\tCALLER\tSINCE")
			for _, j := range r.Msg.GetJobs() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", j.GetId(), j.GetKind(), jobs.StateName(j.GetState()), doneOf(j), j.GetCaller(), time.UnixMilli(j.GetCreatedMs()).Local().Format("01-02 15:04:05"))
			}
			return w.Flush()
		},
	}
	c.Flags().StringArrayVar(&kinds, "kind", nil, "only of this kind; may be repeated")
	c.Flags().BoolVar(&all, "all", false, "those that have ended as well")
	return c
}

func newJobsShow(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Tell how far a job is, and what it has noted", Args: args(cobra.ExactArgs(1)),
		Example: "  cinedex jobs show ID --json | jq .eta_seconds",
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.GetJob(cmd.Context(), connect.NewRequest(&pb.GetJobRequest{Id: a[0]}))
			if err != nil {
				return h.explain(e, err)
			}
			j, eta := r.Msg.GetJob(), r.Msg.GetEtaSeconds()
			if o.json {
				entry := jobEntryOf(j)
				if eta >= 0 {
					entry.EtaSeconds = &eta
				}
				return o.value(entry)
			}
			o.printf("id       %s\nkind     %s\nstate    %s\ncaller   %s\ndone     %s\nworked   %s\n", j.GetId(), j.GetKind(), jobs.StateName(j.GetState()), j.GetCaller(), doneOf(j), seconds(float64(j.GetWorkedMs())/1000))
			if eta > 0 {
				o.printf("left     about %s\n", seconds(eta))
			}
			if j.GetError() != "" {
				o.printf("error    %s %s\n", j.GetErrorKind(), j.GetError())
			}
			for _, n := range j.GetNotes() {
				o.printf("%s\n", n)
			}
			return nil
		},
	}
}

func newJobsSteer(o *output, h *home, wish, short string) *cobra.Command {
	return &cobra.Command{
		Use: wish + " ID", Short: short, Args: args(cobra.ExactArgs(1)),
		Example: "  cinedex jobs " + wish + " ID",
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.operators()
			if err != nil {
				return err
			}
			r, err := client.SteerJob(cmd.Context(), connect.NewRequest(&pb.SteerJobRequest{Id: a[0], Wish: wish}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(jobEntryOf(r.Msg.GetJob()))
			}
			state := jobs.StateName(r.Msg.GetJob().GetState())
			if w := r.Msg.GetJob().GetWish(); w != "" {
				state += ", to " + w + " within a second"
			}
			o.printf("%s\n", state)
			return nil
		},
	}
}

func doneOf(j *pb.Job) string {
	s := fmt.Sprintf("%d of %d %s", j.GetDone(), j.GetTotal(), j.GetUnit())
	if j.GetTotal() > 0 {
		s += fmt.Sprintf(" (%d %%)", 100*j.GetDone()/j.GetTotal())
	}
	return s
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
}
