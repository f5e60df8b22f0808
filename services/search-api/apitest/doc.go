// Package apitest builds small libraries in the real store and the real embedded engine, for the tests of the search
// API. The test writes down the findings of a model: colours stand for pictures and bags of words for meaning. So the
// neighbours of each picture and each text are known beforehand.
package apitest
