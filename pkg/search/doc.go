// Package search is the contract between Cinedex and the engines that find things:
// full text and vectors, embedded in the process or OpenSearch.
//
// An engine is a fold over the store: it may be deleted and rebuilt. It is
// written by the indexer through Engine.Write and asked by search-api's
// proxies through Engine.Text and Engine.Vector. Two implementations stand
// beside this file, embedded and opensearch; both pass searchtest.
//
// # What holds
//
//   - What Write returned nil for is durable and is found by every search that
//     begins afterwards.
//   - Writes are idempotent by identity: run and ordinal of an item.
//   - Every question carries a Scope, the set of runs that it may see. Nothing of
//     any other run is in the answer, in its order, its totals or its scores' ranks.
//     A nil scope is an error, so that no caller forgets it.
//   - An engine that is a Rebuilder is filled anew beside the live one, and swapped without a gap.
//   - Answers are ordered by score, ties by run and ordinal, so that the same
//     question over the same data gives the same bytes.
package search
