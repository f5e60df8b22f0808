// Package algo is the contract between the platform and the algorithms that
// watch its films, and the Registry of those that a process has.
//
// An [Algorithm] declares what it reads and what it writes, and turns one asset
// into annotations and embeddings. It knows nothing of events, stores, leases or
// retries: whoever executes it gives it an [Input] and an [Output], and answers
// for the rest. The algo-runner is that executor; package algotest is another, which
// runs any algorithm over a sample clip and says what is wrong with it.
//
// Each algorithm is one folder beside this file. To add one, make a folder and
// add it to the list that main gives to [NewRegistry]; indexing and search look at
// kinds and spaces, never at the algorithm that wrote them.
//
// # What an algorithm must hold to
//
//   - The same asset, parameters and input runs give the same annotations and
//     embeddings, in the same order, to the last bit, whatever the timing:
//     executions are repeated after crashes, and their rows must fall on each other.
//   - An algorithm that reads frames and the output of another goes on reading frames
//     while it waits for the other, which may be reading the same frames: see package byshot.
//   - Memory is bounded by the longest shot, not by the film.
//   - It ends soon after its context does.
//   - Intervals are half-open, of whole frames where they come from frames, and inside the asset.
package algo
