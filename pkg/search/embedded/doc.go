// Package embedded is the search engine that lives in the process: full text on
// Bleve's scorch index, vectors on the flat index beside it, one folder on disk.
// services/indexer writes it and services/search-api asks it, through search.Engine.
//
// # How words are found
//
// Texts are indexed in one field per language with that language's analysis, see package words. Documents are
// written through scorch itself, and questions are executed here over its
// segments rather than through Bleve's query tree, for three reasons:
//
//   - A Scope must leave no trace of what it hides. Each segment keeps which run
//     every document belongs to, so a scope becomes one bitmap of documents to pass
//     over, and the segment's own postings subtract it: frequencies of words, numbers
//     of documents and so the scores are those of the visible texts alone. Two
//     libraries that differ in an invisible run give the same bytes.
//   - Equal scores are common among one-line texts. They are ordered by run and ordinal
//     out of memory, where Bleve would order them as they happen to lie in segments.
//   - It is faster: words are scored from the rarest, and the frequent ones are only
//     looked at where they can still change the answer (MaxScore, Turtle and Flood 1995).
//
// Scores are BM25 with k1 and b as usual for passages, and a fixed average length, since a
// measured one would change with texts that the caller may not see.
//
// # Limits
//
// A question is looked at up to 4 KiB and 32 words, and gives 10,000 hits at most; the first 64 KiB of
// a text are indexed; an ordinal is below 2^32-1. A word may stand for 64 terms, where it is
// misspelt or being typed: the nearest and then the most frequent ones that are visible.
//
// # What is on disk
//
// Identity (run and ordinal), one stored row of about 80 bytes with what a Hit needs, and the
// postings. The texts themselves are the store's; Dump tells them by their hash.
//
// Writes that wait at the same time become one Bleve batch (group commit) and one record of a
// journal, which is synced while the batch is analysed. What is indexed already just as it is written
// is left out of both. Scorch writes its segments behind, and what it had not written is replayed from
// the journal when the engine is opened after a crash.
//
// All of that is one generation. Rebuild fills a second one in a folder of its own, and Commit renames the file current,
// which names the live one; the folders of the others are removed then, or when the engine is next opened.
//
// # Damage
//
// Open holds every file against checksums before it is used: Bleve verifies none. A generation that was closed is also held
// against its seal, the file CLOSED. Damage is an error that names the file. With Config.Mend the damaged engine is set aside, and an
// empty one takes its place. Lacking then says why, questions are Unavailable, and a Rebuild that commits ends both. A record that was
// cut at the end of a log after a crash makes the engine lack as well, but it answers. ENGINE holds the engine's identity, the
// format of its words, and what it lacks. An engine of another format than words.Format lacks until a Rebuild commits.
package embedded
