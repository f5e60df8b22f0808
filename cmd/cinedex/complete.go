package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// completeWithin bounds what a shell waits for at the tab key. A Cinedex that does not answer completes nothing.
const completeWithin = 2 * time.Second

// proposals returns what a word of a command may be.
type proposals func(ctx context.Context, h *home) []string

func oneOf(words ...string) proposals {
	return func(context.Context, *home) []string { return words }
}

// flagProposals are by the name of the flag, argumentProposals by how the command's use calls the argument.
var (
	flagProposals = map[string]proposals{
		"title": titles, "series": series, "asset": assets, "algorithm": algorithms, "hop": hops,
		"topic": topicNames, "order": oneOf("score", "time"), "source": oneOf("library", "store", "log"),
		"format": oneOf("jsonl", "parquet"),
	}
	argumentProposals = map[string]proposals{
		"dead-letters ID": letterIDs, "jobs ID": jobIDs, "batch BATCH": batchIDs, "runs RUN": runIDs,
		"runs ALGORITHM@VERSION": algorithms, "runs ALGORITHM": algorithmNames, "models ID|GROUP": modelNames,
		"cinedex QUERY": leafNames, "cinedex store|search": oneOf("store", "search"), "cinedex search|store": oneOf("search", "store"),
	}
)

// complete tells the shells' completion what flags and arguments of the commands may be.
func complete(c *cobra.Command, h *home) {
	for name, p := range flagProposals {
		if c.LocalFlags().Lookup(name) != nil && !(c.Name() == "ingest" && name == "title") { // media that arrives may have a new title
			_ = c.RegisterFlagCompletionFunc(name, h.complete(p))
		}
	}
	if words := strings.Fields(c.Use); len(words) > 1 && c.HasParent() && c.ValidArgsFunction == nil {
		argument := strings.Trim(words[1], "[].")
		if p, ok := argumentProposals[c.Parent().Name()+" "+argument]; ok {
			many := strings.Contains(c.Use, "...")
			c.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
				if len(args) > 0 && !many {
					return nil, cobra.ShellCompDirectiveDefault
				}
				return h.complete(p)(cmd, args, typed)
			}
		}
	}
	for _, sub := range c.Commands() {
		complete(sub, h)
	}
}

// complete offers those proposals that begin with what was typed and are not given yet.
func (h *home) complete(p proposals) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completeWithin)
		defer cancel()
		found := map[string]bool{}
		for _, w := range p(ctx, h) {
			if w != "" && strings.HasPrefix(w, typed) && !slices.Contains(args, w) {
				found[w] = true
			}
		}
		return slices.Sorted(maps.Keys(found)), cobra.ShellCompDirectiveNoFileComp
	}
}

// fromStatus takes words out of the library's status.
func fromStatus(words func(*pb.AssetStatus) []string) proposals {
	return func(ctx context.Context, h *home) (out []string) {
		client, _, err := h.client()
		if err != nil {
			return nil
		}
		r, err := statusPage(ctx, client.GetStatus, &pb.GetStatusRequest{Limit: rpcapi.MaxPage}) // nobody reads through more
		if err != nil {
			return nil
		}
		for _, a := range r.GetAssets() {
			out = append(out, words(a)...)
		}
		return out
	}
}

var (
	titles = fromStatus(func(a *pb.AssetStatus) []string { return []string{a.GetTitle()} })
	assets = fromStatus(func(a *pb.AssetStatus) []string { return []string{a.GetAsset()} })
	runIDs = fromStatus(func(a *pb.AssetStatus) (out []string) {
		for _, r := range a.GetRuns() {
			out = append(out, r.GetId())
		}
		return out
	})
)

func series(ctx context.Context, h *home) (out []string) {
	client, _, err := h.client()
	if err != nil {
		return nil
	}
	r, err := client.ListTitles(ctx, connect.NewRequest(&pb.ListTitlesRequest{}))
	if err != nil {
		return nil
	}
	for _, t := range r.Msg.GetTitles() {
		out = append(out, t.GetTitle().GetSeries())
	}
	return out
}

func letterIDs(ctx context.Context, h *home) (out []string) {
	client, _, err := h.operators()
	if err != nil {
		return nil
	}
	r, err := client.ListDeadLetters(ctx, connect.NewRequest(&pb.ListDeadLettersRequest{Limit: maxLetters}))
	if err != nil {
		return nil
	}
	for _, l := range r.Msg.GetLetters() {
		out = append(out, l.GetId())
	}
	return out
}

func jobIDs(ctx context.Context, h *home) []string   { return jobsOf(ctx, h) }
func batchIDs(ctx context.Context, h *home) []string { return jobsOf(ctx, h, "batch") }

func jobsOf(ctx context.Context, h *home, kinds ...string) (out []string) {
	client, _, err := h.operators()
	if err != nil {
		return nil
	}
	r, err := client.ListJobs(ctx, connect.NewRequest(&pb.ListJobsRequest{Kinds: kinds, All: true}))
	if err != nil {
		return nil
	}
	for _, j := range r.Msg.GetJobs() {
		out = append(out, j.GetId())
	}
	return out
}

// algorithmNames are the algorithms without their versions.
func algorithmNames(ctx context.Context, h *home) (out []string) {
	for _, ref := range algorithms(ctx, h) {
		if name, _, versioned := strings.Cut(ref, "@"); !versioned {
			out = append(out, name)
		}
	}
	return out
}

// algorithms are those of the server, and of this program where no server answers.
func algorithms(ctx context.Context, h *home) (out []string) {
	c, _, err := catalogueOf(ctx, h)
	if err != nil {
		return nil
	}
	for _, a := range c.GetAlgorithms() {
		out = append(out, a.GetName(), a.GetName()+"@"+a.GetVersion())
	}
	return out
}

func hops(context.Context, *home) (out []string) {
	for _, hop := range events.Hops() {
		out = append(out, hop.Group)
	}
	return out
}

func topicNames(context.Context, *home) (out []string) {
	for _, c := range events.Contracts() {
		out = append(out, string(c.Topic))
	}
	return out
}

func modelNames(context.Context, *home) []string {
	out := model.Groups()
	for _, a := range model.All() {
		out = append(out, a.ID)
	}
	return out
}
