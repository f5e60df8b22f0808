package timedtext_test

import "github.com/cinedex/cinedex/pkg/schema"

const rfc8216 = "RFC 8216 3.5: film time = cue - LOCAL + MPEGTS/90000 - first video time of the stream"

func streamFrom(seconds int64) *film {
	at := schema.Time(seconds) * schema.Second
	return &film{streamStart: &at}
}

var vttCases = []textCase{
	{file: "vtt_noblank.vtt", cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, source: "WebVTT 6.1, collect a block; mozilla/vtt.js#327"},
	{file: "r01b_noblank.vtt", cues: []wanted{at(1, 2, "The lantern is lit"), at(3, 4, "Who left the gate open")}, source: "WebVTT 6.1; mozilla/vtt.js#327"},
	{file: "vtt_hdrnoblank.vtt", cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, source: "WebVTT 6.1: a timing line ends the header"},
	{file: "vtt_headeronlyblock.vtt", cues: []wanted{at(1, 2, "hej")}, track: "sv", source: "WebVTT 6.1; the language is practice"},
	{file: "r20_header.vtt", cues: []wanted{at(1, 2, "Bom dia")}, track: "pt-BR", source: "WebVTT 6.1; the language is practice"},
	{file: "r20_lower.vtt", cues: []wanted{at(1, 2, "lower header")}, reports: []string{"does not begin with WEBVTT"}, source: "WebVTT 6.1, signature; a tolerant reader takes it"},
	{file: "vtt_cr.vtt", cues: []wanted{at(1, 2, "first")}, source: "WebVTT 6.1"},
	{file: "vtt_bighour.vtt", cues: []wanted{at(360001, 360002, "first")}, source: "WebVTT 6.3, collect a timestamp"},
	{file: "vtt_id.vtt", cues: []wanted{at(1, 2, "first"), at(3, 4, "second"), at(5, 6, "third")}, source: "WebVTT 6.1; w3c/webvtt#310, pbs/pycaption#44"},
	{file: "vtt_note.vtt", cues: []wanted{at(1, 2, "first\nNOTE this is text")}, lines: true, source: "WebVTT 6.1; 4.1, comment block"},
	{file: "vtt_lt.vtt", cues: []wanted{at(1, 2, "if x < 3 then AT&T"), at(3, 4, "1 < 2"), at(5, 6, "<i>literal</i>")}, source: "WebVTT 6.4; a bare < is a letter here"},
	{file: "vtt_voice.vtt", cues: []wanted{
		at(1, 2, "The ferry leaves\nat dawn!").by("Ilse Brandt"), at(3, 4, "Not today.").by("Nora"), at(3, 4, "Then tomorrow.").by("Ilse"),
		at(5, 6, "tab voice").by("Bob"), at(7, 8, "colour 漢字 a & b <c> \u200e end").read("kan", "ji"),
	}, reports: []string{`"colour" is in en-GB`}, lines: true, source: "WebVTT 6.4; 4.2, voice, language, ruby"},
	{file: "vtt_voice_newline.vtt", cues: []wanted{at(1, 2, "Two line name").by("Mary Ann")}, source: "WebVTT 6.4, start tag annotation"},
	{file: "r15_speakers.vtt", cues: []wanted{
		at(1, 2, "Hold on").by("Mara"), at(1, 2, "No, you").by("Jonas"), at(3, 4, "Stop!").by("Esme van der Berg"),
		at(5, 6, "Where?").by("Mara"), at(7, 8, "Over here").by("Mara"), at(9, 10, "WARNING: THE DOOR IS OPEN"),
	}, source: "WebVTT 6.4; practice"},
	{file: "r07_ruby.vtt", language: "ja", cues: []wanted{at(1, 2, "創業の年に橋が落ちた").read("そうぎょう", "はし")}, source: "WebVTT 6.4, rt; rsimmons/voracious#17"},
	{file: "r09_tsmap.vtt", film: streamFrom(10), cues: []wanted{at(1, 2, "An HLS segment's cue")}, source: rfc8216},
	{file: "r09_tsmap.vtt", cues: []wanted{at(1, 2, "An HLS segment's cue")}, reports: []string{"MPEGTS 900000 counts as 0, since the film is not a transport stream"}, source: rfc8216},
	{file: "r09_tsmap_local.vtt", cues: []wanted{at(1, 2, "Local begins at an hour")}, source: rfc8216},
	{file: "vtt_map.vtt", film: streamFrom(10), cues: []wanted{at(1, 2, "Hello")}, source: rfc8216},
	{file: "vtt_map_local.vtt", cues: []wanted{at(1, 2, "Hello")}, source: rfc8216 + ": LOCAL 0 and MPEGTS 0 change nothing"},

	// Further variants, beside the files.
	{file: "map before the stream's clock begins again", text: "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:90000\n\n00:01.000 --> 00:02.000\nHello\n",
		film: streamFrom(95443), cues: []wanted{at(2.717689, 3.717689, "Hello")}, reports: []string{"X-TIMESTAMP-MAP moves the cues"}, source: rfc8216 + "; ISO/IEC 13818-1: 33 bits"},
	{file: "segments joined", text: "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\none\n\nWEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1440000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\ntwo\n",
		cues: []wanted{at(1, 2, "one"), at(7, 8, "two")}, reports: []string{"counts as 0"}, source: rfc8216},
	{file: "a line of spaces ends no block", text: "WEBVTT\n\n00:01.000 --> 00:02.000\nfirst\n \nstill first\n", cues: []wanted{at(1, 2, "first still first")}, source: "WebVTT 6.1: the empty line"},
	{file: "text after a blank line", text: "WEBVTT\n\n00:01.000 --> 00:02.000\nfirst\n\nin no cue\n\n00:03.000 --> 00:04.000\nsecond\n",
		cues: []wanted{at(1, 2, "first"), at(3, 4, "second")}, reports: []string{`line 6: "in no cue" belongs to no cue`}, source: "WebVTT 6.1"},
	{file: "two lines before the timing line", text: "WEBVTT\n\nneither\nthis\n00:01.000 --> 00:02.000\nfirst\n", cues: []wanted{at(1, 2, "first")}, reports: []string{`"neither" belongs to no cue`}, source: "WebVTT 6.1"},
	{file: "an arrow in the text", text: "WEBVTT\n\n00:01.000 --> 00:02.000\nfirst\ngo --> there\n", cues: []wanted{at(1, 2, "first")}, reports: []string{"line 5 has a time that cannot be read"}, source: "WebVTT 6.1: a line with --> begins a block"},
	{file: "karaoke, classes, words in tags", text: "WEBVTT\n\n00:01.000 --> 00:02.000\n<00:01.200>one <c.red.big>two</c> <00:01.500><b><i>three</i></b> I <3 you\n", cues: []wanted{at(1, 2, "one two three I <3 you")}, source: "WebVTT 6.4"},
	{file: "a whole cue in a language", text: "WEBVTT\nLanguage: en\n\n00:01.000 --> 00:02.000\n<lang fr>bonjour</lang>\n", cues: []wanted{at(1, 2, "bonjour").in("fr")}, track: "en", source: "WebVTT 4.2, language"},
	{file: "ruby without end tags", text: "WEBVTT\n\n00:01.000 --> 00:02.000\n<ruby>橋<rt>はし</ruby>が落ちた\n", cues: []wanted{at(1, 2, "橋が落ちた").read("はし")}, source: "WebVTT 6.4: </ruby> ends rt as well"},
	{file: "a style with an arrow in a comment", text: "WEBVTT\n\nSTYLE\n::cue(b) { color: red }\n\nREGION\nid:fred\n\nNOTE\n\n00:01.000 --> 00:02.000\nfirst\n", cues: []wanted{at(1, 2, "first")}, source: "WebVTT 6.1"},
}
