package searchtest

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// testCharacters: the names within the scope that begin with a prefix, in letters of any case, and no name outside the scope.
func testCharacters(t *testing.T, h Harness) {
	e := open(t, h)
	var all []*pb.Annotation
	for run, names := range map[string][]string{
		"run-cast":   {"Mara", "MARA", "Mara Voss", "Martin", "tobias", "Élodie", "Ma.x", "Ma*", "", "Ö (off)"},
		"run-hidden": {"Mara", "Marlene", "Maximilian"},
	} {
		for i, name := range names {
			all = append(all, &pb.Annotation{Run: run, Ordinal: int64(i), Asset: "asset-" + run, Kind: schema.KindDialogue, Start: int64(i), End: int64(i + 1), Text: "a line", Language: "en", Character: name})
		}
	}
	write(t, e, all...)
	shown, both := search.NewScope([]string{"run-cast"}), search.NewScope([]string{"run-cast", "run-hidden"})
	for _, c := range []struct {
		scope  *search.Scope
		prefix string
		limit  int
		want   []string
	}{
		{shown, "mar", 9, []string{"mara", "mara voss", "martin"}},
		{shown, "MARA ", 9, []string{"mara voss"}},
		{shown, "mar", 2, []string{"mara", "mara voss"}},
		{both, "Mar", 9, []string{"mara", "mara voss", "marlene", "martin"}},
		{shown, "ma.", 9, []string{"ma.x"}}, // a point and a star are letters like any other
		{shown, "ma*", 9, []string{"ma*"}},
		{shown, "é", 9, []string{"élodie"}},
		{shown, "ö (", 9, []string{"ö (off)"}},
		{shown, "", 20, []string{"ma*", "ma.x", "mara", "mara voss", "martin", "tobias", "élodie", "ö (off)"}},
		{shown, "x", 9, nil},
		{shown, "mar", 0, nil},
		{search.NewScope(nil), "mar", 9, nil},
	} {
		got, err := e.Characters(t.Context(), c.scope, c.prefix, c.limit)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q, %d: %q, %v, want %q", c.prefix, c.limit, got, err, c.want)
		}
	}
	if _, err := e.Characters(t.Context(), nil, "mar", 9); err == nil {
		t.Error("no scope is no error")
	}
}
