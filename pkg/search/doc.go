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
//   - Every question carries a Scope, the set of runs that the caller may see. No other run has any influence on the answer: on its
//     hits, their order, their totals or their scores. A nil scope is an error, so that no caller forgets the scope.
//   - Scopes of a large library are told by their complement and by their changes: see [Runs]. An answer through a followed scope equals
//     the answer through a new scope of the same runs, byte by byte.
//   - Answers are ordered by score, then by run and ordinal. The same question over the same data gives the same bytes.
//   - An engine that is a [Rebuilder] is filled anew beside the live engine and swapped without a gap.
//   - An engine that is a [Lacker] knows when it may hold less than the store.
//   - An engine that is an [Auditor] says how it keeps an item, so that a dump can be compared with the store.
//
// Optional roles are asked for by a type assertion.
package search
