// Package deps checks the direction of imports between Cinedex's packages, and the allowed libraries of each package.
// The package is for tests alone. If a test fails, the import or the table in the test is wrong. A change of the table
// is a decision that the commit must explain.
package deps
