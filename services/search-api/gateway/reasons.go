package gateway

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A reason is an item behind a moment, without the names: an evaluation holds a million reasons, and a page shows the evidence of twenty
// moments.
//
// The reasons of a moment are a list: at most one reason of each part, run, language and region, in the order of sameReason. A list is
// never changed. Lists share tails.
type reason struct {
	next *reason
	schema.Interval
	score      float64
	region     *pb.Region // of the annotation, where a query compares regions
	confidence float32
	rank       uint32 // in its part, from 1; set by rank
	run, look  uint32 // in names
	ordinal    uint32
	part       uint16 // its number
	standing   uint8
}

// names are the names that reasons number.
type names struct {
	runs        []string
	numbers     map[string]uint32
	looks       []search.Look
	lookNumbers map[search.Look]uint32
	spare       []reason
}

func (n *names) runOf(run string) uint32 {
	number, ok := n.numbers[run]
	if !ok {
		number = uint32(len(n.runs))
		n.numbers[run], n.runs = number, append(n.runs, run)
	}
	return number
}

func (n *names) lookOf(l search.Look) uint32 {
	number, ok := n.lookNumbers[l]
	if !ok {
		number = uint32(len(n.looks))
		n.lookNumbers[l], n.looks = number, append(n.looks, l)
	}
	return number
}

// sameReason is the order of reasons.
func (n *names) sameReason(a, b *reason) int {
	if a.part != b.part {
		return cmp.Compare(a.part, b.part)
	}
	if a.run != b.run {
		return strings.Compare(n.runs[a.run], n.runs[b.run])
	}
	if a.look != b.look {
		if c := strings.Compare(n.looks[a.look].Language, n.looks[b.look].Language); c != 0 {
			return c
		}
	}
	return compareRegions(a.region, b.region)
}

// byItem is search.CompareHits.
func (n *names) byItem(a, b *reason) int {
	switch {
	case a.score != b.score:
		return cmp.Compare(b.score, a.score)
	case a.run != b.run:
		return strings.Compare(n.runs[a.run], n.runs[b.run])
	}
	return cmp.Compare(a.ordinal, b.ordinal)
}

// joined returns the better reason of each part, run and language. A shot has several pictures and a scene many lines, and all of the
// pictures together say no more than the best picture.
func (n *names) joined(a, b *reason) (head *reason) {
	tail := &head
	for a != nil && b != nil && a != b {
		e, c := a, n.sameReason(a, b)
		switch {
		case c < 0:
			a = a.next
		case c > 0:
			e, b = b, b.next
		default:
			if n.byItem(b, a) < 0 {
				e = b
			}
			a, b = a.next, b.next
		}
		if a == nil && b == nil && e.next == nil { // the last reason needs no copy
			*tail = e
			return head
		}
		tail = n.add(tail, e)
	}
	if *tail = a; a == nil {
		*tail = b
	}
	return head
}

// add puts a copy of a reason at the end of a list, and returns the new end.
func (n *names) add(tail **reason, e *reason) **reason {
	if len(n.spare) == cap(n.spare) {
		n.spare = make([]reason, 0, 1024)
	}
	n.spare = append(n.spare, *e)
	*tail = &n.spare[len(n.spare)-1]
	(*tail).next = nil
	return &(*tail).next
}

// copied returns a list of its own, which keeps nothing else in memory.
func (n *names) copied(list *reason) (head *reason) {
	tail := &head
	for ; list != nil; list = list.next {
		tail = n.add(tail, list)
	}
	return head
}

// filtered returns the reasons of a list that pass.
func (n *names) filtered(list *reason, passes func(*reason) bool) (head *reason) {
	tail := &head
	for ; list != nil; list = list.next {
		if passes(list) {
			tail = n.add(tail, list)
		}
	}
	return head
}

