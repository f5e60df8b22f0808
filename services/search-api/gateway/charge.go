package gateway

import (
	"fmt"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	// itemCost is the cost of an item that an evaluation reads: docs/benchmarks, exact/speed.
	itemCost = 1e-4
	// paidAtOnce is how many items more than the plan says a caller pays for at once (Gateway.paidAtOnce).
	paidAtOnce = 200_000
	// mostItems bounds the items that one query reads (Gateway.mostItems).
	mostItems = 1 << 24
)

// pay charges the caller for items before the items are read. The error says what the caller can do.
func (w *whole) pay(items int) error {
	w.paid += items
	cost := itemCost * float64(items)
	if w.g.deps.Charge == nil || items == 0 {
		return nil
	}
	if err := w.g.deps.Charge(w.p.scope.view.caller, cost); err != nil {
		return fmt.Errorf("the parts of the query find about %d items, a cost of %.0f; ask for rarer words or for fewer parts, or narrow the query by title, language or time: %w", items, cost, err)
	}
	return nil
}

// spendRows counts items that were read for a part, and charges the caller for the items that the plan did not expect. The plan of a caller
// from whom something is hidden expects few items.
func (w *whole) spendRows(pt *part, items int) error {
	w.rows += items
	if w.rows > w.g.mostItems {
		return &stop{pt, errkind.New(errkind.Exhausted, "the query reads more than %d items: %s; ask for rarer words or for fewer parts, or narrow the query by title, language or time", w.g.mostItems, w.share())}
	}
	for w.rows > w.paid {
		if err := w.pay(w.g.paidAtOnce); err != nil {
			return &stop{pt, fmt.Errorf("%s: %w", w.share(), err)}
		}
	}
	return nil
}
