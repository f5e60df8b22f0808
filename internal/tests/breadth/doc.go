// Package breadth holds how many files change where Cinedex grows: by an algorithm, a space, a search engine, a kind of job. It is a
// test only. Each folder of testdata is one addition: new files under the place where they belong, and a file EDITS with the lines that
// the addition puts into files that are there. The test builds and tests the tree with the addition laid over it, and counts the files.
package breadth
