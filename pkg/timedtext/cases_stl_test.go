package timedtext_test

import (
	"fmt"
	"slices"
	"strings"
)

var stlCases = []textCase{
	{file: "r22_tcp.stl", reports: []string{"start of programme"}, cues: []wanted{at(2, 4, "The gate is open")}, source: "EBU Tech 3264, TCP; sandflow/ttconv#274"},
	{file: "r22_tcp.stl", film: from10h, reports: []string{"10:00:00:00"}, cues: []wanted{at(2, 4, "The gate is open")}, source: "EBU Tech 3264, TCP; sandflow/ttconv#274"},
	{file: "r22_tcp.stl", film: before10h, reports: []string{"09:59:30:00"}, cues: []wanted{at(32, 34, "The gate is open")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_before.stl", reports: []string{"start of programme"}, cues: []wanted{at(5, 6, "Hello")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_before.stl", film: before10h, cues: []wanted{at(28, 29, "in the leader"), at(35, 36, "Hello")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_tcp0_10h.stl", film: from10h, cues: []wanted{at(5, 6.48, "Hello")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_tcp0_10h.stl", film: before10h, cues: []wanted{at(35, 36.48, "Hello")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_tcp0_10h.stl", cues: []wanted{at(36005, 36006.48, "Hello")}, source: "EBU Tech 3264, TCP, TCI"},
	{file: "d_tcp0_10h.stl", film: &film{rate: "25", seconds: 3600}, refused: true, reports: []string{"the film ends at"}, source: "EBU Tech 3264, TCP, TCI: beyond the end"},
	{file: "d_comment.stl", cues: []wanted{at(7, 8, "Shown")}, source: "EBU Tech 3264, CF"},
	{file: "d_cumul.stl", cues: []wanted{at(5, 9, "One"), at(6, 9, "Two"), at(7, 9, "Three")}, source: "EBU Tech 3264, CS"},
	{file: "r22_cumul.stl", cues: []wanted{at(1, 3, "Wait"), at(2, 3, "for me")}, source: "EBU Tech 3264, CS"},
	{file: "d_ext.stl", cues: []wanted{at(5, 6, "Long first part and second part")}, source: "EBU Tech 3264, EBN"},
	{file: "r22_ext.stl", cues: []wanted{at(1, 3, "A long line that goes on in the next block")}, source: "EBU Tech 3264, EBN, SN"},
	{file: "r22_split_space.stl", cues: []wanted{at(1, 3, "The keeper climbed the two hundred steps of the tower every night and thirty years later he still knew them all by heart")}, source: "EBU Tech 3264, EBN, TF"},
	{file: "r22_split_word.stl", cues: []wanted{at(1, 3, strings.Repeat("A", 107)+" greater")}, source: "EBU Tech 3264, EBN, TF"},
	{file: "d_crlfpad.stl", lines: true, cues: []wanted{at(5, 6, "One\nTwo")}, source: "EBU Tech 3264, TF, 8Ah and 8Fh"},
	{file: "d_tele.stl", lines: true, cues: []wanted{at(5, 6.48, "Hello\nworld")}, source: "EBU Tech 3264, TF, teletext control codes"},
	{file: "d_tele_col.stl", cues: []wanted{at(5, 6.48, "- Yes. No way.\n- Bye.")}, source: "EBU Tech 3264, TF; ETS 300 706, spacing attributes"},
	{file: "d_dsc_blank.stl", cues: []wanted{at(5, 6.48, "Hello")}, source: "EBU Tech 3264, DSC"},
	{file: "d_cpn437.stl", cues: []wanted{at(5, 6.48, "Hello")}, source: "EBU Tech 3264, CPN"},
	{file: "d_cpn_blankcct.stl", reports: []string{`character code table "  "`}, cues: []wanted{at(5, 6.48, "Hello")}, source: "EBU Tech 3264, CCT"},
	{file: "d_latin.stl", track: "en", cues: []wanted{at(5, 6, "Straße æÆ ø Ø ö c̊ š £$‘quote’ “x” ― #")}, source: "EBU Tech 3264, CCT 00; ISO 6937/2"},
	{file: "r22_accents.stl", track: "fr", cues: []wanted{at(1, 2, "étudiant français über")}, source: "EBU Tech 3264, CCT 00; ISO 6937/2"},
	{file: "d_cyr.stl", encoding: "iso-8859-5", reports: []string{"the language en"}, cues: []wanted{at(5, 6, "Привет\nмир")}, source: "EBU Tech 3264, CCT 01; SubtitleEdit#5447"},
	{file: "r22_cyr.stl", track: "ru", cues: []wanted{at(1, 2, "Поезд уходит")}, source: "EBU Tech 3264, CCT 01; SubtitleEdit#5447"},
	{file: "d_arab.stl", cues: []wanted{at(5, 6, "مرحبا")}, source: "EBU Tech 3264, CCT 02; SubtitleEdit#3662"},
	{file: "r22_arabic.stl", cues: []wanted{at(1, 2, "السلام")}, source: "EBU Tech 3264, CCT 02; SubtitleEdit#3662"},
	{file: "d_greek.stl", cues: []wanted{at(5, 6, "Καλημέρα")}, source: "EBU Tech 3264, CCT 03"},
	{file: "r22_greek.stl", cues: []wanted{at(1, 2, "Καλημέρα")}, source: "EBU Tech 3264, CCT 03"},
	{file: "d_heb.stl", cues: []wanted{at(5, 6, "שלום")}, source: "EBU Tech 3264, CCT 04"},
	{file: "r22_hebrew.stl", cues: []wanted{at(1, 2, "שלום לך")}, source: "EBU Tech 3264, CCT 04"},
	{file: "d_ntsc30.stl", film: from1hDrop, cues: []wanted{inFrames(1800, 1828, "Hello")}, source: "EBU Tech 3264, DFC; sandflow/ttconv#504"},
	{file: "d_ntsc30.stl", film: &film{rate: "30", start: "01:00:00:00"}, cues: []wanted{at(60.0667, 61, "Hello")}, source: "EBU Tech 3264, DFC; sandflow/ttconv#504"},
	{file: "d_ntsc30.stl", film: from1h30, cues: []wanted{at(60.1267, 61.061, "Hello")}, source: "EBU Tech 3264, DFC; SMPTE ST 12-1"},
	{file: "r22_30df.stl", film: from1hDrop, cues: []wanted{inFrames(1800, 1828, "Past the minute")}, source: "EBU Tech 3264, DFC; sandflow/ttconv#504"},

	// Variants without a file: 24 and 23.976 (sandflow/ttconv#309, #505; SubtitleEdit#7085, #1400).
	stlOf("STL24.01 in a film at 24", "24", 0, minuteLater).beside("24").shows(inFrames(1452, 1488, "a")),
	stlOf("STL24.01 in a film at 23.976", "24", 0, minuteLater).beside("24000/1001").shows(at(60.5605, 62.062, "a")),
	stlOf("STL23.01 in a film at 23.976", "23", 0, minuteLater).beside("24000/1001").shows(at(60.5605, 62.062, "a")),
	stlOf("STL23.01 in a film at 24", "23", 0, minuteLater).beside("24").shows(at(60.5, 62, "a")),
	stlOf("STL23.01 in a film at 25", "23", 0, minuteLater).shows(at(60.5605, 62.062, "a")),
	stlOf("STL29.01", "29", 1, sub{[4]byte{1, 1, 0, 2}, [4]byte{1, 1, 1, 0}, "a", false}).in(from1hDrop).shows(inFrames(1800, 1828, "a")),
	stlOf("STL60.01", "60", 0, minuteLater).refusing(`"STL60.01"`),

	// Blocks and letters.
	stlOf("an accent and its letter in two blocks", "25", 0, sub{second(1), second(2), strings.Repeat("B", 111) + "\xc2", true}, sub{second(1), second(2), "e", false}).
		shows(at(1, 2, strings.Repeat("B", 111)+"é")),
	stlOf("italics and underlining", "25", 0, sub{second(1), second(2), "\x80one\x81two\x83, three\x82four\x85", false}).shows(at(1, 2, "one two, three four")),
	stlOf("a byte without a letter", "25", 0, sub{second(1), second(2), "caf\xe5", false}).shows(at(1, 2, "caf\ufffd")).reporting("1 bytes name no letter"),
	stlOf("cues after midnight", "25", 23, sub{[4]byte{23, 0, 5, 0}, [4]byte{23, 0, 6, 0}, "early", false}, sub{second(5), second(6), "late", false}).
		shows(at(5, 6, "early"), at(3605, 3606, "late")),
	stlOf("a cue over midnight", "25", 23, sub{[4]byte{23, 59, 59, 0}, second(1), "late", false}).shows(at(3599, 3601, "late")),
	stlOf("a subtitle whose last block is missing", "25", 0, sub{second(1), second(2), "a", true}, sub{second(3), second(4), "b", false}, sub{second(5), second(6), "c", true}).
		shows(at(1, 2, "a"), at(3, 4, "b"), at(5, 6, "c")),
	stlOf("labels from zero in a film from 10 h", "25", 0, sub{second(1), second(2), "a", false}).in(from10h).shows(at(1, 2, "a")).reporting("counted from"),
	stlOf("a cue over the film's start", "25", 10, sub{[4]byte{9, 59, 59, 0}, [4]byte{10, 0, 1, 0}, "a", false}).in(from10h).shows(at(0, 1, "a")).reporting("cut to the film"),
	stlOf("a label that does not exist", "25", 0, sub{[4]byte{0, 0, 1, 25}, second(2), "a", false}, sub{second(3), second(4), "b", false}).shows(at(3, 4, "b")).reporting("00:00:01:25"),
}

var minuteLater = sub{[4]byte{0, 1, 0, 12}, [4]byte{0, 1, 2, 0}, "a", false}

// A sub is a block of STL; with more, the subtitle continues in the next block.
type sub struct {
	in, out [4]byte
	text    string
	more    bool
}

func second(n byte) [4]byte { return [4]byte{0, 0, n, 0} }

// stlOf is the case of an STL whose programme starts at an hour.
func stlOf(name, fps string, hour int, subs ...sub) textCase {
	var blocks [][]byte
	for i, s := range subs {
		extension := byte(0xff)
		if s.more {
			extension = 0
		}
		blocks = append(blocks, tti(byte(i), extension, s.in, s.out, s.text))
	}
	return textCase{file: name, text: string(stl(fps, fmt.Sprintf("%02d000000", hour), blocks...)), source: "EBU Tech 3264; practice"}
}

func (c textCase) shows(cues ...wanted) textCase { c.cues = slices.Clone(cues); return c }
func (c textCase) beside(rate string) textCase   { c.film = &film{rate: rate}; return c }
func (c textCase) refusing(words string) textCase {
	c.refused, c.reports = true, []string{words}
	return c
}
