// Package fair shares what is scarce among callers: processors by a Queue, and requests by a Limiter.
//
// # Queue
//
// A Queue stands in front of work that only so many goroutines may do at once. Its order is start-time fair queueing
// (Goyal, Vin and Cheng, SIGCOMM 1996): each caller has a queue of its own, each item has a cost, and the next free slot
// goes to the caller who has been given the least.
//
// What holds:
//
//   - Of k callers who always wait, each is given 1/k of the cost, to within one item of each.
//   - A caller who was away is given neither credit nor debt for the time. The first item of such a caller waits for
//     the items in service and for at most one item of every other caller.
//   - Items of one caller are served in the order in which they came.
//   - An item whose context ends leaves the queue at once, and costs its caller nothing.
//   - Items above Config.Quick never hold the last slot, so a quick item finds a slot within the time of a quick item.
//   - A caller never has more than Config.Each slots.
//
// An item that has a slot is not interrupted: its work MUST look at its context.
//
// # Limiter
//
// A Limiter refuses what one caller asks beyond a number of requests at once and a cost per second. A refusal is of kind
// Exhausted and says when to come back (errkind.RetryAfter).
//
// A caller is a string: the name of an authz.Caller, or an address. Metrics never carry it.
package fair
