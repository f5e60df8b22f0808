// Package docs compares the documents with the code. The package is for tests alone. Every path, function, target of
// make, metric and figure in a document exists. cmd/cinedex checks the documented JSON of the command.
package docs
