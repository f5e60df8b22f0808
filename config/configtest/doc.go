// Package configtest compares the configuration of a program with a single table of all keys: values that cannot work
// are refused with the key's full name, and values at the bounds are taken. Every program with a configuration runs the
// table over its own defaults.
package configtest
