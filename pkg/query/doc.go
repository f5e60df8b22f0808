// Package query is the language of queries: the form of one line, as people type, the limits of a query, and the tree's constructors.
//
//	dialogue:"coffee" AND look:"rain at night" WITHIN 5s
//	label:dog AND NOT dialogue.phrase:"good boy"
//	dialogue:hello THEN dialogue:goodbye WITHIN 1m title:bbb lang:en
//	AT LEAST 2 OF (label:dog, look:"a park", "good boy")
//	frame:4f2a…@01:02:03:04
//
// # Grammar
//
//	query    = or
//	or       = and { "OR" and }
//	and      = related { ["AND"] related } [ "WITHIN" duration ]
//	related  = unary { "THEN" unary "WITHIN" duration | relation unary | ("STARTS" | "ENDS") "NEAR" unary "WITHIN" duration
//	         | "NEAR" "CUT" "WITHIN" duration }
//	relation = "OVERLAPS" | "DURING" | "LEFT" "OF" | "RIGHT" "OF" | "ABOVE" | "BELOW" | "INSIDE" | "LARGER" "THAN" | "SMALLER" "THAN"
//	unary    = "NOT" unary | "-" term | "(" or ")" | "AT" "LEAST" number "OF" "(" or { "," or } ")" | leaf | filter
//	leaf     = words | '"' text '"' [ "~" number ]
//	         | kind [ "." mode ] [ "[" narrowing { "," narrowing } "]" ] ":" value [ "^" weight ]
//	         | kind ( ">=" | "<=" ) number
//	narrowing = "lang" "=" languages | "confidence" ">=" number | "slop" "=" number | "region" test | crop | "same" "=" "true"
//	         | ("like" | "unlike") "=" example | attribute ( "=" value | "=" range | ">=" number | "<=" number )
//	test     = ("inside" | "overlaps") x "," y "," w "," h
//	         | ("left of" | "right of" | "above" | "below" | "larger than" | "smaller than") number
//	example  = ( '"' text '"' | b"…" | ("frame" | "shot") ":" asset "@" place ) [ crop ] [ "^" weight ]
//	crop     = "crop" x "," y "," w "," h
//	range    = [ number ] ".." [ number ]
//	filter   = ("title" | "series" | "asset" | "lang" | "character" | "kind") ":" value { "," value }
//	         | "confidence" ">=" number | "time" ":" duration ".." [ duration ]
//
// Operators are written in capitals. Words in a row are one leaf of kind "any". A quotation is a phrase. A star behind the last word makes
// the word a beginning (mode prefix), and a tilde allows wrong letters (mode fuzzy).
//
// AND may be left out between terms. WITHIN takes the whole chain of terms before WITHIN and folds the chain from the left: A AND B AND C
// WITHIN 5s has B within 5 s of A, and C within 5 s of the two. THEN and the relations bind tighter than AND, and join from the left.
//
// Modes are words (also called exact), phrase, fuzzy, prefix and meaning. Without a mode, words and meaning are both asked and fused.
// Filters narrow the whole query, and stand at the top level only, outside parentheses, OR, NOT and relations.
//
// A [Vocabulary] knows the short names of leaves, and the shape of the value of each leaf. The catalogue is a Vocabulary. The gateway
// decides whether something answers a leaf.
//
// # Guarantees
//
//   - Within one vocabulary, Parse(Print(q)) equals q for every query that Validate accepts.
//   - An error is of kind Invalid. An error of Parse gives the column, the expectation and, where a name is near, a suggestion. An error of
//     Validate gives the field.
//   - Input of any kind, length and depth is safe.
package query
