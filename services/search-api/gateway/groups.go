package gateway

import (
	"cmp"
	"slices"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A titleGroup is the moments of one title in an answer.
type titleGroup struct {
	head    *moment // the first in the order of the answer
	title   string
	name    string
	matches int64
	near    int64
	score   float64 // the best
}

// grouped returns the groups of an answer, in the order of their best scores. Groups with matches come first.
//
//   - ms are all moments, matches ahead of moments that are near. They are counted.
//   - kept are the moments that the variety leaves, in the order of the answer. The first of each title is its head.
func (p *processed) grouped(ms, kept []*moment) []*titleGroup {
	byTitle := map[string]*titleGroup{}
	var groups []*titleGroup
	for _, m := range ms {
		e := p.snap.asset(m.asset)
		g := byTitle[e.title]
		if g == nil {
			g = &titleGroup{title: e.title, name: e.name}
			byTitle[e.title] = g
			groups = append(groups, g)
		}
		switch match := !m.near && m.match(); {
		case match && g.matches == 0:
			g.matches, g.score = 1, m.score
		case match:
			g.matches, g.score = g.matches+1, max(g.score, m.score)
		default:
			if g.near++; g.matches == 0 {
				g.score = max(g.score, m.score)
			}
		}
	}
	for _, m := range kept {
		if g := byTitle[p.snap.asset(m.asset).title]; g.head == nil {
			g.head = m
		}
	}
	slices.SortFunc(groups, func(a, b *titleGroup) int {
		if (a.matches > 0) != (b.matches > 0) {
			if a.matches > 0 {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.title, b.title))
	})
	return groups
}

// message tells a group. exact says that no match is missing from the answer.
func (g *titleGroup) message(exact bool) *pb.TitleGroup {
	return &pb.TitleGroup{Title: g.title, TitleName: g.name, Matches: &pb.Total{Count: g.matches, Exact: exact}, Near: g.near, Score: g.score}
}
