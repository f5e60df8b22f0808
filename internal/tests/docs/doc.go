// Package docs holds the documents to the code: a path, a function, a target of make, a metric
// or a figure that a document names exists. What the command's own shapes say is held beside it, in cmd/cinedex.
package docs
