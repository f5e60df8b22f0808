// Package embedded is the search engine in the process: full text on Bleve's scorch index, vectors on the flat index in package flat, all
// in one folder. The indexer writes the engine and search-api asks the engine, through search.Engine. The engine guarantees the contract
// of package search: an answer depends on the visible items alone, byte by byte, and a written item survives a crash.
//
// # The contract
//
//   - One process at a time has a folder open. A second Open is an error of kind Unavailable.
//   - Open verifies every file. Damage is an error that names the file, or the engine is set aside: see Config.Mend.
//   - The cost of a question follows the items that match and the runs that changed since earlier questions. The cost does not follow the
//     number of runs in the library.
//   - Caches are bounded in number and in bytes. A cached result equals the result of working it out anew.
//
// # How words are found
//
// Texts are indexed in one field per language, with the analysis of that language by package words. Documents are written through scorch.
// Questions are executed here, over the segments of scorch, and not by Bleve's query tree. The reasons:
//
//   - A scope must leave no trace of hidden items. A segment knows the run of each document, so a scope becomes one bitmap of documents
//     to pass over. The postings of the segment subtract the bitmap, so frequencies, numbers of documents and scores are those of the
//     visible texts alone. Two libraries that differ in an invisible run give the same bytes.
//   - Equal scores are common among one-line texts. Equal scores are ordered by run and ordinal, out of memory. Bleve orders them by
//     their place in segments.
//   - Words are scored from the rarest. Frequent words are looked at only where they can change the answer (MaxScore, Turtle and Flood
//     1995).
//
// Scores are BM25 with the usual k1 and b of passages and a fixed average length. A measured average would change with hidden texts.
//
// A question that sees few documents of a long list of postings skips the chunks of the list without such documents (walk).
//
// # How a set is read
//
// Set answers with every match, in the order of asset and time. The matches of a segment are a bitmap of documents: words are joined as
// bitmaps, and postings are read for scores and for the order of words alone. A segment keeps the place of each document in the order of
// the set (places): the bitmap becomes a sorted list of places, without a sort and without reading a stored row. The lists of the segments
// are merged. An item on the way costs 4 bytes, and 12 with its score.
//
// Windows are looked up in the places where the windows hold fewer documents than the words have. The postings are then read for these
// documents alone. The cost follows the documents of the assets of the windows, and not the length of the postings.
//
// The first set has places read in the background, 40 bytes a document and 512 MiB at most. Until then, and in segments beyond the bound,
// the rows of the matches are read. The set is the same.
//
// Sets of vectors are exact: the estimate of one bit a dimension decides nothing. Vectors are compared as int8 values with a bound that
// holds for certain, and the vectors left are compared as float32 values.
//
// # How a scope is followed
//
// Runs are numbered once per engine (runTable). A scope becomes a set of numbers (shown). A scope that is related to an earlier scope
// starts from the earlier set and applies the runs that changed. A segment keeps the documents that scopes and filters hide, and how many
// documents of each language are left (sights). A space keeps the groups that scopes and filters let through (groups), and a segment of
// vectors keeps the rows of these groups. A switch costs the segments that hold a switched run. ADR 90 has the reasons.
//
// Memory is 12 bytes a document, 16 bytes for each run of a segment, and some 100 bytes a run. Places come on top once a set was asked
// for.
//
// # Limits
//
// The first 4 KiB and 32 words of a question are read, and an answer has 10,000 hits at most. The first 64 KiB of a text are indexed. An
// ordinal is below 2^32-1. A word that is misspelt or being typed stands for 64 terms at most: the nearest visible terms, and of equally
// near terms the most frequent.
//
// # On disk
//
// A document has an identity (run and ordinal), a stored row of about 80 bytes with the fields of a Hit, and postings. The texts are in
// the store alone. Dump tells a text by its hash.
//
// Writes that wait at the same time become one batch of Bleve and one record of a journal. The journal is synced while the batch is
// analysed. Items that are indexed unchanged are left out of both. Scorch writes segments later. After a crash the journal is replayed.
//
// A folder of texts and vectors is a generation. Rebuild fills a second generation. Commit renames the file current, which names the live
// generation. The folders of other generations are removed then, or at the next Open.
//
// # Damage
//
// Open verifies checksums of every file, since Bleve verifies none. A generation that was closed is also compared with its seal, the
// file CLOSED. With Config.Mend, a damaged engine is set aside and an empty engine takes its place. Lacking then tells the reason, and
// questions are Unavailable until a Rebuild commits. A record that was cut at the end of a log after a crash makes the engine lack as
// well, but the engine answers. The file ENGINE holds the identity of the engine, the format of its words, and the lack. An engine of
// another format than words.Format lacks until a Rebuild commits.
package embedded
