package timedtext_test

var encodingCases = []textCase{}
