// Package access holds what callers may see, over the search API and the operators' API together, and how soon a token that is taken
// away is refused at their doors. It is a test only.
package access
