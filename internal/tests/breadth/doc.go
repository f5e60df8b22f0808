// Package breadth counts the files that change when Cinedex grows by an algorithm, a space, a search engine or a kind
// of job. The package is for tests alone. Each folder of testdata is an addition: new files under their place in the
// tree, and a file EDITS with the lines that the addition puts into existing files. The test builds and tests the tree
// with the addition laid over the tree, and counts the files.
package breadth
