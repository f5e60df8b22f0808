package timedtext_test

const practice = "practice: SubRip has no specification"

var srtCases = []textCase{
	{file: "srt_noblank.srt", cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, source: "tkarabela/pysubs2#11, captioning/captioning#10"},
	{file: "srt_numline.srt", cues: []wanted{at(1, 2, "The code is 42"), at(3, 4, "next")}, source: "ripose-jp/Memento#69, gsantiago/subtitle.js#10"},
	{file: "r02_blankinside.srt", cues: []wanted{at(1, 2, "How many boats? 42 boats in all."), at(3, 4, "Row.")}, source: "ripose-jp/Memento#69, gsantiago/subtitle.js#10"},
	{file: "r02b_emptycue.srt", cues: []wanted{at(3, 4, "Second words")}, reports: []string{"has no words"}, source: "ripose-jp/Memento#68, noophq/subtitle#13"},
	{file: "srt_1.srt", cues: []wanted{at(1.5, 2, "Dots"), at(3, 4, "no index"), at(5, 6, "1984"), at(7, 8, "In 1984 we")}, source: "gsantiago/subtitle.js#10"},
	{file: "srt_arrow.srt", cues: []wanted{at(1, 2, "go --> there")}, source: practice},
	{file: "srt_short.srt", cues: []wanted{at(1, 2.5, "short"), at(3, 4, "colon ms"), at(5, 6, "no space"), at(7, 8, "space ms")}, source: "byroot/pysrt#25"},
	{file: "r03_times.srt", cues: []wanted{
		at(1, 2, "no fraction"), at(3.5, 4.25, "short fraction"), at(5, 6, "spaces inside"), at(7, 8, "colon before ms"), at(9, 10, "short arrow"),
		at(11, 12, "coordinates"), at(13, 14, "no spaces"), at(15, 16, "point"), at(59, 60, "sixty"),
	}, source: "byroot/pysrt#25"},
	{file: "r16_order.srt", cues: []wanted{at(1, 2, "earlier second"), at(5, 6, "later first")},
		reports: []string{"ends as it starts", "before it starts", "before the film"}, source: practice},
	{file: "r17_joined.srt", cues: []wanted{at(1, 2, "reel one ends"), at(3, 4, "reel two begins")}, source: "Unicode Standard, U+FEFF"},
	{file: "r17_linesep.srt", cues: []wanted{at(1, 2, "upper line\nlower line"), at(3, 4, "first second")}, lines: true, source: "Unicode Standard 5.8"},
	{file: "r17_nel.srt", cues: []wanted{at(1, 2, "first second")}, source: "Unicode Standard 5.8"},
	{file: "r18_cr.srt", cues: []wanted{at(1, 2, "Old Mac"), at(3, 4, "Second")}, source: practice},
	{file: "r18_crcrlf.srt", cues: []wanted{at(1, 2, "Doubled carriage\nreturns"), at(3, 4, "Second")}, lines: true, source: practice},
	{file: "r14_markup.srt", cues: []wanted{
		at(1, 2, "x < y and y > z"), at(3, 4, "Up there"), at(5, 6, "Red alert <3"), at(7, 8, "Old style"),
		at(9, 10, "Tom & Jo <both> say\nhello there"), at(13, 14, "write to <mail@example.org> now"),
	}, reports: []string{"has no words"}, source: "google/ExoPlayer#7938, splayerx#539, arcusmaximus/YTSubConverter#88"},
	{file: "srt_lt.srt", cues: []wanted{at(1, 2, "I <3 you & <me>"), at(3, 4, "bold u a<b & c>d"), at(5, 6, "<not an entity> R&D")}, source: practice},
	{file: "srt_dash.srt", cues: []wanted{at(1, 2, "-5 degrees"), at(3, 4, "– Hi.\n– Bye."), at(5, 6, "USA: number one"), at(7, 8, "BREAKING NEWS: fire")}, lines: true, source: practice},
	{file: "r15_speakers.srt", cues: []wanted{
		at(1, 2, "Come in.").by("Mara"), at(1, 2, "Thanks.").by("Jonas"), at(3, 4, "Who?").by("Man 1"),
		at(5, 6, "Quiet now").by("Mara"), at(7, 8, "Bonsoir").by("Élodie"),
	}, source: "SubtitleEdit#2892"},
	{file: "r10_bidi.srt", cues: []wanted{
		at(1, 2, "\u202bאיפה המפתח\u202c\n\u202bשל השער?\u202c"), at(3, 4, "shut the win\u00addow\u200b"),
		at(5, 6, "\u200f- لا أعرف\u200f\n\u200f- اسأل الحارس\u200f"), at(7, 8, "Look there").by("Mara"),
	}, source: "Kodi#22398, SubtitleEdit#5204, w3c/charmod-norm#82; the text to display may keep the marks"},
	{file: "r19_nfd.srt", cues: []wanted{at(1, 2, "Le cha\u0302teau pre\u0300s de la fore\u0302t"), at(3, 4, "Nha\u0300 ga cuo\u0302\u0301i cu\u0300ng")},
		source: "zed#30503; UAX #15: the search compares NFC"},
	{file: "fr2.srt", language: "fr", cues: []wanted{at(0, 0.36, "Bonsoir mon ami").by("Élodie"), at(0.4, 0.76, "Élodie dort")}, source: "SubtitleEdit#2892"},
	{file: "ms2997.srt", language: "en", film: &film{rate: "30000/1001"}, cues: ms2997(), source: "PySceneDetect#464, pysubs2#57, SubtitleEdit#10141, #8799"},

	// Further variants, beside the files.
	{file: "no blank line, no number", text: "00:00:01,000 --> 00:00:02,000\nfirst\n00:00:03,000 --> 00:00:04,000\nsecond\n",
		cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, source: practice},
	{file: "a blank line after the number", text: "1\n\n00:00:01,000 --> 00:00:02,000\nfirst\n\n2\n\n00:00:03,000 --> 00:00:04,000\nsecond\n",
		cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, source: practice},
	{file: "a number is all that is said", text: "1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n3\n00:00:05,000 --> 00:00:06,000\n8\n",
		cues: []wanted{at(1, 2, "42"), at(3, 4, "7"), at(5, 6, "8")}, source: practice},
	{file: "a broken time", text: "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\n2\n00:00:0x,000 --> 00:00:03,000\nlost\n\n3\n00:00:05,000 --> 00:00:06,000\nthird\n",
		cues: []wanted{at(1, 2, "first"), at(5, 6, "third")}, reports: []string{"line 6 has a time that cannot be read"}, source: "a cue is told, and no part of another"},
	{file: "times of a timetable", text: "1\n00:00:01,000 --> 00:00:02,000\nthe train\n10:30 --> 11:15\n\n2\n00:00:03,000 --> 00:00:04,000\nleaves\n",
		cues: []wanted{at(1, 2, "the train 10:30 --> 11:15"), at(3, 4, "leaves")}, source: practice},
	{file: "control characters", text: "1\n00:00:01,000 --> 00:00:02,000\nno\x07bell\x1a\u0091here\n", cues: []wanted{at(1, 2, "no bell here")}, source: "Unicode Standard 23.1"},
	{file: "roles and sounds in brackets", text: "1\n00:00:01,000 --> 00:00:02,000\n[SIGHS] Fine.\n\n2\n00:00:03,000 --> 00:00:04,000\nGUARD 2: Halt!\n\n3\n00:00:05,000 --> 00:00:06,000\nCHAPTER 1: The Gate\n\n4\n00:00:07,000 --> 00:00:08,000\n(GUARD 2) Who is it?\n",
		cues: []wanted{at(1, 2, "[SIGHS] Fine."), at(3, 4, "Halt!").by("Guard 2"), at(5, 6, "CHAPTER 1: The Gate"), at(7, 8, "Who is it?").by("Guard 2")}, source: practice},
	{file: "one of two speakers has a name", text: "1\n00:00:01,000 --> 00:00:02,000\n- Who is it?\n- JONAS: Me,\nJonas.\n",
		cues: []wanted{at(1, 2, "Who is it?"), at(1, 2, "Me, Jonas.").by("Jonas")}, source: practice},
	{file: "counts from the programme", text: "1\n10:00:01,000 --> 10:00:02,000\nfirst\n", film: &film{start: "10:00:00:00", seconds: 4},
		cues: []wanted{at(1, 2, "first")}, reports: []string{"10:00:00.000 is taken from their times"}, source: "practice: SubRip of a broadcast counts from 10:00:00"},
	{file: "counts from the programme, the film from its leader", text: "1\n10:00:01,000 --> 10:00:02,000\nfirst\n", film: &film{start: "09:59:30:00", seconds: 60},
		cues: []wanted{at(31, 32, "first")}, reports: []string{"09:59:30.000 is taken"}, source: practice},
	{file: "counts from the programme, beside a film without timecode", text: "1\n10:00:01,000 --> 10:00:02,000\nfirst\n", film: &film{seconds: 4},
		refused: true, reports: []string{"starts at 10:00:01.000, and the film ends at 00:00:04.000"}, source: "the loss is told with both numbers"},
	{file: "counts from the film, whose timecode begins at 10 h", text: "1\n00:00:01,000 --> 00:00:02,000\nfirst\n", film: &film{start: "10:00:00:00", seconds: 4},
		cues: []wanted{at(1, 2, "first")}, source: practice},
	{file: "a cue after the end", text: "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\n2\n00:00:05,000 --> 00:00:06,000\nlate\n", film: &film{seconds: 4},
		cues: []wanted{at(1, 2, "first")}, reports: []string{"line 6 starts at 00:00:05.000, and the film ends at 00:00:04.000"}, source: "a cue beyond the end is told"},
}

func ms2997() (out []wanted) {
	for k, word := range []string{
		"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima", "mike", "november",
		"oscar", "papa", "quebec", "romeo", "sierra", "tango",
	} {
		out = append(out, inFrames(int64(7+11*k), int64(18+11*k), word))
	}
	return out
}
