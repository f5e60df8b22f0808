// Package searchtest is what every search.Engine promises, as tests: each engine's own
// test calls Run with a Harness that opens it.
//
// The corpus is judged by hand: sentences in many languages with the questions
// that must find them. Where an engine cannot keep a promise, its Harness says so
// in Exceptions, as data, so that all other tests still hold it.
package searchtest
