package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/telemetry"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

type jsonStatus struct {
	Assets []jsonAsset `json:"assets"`
	// Memory is for operators.
	Memory []jsonProcess `json:"memory,omitempty"`
}

// jsonProcess is the memory of a process, in bytes.
type jsonProcess struct {
	Process string `json:"process"`
	PID     int64  `json:"pid"`
	// Resident and Droppable are missing where the system does not tell.
	Resident  *int64      `json:"resident,omitempty"`
	Droppable *int64      `json:"droppable,omitempty"`
	Uses      []jsonBytes `json:"uses,omitempty"`
}

type jsonBytes struct {
	Purpose   string `json:"purpose"`
	Part      string `json:"part,omitempty"`
	Bytes     int64  `json:"bytes"`
	Droppable int64  `json:"droppable,omitempty"`
}

type jsonAsset struct {
	Asset string    `json:"asset"`
	Title string    `json:"title"`
	Name  string    `json:"name"`
	Runs  []jsonRun `json:"runs"`
	Bytes string    `json:"bytes,omitempty"`
	Text  []string  `json:"text,omitempty"`
	// Pictures says which frames cannot be shown.
	Pictures string `json:"pictures,omitempty"`
}

type jsonRun struct {
	Run         string `json:"run"`
	Algorithm   string `json:"algorithm"`
	Version     string `json:"version"`
	State       string `json:"state"`
	Active      bool   `json:"active"`
	Annotations int64  `json:"annotations"`
	Embeddings  int64  `json:"embeddings"`
	Error       string `json:"error,omitempty"`
	// Waits says why the run waits for more than its turn.
	Waits string `json:"waits,omitempty"`
}

func newStatus(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show the progress of each asset",
		Long:    "Prints the requested runs of every asset, how the runs ended, and which runs searches see.\nNames assets whose bytes differ from the bytes that arrived, frames that cannot be shown,\nrefused text tracks, and cues that were left out, with the reasons. Then tells an operator what the\nmemory of the process is used for, and how much of the memory the kernel may drop.",
		Example: "  cinedex status\n  cinedex status --json | jq '.assets[].runs[] | select(.state == \"failed\")'",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, e, err := h.client()
			if err != nil {
				return err
			}
			r, err := everyStatus(cmd.Context(), client.GetStatus, nil)
			if err != nil {
				return h.explain(e, err)
			}
			s := statusOf(r)
			if s.Memory, err = h.memory(cmd.Context()); err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(s)
			}
			if len(s.Assets) == 0 {
				o.printf("No assets yet. Send a film: cinedex ingest FILM\n")
				return o.memory(s.Memory)
			}
			w := o.table()
			fmt.Fprintln(w, "TITLE\tASSET\tALGORITHM\tSTATE\tSEEN\tANNOTATIONS\tEMBEDDINGS")
			for _, a := range s.Assets {
				for _, r := range a.Runs {
					seen := ""
					if r.Active {
						seen = "yes"
					}
					fmt.Fprintf(w, "%s\t%.12s\t%s@%s\t%s\t%s\t%d\t%d\n", a.Title, a.Asset, r.Algorithm, r.Version, r.State, seen, r.Annotations, r.Embeddings)
					if r.Error != "" {
						fmt.Fprintf(w, "\t\t\t%s\n", r.Error)
					}
					if r.Waits != "" {
						fmt.Fprintf(w, "\t\t\twaits: %s\n", r.Waits)
					}
				}
				if a.Bytes != "" {
					fmt.Fprintf(w, "%s\t%.12s\tits bytes are %s\n", a.Title, a.Asset, a.Bytes)
				}
				if a.Pictures != "" {
					fmt.Fprintf(w, "%s\t%.12s\t%s\n", a.Title, a.Asset, a.Pictures)
				}
				for _, remark := range a.Text {
					fmt.Fprintf(w, "%s\t%.12s\t%s\n", a.Title, a.Asset, remark)
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			return o.memory(s.Memory)
		},
	}
}

// everyStatus asks for the status of the assets of some titles, or of all assets, page by page.
func everyStatus(ctx context.Context, status statusCall, titles []string) (*pb.GetStatusResponse, error) {
	all, req := &pb.GetStatusResponse{}, &pb.GetStatusRequest{Titles: titles}
	for {
		r, err := statusPage(ctx, status, req)
		if err != nil {
			return nil, err
		}
		all.Assets = append(all.Assets, r.GetAssets()...)
		if req.Cursor = r.GetCursor(); req.GetCursor() == "" {
			return all, nil
		}
	}
}

