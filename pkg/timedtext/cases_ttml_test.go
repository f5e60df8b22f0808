package timedtext_test

import "strings"

// The films in the table of TTML.
var (
	from10h     = &film{rate: "25", start: "10:00:00:00"}
	before10h   = &film{rate: "25", start: "09:59:30:00"}
	from1h24    = &film{rate: "24000/1001", start: "01:00:00:00"}
	zero24      = &film{rate: "24000/1001", start: "00:00:00:00"}
	from1h30    = &film{rate: "30000/1001", start: "01:00:00:00"}
	from1hDrop  = &film{rate: "30000/1001", start: "01:00:00;00"}
	fromZero30  = &film{rate: "30000/1001", start: "00:00:00;00"}
	no30        = &film{rate: "30000/1001"}
	oneHourLong = &film{rate: "25", frames: 90_000}
)

var ttmlCases = []textCase{
	// Media time.
	{file: "ttml_nest.ttml", cues: []wanted{at(16, 17, "x")}, source: "TTML1 10.2.1, 10.4; sandflow/ttconv#95"},
	{file: "ttml_regiontimed.ttml", cues: []wanted{at(5, 10, "hello")}, source: "TTML1 10.4"},
	{file: "ttml_spanseq.ttml", cues: []wanted{at(10, 12, "one"), at(12, 14, "two")}, source: "TTML1 10.4"},
	{file: "ttml_spanpart.ttml", cues: []wanted{at(10, 20, "always"), at(12, 14, "sometimes")}, source: "TTML1 10.4"},
	{file: "x_rollup.ttml", cues: []wanted{at(1, 5, "We are going"), at(3, 5, "to the harbour")}, source: "TTML1 10.4, implicit duration"},
	{file: "ttml_clock.ttml", reports: []string{`"00:01"`}, cues: []wanted{at(1.5, 2.5, "x"), at(5400, 5760, "h"), at(360000000, 360000001, "big")}, source: "TTML1 10.3.1"},
	{file: "ttml_clock.ttml", film: &film{rate: "25", seconds: 7200}, reports: []string{`"00:01"`, "the film ends at"}, cues: []wanted{at(1.5, 2.5, "x"), at(5400, 5760, "h")}, source: "TTML1 10.3.1"},
	{file: "ttml_frac_f.ttml", cues: []wanted{at(36.5/24, 2, "x")}, source: "TTML1 10.3.1, offset-time"},
	{file: "ttml_2997.ttml", cues: []wanted{at(10.5005, 12, "x")}, source: "TTML1 6.2.4, 6.2.5; pbs/pycaption#127"},
	{file: "ttml_tick_default.ttml", cues: []wanted{at(1, 2, "x")}, source: "TTML1 6.2.10"},
	{file: "ttml_tick_mult.ttml", cues: []wanted{at(10.01, 20.02, "x")}, source: "TTML1 6.2.10"},
	{file: "x_colon.ttml", reports: []string{"00:00:03:25"}, cues: []wanted{at(1.96, 4, "frame over")}, source: "TTML1 10.3.1, frames are 0 to F-1"},
	{file: "x_neg.ttml", cues: []wanted{at(1, 1.5, "half"), at(2.1234567, 3.9999999999, "digits")}, source: "TTML1 10.3.1"},

	// SMPTE time.
	{file: "ttml_smpte_default.ttml", film: from10h, cues: []wanted{inFrames(125, 150, "x")}, source: "TTML1 6.2.6, 6.2.11"},
	{file: "ttml_smpte_off.ttml", film: from10h, cues: []wanted{at(5, 6, "x")}, source: "TTML1 10.3.1: frames are optional"},
	{file: "r12_smpte_noframes.ttml", film: from10h, cues: []wanted{at(10, 12, "seconds only"), at(20, 21, "with frames")}, source: "TTML1 10.3.1"},
	{file: "ttml_smpte_nested.ttml", film: from10h, reports: []string{"counted from its begin"}, cues: []wanted{at(5, 6, "x")}, source: "TTML1 6.2.6, 10.2.1"},
	{file: "ttml_smpte_noframerate.ttml", film: &film{rate: "25", start: "01:00:00:00"}, cues: []wanted{at(5.6, 6, "x")}, source: "TTML1 6.2.4"},
	{file: "ttml_smpte_noframerate.ttml", film: &film{rate: "30", start: "01:00:00:00"}, cues: []wanted{at(5.5, 6, "x")}, source: "TTML1 6.2.4"},
	{file: "ttml_nondrop2997.ttml", film: from1h30, cues: []wanted{inFrames(0, 60, "x")}, source: "TTML1 6.2.3; SMPTE ST 12-1"},
	{file: "ttml_nondrop2997.ttml", film: no30, cues: []wanted{at(3603.6, 3605.602, "x")}, source: "TTML1 6.2.3; SMPTE ST 12-1"},
	{file: "ttml_nondrop2997.ttml", film: from1hDrop, reports: []string{"108 frames apart"}, cues: []wanted{inFrames(108, 168, "x")}, source: "TTML1 6.2.3; SMPTE ST 12-1"},
	{file: "r12_drop.ttml", film: fromZero30, reports: []string{"00:02:00:00"}, cues: []wanted{inFrames(1800, 1828, "drop frame")}, source: "TTML1 6.2.3; eoyilmaz/timecode#13"},
	{file: "r12_drop.ttml", film: no30, reports: []string{"00:02:00:00"}, cues: []wanted{inFrames(1800, 1828, "drop frame")}, source: "TTML1 6.2.3; eoyilmaz/timecode#13"},
	{file: "ttml_drop23.ttml", film: zero24, reports: []string{"drop-frame labels (dropNTSC) at 24"}, cues: []wanted{inFrames(1442, 1488, "x")}, source: "TTML1 6.2.3; SMPTE ST 12-1"},
	{file: "r12_ebutt_sop.ttml", reports: []string{"start of programme"}, track: "de", cues: []wanted{at(2, 4, "Das Tor steht offen")}, source: "EBU Tech 3350; IRT-Open-Source/scf#12"},
	{file: "r12_ebutt_sop.ttml", film: from10h, reports: []string{"10:00:00:00"}, cues: []wanted{at(2, 4, "Das Tor steht offen")}, source: "EBU Tech 3350; IRT-Open-Source/scf#12"},
	{file: "r12_ebutt_sop.ttml", film: before10h, reports: []string{"09:59:30:00"}, cues: []wanted{at(32, 34, "Das Tor steht offen")}, source: "EBU Tech 3350; IRT-Open-Source/scf#63"},
	{file: "itt_drop_1001.itt", film: from1hDrop, track: "en-US", cues: []wanted{inFrames(0, 60, "one hour on the clock")}, source: "TTML1 6.2.3; iTunes Timed Text practice"},
	{file: "itt_drop_1001.itt", film: no30, cues: []wanted{at(3599.9964, 3601.9984, "one hour on the clock")}, source: "TTML1 6.2.3; iTunes Timed Text practice"},
	{file: "r12_itt999.itt", film: from1h24, cues: []wanted{inFrames(240, 288, "an iTunes timed text")}, source: "TTML1 6.2.5; iTunes Timed Text practice"},
	{file: "ttml_pal.itt", film: from1h24, track: "en-US", cues: []wanted{inFrames(252, 288, "x")}, source: "TTML1 6.2.5"},

	// Text, language, speakers.
	{file: "ttml_prefixed.ttml", track: "de", lines: true, cues: []wanted{at(1, 2, "EBU\nTT-D")}, source: "Namespaces in XML; EBU Tech 3380"},
	{file: "ttml_old_ns.xml", track: "en", cues: []wanted{at(1, 2, "dfxp")}, source: "practice"},
	{file: "ttml_utf16.ttml", cues: []wanted{at(1, 2, "hällo")}, source: "XML 1.0, 4.3.3"},
	{file: "ttml_space.ttml", lines: false, cues: []wanted{at(1, 2, "a   b\nc"), at(3, 4, "x y\nz")}, source: "TTML1 7.2.3"},
	{file: "x_pre.ttml", cues: []wanted{at(1, 2, "onetwo three")}, source: "TTML1 7.2.3"},
	{file: "x_comment.ttml", cues: []wanted{at(1, 2, "onetwo <three> & four")}, source: "XML 1.0, 2.5 and 2.7"},
	{file: "ttml_meta.ttml", cues: []wanted{at(1, 2, "hello")}, source: "TTML1 12.1.1, 12.1.3"},
	{file: "ttml_set.ttml", cues: []wanted{at(1, 2, "hello")}, source: "TTML1 11.1.1"},
	{file: "x_imgprofile.ttml", refused: true, reports: []string{"pictures of words"}, source: "SMPTE ST 2052-1, IMSC image profile"},
	{file: "ttml_ruby.ttml", cues: []wanted{at(1, 2, "漢字です").read("かんじ")}, source: "TTML2 tts:ruby; sandflow/ttconv#430"},
	{file: "r07_ruby.ttml", track: "ja", cues: []wanted{at(1, 2, "創業の年に").read("そうぎょう"), at(3, 4, "橋が落ちた").read("はし")}, source: "TTML2 tts:ruby; sandflow/ttconv#430"},
	{file: "x_agent.ttml", cues: []wanted{at(1, 2, "Hi").by("Mara Quill"), at(2, 3, "Span agent").by("Mara Quill")}, source: "TTML1 12.1.5, 12.1.6, 12.2.1"},
	{file: "r11_divlang.ttml", cues: []wanted{at(1, 2, "the bridge has fallen").in("en"), at(1, 2, "le pont est tombé").in("fr")}, source: "TTML1 7.2.2"},
	{file: "x_langspan.ttml", cues: []wanted{at(1, 2, "Guten Tag").in("de"), at(3, 4, "Bonjour").in("fr")}, source: "TTML1 7.2.2"},

	// Variants without a file: sequences.
	tt("seq", "", `<div timeContainer="seq"><p dur="2s">a</p><p dur="3s">b</p><p begin="1s" dur="1s">c</p></div>`,
		at(0, 2, "a"), at(2, 5, "b"), at(6, 7, "c")).of("TTML1 10.2.4, 10.4; sandflow/imscJS#72"),
	tt("seq in a timed parent", "", `<div begin="10s" end="14s" timeContainer="seq"><p dur="2s">a</p><p dur="3s">b</p><p dur="1s">c</p></div>`,
		at(10, 12, "a"), at(12, 14, "b")).reporting("never shown").of("TTML1 10.2.4, 10.4; w3c/ttml1#311"),
	tt("par in seq", "", `<div timeContainer="seq"><div><p dur="2s">a</p><p begin="1s" dur="3s">b</p></div><p dur="1s">c</p><p end="2s">d</p></div>`,
		at(0, 2, "a"), at(1, 4, "b"), at(4, 5, "c"), at(5, 7, "d")).of("TTML1 10.4, implicit duration; w3c/ttml1#311"),
	tt("body in seq", "", `<div timeContainer="seq"><p begin="1s" end="3s">a</p></div><div><p begin="2s" dur="2s">b</p></div>`,
		at(1, 3, "a"), at(2, 4, "b")).of("TTML1 10.2.4"),
	tt("spans in seq", "", `<p begin="10s" end="20s" timeContainer="seq"><span dur="2s">one</span> <span begin="1s" dur="3s">two</span><br/><span>three</span><span dur="1s">four</span></p>`,
		at(10, 12, "one"), at(13, 16, "two"), at(16, 20, "three")).reporting("never shown").of("TTML1 10.2.4, 10.4; sandflow/imscJS#72"),
	tt("a child of a sequence without end", "", `<div timeContainer="seq" end="9s"><p dur="2s">a</p><p>b</p><p dur="1s">c</p><div><p dur="1s">d</p></div></div>`,
		at(0, 2, "a"), at(2, 9, "b")).reporting("never shown").of("TTML1 10.4"),
	tt("a seq div of untimed paragraphs with timed spans", "", `<div timeContainer="seq"><p> <span dur="2s">a</span> </p><p><span dur="1s">b</span></p></div>`,
		at(0, 2, "a"), at(2, 3, "b")).of("TTML1 10.4"),
	// Clipping.
	tt("clipping", "", `<div begin="10s" end="20s"><p begin="2s" end="5s">a</p><p begin="8s" end="30s">b</p><p begin="12s" end="14s">c</p></div>`,
		at(12, 15, "a"), at(18, 20, "b")).reporting("never shown").of("TTML1 10.4; w3c/ttml1#311"),
	tt("a span is clipped to its paragraph", "", `<p begin="10s" end="20s"><span begin="8s" end="30s">a</span><span begin="-1s">b</span></p>`,
		at(18, 20, "a")).reporting(`"-1s"`).of("TTML1 10.4"),
	tt("clipping by a region in a style", "", `<div region="r"><p begin="0s" end="4s">a</p></div><p begin="0s" end="4s" region="r2">b</p>`,
		at(0, 3, "a"), at(2, 4, "b")).head(`<layout><region xml:id="r" end="3s"/><region xml:id="r2" begin="2s"/></layout>`).of("TTML1 10.4"),
	// No end, and inherited times.
	tt("no end", "", `<div begin="10s" end="20s"><p begin="3s">a</p><p dur="2s">b</p><p begin="1s" dur="5s" end="4s">c</p></div>`,
		at(10, 12, "b"), at(11, 14, "c"), at(13, 20, "a")).of("TTML1 10.4; w3c/ttml2#484, #549"),
	tt("no end at the top", "", `<p begin="3s">a</p><p>b</p>`, at(0, 3600, "b"), at(3, 3600, "a")).in(oneHourLong).of("TTML1 10.4; w3c/ttml2#549"),
	tt("no end, length unknown", "", `<p begin="3s">a</p><p end="1s">b</p>`, at(0, 1, "b")).reporting("has no end").of("w3c/ttml2#549"),
	tt("times on the div", "", `<div begin="10s" end="20s"><p>a</p><p><span>b</span></p></div>`, at(10, 20, "a"), at(10, 20, "b")).of("TTML1 10.4; androidx/media#3246"),
	tt("times on spans only", "", `<p><span begin="1s" end="2s">a</span> <span><span begin="3s" end="4s">b</span></span></p>`, at(1, 2, "a"), at(3, 4, "b")).of("TTML1 10.4"),
	tt("times on spans and div", "", `<div begin="5s"><p begin="1s" end="9s">x <span><span begin="1s" dur="1s">y</span></span> z</p></div>`, at(6, 14, "x z"), at(7, 8, "y")).of("sandflow/ttconv#95"),
	tt("spans that show together", "", `<p begin="1s" end="9s"><span begin="1s" end="2s">a</span><br/><span begin="1s" end="2s">b</span></p>`, at(2, 3, "a b")).of("TTML1 10.4"),
	// Clock times.
	tt("clock times", ``, `<p begin="00:00:01" end="00:00:02.5">a</p><p begin="00:00:03.000000001" end="100:00:00">b</p><p begin="0.5m" end="31500ms">c</p>`,
		at(1, 2.5, "a"), at(3, 360000, "b"), at(30, 31.5, "c")).of("TTML1 10.3.1"),
	tt("frames at 23.976", `ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"`, `<p begin="00:00:03:12" end="00:00:04">a</p><p begin="72f" end="00:00:03.5">b</p>`,
		at(3.003, 3.5, "b"), at(3.5005, 4, "a")).of("TTML1 6.2.4; pbs/pycaption#127"),
	tt("multiplier with a colon", `ttp:frameRate="24" ttp:frameRateMultiplier="1000:1001"`, `<p begin="72f" end="4s">b</p>`, at(3.003, 4, "b")).of("DFXP draft of 2006, 6.2.4"),
	tt("sub-frames", `ttp:frameRate="25" ttp:subFrameRate="4"`, `<p begin="00:00:01:01.2" end="00:00:02:00">a</p>`, at(1.06, 2, "a")).of("TTML1 6.2.9, 10.3.1"),
	tt("times outside the grammar", "", `<p begin="0:00:01,5" end="2,5s">a</p><p begin="01:02" end="4s">b</p><p begin="wallclock(2024-01-01T00:00:00)" end="4s">c</p><p begin="00:61:00" end="4000s">d</p>`,
		at(1.5, 2.5, "a")).reporting(`"01:02"`, "wallclock", "00:61:00").of("TTML1 10.3.1"),
	tt("rounded to milliseconds", "", `<p begin="00:00:01.001" end="00:00:02.002">a</p>`, inFrames(24, 48, "a")).in(&film{rate: "24000/1001"}).of("practice: frames written in milliseconds"),
	tt("media time from the programme's start", "", `<p begin="10:00:01.000" end="10:00:02.000">a</p>`, at(1, 2, "a")).in(&film{rate: "25", start: "10:00:00:00"}).reporting("10:00:00:00").of("practice: times that count from 10:00:00:00"),
	// SMPTE.
	tt("labels before midnight and after", `ttp:timeBase="smpte" ttp:frameRate="25"`, `<p begin="23:59:59:00" end="00:00:01:00">a</p><p begin="00:00:02:00" end="00:00:03:00">b</p>`,
		at(1799, 1801, "a"), at(1802, 1803, "b")).in(&film{rate: "25", start: "23:30:00:00"}).of("SMPTE ST 12-1: labels begin again after 24 hours"),
	tt("dropPAL", `ttp:timeBase="smpte" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001" ttp:dropMode="dropPAL"`, `<p begin="00:02:00:04" end="00:02:01:00">a</p><p begin="00:04:00:03" end="00:04:01:00">b</p><p begin="01:00:00:00" end="01:00:01:00">c</p>`,
		inFrames(3600, 3626, "a"), inFrames(107892, 107922, "c")).reporting("00:04:00:03").in(no30).of("TTML1 6.2.3"),
	tt("continuous", `ttp:timeBase="smpte" ttp:frameRate="25" ttp:markerMode="continuous"`, `<div begin="00:00:10:00"><p begin="00:00:10:05" end="00:00:11:00">a</p></div>`,
		at(20.2, 21, "a")).reporting("counted from its begin").of("TTML1 6.2.11, 10.2.1"),
	tt("discontinuous", `ttp:timeBase="smpte" ttp:frameRate="25" ttp:markerMode="discontinuous"`, `<div begin="00:00:10:00" end="00:00:20:00"><p begin="00:00:11:05" end="00:00:12:00">a</p></div>`,
		at(11.2, 12, "a")).of("TTML1 6.2.11"),
	tt("labels of 30 in a film of 60", `ttp:timeBase="smpte" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"`, `<p begin="01:00:01:15" end="01:00:02:00">a</p>`,
		inFrames(90, 120, "a")).in(&film{rate: "60000/1001", start: "01:00:00:00"}).of("SMPTE ST 12-1"),
	tt("a semicolon, and no drop mode", `ttp:timeBase="smpte" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"`, `<p begin="00:01:00;02" end="00:01:01;00">a</p>`,
		inFrames(1800, 1828, "a")).in(no30).of("iTunes Timed Text practice"),
	// Elements without speech.
	tt("not displayed", "", `<p begin="1s" end="2s" tts:display="none">a</p><p begin="2s" end="3s"><span style="h">b</span>c<ttm:title>d</ttm:title></p><div tts:display="none"><p begin="4s" end="5s">e</p></div><p begin="5s" end="6s" tts:visibility="hidden">f<span tts:visibility="visible">g</span></p><p region="off" begin="6s" end="7s">h</p>`,
		at(2, 3, "c"), at(5, 6, "g")).head(`<styling><style xml:id="n" tts:display="none"/><style xml:id="h" style="n"/></styling><layout><region xml:id="off"><style tts:display="none"/></region></layout>`).reporting("5 paragraphs or spans").of("TTML1 8.2.6, 8.2.25"),
	tt("two agents, and names in parts", "", `<p begin="1s" end="2s"><span ttm:agent="a">Hi</span><br/><span ttm:agent="b">Yo</span></p><p begin="3s" end="4s" ttm:agent="a b">Together</p>`,
		at(1, 2, "Hi").by("Mara Quill"), at(1, 2, "Yo").by("MQ"), at(3, 4, "Together").by("Mara Quill, MQ")).
		head(`<metadata><ttm:agent xml:id="a" type="person"><ttm:name type="alias">AA</ttm:name><ttm:name type="family">Quill</ttm:name><ttm:name type="given">Mara</ttm:name></ttm:agent><ttm:agent xml:id="b" type="character"><ttm:name type="alias">MQ</ttm:name></ttm:agent></metadata>`).of("TTML1 12.1.5, 12.1.6"),
	tt("ruby with delimiters, and by a chain of styles", "", `<p begin="1s" end="2s"><span style="c"><span tts:ruby="base">橋</span><span tts:ruby="delimiter">(</span><span style="t2"><span>は</span>し</span><span tts:ruby="delimiter">)</span></span>が</p><p begin="2s" end="3s"><span tts:ruby="container"><span tts:ruby="baseContainer"><span tts:ruby="base">東</span><span tts:ruby="base">京</span></span><span tts:ruby="textContainer"><span tts:ruby="text">とう</span><span tts:ruby="text">きょう</span></span></span></p>`,
		at(1, 2, "橋が").read("はし"), at(2, 3, "東京").read("とう", "きょう")).head(`<styling><style xml:id="c" tts:ruby="container"/><style xml:id="t" tts:ruby="text"/><style xml:id="t2" style="t"/></styling>`).of("TTML2 10.2.35"),
	tt("a track in another language than the root's", "", `<div xml:lang="fr"><p begin="1s" end="2s">Bonjour</p></div>`, at(1, 2, "Bonjour")).track2("fr").of("TTML1 7.2.2"),
	tt("words outside a paragraph", "", `<p begin="1s" end="2s">a</p>lost<div>too</div>`, at(1, 2, "a")).reporting(`"lost"`, `"too"`).of("TTML1 7.1.3"),
}

// tt is the case of a document with a body.
func tt(name, parameters, body string, cues ...wanted) textCase {
	return textCase{
		file: name, cues: cues,
		text: `<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="en" ` +
			parameters + `><head></head><body>` + body + `</body></tt>`,
	}
}

func (c textCase) of(source string) textCase          { c.source = source; return c }
func (c textCase) reporting(words ...string) textCase { c.reports = words; return c }
func (c textCase) in(f *film) textCase                { c.film = f; return c }
func (c textCase) track2(language string) textCase    { c.track = language; return c }
func (c textCase) head(head string) textCase {
	c.text = strings.Replace(c.text, "<head>", "<head>"+head, 1)
	return c
}
