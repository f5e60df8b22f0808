// Package words turns texts and questions into terms, and weighs terms. Both search engines analyse, expand and weigh with this package.
// Both engines therefore return the same documents for a question, and Marks highlights the terms that matched.
//
// # The contract
//
//   - Analysis depends on the text and its language alone. Format numbers the analysis: an index of another number is filled anew.
//   - The exact form of a word is found first, then the form without accents.
//   - Input may be hostile: questions, words and expansions are bounded, and invalid UTF-8 is read as spaces.
//   - Weights are those of BM25 with a fixed average length. The engines count how many texts have a term, among the texts that the
//     question may see.
//
// # How a text is analysed
//
// A text is brought to NFKC and cut into words. Soft hyphens, zero-width spaces and signs of direction are removed. Apostrophes of all
// kinds are alike, and so are hyphens. Lower case is our own: Turkish and Azeri pair I with ı.
//
// A term is the stem of a word in its language, by Bleve's stemmers, which are Lucene's and Snowball's. A word with accents has a second
// term without accents, marked by a sign. Both spellings so find each other, and the spelling of the question comes first. A letter that
// a language sorts as a letter of its own keeps its accent (ownLetters).
//
// Chinese, Japanese and Korean words are pairs of characters. Thai, Lao, Khmer and Burmese words are pairs of clusters of letters. Each
// character or cluster is a term as well. Traditional Chinese characters are simplified, except in Japanese and Korean.
//
// Frequent words, from the stop lists of languages, are looked for in questions of frequent words alone. Frequent words are indexed in
// lines with few other words, and where several frequent words follow each other. Words joined by hyphens are also one word.
package words
