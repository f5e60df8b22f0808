package gateway

import "time"

// Later moves the clock by which lost frame tables are read again.
func (g *Gateway) Later(d time.Duration) {
	g.lib.mu.Lock()
	defer g.lib.mu.Unlock()
	now := g.lib.now
	g.lib.now = func() time.Time { return now().Add(d) }
}
