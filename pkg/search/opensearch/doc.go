// Package opensearch is the search engine of production size: text and k-NN on an OpenSearch cluster, 2.19 or later with the k-NN plugin.
// The indexer writes the engine and search-api asks the engine, through search.Engine. The engine guarantees the contract of package
// search, with the exceptions of approximate graphs and of runs beginning during a question, both told below.
//
// # The contract
//
//   - Any number of processes may have the indices open.
//   - Write returns when the translog is synced and a refresh has made the documents visible.
//   - Hidden runs leave no trace in hits, order and scores of words, and in exactly compared vectors.
//   - A deleted, emptied or recreated index is noticed: the engine lacks, and does not answer, until a Rebuild commits.
//   - Errors: Unavailable while the cluster is away, Exhausted while the cluster pushes back, Denied for refused credentials at Open.
//
// # How words are found
//
// Package words analyses texts here, as for the embedded engine. The terms are indexed in a field for each language. The cluster's analyzer
// only takes the terms apart: "_" stands for an omitted word, and "|" stands between terms at one position. Both engines
// return the same documents for a question, and Marks highlights the matching terms (ADR 40).
//
// OpenSearch's own scores count words over the whole index, hidden texts included. A question is therefore asked in two steps. The
// first step counts, within the scope and the filter, the texts of each language that have each word, and the terms that a misspelt or
// unfinished word may stand for. The second step sends these weights as boosts. Its similarity reads nothing but the document's own
// frequency and length: BM25 with a fixed average length (ADR 41). Two libraries with a different invisible run give the same bytes.
//
// # How a scope is told
//
// The scope is a filter inside every query and aggregation, never behind a query. A small scope names its runs. A large scope is sent as its
// assets and, left out, its hidden runs, in lists of at most 65,536 values. The list of hidden runs is encoded once. Later scopes send
// the same list and the runs changed since, so the cluster's caches know the list again. Hits are held against the scope. A
// run that began after the scope was made is left out, and the question is asked again. While a run begins, counts of words and
// Languages may include that run: see ADR 90.
//
// # How vectors are found
//
// A space is one index. Where at most exactBelow vectors pass scope and filter, all vectors are compared. A narrow filter so costs no
// recall, and hidden vectors leave no trace. Above that number the HNSW graph of engine lucene is searched with the filter inside. A
// graph approximates: hidden vectors may change which of many neighbours the graph misses. They change no hit's score.
//
// # How sets are read
//
// Set reads the documents of a question by an aggregation. Its script packs the doc values of each document into some thirty letters.
// Reading the same documents as hits takes the cluster 20 times as long. A set of at most 200,000 items is a single request. A larger set is
// read over a point in time: by ranges of assets, and an asset of more items by ranges of time. More than 200,000 items that start at one
// moment of one asset are Exhausted. The point in time ends with the sequence, also if the caller stops or the context ends.
//
// At most 200 windows are sent as windows. More windows are sent as their assets, and the windows are applied here. The set of a vector is
// exact where at most exactBelow vectors pass scope, filter and windows. Above that number the graph is searched by radius, and may miss
// embeddings (ADR 96).
//
// # How items are kept
//
// The id of a document is the item's run and ordinal. A replay writes the same documents, or leaves documents alone that are found
// unchanged. A change of the analysis takes a rebuild. Bulk requests are bounded in bytes. Where the cluster pushes back (429) or is away,
// requests are sent again after a pause, for as long as the caller waits and writePatience allows.
//
// Every index is addressed by alias: <prefix>.text and <prefix>.space.<space> are live. While a Rebuild is under way, every process also
// writes to the same names with .next, at the latest resolveEvery after the beginning. Commit moves the aliases in one request.
//
// # Limits
//
// The limits of package embedded hold. A term is cut at 256 letters. The name of a run has at most 480 bytes. Kind and character are cut
// at 8 KiB. Lengths of texts above 40 terms are kept in steps, as Lucene keeps them.
package opensearch
