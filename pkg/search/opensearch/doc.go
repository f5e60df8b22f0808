// Package opensearch is the search engine of the production size: text and k-NN on an OpenSearch cluster,
// 2.19 or later with the k-NN plugin. services/indexer writes it and services/search-api asks it, through
// search.Engine.
//
// # How words are found
//
// Texts are analysed here, by package words and so as embedded does, and indexed in one field per language as the
// terms that came out; the cluster's analyzer only takes them apart again: "_" stands for a word that was left out, "|" between terms at
// one place. What the two sizes find is therefore the
// same by construction, and so is what Marks marks (ADR 0040).
//
// A Scope must leave no trace of what it hides, and OpenSearch's own scores would: they count words over the
// whole index. A question is therefore asked in two steps. The first counts, within the scope and the filter alone, in how many
// texts of each language each word is, and which terms a word that is misspelt or being typed may stand for. The
// second has these weights as boosts and a similarity that knows nothing but the document's own frequency and length: BM25
// with a fixed average length, whose idf is counted among visible texts (ADR 0041). Two libraries that differ in
// an invisible run give the same bytes.
//
// The scope is a filter within every query and aggregation, never one behind it: a terms filter on the run, cached by the
// cluster, in parts of 65,536 runs.
//
// # How vectors are found
//
// One index per space. Where no more than exactBelow vectors pass scope and filter they are all compared, so that a narrow
// filter never loses recall and hidden vectors leave no trace; above that, the HNSW graph of engine lucene is searched
// with the filter inside. A graph approximates: which of many neighbours it misses may change with vectors that
// the caller does not see. What it finds and their scores do not.
//
// # What holds, and how
//
// A document's id is the item's run and ordinal, so that a replay writes the same documents, or leaves them
// alone where they are found just as they would be written; a change of the analysis takes a rebuild. Write returns when the
// translog is synced (index.translog.durability request) and the next refresh, every refreshInterval, has made
// the documents visible. Bulk requests are sized by bytes; where the cluster pushes back (429), or is away for a while, they
// are sent again after a pause, as long as the caller waits and writePatience allows.
//
// Everything is addressed by alias: <prefix>.text and <prefix>.space.<space> are live; while a Rebuild is under way the
// same names with .next are written as well, by every process within resolveEvery of its beginning. Commit moves the aliases
// in one request.
//
// # Limits
//
// Those of embedded; and a term is cut at 256 letters, a run's name may have 480 bytes, and kind and character are cut at
// 8 KiB. Lengths of texts above 40 terms are kept in steps, as Lucene does.
package opensearch