// statusPage asks for a page. A service of an earlier release has no pages, and refuses the fields of the request: the service then gets a request
// without fields, and answers with all assets.
func statusPage(ctx context.Context, status statusCall, req *pb.GetStatusRequest) (*pb.GetStatusResponse, error) {
	r, err := status(ctx, connect.NewRequest(req))
	if connect.CodeOf(err) == connect.CodeInvalidArgument && req.GetCursor() == "" && strings.Contains(err.Error(), "unknown field") {
		r, err = status(ctx, connect.NewRequest(&pb.GetStatusRequest{}))
	}
	if err != nil {
		return nil, err
	}
	return r.Msg, nil
}

// memory asks for the memory of the process. A caller who is no operator gets none, and so does the caller of a service without operators.
func (h *home) memory(ctx context.Context) ([]jsonProcess, error) {
	client, _, err := h.operators()
	if err != nil {
		return nil, err
	}
	r, err := client.GetMemory(ctx, connect.NewRequest(&pb.GetMemoryRequest{}))
	switch connect.CodeOf(err) {
	case connect.CodePermissionDenied, connect.CodeUnauthenticated, connect.CodeUnimplemented, connect.CodeNotFound:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []jsonProcess
	for _, p := range r.Msg.GetProcesses() {
		j := jsonProcess{Process: p.GetName(), PID: p.GetPid()}
		if p.GetResident() >= 0 {
			j.Resident, j.Droppable = &p.Resident, &p.Droppable
		}
		for _, u := range p.GetUses() {
			j.Uses = append(j.Uses, jsonBytes{u.GetPurpose(), u.GetPart(), u.GetBytes(), u.GetDroppable()})
		}
		out = append(out, j)
	}
	return out, nil
}

// purposes are the purposes of memory in words.
var purposes = map[string]string{
	telemetry.MemoryHeap: "Go heap in use", telemetry.MemoryFree: "Go heap kept free", telemetry.MemoryStacks: "Go stacks", telemetry.MemoryRuntime: "Go's bookkeeping",
	telemetry.MemoryOutside: "outside Go", telemetry.MemoryFiles: "mapped files", telemetry.MemoryShared: "shared memory",
}

// memory prints the memory of processes.
func (o *output) memory(all []jsonProcess) error {
	if len(all) == 0 {
		return nil
	}
	mebibytes := func(n *int64) string {
		if n == nil {
			return "not known"
		}
		return fmt.Sprintf("%.1f MiB", float64(*n)/(1<<20))
	}
	o.printf("\n")
	w := o.table()
	fmt.Fprintln(w, "MEMORY\tOF\tRESIDENT\tTHE KERNEL MAY DROP")
	for _, p := range all {
		fmt.Fprintf(w, "%s (%d)\tall\t%s\t%s\n", p.Process, p.PID, mebibytes(p.Resident), mebibytes(p.Droppable))
		for _, u := range p.Uses {
			drop := ""
			if u.Droppable > 0 {
				drop = mebibytes(&u.Droppable)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", cmp.Or(purposes[u.Purpose], u.Purpose), cmp.Or(u.Part, "other"), mebibytes(&u.Bytes), drop)
		}
	}
	return w.Flush()
}

func statusOf(r *pb.GetStatusResponse) jsonStatus {
	s := jsonStatus{Assets: []jsonAsset{}}
	for _, a := range r.GetAssets() {
		active := map[string]bool{}
		for _, v := range a.GetActive() {
			active[v.GetRun()] = true
		}
		j := jsonAsset{Asset: a.GetAsset(), Title: a.GetTitle(), Name: a.GetTitleName(), Runs: []jsonRun{}, Bytes: a.GetBytes(), Text: a.GetText(), Pictures: a.GetPictures()}
		for _, r := range a.GetRuns() {
			j.Runs = append(j.Runs, jsonRun{r.GetId(), r.GetAlgorithm(), r.GetVersion(), runs.StateName(r.GetState()), active[r.GetId()], r.GetAnnotations(), r.GetEmbeddings(), r.GetError(), r.GetWaits()})
		}
		s.Assets = append(s.Assets, j)
	}
	return s
}
