// Package apitest builds small libraries in the real store and the real embedded
// engine, for the tests of the search API. What a model would have found is
// written down by the test instead: colours stand for pictures and bags of
// words for meaning, so that what is near what is known beforehand.
package apitest
