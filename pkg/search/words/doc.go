// Package words is how texts and questions become terms, and what terms weigh. It is beneath the
// engines, embedded and opensearch, which both analyse, expand and weigh with it, so that what the one finds the
// other finds as well, and what is found is what Marks marks.
//
// A term is what is left of a word once its language's analysis folded case, accents and endings; Chinese,
// Japanese and Korean words are pairs of characters. The analyses are Bleve's, which are Lucene's written
// again; languages for which there is no stemmer have their stop words left out, and others only case and
// accents folded.
//
// Weights are BM25's, with a fixed average length. What is counted, in how many texts a term is, is counted
// by the engines, among the texts that the question may see and no others.
package words
