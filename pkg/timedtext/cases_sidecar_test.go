package timedtext_test

var sideCarCases = []textCase{
	{file: "r21_side.ass", cues: []wanted{at(1, 2, "Over the hill")}, source: "ASS practice"},
	{file: "r21_side.sbv", cues: []wanted{at(1, 2, "Over the hill")}, source: practice},
	{file: "r21_side.sub", cues: []wanted{inFrames(25, 50, "Over the hill"), inFrames(75, 100, "And down again")}, source: "practice: the film's rate applies"},
	{file: "r21_side.sub", film: &film{rate: "24000/1001"}, cues: []wanted{inFrames(25, 50, "Over the hill"), inFrames(75, 100, "And down again")}, source: "practice: the film's rate applies"},
	{file: "codes.ass", text: "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n" +
		"Dialogue: 0,0:00:01.00,0:00:02.00,Default,Mara,0,0,0,,{\\pos(1,2)}The tower\\Nfalls, down\nDialogue: 1,0:00:01.00,0:00:02.00,Default,Mara,0,0,0,,The tower\\Nfalls, down\n" +
		"Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,a note\nDialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}\n" +
		"Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\k20}ka{\\k30}ra{\\k10}oke\nDialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{a comment}Station\\hnorth\\nnow\nDialogue: 0,0:00:07.00\n",
		cues: []wanted{at(1, 2, "The tower\nfalls, down").by("Mara"), at(3, 4, "karaoke"), at(5, 6, "Station north now")}, lines: true,
		reports: []string{"has no words", "has 2 of the 10 fields", "do: 1, each read once"}, source: "google/ExoPlayer#7938, arcusmaximus/YTSubConverter#88"},
	{file: "elder.ssa", text: "[Script Info]\n[V4 Styles]\n[Events]\nFormat: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: Marked=0,0:00:01.00,0:00:02.00,Default,,0000,0000,0000,,Old, and read\n",
		cues: []wanted{at(1, 2, "Old, and read")}, source: "ASS practice"},
	{file: "version2.sub", text: "[INFORMATION]\n[TITLE]Boats\n[SUBTITLE]\n[COLF]&HFFFFFF\n00:00:01.00,00:00:02.50\nOne[br]two\n\n00:00:03.00,00:00:04.00\nthree\n",
		cues: []wanted{at(1, 2.5, "One\ntwo"), at(3, 4, "three")}, lines: true, source: "SubViewer 2, practice"},
	{file: "codes.sub", text: "{1}{1}25.000\n{25}{50}{y:i}Over|the hill\n{75}{}/no end\n{100}{125}next\nnothing\n", film: &film{rate: "24000/1001"},
		cues: []wanted{at(1, 2, "Over\nthe hill"), at(3, 4, "no end"), at(4, 5, "next")}, lines: true,
		reports: []string{"the text counts 25 frames a second, by its first line, and the film 24000/1001", "has no frame numbers"}, source: "MicroDVD, practice"},
}
