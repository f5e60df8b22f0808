package timedtext_test

var vttCases = []textCase{
	{file: "vtt_map_local.vtt", cues: []wanted{at(1, 2, "Hello")}, source: "RFC 8216 3.5: LOCAL 0 and MPEGTS 0 change nothing"},
}
