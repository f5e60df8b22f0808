package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// builtinLeaves is the catalogue of the program's own algorithms. The service reads a line with other leaves.
var builtinLeaves = sync.OnceValue(func() *catalog.View {
	c, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		panic(err) // the built-in algorithms are valid: see the tests of pkg/algo/builtin
	}
	return c.View()
})

// leafOf returns the name of the first leaf of a shape.
func leafOf(v *catalog.View, shape pb.LeafShape) string {
	for _, l := range v.Leaves() {
		if l.GetShape() == shape {
			return l.GetName()
		}
	}
	return ""
}

// wordLeaves are the leaves of words as people type these leaves.
func wordLeaves() (out []string) {
	for _, l := range builtinLeaves().Leaves() {
		if l.GetShape() == pb.LeafShape_LEAF_SHAPE_WORDS && l.GetName() != catalog.Bare {
			out = append(out, builtinLeaves().Short(l.GetName())+":")
		}
	}
	return out
}

// catalogueOf returns the catalogue of the server. Where no server answers, and for a server of a release without GetCatalog, catalogueOf returns the
// catalogue of the algorithms that this program was built with, and of is "".
func catalogueOf(ctx context.Context, h *home) (c *pb.GetCatalogResponse, of string, err error) {
	client, e, err := h.client()
	if err == nil {
		var r *connect.Response[pb.GetCatalogResponse]
		if r, err = client.GetCatalog(ctx, connect.NewRequest(&pb.GetCatalogRequest{})); err == nil {
			return r.Msg, e.Server, nil
		}
	}
	switch rpc.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeResourceExhausted:
		return nil, "", err
	}
	if h.server != "" && rpc.CodeOf(err) != connect.CodeUnimplemented {
		return nil, "", h.explain(e, err)
	}
	return rpcapi.ShownCatalog(builtinLeaves()), "", nil
}

// typed returns a leaf as people type the leaf.
func typed(l *pb.CatalogLeaf) string {
	if len(l.GetAliases()) > 0 {
		return l.GetAliases()[0] + ":"
	}
	return l.GetName() + ":"
}

// furtherNames are the names of a leaf beside the name that people type.
func furtherNames(l *pb.CatalogLeaf) []string {
	if len(l.GetAliases()) == 0 {
		return nil
	}
	return append([]string{l.GetName()}, l.GetAliases()[1:]...)
}

// leafNames are the beginnings of a query.
func leafNames(ctx context.Context, h *home) (out []string) {
	c, _, err := catalogueOf(ctx, h)
	if err != nil {
		return nil
	}
	for _, l := range c.GetLeaves() {
		if l.GetName() != catalog.Bare {
			out = append(out, typed(l))
		}
	}
	return out
}

// jsonCatalog is the JSON of `cinedex leaves`.
type jsonCatalog struct {
	Server string            `json:"server"`
	Leaves []jsonLeaf        `json:"leaves"`
	Kinds  []jsonCatalogKind `json:"kinds"`
}

type jsonLeaf struct {
	Name       string   `json:"name"`
	Aliases    []string `json:"aliases"`
	Shape      string   `json:"shape"`
	Label      string   `json:"label"`
	Hint       string   `json:"hint"`
	Example    string   `json:"example"`
	Algorithm  string   `json:"algorithm"`
	Kinds      []string `json:"kinds"`
	InLanguage bool     `json:"in_language"`
}

type jsonCatalogKind struct {
	Kind      string `json:"kind"`
	Algorithm string `json:"algorithm"`
	Label     string `json:"label"`
	Lane      string `json:"lane"`
	Icon      string `json:"icon"`
}

func newLeaves(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:   "leaves",
		Short: "List the names by which a query asks, and the kinds of annotation",
		Long: `Lists the leaves of the query language and the kinds of annotation, as the server has them now: an
algorithm that was announced since brings its own. Where no server runs, the algorithms of this
program count.`,
		Example: "  cinedex leaves\n  cinedex leaves --json | jq -r '.leaves[].name'",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, server, err := catalogueOf(cmd.Context(), h)
			if err != nil {
				return err
			}
			if o.json {
				return o.value(catalogJSON(c, server))
			}
			if server == "" {
				o.note("no server answers: these are the leaves of this program's own algorithms")
			}
			w := o.table()
			fmt.Fprintln(w, "LEAF\tALSO\tTAKES\tEXAMPLE\tWHAT IT FINDS\tALGORITHM")
			for _, l := range c.GetLeaves() {
				if l.GetName() == catalog.Bare {
					fmt.Fprintf(w, "words alone\t\t%s\t\tEverything that words find\t\n", l.GetShape())
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", typed(l), strings.Join(furtherNames(l), " "), l.GetShape(), l.GetExample(), l.GetHint(), l.GetAlgorithm())
			}
			if err := w.Flush(); err != nil {
				return err
			}
			o.printf("\n")
			w = o.table()
			fmt.Fprintln(w, "KIND\tLABEL\tLANE\tALGORITHM")
			for _, k := range c.GetKinds() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.GetKind(), k.GetLabel(), k.GetLane(), k.GetAlgorithm())
			}
			return w.Flush()
		},
	}
}

func catalogJSON(c *pb.GetCatalogResponse, server string) jsonCatalog {
	out := jsonCatalog{Server: server, Leaves: []jsonLeaf{}, Kinds: []jsonCatalogKind{}}
	for _, l := range c.GetLeaves() {
		out.Leaves = append(out.Leaves, jsonLeaf{l.GetName(), some(l.GetAliases()), l.GetShape(), l.GetLabel(), l.GetHint(), l.GetExample(), l.GetAlgorithm(), some(l.GetKinds()), l.GetInLanguage()})
	}
	for _, k := range c.GetKinds() {
		out.Kinds = append(out.Kinds, jsonCatalogKind{k.GetKind(), k.GetAlgorithm(), k.GetLabel(), k.GetLane(), k.GetIcon()})
	}
	return out
}
