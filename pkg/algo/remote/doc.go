// Package remote executes algorithms that are in workers: programs in any language behind the contract of worker.proto. The algo-runner uses the
// package to execute runs, and the search API to encode queries.
//
// A [Host] knows the workers: each socket of a folder, and each address of the configuration. The Host keeps a connection to every worker, asks
// every few seconds for the declaration, and lists the algorithms that workers serve at the moment. An [Algorithm] is an algo.Algorithm, so a
// run of a worker has the leases, the batches and the retries of every other run.
//
// # Guarantees
//
// A worker is hostile or broken until proven otherwise. Whatever a worker does, only runs of the worker's own algorithms fail or wait.
//
//   - The memory of the platform for a run is bounded: by the slots of the shared area, by 64 messages of each other source, and by the size of a
//     message.
//   - A run ends. A worker that is silent for Config.Silence, whose algorithm stands still for Config.Stall, or that is not done within
//     Config.Deadline, has failed the run.
//   - Output is checked before the output reaches the log: kinds, spaces, dimensions, numbers, intervals, and the number of items.
//   - A version that changes without a new number is refused, also if the change happens between two runs or during a run.
//   - A version whose worker fails is withdrawn for a while, from a second to five minutes, so that a broken worker takes no time from others.
//   - The platform writes the shared area by system calls and maps nothing, so a worker that truncates the file harms no other process.
//
// # Errors of a run
//
//   - Unavailable with algo.ErrAway: no worker can execute the run now. The run waits.
//   - Internal: the worker crashed, hung, left, or said so. The run is executed again a few times.
//   - Invalid: the worker broke the contract. A repetition would break the contract again, so the run has failed.
//   - Any other kind comes from the input or the output of the run, or is the status of the worker.
package remote
