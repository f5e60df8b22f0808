package storetest

import (
	"cmp"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

func testPositions(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for _, refused := range []store.Position{{Partition: 1, Next: 1}, {Topic: "annotations", Partition: -1}, {Topic: "annotations", Next: -1}} {
		kind(t, "a position that is none", s.Reach(ctx, "indexer", []store.Position{refused}), errkind.Invalid)
	}
	kind(t, "a position of no group", s.Reach(ctx, "", []store.Position{{Topic: "annotations"}}), errkind.Invalid)
	reach := func(group string, reached ...store.Position) {
		t.Helper()
		if err := s.Reach(ctx, group, reached); err != nil {
			t.Fatal(err)
		}
	}
	has := func(what, group string, want ...store.Position) {
		t.Helper()
		got := must(s.Positions(ctx, group))(t)
		slices.SortFunc(got, func(a, b store.Position) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
		equal(t, what, got, want)
	}
	has("before the first", "indexer")
	one, two, backfill := store.Position{Topic: "annotations", Next: 1 << 40}, store.Position{Topic: "annotations", Partition: 11, Next: 7}, store.Position{Topic: "annotations.backfill", Next: 3}
	reach("indexer", one, two)
	reach("indexer-backfill", backfill)
	has("one group", "indexer", one, two)
	has("the other", "indexer-backfill", backfill)
	has("one without any", "index")
	two.Next, one.Next = 9, 5 // back as well: the log was rewound
	reach("indexer", two, one)
	has("moved", "indexer", one, two)
	reach("indexer")
	has("nothing new", "indexer", one, two)
}
