package main

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

func newSaved(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:   "saved",
		Short: "Save searches, and watch for new hits",
		Long: `A saved search belongs to the person behind the token. A moment is new if no moment that the search found before overlaps it: a new version
of an algorithm tells only the moments that the version before had not found.`,
		Example: "  cinedex saved add storms 'look:storm'\n  cinedex saved watch storms",
	}
	c.AddCommand(newSavedAdd(o, h), newSavedList(o, h), newSavedRemove(o, h), newSavedWatch(o, h))
	return c
}

// savedClient returns a client of saved searches. A stream has no end of its own, so the client has no timeout.
func (h *home) savedClient() (cinedexv1connect.SavedSearchServiceClient, endpoint, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, e, err
	}
	return cinedexv1connect.NewSavedSearchServiceClient(e.client(0), e.Server), e, nil
}

func newSavedAdd(o *output, h *home) *cobra.Command {
	var profile string
	c := &cobra.Command{
		Use:     "add NAME QUERY",
		Short:   "Save a search; a search of the same name is replaced",
		Example: "  cinedex saved add storms 'look:storm AND dialogue:captain' --profile trailer",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.savedClient()
			if err != nil {
				return err
			}
			req := &pb.SaveSearchRequest{Saved: &pb.SavedSearch{Name: a[0], Search: &pb.SearchRequest{Q: a[1], Profile: profile}}}
			r, err := client.SaveSearch(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.value(map[string]string{"name": a[0], "query": r.Msg.GetQuery()})
			}
			o.printf("%s: %s\n", a[0], r.Msg.GetQuery())
			return nil
		},
	}
	c.Flags().StringVar(&profile, "profile", "", "the profile of an application that the service has")
	return c
}

func newSavedList(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List your saved searches",
		Example: "  cinedex saved list",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, e, err := h.savedClient()
			if err != nil {
				return err
			}
			r, err := client.ListSavedSearches(cmd.Context(), connect.NewRequest(&pb.ListSavedSearchesRequest{}))
			if err != nil {
				return h.explain(e, err)
			}
			if o.json {
				return o.message(r.Msg)
			}
			t := o.table()
			for _, s := range r.Msg.GetSaved() {
				asked := s.GetSearch().GetQ()
				if asked == "" {
					asked = "(a tree)"
				}
				if p := s.GetSearch().GetProfile(); p != "" {
					asked += "  (profile " + p + ")"
				}
				_, _ = t.Write([]byte(s.GetName() + "\t" + asked + "\n"))
			}
			return t.Flush()
		},
	}
}

func newSavedRemove(_ *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Delete a saved search",
		Example: "  cinedex saved remove storms",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.savedClient()
			if err != nil {
				return err
			}
			_, err = client.DeleteSavedSearch(cmd.Context(), connect.NewRequest(&pb.DeleteSavedSearchRequest{Name: a[0]}))
			return h.explain(e, err)
		},
	}
}

// rejoinAfter is the pause before a lost stream is opened anew.
const rejoinAfter = time.Second

func newSavedWatch(o *output, h *home) *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "watch NAME",
		Short: "Print new hits of a saved search as they become searchable",
		Long: `Prints each new hit once, and each hit that is found no longer behind the word gone, until interrupted. A lost connection is opened anew, and goes on where it was lost. With --json, each line has the hits and
the token behind them: --since goes on there later, also after a restart of the service.`,
		Example: "  cinedex saved watch storms\n  cinedex saved watch storms --json | jq -c '.hits[]'",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			client, e, err := h.savedClient()
			if err != nil {
				return err
			}
			for {
				joined, err := watch(cmd.Context(), client, e.Server, a[0], &since, o)
				switch code := rpc.CodeOf(err); {
				case cmd.Context().Err() != nil:
					return nil
				case err != nil && (!joined || code != connect.CodeUnavailable && code != connect.CodeUnknown && code != connect.CodeInternal):
					return h.explain(e, err)
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(rejoinAfter):
				}
			}
		},
	}
	c.Flags().StringVar(&since, "since", "", "the token behind which to go on, as --json gave it")
	return c
}

// watch prints the hits of one connection. since is moved behind the hits printed. joined says that there was a token to go on behind.
func watch(ctx context.Context, client cinedexv1connect.SavedSearchServiceClient, server, name string, since *string, o *output) (joined bool, err error) {
	stream, err := client.WatchSearch(ctx, connect.NewRequest(&pb.WatchSearchRequest{Name: name, Since: *since}))
	if err != nil {
		return *since != "", err
	}
	defer stream.Close()
	for stream.Receive() {
		m := stream.Msg()
		if err := printNew(o, server, m); err != nil {
			return true, err
		}
		*since = m.GetToken()
	}
	return *since != "", stream.Err()
}

func printNew(o *output, server string, m *pb.WatchSearchResponse) error {
	if o.json {
		return o.value(object{m.ProtoReflect(), server})
	}
	line := func(before string, h *pb.Hit) {
		o.printf("%s\n", strings.Join(strings.Fields(strings.Join([]string{before, h.GetTitle(), h.GetStartTimecode(), h.GetText()}, " ")), " "))
	}
	for _, h := range m.GetHits() {
		line("", h)
	}
	for _, h := range m.GetGone() {
		line("gone:", h)
	}
	return nil
}
