// Package fair shares scarce resources among callers: processors by a Queue, and requests by a Limiter. The services
// with callers use both. No caller gets more than its share while another caller waits.
//
// # Queue
//
// A Queue guards work for a bounded number of goroutines at the same time. The order is start-time fair queueing
// (Goyal, Vin and Cheng, SIGCOMM 1996): each caller has a queue, each item has a cost, and the next free slot goes to
// the caller with the least service so far.
//
// Guarantees:
//
//   - If k callers always have waiting items, each of the callers gets 1/k of the cost, to within a single item of each
//     caller.
//   - A caller gets no credit for the time without items. The first item of a caller without recent service waits for
//     the items in service and for at most one item of every other caller. A caller with more service than others just
//     before waits until the others have caught up.
//   - Items of a caller are served in the order of arrival.
//   - An item whose context ends before the item has a slot leaves the queue at once and costs the caller nothing.
//   - Items above Config.Quick never hold the last of several slots, so a quick item finds a slot within the time of a
//     quick item. In a queue with a single slot, every item may take the slot.
//   - A caller never has more than Config.Each slots.
//
// Quick and Each hold back items that would otherwise be next. Other items pass meanwhile, so the first two guarantees
// hold among items that neither Quick nor Each holds back.
//
// A Queue does not interrupt an item that has a slot: the work of the item MUST check its context.
//
// # Limiter
//
// A Limiter bounds the concurrent requests of a caller and the caller's cost per second. A refusal is of kind Exhausted
// and says when to come back (errkind.RetryAfter).
//
// A caller is a string: the name of an authz.Caller, or an address. Metrics never carry the string.
package fair
