package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

type jsonStatus struct {
	Assets []jsonAsset `json:"assets"`
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
		Long:    "Prints the requested runs of every asset, how the runs ended, and which runs searches see.\nNames assets whose bytes differ from the bytes that arrived, frames that cannot be shown,\nrefused text tracks, and cues that were left out, with the reasons.",
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
			if o.json {
				return o.value(s)
			}
			if len(s.Assets) == 0 {
				o.printf("No assets yet. Send a film: cinedex ingest FILM\n")
				return nil
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
			return w.Flush()
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
