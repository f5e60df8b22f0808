// Package fair shares scarce resources among callers: processors by a Queue, and requests by a Limiter. The services
// with callers use both. No caller gets more than its share while another caller waits.
//
// # Queue
//
// A Queue guards work that a bounded number of goroutines may do at the same time. The order is start-time fair
// queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each caller has a queue, each item has a cost, and the next free slot
// goes to the caller with the least service so far.
//
// Guarantees:
//
//   - Of k callers who always wait, each gets 1/k of the cost, to within a single item of each caller.
//   - A caller who was away gets neither credit nor debt for the time. The first item of such a caller waits for the
//     items in service and for at most one item of every other caller.
//   - Items of a caller are served in the order of arrival.
//   - An item whose context ends leaves the queue at once and costs its caller nothing.
//   - Items above Config.Quick never hold the last slot, so a quick item finds a slot within the time of a quick item.
//   - A caller never has more than Config.Each slots.
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
