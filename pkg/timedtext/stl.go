package timedtext

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// The blocks of EBU STL (EBU Tech 3264): a header, then a block for each subtitle or part of a subtitle.
const (
	gsiBytes = 1024
	ttiBytes = 128
	// maxBlocks is more than the five digits of the header can count.
	maxBlocks = 100_000
)

// stlRates are the rates of the disk format codes. 25 and 30 are defined by Tech 3264; real files have the others.
var stlRates = map[string]schema.Rate{
	"STL23.01": {Num: 24000, Den: 1001}, "STL24.01": {Num: 24, Den: 1}, "STL25.01": {Num: 25, Den: 1},
	"STL29.01": {Num: 30000, Den: 1001}, "STL30.01": {Num: 30, Den: 1},
}

func isSTL(data []byte) bool {
	return len(data) >= gsiBytes && bytes.HasPrefix(data[3:], []byte("STL")) && data[8] == '.'
}

// stl reads the header and the blocks. A bad block costs its own subtitle only.
func (p *parser) stl(data []byte) error {
	header, blocks := data[:gsiBytes], data[gsiBytes:]
	code := string(header[3:11])
	rate, known := stlRates[code]
	if !known {
		return errkind.New(errkind.Invalid, "the STL counts %q frames a second (disk format code %q); 23, 24, 25, 29 and 30 are known", clip(code[3:5]), clip(code))
	}
	if n := len(blocks) / ttiBytes; n > maxBlocks {
		return fmt.Errorf("the STL has %d blocks, and at most %d are accepted: %w", n, maxBlocks, ErrTooLarge)
	}
	if n := len(blocks) % ttiBytes; n >= 16 && len(blocks) > ttiBytes {
		p.note("the STL ends inside a block, after %d of its %d bytes", n, ttiBytes)
	}
	r := &stlReader{p: p, labels: p.scaleFor(rate, "")}
	r.table = p.stlTable(string(header[12:14]))
	for i := 0; (i+1)*ttiBytes <= len(blocks) && p.over == nil; i++ {
		r.block(i+1, blocks[i*ttiBytes:][:ttiBytes])
	}
	r.flush()
	if r.unknown > 0 {
		p.note("%d bytes name no letter of the STL's character table and were replaced", r.unknown)
	}
	p.stlLanguage(string(header[14:16]), r.cues)
	p.place(r.cues, r.labels, stlProgramme(header, r.labels), 0)
	return nil
}

// stlProgramme returns the start of the programme; nil if the header's field is not filled in.
func stlProgramme(header []byte, labels labelScale) *schema.Time {
	var n [4]int64
	for i := range n {
		v, err := strconv.ParseUint(string(header[256+2*i:][:2]), 10, 8)
		if err != nil {
			return nil
		}
		n[i] = int64(v)
	}
	frame, err := labels.frame(n[0], n[1], n[2], n[3])
	if err != nil {
		return nil
	}
	at := labels.time(frame)
	return &at
}

// stlReader gathers the blocks of each subtitle.
type stlReader struct {
	p      *parser
	labels labelScale
	table  stlTable
	cues   []labelled
	// first, in, out and text belong to the open subtitle.
	first   int
	in, out [4]byte
	text    []byte
	unknown int
}

// block reads a block. A subtitle continues in the following blocks, up to a block marked as the last or with other
// times.
func (r *stlReader) block(number int, b []byte) {
	extension, comment := b[3], b[15]
	if extension == 0xfe || comment == 1 {
		return // the editor's own data; a translator's note
	}
	in, out := [4]byte(b[5:9]), [4]byte(b[9:13])
	if r.first > 0 && (in != r.in || out != r.out) {
		r.flush()
	}
	if r.first == 0 {
		r.first, r.in, r.out = number, in, out
	}
	if len(r.text) <= 2*maxCueText {
		r.text = append(r.text, b[16:]...)
	}
	if extension == 0xff {
		r.flush()
	}
}

// flush turns the open subtitle into a cue.
func (r *stlReader) flush() {
	number, text := r.first, r.text
	r.first, r.text = 0, nil
	if number == 0 {
		return
	}
	start, errStart := r.at(r.in)
	end, errEnd := r.at(r.out)
	switch {
	case errStart != nil:
		r.p.bad(number, "%s", errStart)
	case errEnd != nil:
		r.p.bad(number, "%s", errEnd)
	case len(r.cues) > maxCues:
		r.p.over = tooManyCues()
	default:
		r.cues = append(r.cues, labelled{line: number, Cue: Cue{Start: start, End: end, Text: r.words(text)}})
	}
}

// at returns the time of a block's label: four bytes, a byte for each number.
func (r *stlReader) at(label [4]byte) (schema.Time, error) {
	n, err := r.labels.frame(int64(label[0]), int64(label[1]), int64(label[2]), int64(label[3]))
	return r.labels.time(n), err
}

