package timedtext_test

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
)

// The codes of CEA-608's first channel (47 CFR 15.119), in which the cases are written.
const (
	rcl = "\x14\x20" // resume caption loading
	bs  = "\x14\x21" // backspace
	der = "\x14\x24" // delete to the end of the row
	ru2 = "\x14\x25" // roll-up of two rows
	ru3 = "\x14\x26"
	rdc = "\x14\x29" // resume direct captioning
	edm = "\x14\x2c" // erase displayed memory
	cr  = "\x14\x2d" // carriage return
	enm = "\x14\x2e" // erase non-displayed memory
	eoc = "\x14\x2f" // end of caption
	r14 = "\x14\x40" // row 14
	r15 = "\x14\x60"
	r1  = "\x11\x40"
	i4  = "\x14\x72" // row 15, indent 4
)

// nul is a frame without data.
func nul(frames int) string { return strings.Repeat("\x00\x00", frames) }

// twice doubles a control code, as the standard requires.
func twice(codes ...string) string {
	var b strings.Builder
	for _, c := range codes {
		b.WriteString(c + c)
	}
	return b.String()
}

// odd sets a byte's parity bit.
func odd(b byte) byte {
	if bits.OnesCount8(b)%2 == 0 {
		return b | 0x80
	}
	return b
}

// sccLine writes a line of SCC.
func sccLine(label, data string) string {
	if len(data)%2 == 1 {
		data += "\x00"
	}
	var words []string
	for i := 0; i < len(data); i += 2 {
		words = append(words, hex.EncodeToString([]byte{odd(data[i]), odd(data[i+1])}))
	}
	return label + "\t" + strings.Join(words, " ") + "\n\n"
}

// scc is the case of a file of labels and data in turn, beside a film at 29.97 starting at an hour.
func scc(name string, linesAndData ...string) textCase {
	text := "Scenarist_SCC V1.0\n\n"
	for i := 0; i < len(linesAndData); i += 2 {
		text += sccLine(linesAndData[i], linesAndData[i+1])
	}
	return textCase{file: "scc: " + name, text: text, film: from1h30, source: "CEA-608; 47 CFR 15.119"}
}

// mccLine writes a line of MCC: a caption distribution packet of triplets.
func mccLine(label string, triplets ...string) string {
	cc := strings.Join(triplets, "")
	n := len(cc) / 3
	packet := "\x96\x69" + string([]byte{byte(9 + len(cc) + 4)}) + "\x4f\x43\x00\x00" + "\x72" + string([]byte{0xe0 | byte(n)}) + cc + "\x74\x00\x00\x00"
	return label + "\tT" + fmt.Sprintf("%02X", len(packet)) + strings.ReplaceAll(strings.ToUpper(hex.EncodeToString([]byte(packet))), "FA0000", "G") + "00\n"
}

func field1(pair string) string { return "\xfc" + string([]byte{odd(pair[0]), odd(pair[1])}) }
func field2(pair string) string { return "\xfd" + string([]byte{odd(pair[0]), odd(pair[1])}) }

// digital is a packet of CEA-708 with a block of service 1, as triplets.
func digital(block string) []string {
	packet := string([]byte{0, 0x20 | byte(len(block))}) + block
	if len(packet)%2 == 1 {
		packet += "\x00"
	}
	packet = string([]byte{byte(len(packet) / 2)}) + packet[1:]
	var out []string
	for i := 0; i < len(packet); i += 2 {
		head := "\xfe"
		if i == 0 {
			head = "\xff"
		}
		out = append(out, head+packet[i:i+2])
	}
	return out
}

const (
	mccHead = "File Format=MacCaption_MCC V1.0\n\n// A comment\n\nUUID=0\nTime Code Rate=30DF\n\n"
	// define708 defines window 0 with two rows, hidden. show708 displays the window, and delete708 deletes the window.
	define708 = "\x98\x00\x00\x00\x01\x1f\x11"
	show708   = "\x89\x01"
	delete708 = "\x8c\x01"
)

func mcc(name, text string) textCase {
	return textCase{file: "mcc: " + name, text: text, film: from1hDrop, source: "SMPTE ST 334-2; CEA-608; CEA-708"}
}

