// Package query is the one-line form of a Cinedex query: what people type, and
// what an answer prints back to say how it was understood.
//
//	dialogue:"coffee" AND look:"rain at night" WITHIN 5s
//	label:dog AND NOT dialogue.phrase:"good boy"
//	(dialogue:"hello" OR dialogue.meaning:"greeting") title:bbb lang:en
//	frame:4f2a…@01:02:03:04
//
// # Grammar
//
//	query   = or
//	or      = and { "OR" and }
//	and     = unary { ["AND"] unary } [ "WITHIN" duration ]
//	unary   = "NOT" unary | "(" or ")" | leaf | filter
//	leaf    = words | kind [ "." mode ] [ "[" attributes "]" ] ":" value [ "^" weight ]
//	words   = word { word } | quoted
//	filter  = ("title" | "series" | "asset" | "lang" | "character" | "kind") ":" value { "," value }
//	        | "confidence" ">=" number | "time" ":" duration ".." [ duration ]
//
// Operators are written in capitals; words in a row are one leaf of kind "any".
// AND may be left out between terms. WITHIN takes the whole chain before it and
// folds it from the left: A AND B AND C WITHIN 5s has B within 5 s of A, and C
// within 5 s of the two. Modes are words, phrase, fuzzy, prefix and meaning; without
// one, words and meaning are both asked and fused. Filters narrow the whole query, so
// they stand at the top level only, outside parentheses, OR and NOT.
//
// A [Vocabulary] knows which leaves have short names, and what the value of each leaf looks like; the catalogue is one. A name
// that the vocabulary does not know is the name of a leaf of words. Whether something answers the leaf is for the gateway to say.
//
// # What holds
//
// Within one vocabulary, Parse(Print(q)) is q for every query that Validate accepts. Errors are Invalid
// and give the column. Input of any kind, length and depth is safe.
package query
