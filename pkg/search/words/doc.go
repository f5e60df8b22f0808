// Package words turns texts and questions into terms, and weighs terms. Both engines, embedded and opensearch, analyse, expand and weigh with it:
// they return the same documents for a question, and Marks marks the terms that matched.
//
// A text is brought to NFKC and cut into words. Soft hyphens, zero-width spaces and directions are no part of a word; apostrophes and hyphens of all
// kinds are alike. Lower case is our own: Turkish and Azeri pair I with ı.
//
// A term is what is left of a word once its language took endings off: by Bleve's stemmers, which are Lucene's and Snowball's. A word with accents
// has a second term without them, with a sign before it, so that both spellings find each other and the one that was asked for comes first. Letters
// that a language sorts as letters of their own stay (see ownLetters).
//
// Chinese, Japanese and Korean words are pairs of characters, Thai, Lao, Khmer and Burmese words pairs of clusters of letters; each character or
// cluster is a term as well. Traditional Chinese characters are simplified, but in Japanese and Korean.
//
// Frequent words, as the stop lists of languages name them, are looked for in questions that have no others. They are indexed in lines with few
// other words, and where several follow each other. Words with hyphens between them are one word as well.
//
// Weights are BM25's, with a fixed average length. In how many texts a term is, is counted by the engines, among the texts that the question may see.
//
// Format numbers the analysis. An index of another number is filled anew.
package words
