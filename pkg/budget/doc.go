// Package budget bounds the memory that all requests of a process use together.
//
// A count of requests does not bound memory: one picture may need a thousand times
// the memory of another. A Budget counts bytes. Work says how many bytes it needs
// at its peak, before it begins, and holds them until it is done.
//
// The search API has one budget for pictures and frames and one for the bodies of
// requests. A request that holds bytes of the second may wait for the first, never
// the other way round, so no two requests wait for each other.
package budget
