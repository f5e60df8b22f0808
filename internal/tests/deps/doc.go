// Package deps holds the direction in which Cinedex's packages import each
// other, and which of them may touch which library. It is a test only: where it
// fails, either the import or the table in it is wrong, and changing the table
// is a decision to be told in the commit.
package deps
