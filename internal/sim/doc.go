// Package sim runs the real runner and the real indexer in a world with every fault, by plan. The package serves whoever changes the flow
// of events. It guarantees for each plan: during the plan and after, readers see exactly the fold of the log.
//
// # Plans
//
// A plan is data: a seed, the size of the world, and faults, each at a step. The world has a simulated log, the real Pebble store on a
// disk in memory, a search engine, workers and indexers, an operator who switches runs, and a reader. A crash of the disk loses data
// without a sync. Workers and indexers are killed, paused and woken. Every call of a service into the world waits at a gate. When every
// goroutine waits, the world lets a single call pass, chosen by the seed. So a plan runs the same way each time, and every interleaving
// of calls is as likely as the next. Time is testing/synctest's: time passes when nothing else can happen.
//
// In half of the plans the algorithm is in a worker, which the real host of pkg/algo/remote calls over a connection in memory. The worker dies, stands
// still, and writes output outside the asset.
//
// # The property
//
//   - Nothing is lost, nothing is there twice, nothing is mixed of two executions.
//   - A worker without its lease has changed nothing.
//
// # The exception
//
// The property does not hold for an indexer that pauses between checking a batch's epoch and writing the batch, for longer than its group
// waits, where two executions of the run differ (Plan.Unsteady). The indexer then writes rows of the older execution over rows of the
// newer execution. The platform asks an algorithm to write the same items for the same asset each time; such algorithms are safe, and
// plans over such algorithms include the pause.
//
// # Bugs
//
// Plans also run with bugs that were put in on purpose, each as a wrapper around a service's dependencies. Every bug must be caught.
//
// All of the package is tests: `go test ./internal/sim` runs some hundreds of plans, and the figure sim/plans 10,000.
package sim
