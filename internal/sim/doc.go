// Package sim runs the real runner and the real indexer in a world where everything that can go wrong does, by plan.
//
// A plan is data: a seed, the size of the world, and faults, each at a step. The world is a simulated log, the real
// Pebble store on a disk in memory that forgets at a crash what was not synced, a search engine, workers and
// indexers that may be killed, paused and woken, an operator who switches runs, and a reader who looks all the while. Every
// call from a service into that world waits at a gate. When all that runs waits, one call is let through, chosen by the seed,
// so a plan runs the same way each time, and each interleaving of calls is as likely as the next. Time is
// testing/synctest's: it passes when nothing else can happen.
//
// The one property is held during a plan and after it: what readers see equals the fold of the log. Nothing is lost,
// nothing is there twice, nothing is mixed of two executions, and a worker that lost its lease has changed nothing.
//
// One thing is left out, since it does not hold: where two executions of a run say different things (Plan.Unsteady), an
// indexer that stands still between looking at a batch's epoch and writing it, for longer than its group waits for it, writes
// rows of the older execution over those of the newer. An algorithm that says the same of the same asset each time, which is
// what the platform asks of one, is not harmed by it: plans over such ones have that fault as well.
//
// Bugs are put in on purpose as well, each as a wrapper of what a service is given, and must be caught.
//
// All of it is tests: `go test ./internal/sim` runs some hundreds of plans, and the figure sim/plans 10,000.
package sim