// words decodes a subtitle's text. Blocks are joined byte by byte, because a word or an accented letter may lie in two
// blocks. Teletext codes occupy a space each. Codes that begin or end italics, underlining or a box occupy no space,
// and separate words.
func (r *stlReader) words(text []byte) string {
	var out []rune
	accent := rune(0)
	apart := false
	for _, b := range text {
		switch {
		case b == 0x8f: // unused space
			continue
		case b == 0x8a:
			out, accent = append(out, '\n'), 0
			continue
		case b < 0x20 || b >= 0x86 && b < 0xa0:
			out, accent = append(out, ' '), 0
			continue
		case b >= 0x80 && b < 0x86:
			apart = true
			continue
		}
		c := r.table(b)
		switch {
		case c == unicode.ReplacementChar:
			r.unknown++
		case unicode.Is(unicode.Mn, c) && b >= 0xc0 && b < 0xd0: // ISO 6937: an accent precedes its letter
			accent = c
			continue
		}
		if n := len(out); apart && n > 0 && isWord(out[n-1]) && isWord(c) {
			out = append(out, ' ')
		}
		out, apart = append(out, c), false
		if accent != 0 && accent != '\u0332' && unicode.IsLetter(c) { // 0332 underlines
			out = append(out, accent)
		}
		accent = 0
	}
	return norm.NFC.String(string(out))
}

func isWord(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.Is(unicode.M, c)
}

// stlTable is a character code table.
type stlTable func(byte) rune

// stlTable chooses the table by the header's code.
func (p *parser) stlTable(code string) stlTable {
	parts := map[string]*charmap.Charmap{
		"01": charmap.ISO8859_5, "02": charmap.ISO8859_6, "03": charmap.ISO8859_7, "04": charmap.ISO8859_8,
	}
	if m := parts[code]; m != nil {
		p.out.Encoding = strings.ToLower(strings.ReplaceAll(m.String(), " ", "-"))
		return m.DecodeByte
	}
	p.out.Encoding = "iso-6937"
	if code != "00" {
		p.note("the STL's character code table %q is not one of 00 to 04: the text is read as Latin", code)
	}
	return func(b byte) rune {
		switch {
		case b < 0x7f:
			return rune(b)
		case b < 0xa0:
			return unicode.ReplacementChar
		}
		return iso6937[b-0xa0]
	}
}

// iso6937 is the upper half of table 00 (Latin). D8 to DB, E5 and C0 have no character.
var iso6937 = []rune("\u00a0¡¢£$¥#§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿" +
	"\ufffd\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0308\u030a\u0327\u0332\u030b\u0328\u030c" +
	"―¹®©™♪¬¦\ufffd\ufffd\ufffd\ufffd⅛⅜⅝⅞ΩÆĐªĦ\ufffdĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ\u00ad")

// stlLanguages are the header's language codes (EBU Tech 3264, appendix 3).
var stlLanguages = map[string]string{
	"01": "sq", "02": "br", "03": "ca", "04": "hr", "05": "cy", "06": "cs", "07": "da", "08": "de", "09": "en", "0A": "es", "0B": "eo",
	"0C": "et", "0D": "eu", "0E": "fo", "0F": "fr", "10": "fy", "11": "ga", "12": "gd", "13": "gl", "14": "is", "15": "it", "16": "se",
	"17": "la", "18": "lv", "19": "lb", "1A": "lt", "1B": "hu", "1C": "mt", "1D": "nl", "1E": "no", "1F": "oc", "20": "pl", "21": "pt",
	"22": "ro", "23": "rm", "24": "sr", "25": "sk", "26": "sl", "27": "fi", "28": "sv", "29": "tr", "2A": "nl", "2B": "wa",
	"46": "vi", "49": "uk", "56": "ru", "5A": "fa", "63": "mk", "6C": "he", "70": "el", "77": "bg", "79": "be", "7E": "ar",
}

var stlScripts = map[string]*unicode.RangeTable{
	"Latn": unicode.Latin, "Cyrl": unicode.Cyrillic, "Arab": unicode.Arabic, "Grek": unicode.Greek, "Hebr": unicode.Hebrew,
}

// stlLanguage accepts the header's language if the letters of the text fit the language. Many programs write the code of English into every header.
func (p *parser) stlLanguage(code string, cues []labelled) {
	tag := stlLanguages[strings.ToUpper(code)]
	if tag == "" {
		return
	}
	scripts := map[string]int{}
	for _, c := range cues {
		for _, l := range c.Text {
			for name, table := range stlScripts {
				if unicode.Is(table, l) {
					scripts[name]++
				}
			}
		}
	}
	most := "Latn"
	for name, n := range scripts {
		if n > scripts[most] {
			most = name
		}
	}
	own, _ := language.Make(tag).Script()
	switch {
	case own.String() == most:
		p.out.Language = tag
	case tag == "sr":
		p.out.Language = "sr-" + most
	default:
		p.note("the STL's header declares the language %s, but the letters are %s: the language is not known", tag, most)
	}
}
