package timedtext_test

var sideCarCases = []textCase{}