var captionCases = []textCase{
	{file: "r21_side.scc", film: from1h30, reports: []string{"no code erases"}, cues: []wanted{at(1.3680, 17.3680, "Hello")}, source: "CEA-608; aws-solutions/media-insights-on-aws#36"},
	{file: "r21_side.scc", film: &film{rate: "30000/1001", start: "01:00:00:00", frames: 300}, cues: []wanted{inFrames(41, 300, "Hello")}, source: "CEA-608; SubtitleEdit#42"},

	scc("pop-on", "01:00:01:00", twice(enm, rcl, r14)+"Hi"+twice(r15)+"yo"+twice(edm, eoc), "01:00:03:00", twice(edm)).
		shows(inFrames(30+12, 90, "Hi\nyo")),
	scc("pop-on, the next caption ends the one before", "01:00:01:00", twice(enm, rcl, r15)+"Hi"+twice(eoc), "01:00:03:00", twice(enm, rcl, r15)+"Yo"+twice(eoc), "01:00:05:00", twice(edm)).
		shows(inFrames(37, 97, "Hi"), inFrames(97, 150, "Yo")),
	scc("codes that come once", "01:00:01:00", enm+rcl+r15+"Hi"+eoc, "01:00:03:00", edm).shows(inFrames(34, 90, "Hi")),
	scc("drop frame", "01:01:00;02", twice(enm, rcl, r15)+"Hi"+twice(eoc), "01:01:01;00", twice(edm)).in(from1hDrop).shows(inFrames(1807, 1828, "Hi")),
	scc("drop frame in a film without timecode", "00:01:00;02", twice(enm, rcl, r15)+"Hi"+twice(eoc), "00:01:01;00", twice(edm)).in(no30).shows(inFrames(1807, 1828, "Hi")),
	scc("beside a film at 23.976", "01:00:01:00", twice(enm, rcl, r15)+"Hi"+twice(eoc), "01:00:03:00", twice(edm)).in(from1h24).shows(at(37*1001/30000.0, 3.003, "Hi")),
	scc("special and extended letters", "01:00:01:00", twice(enm, rcl, r15)+"ca\\ "+twice("\x11\x37")+"a\x00"+twice("\x12\x30")+"u\x00"+twice("\x13\x33")+" }"+twice("\x11\x34")+twice(eoc), "01:00:03:00", twice(edm)).
		shows(inFrames(49, 90, "caé ♪Àö Ñ™")),
	scc("italics and tabs", "01:00:01:00", twice(enm, rcl, i4, "\x17\x22")+"a\x00"+twice("\x11\x2e")+"b\x00"+twice(eoc), "01:00:03:00", twice(edm)).
		shows(inFrames(42, 90, "a b")),
	scc("backspace and deletion", "01:00:01:00", twice(enm, rcl, r15)+"Hix"+"\x00"+twice(bs)+"!!"+twice("\x14\x74", der)+twice(eoc), "01:00:03:00", twice(edm)).
		shows(inFrames(45, 90, "Hi!!")),
	scc("roll-up", "01:00:01:00", twice(ru2, cr, r15)+"one ", "01:00:03:00", twice(ru2, cr, r15)+"two ", "01:00:05:00", twice(ru2, cr, r15)+"three ", "01:00:07:00", twice(edm)).
		shows(inFrames(36, 152, "one"), inFrames(96, 210, "two"), inFrames(156, 210, "three")),
	scc("roll-up to another row", "01:00:01:00", twice(ru3, cr, r15)+"one ", "01:00:03:00", twice(cr, "\x11\x60")+"two ", "01:00:05:00", twice(edm)).
		shows(inFrames(36, 150, "one"), inFrames(94, 150, "two")),
	scc("paint-on", "01:00:01:00", twice(rdc, r14)+"one "+twice(r15)+"two ", "01:00:03:00", twice(edm)+twice(r15)+"three ", "01:00:05:00", twice(edm)).
		shows(inFrames(34, 90, "one\ntwo"), inFrames(94, 150, "three")),
	scc("paint-on over a row", "01:00:01:00", twice(rdc, r15)+"one ", "01:00:03:00", twice(r15)+"two ", "01:00:05:00", twice(edm)).
		shows(inFrames(34, 92, "one"), inFrames(92, 150, "two")),
	scc("two channels", "01:00:01:00", twice(enm, rcl, r15)+"Hi"+twice(eoc)+twice("\x1c\x2e", "\x1c\x20", "\x1c\x60")+"Si"+twice("\x1c\x2f"), "01:00:03:00", twice(edm)).
		shows(inFrames(37, 90, "Hi")).reporting("CC2 with 1 captions"),
	scc("the second field's channel alone", "01:00:01:00", twice("\x15\x2e", "\x15\x20", "\x14\x60")+"Si"+twice("\x15\x2f"), "01:00:03:00", twice("\x15\x2c")).
		shows(inFrames(37, 90, "Si")),
	scc("data services between captions", "01:00:01:00", "\x01\x05Film\x0f\x1e"+twice(enm, rcl, r15)+"Hi"+twice(eoc), "01:00:03:00", twice(edm)).shows(inFrames(41, 90, "Hi")),
	scc("a line that begins before the line above ends", "01:00:01:00", twice(enm, rcl, r15)+"Hi"+twice(eoc)+nul(30), "01:00:01:15", twice(edm)).shows(inFrames(37, 69, "Hi")),
	scc("over midnight", "23:59:59:00", twice(enm, rcl, r15)+"Hi"+twice(eoc), "00:00:01:00", twice(edm)).in(&film{rate: "30000/1001", start: "23:00:00:00"}).shows(inFrames(107_977, 108_030, "Hi")),
	{file: "scc: faults", film: from1h30, source: "practice", text: "Scenarist_SCC V1.0\r\n\r\n" + sccLine("01:00:01:00", twice(enm, rcl, r15)+"Hi"+twice(eoc)) + "01:00:01:31\t942c\n\n01:00:02\t942c\n\n01:00:02:00\t94zz 146e\n\n" + sccLine("01:00:03:00", twice(edm)),
		reports: []string{"01:00:01:31", `"01:00:02\t942c"`, `"94zz"`, "1 bytes of the captions have the wrong parity"}, cues: []wanted{inFrames(37, 90, "Hi")}},
	{file: "scc: no words", text: "Scenarist_SCC V1.0\n\n" + sccLine("01:00:03:00", twice(edm)), refused: true, reports: []string{"hold no words"}, source: "practice"},

	mcc("CEA-608 in two fields", mccHead+mccLine("01:00:01;00", field1(rcl), field2("\x15\x20"))+mccLine("01:00:01;01", field1(r15), field2("\x14\x60"))+
		mccLine("01:00:01;02", field1("Hi"), field2("Si"))+mccLine("01:00:02;00", field1(eoc), field2("\x15\x2f"))+mccLine("01:00:04;00", field1(edm), field2("\x15\x2c"))).
		shows(inFrames(60, 120, "Hi")).reporting("CC3 with 1 captions"),
	mcc("CEA-708 alone", mccHead+mccLine("01:00:01;00", digital(define708+"caf\xe9")...)+mccLine("01:00:01;05", digital("\x92\x01\x00\x7f\x10\x33two\x10\x34")...)+
		mccLine("01:00:02;00", digital(show708)...)+mccLine("01:00:03;00", digital(delete708)...)).
		shows(inFrames(60, 90, "café\n♪“two”")),
	mcc("CEA-708 that rolls", mccHead+mccLine("01:00:01;00", digital("\x98\x20\x00\x00\x01\x1f\x11"+"one")...)+mccLine("01:00:02;00", digital("\x0dtwo")...)+mccLine("01:00:03;00", digital("\x0dthree")...)+mccLine("01:00:04;00", digital("\x88\x01")...)).
		shows(inFrames(30, 90, "one"), inFrames(60, 120, "two"), inFrames(90, 120, "three")),
	mcc("both", mccHead+mccLine("01:00:01;00", append(digital(define708+"Hi"+show708), field1(rcl))...)+mccLine("01:00:01;01", field1(r15))+mccLine("01:00:01;02", field1("Hi"))+mccLine("01:00:02;00", field1(eoc))+
		mccLine("01:00:03;00", append(digital(delete708), field1(edm))...)).
		shows(inFrames(60, 90, "Hi")).reporting("Service 1 with 1 captions"),
	mcc("faults", mccHead+mccLine("01:00:01;00", field1(rcl))+mccLine("01:00:01;01", field1(r15))+"01:00:01;02\tT0\n01:00:01;03\t41010096\n01:00:01;04\tT1096690000\n"+mccLine("01:00:01;05", field1("Hi"))+mccLine("01:00:02;00", field1(eoc))+mccLine("01:00:03;00", field1(edm))).
		shows(inFrames(60, 90, "Hi")).reporting("ends inside a byte", "not a packet of captions", "distribution packet"),
	{file: "mcc: a rate of nothing", text: strings.Replace(mccHead, "=30DF", "=00", 1) + mccLine("01:00:01:00", field1(rcl)), refused: true, reports: []string{`"00"`}, source: "practice"},
	{file: "mcc: no rate", text: strings.Replace(mccHead, "Time Code Rate=30DF", "", 1), refused: true, reports: []string{"no time code rate"}, source: "practice"},
}
