// Package encodetest holds encoders to the contract of package encode. Tests of every implementation call [Run]; a tool which
// judges an encoder from outside calls [Check], which returns the faults.
package encodetest
