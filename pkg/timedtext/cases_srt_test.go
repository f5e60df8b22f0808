package timedtext_test

var srtCases = []textCase{}