// better orders the moments that a WITHIN may pair a moment with: more parts of the query, then a line that was asked for before a shot,
// then the higher scores, part by part.
func (n *names) better(a, b stretch) int {
	if c := cmp.Or(cmp.Compare(countParts(b.Of), countParts(a.Of)), cmp.Compare(surest(b.Of), surest(a.Of))); c != 0 {
		return c
	}
	for x, y := a.Of, b.Of; x != nil && y != nil; x, y = x.next, y.next {
		if c := cmp.Compare(x.part, y.part); c != 0 {
			return c
		}
		if c := n.byItem(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func countParts(list *reason) (n int) {
	part := -1
	for ; list != nil; list = list.next {
		if int(list.part) != part {
			n, part = n+1, int(list.part)
		}
	}
	return n
}

func surest(list *reason) (s uint8) {
	for ; list != nil; list = list.next {
		s = max(s, list.standing)
	}
	return s
}

// A match is a moment that a query finds, on the way to its rank.
type match struct {
	asset string
	schema.Interval
	why   *reason
	score float64
}

// rank gives the reasons of all matches their ranks within their parts, and each match its score.
//
//   - The rank of an item is its place among the items of its part that are a reason of a match: by score, ties by run and ordinal.
//   - A match counts each part once, by the best item: see fusion.
func (w *whole) rank(found []match) {
	of := make([][]*reason, len(w.parts))
	for i := range found {
		for e := found[i].why; e != nil; e = e.next {
			of[e.part] = append(of[e.part], e)
		}
	}
	order := w.orderOfRuns()
	w.strongest = make([]float64, len(w.parts))
	for part, items := range of {
		w.strongest[part] = rankItems(items, order)
	}
	for i := range found {
		found[i].score = w.fused(found[i].why)
	}
}

// orderOfRuns returns the place of each run among the runs by name.
func (n *names) orderOfRuns() []uint32 {
	byName := make([]uint32, len(n.runs))
	for i := range byName {
		byName[i] = uint32(i)
	}
	slices.SortFunc(byName, func(a, b uint32) int { return strings.Compare(n.runs[a], n.runs[b]) })
	order := make([]uint32, len(n.runs))
	for i, run := range byName {
		order[run] = uint32(i)
	}
	return order
}

// A ranked item is an item of a part by number: scores fall and ties rise.
type rankedItem struct {
	score float64
	tie   uint64
	of    *reason
}

// rankItems gives the items of a part their ranks, and returns the best score.
func rankItems(items []*reason, order []uint32) (best float64) {
	if len(items) == 0 {
		return 0
	}
	all := make([]rankedItem, len(items))
	for i, e := range items {
		all[i] = rankedItem{e.score, uint64(order[e.run])<<32 | uint64(e.ordinal), e}
	}
	slices.SortFunc(all, func(a, b rankedItem) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return cmp.Compare(a.tie, b.tie)
	})
	rank := uint32(0)
	for i, x := range all {
		if i == 0 || all[i-1].tie != x.tie {
			rank++
		}
		x.of.rank = rank
	}
	return all[0].score
}

// fused fuses what the best item of each part is worth.
func (w *whole) fused(list *reason) (score float64) {
	for list != nil {
		best := list
		for list = list.next; list != nil && list.part == best.part; list = list.next {
			if list.rank < best.rank {
				best = list
			}
		}
		pt := w.parts[best.part]
		score = w.p.fusion.join(score, w.p.fusion.worth(pt.weighs(), int(best.rank), w.strength(best)))
	}
	return score
}

func (w *whole) strength(e *reason) float32 {
	return strength(w.parts[e.part], e.confidence, e.score, w.strongest[e.part])
}

// moment returns a match with its evidence and the evidence that the match lands on.
func (w *whole) moment(m *match) *moment {
	count := 0
	for e := m.why; e != nil; e = e.next {
		count++
	}
	out := &moment{asset: m.asset, Interval: m.Interval, score: m.score, evidence: make([]evidence, 0, count)}
	for e := m.why; e != nil; e = e.next {
		l := w.looks[e.look]
		out.evidence = append(out.evidence, evidence{part: w.parts[e.part], rank: int(e.rank), confidence: e.confidence, strength: w.strength(e), standing: standing(e.standing), region: e.region,
			Hit: search.Hit{Run: w.runs[e.run], Ordinal: int64(e.ordinal), Asset: m.asset, Kind: l.Kind, Language: l.Language, Interval: e.Interval, Score: e.score}})
	}
	out.lead = out.evidence[0]
	for _, e := range out.evidence[1:] {
		out.lead = leading(out.lead, e)
	}
	return out
}

// top returns the best matches in the order of byScore.
func (w *whole) top(found []match, most int) []*moment {
	var out []*moment
	least := math.Inf(-1) // the score of the worst that is kept
	for i := range found {
		if found[i].score < least {
			continue
		}
		if out = append(out, w.moment(&found[i])); len(out) >= 64 && len(out)/2 >= most {
			slices.SortFunc(out, byScore)
			out = out[:most]
			least = out[most-1].score
		}
	}
	slices.SortFunc(out, byScore)
	return out[:min(len(out), most)]
}
