// Package encodetest holds encoders to the contract of package encode. Tests of every implementation call [Run]; a tool that
// judges an encoder from outside calls [Check], which returns what is wrong.
package encodetest
