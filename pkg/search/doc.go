// Package search is the contract between Cinedex and the search engines: full text and vectors, in the process or on OpenSearch.
// The indexer writes annotations and embeddings through [Writer]; search-api asks through [Searcher]. An engine guarantees that an
// answer depends on nothing outside the question's [Scope], and that a written item is durable and found once Write has returned.
//
// An engine is a fold over the store: an engine may be deleted and filled anew. Two engines stand beside this file, embedded and
// opensearch. Both pass the suite in searchtest. A third engine is one folder and one line in the list of engines.
//
// # The contract
//
//   - Write returns nil only when every item of the batch is durable. Each search that begins afterwards finds the items.
//   - Writes are idempotent by identity: the run and the ordinal of an item.
//   - Every question carries a Scope, the set of runs that the caller may see. A run outside the scope has no influence on the answer:
//     neither on the hits and their order, nor on scores. A nil scope is an error, so that no caller forgets the scope. Package opensearch
//     names two exceptions: approximate graphs of vectors, and runs that begin during a question.
//   - A scope of a large library is described by its complement, and by its difference from an earlier scope: see [Runs]. Two scopes of the
//     same runs give the same answer, byte by byte, however the scopes are described.
//   - Answers are ordered by score, then by run and ordinal. The same question over the same data gives the same bytes.
//   - An engine that is a [Rebuilder] is filled anew beside the live engine and swapped without a gap.
//   - An engine that is a [Lacker] knows when it may hold less than the store.
//   - An engine that is an [Auditor] says how it keeps an item, so that a dump can be compared with the store.
//
// A caller finds an optional role with [As], and never with a type assertion: an engine may stand behind wrappers.
package search
