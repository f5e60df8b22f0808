// Package searchtest is the contract of package search as tests, for everybody who writes an engine. The test of an engine calls [Run] with
// a [Harness] that opens the engine. An engine that passes keeps every promise of package search, but for the exceptions that its
// Harness declares as data.
//
//   - The first test, "a stub", passes for an engine that opens, answers nothing and closes.
//   - The corpus is judged by hand: sentences in many languages, with the questions that must find each sentence.
//   - Scopes are told in both ways: by the names of their runs, and by their complement. [History] is the reference implementation of
//     search.Runs, and serves the tests of callers too.
//   - [Compare] holds two engines to the same answers.
package searchtest
