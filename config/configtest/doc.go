// Package configtest holds the configuration of a program to one table of all keys: values that cannot work are refused with the
// key's full name, and values at the bounds are taken. Every program that has a configuration runs it over its own defaults.
package configtest
