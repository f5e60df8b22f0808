// Package budget bounds the memory of all requests of a process together. The search API claims bytes for pictures,
// frames and request bodies. The claims held never exceed the budget, and claims are served in order of arrival.
//
// A count of requests does not bound memory: a single picture may need a thousand times the memory of another. Work
// MUST claim the bytes of its peak before the work begins, and release the claim at the end.
//
// The search API has a budget for pictures and frames, and another budget for the bodies of requests. A request that
// holds bytes of the second budget may wait for the first, and never the reverse. Two requests therefore never wait for
// each other.
package budget
