package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
)

type jsonAlgorithm struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Group   string   `json:"group"`
	Summary string   `json:"summary"`
	Reads   []string `json:"reads"`
	Needs   []string `json:"needs"`
	Kinds   []string `json:"kinds"`
	Spaces  []string `json:"spaces"`
	Models  []string `json:"models"`
}

func newAlgorithms(o *output) *cobra.Command {
	return &cobra.Command{
		Use:     "algorithms",
		Short:   "List the algorithms, what they read and what they write",
		Example: "  cinedex algorithms\n  cinedex algorithms --json | jq '.algorithms[].name'",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cache, err := model.OpenCache("")
			if err != nil {
				return err
			}
			models := builtin.Open(cache, 1)
			defer models.Close()
			if err := models.Enable(builtin.Default, builtin.Suite); err != nil {
				return err
			}
			registry, err := models.Algorithms()
			if err != nil {
				return err
			}
			rows := []jsonAlgorithm{}
			for _, a := range registry.All() {
				s := a.Spec()
				j := jsonAlgorithm{Name: s.GetName(), Version: s.GetVersion(), Group: models.Group(s.GetName()), Summary: s.GetSummary(),
					Reads: some(s.GetReads()), Needs: some(s.GetNeeds()), Kinds: some(s.GetKinds()), Spaces: []string{}, Models: some(s.GetModels())}
				for _, sp := range s.GetSpaces() {
					j.Spaces = append(j.Spaces, schema.SpaceID(sp))
				}
				for _, list := range []*[]string{&j.Reads, &j.Needs, &j.Kinds, &j.Spaces, &j.Models} {
					if *list == nil {
						*list = []string{} // an empty list, for programs, and never null
					}
				}
				rows = append(rows, j)
			}
			if o.json {
				return o.value(map[string]any{"algorithms": rows})
			}
			w := o.table()
			fmt.Fprintln(w, "ALGORITHM\tGROUP\tREADS\tNEEDS\tWRITES\tWHAT IT DOES")
			for _, j := range rows {
				fmt.Fprintf(w, "%s@%s\t%s\t%s\t%s\t%s\t%s\n", j.Name, j.Version, j.Group, strings.Join(j.Reads, " "), strings.Join(j.Needs, " "),
					strings.Join(append(j.Kinds, j.Spaces...), " "), j.Summary)
			}
			return w.Flush()
		},
	}
}

// some is a list that is never null in JSON.
func some(s []string) []string { return append([]string{}, s...) }
