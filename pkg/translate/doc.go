// Package translate is the contract of translators. A [Translator] translates a few words of a query into the language of a source that
// understands one language alone: labels in English, or a space whose encoder reads English. The gateway asks a [Chain]: the first translator
// that knows the words answers, and the answer to the query names the translator.
//
// Implementations: cldr (names of things, in the program), apertium (a program), libretranslate (a service). Package translatetest holds each to
// the contract.
package translate
