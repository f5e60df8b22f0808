package gateway

import (
	"context"
	"time"
)

// Later moves the clock by which lost frame tables are read again.
func (g *Gateway) Later(d time.Duration) {
	_, _ = g.lib.turn.enter(context.Background())
	defer g.lib.turn.leave()
	now := g.lib.now
	g.lib.now = func() time.Time { return now().Add(d) }
}

// KeepMatches sets how many matches of one query are kept.
func (g *Gateway) KeepMatches(n int) { g.mostMatches = n }

// ReadItems sets how many items a query reads at most, and for how many items more than planned a caller pays at once.
func (g *Gateway) ReadItems(most, atOnce int) { g.mostItems, g.paidAtOnce = most, atOnce }

// BesideFrom sets how many items an operand has at least, so that both operands of an operator are read whole.
func (g *Gateway) BesideFrom(n int) { g.besideFrom = n }

// PicksLater moves the clock of picks.
func (g *Gateway) PicksLater(d time.Duration) {
	now := g.picks.now
	g.picks.now = func() time.Time { return now().Add(d) }
}

// ReadPicks reads the log of picks, as FollowPicks does from time to time.
func (g *Gateway) ReadPicks(ctx context.Context) error { return g.picks.renew(ctx) }

// NormalForm is normalForm.
var NormalForm = normalForm
