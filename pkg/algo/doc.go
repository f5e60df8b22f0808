// Package algo is the contract between the platform and the algorithms, and the [Registry] of the algorithms of a process.
//
// An [Algorithm] declares what the algorithm reads and writes, and turns one asset into annotations and embeddings. An
// algorithm knows nothing of events, stores, leases or retries. An executor gives the algorithm an [Input] and an
// [Output], and does the rest. Two executors exist: the algo-runner, and package algotest, which runs any algorithm over
// a sample clip and reports where the algorithm breaks this contract.
//
// Each algorithm is one folder beside this file. To add an algorithm, make a folder, and add the algorithm to the list
// that main gives to [NewRegistry]. Indexing and search depend on kinds and spaces, never on the algorithm.
//
// # Contract of an algorithm
//
//   - The same asset, parameters and input runs MUST give the same annotations, embeddings and blobs, in the same order, to
//     the last bit, whatever the timing. An execution is repeated after a crash, and the rows of the second execution
//     must equal the rows of the first.
//   - An algorithm that reads frames and the output of another algorithm MUST go on taking frames while the algorithm waits
//     for the output. The other algorithm may be reading the same frames, and the film waits for the slowest reader. See
//     package byshot.
//   - Memory MUST be bounded by the longest shot, and MUST NOT grow with the length of the film.
//   - An algorithm MUST end soon after the context ends, with an error.
//   - An algorithm MUST read only declared input, and write only declared kinds and spaces.
//   - Intervals MUST be half-open, not empty and inside the asset. An interval that comes from frames covers whole frames.
//   - A vector of a space of metric cosine MUST have length 1.
package algo
