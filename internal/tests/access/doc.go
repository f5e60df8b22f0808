// Package access tests the titles that callers may see, over the search API and the operators' API together. The
// package is for tests alone. The tests check that a forbidden title does not exist for a caller, and how soon a
// revoked token is refused.
package access
