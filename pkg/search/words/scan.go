package words

import (
	"bytes"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxLetters bounds a word, in bytes of a text. Longer words are cut.
const maxLetters = 256

// A piece is a word of a text, or a run of letters of a script without spaces.
type piece struct {
	class class // letter, or a spaceless class
	// from and to are the range of the piece in the scanned text. low and high are the range of its letters in scan.letters.
	from, to, low, high int
	// joined says that a hyphen alone is between this piece and the one before.
	joined bool
	// clusters are, of a run, those of scan.clusters.
	first, last int
}

// A cluster is a character of a run, as a reader sees characters.
type cluster struct{ from, to, low, high int }

// A scan cuts texts into pieces. The next text reuses the slices of the scan.
type scan struct {
	letters  []byte // in lower case, without ignored characters
	pieces   []piece
	clusters []cluster
	entries  []*entry // see Language.lookUp

	origin []int32 // of each byte of the normalised text; empty where the text was normal
	size   int     // of the original text
}

var scans = sync.Pool{New: func() any { return &scan{} }}

// A style holds the differences between languages in a scan.
type style struct {
	turkic, romanian, serbian bool
	// simplify brings Chinese characters to their simplified form.
	simplify bool
	// contracts says that a word with two apostrophes is several words: rock'n'roll.
	contracts bool
}

// text normalises a text and cuts it into pieces.
func (s *scan) text(text []byte, how style) {
	s.letters, s.pieces, s.clusters, s.origin, s.size = s.letters[:0], s.pieces[:0], s.clusters[:0], s.origin[:0], len(text)
	s.cut(s.normal(text), how)
}

// normal brings a text to NFKC, and keeps the origin of each byte.
func (s *scan) normal(text []byte) []byte {
	if norm.NFKC.QuickSpan(text) == len(text) {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	var it norm.Iter
	it.Init(norm.NFKC, text)
	for !it.Done() {
		at := it.Pos()
		segment := it.Next()
		if string(text[at:it.Pos()]) == "´" { // which NFKC makes a space with an accent
			segment = []byte{'\''}
		}
		out = append(out, segment...)
		for range segment {
			s.origin = append(s.origin, int32(at))
		}
	}
	return out
}

// place returns the range of the original text for a range of the normalised text.
func (s *scan) place(from, to int) (int, int) {
	if len(s.origin) == 0 {
		return from, to
	}
	last := s.origin[to-1]
	for to < len(s.origin) && s.origin[to] == last {
		to++
	}
	end := s.size
	if to < len(s.origin) {
		end = int(s.origin[to])
	}
	return int(s.origin[from]), end
}

// cut cuts a normalised text into pieces.
func (s *scan) cut(text []byte, how style) {
	var cur piece
	open, hyphenated := false, false
	flush := func() {
		if open {
			s.flush(cur, how)
			open = false
		}
	}
	var prev rune // the character before, of the piece that is open
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		} else if open && cur.class == letter && asciiClasses[r] <= digit && asciiClasses[r] >= letter && (r != 'I' || !how.turkic) && i-cur.from < maxLetters {
			s.letters = append(s.letters, lowerASCII[r])
			prev = r
			i++
			cur.to, cur.high = i, len(s.letters)
			continue
		}
		c, r, skip := s.classAt(text[i:], size, r, open, cur, prev)
		if skip > 0 {
			i += skip
			continue
		}
		if c != letter && !c.spaceless() {
			flush()
			hyphenated = c == hyphen && len(s.pieces) > 0 && s.pieces[len(s.pieces)-1].class == letter && s.pieces[len(s.pieces)-1].to == i
			i += size
			continue
		}
		if open && cur.class != c {
			flush()
		}
		if !open {
			open = true
			cur = piece{class: c, from: i, low: len(s.letters), first: len(s.clusters), joined: hyphenated && c == letter}
			hyphenated, prev = false, 0
		}
		if r < utf8.RuneSelf {
			if i-cur.from < maxLetters {
				s.letters = utf8.AppendRune(s.letters, lower(r, how))
			}
		} else {
			r = s.letter(text, i, size, r, cur, prev, how)
		}
		prev = r
		i += size
		cur.to, cur.high, cur.last = i, len(s.letters), len(s.clusters)
	}
	flush()
}

// classAt returns the class of the first character of a text, beside the piece that is open before, and the character to take in its
// place. skip is the number of bytes to pass over; 0 if the character counts.
func (s *scan) classAt(text []byte, size int, r rune, open bool, cur piece, prev rune) (c class, _ rune, skip int) {
	c = classOf(r)
	switch c {
	case ignored:
		return c, r, size
	case mark:
		if !open {
			return c, r, size
		}
		c = cur.class
	case digit:
		c = letter
	case unjoined:
		if !open || cur.class != letter || !unicode.Is(unicode.Arabic, prev) {
			return c, r, size
		}
		c = hyphen
	case apostrophe, inner:
		if open && cur.class == letter && !unicode.IsDigit(prev) && classOf(peek(text[size:])) == letter {
			if c == apostrophe {
				r = '\''
			}
			c = letter
		}
	case stop, comma:
		if open && cur.class == letter && s.within(text[size:], cur, prev, c) {
			c = letter
		}
	case lineBreak:
		if open && (cur.class == ideograph || cur.class.clustered()) && classOf(peek(skipSpace(text[size:]))) == cur.class {
			return c, r, len(text) - len(skipSpace(text))
		}
	}
	return c, r, 0
}

// letter takes a character beyond ASCII into the open piece, and returns the character in its simplified form.
func (s *scan) letter(text []byte, i, size int, r rune, cur piece, prev rune, how style) rune {
	at := len(s.letters)
	if cur.class.spaceless() {
		if how.simplify {
			r = simplified(r)
		}
		if len(s.clusters) == cur.first || clusterBegins(cur.class, prev, r, runesOf(text[i+size:])) {
			s.clusters = append(s.clusters, cluster{from: i, low: at})
		}
	}
	if i-cur.from < maxLetters || cur.class != letter {
		if r == 'İ' && !how.turkic {
			s.letters = append(s.letters, 'i')
			r = '\u0307'
		}
		if latin := serbianLatin[lower(r, how)]; how.serbian && latin != "" {
			s.letters = append(s.letters, latin...)
		} else {
			s.letters = utf8.AppendRune(s.letters, lower(r, how))
		}
	}
	if cur.class.spaceless() {
		last := &s.clusters[len(s.clusters)-1]
		last.to, last.high = i+size, len(s.letters)
	}
	return r
}

var lowerASCII = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(lower(rune(c), style{}))
	}
	return t
}()

// within reports whether a full stop or a comma is part of a number, or of an abbreviation of single letters.
func (s *scan) within(rest []byte, cur piece, prev rune, c class) bool {
	next := peek(rest)
	if unicode.IsDigit(prev) && unicode.IsDigit(next) {
		return true
	}
	if c != stop || !unicode.IsLetter(prev) || !unicode.IsLetter(next) || classOf(next) != letter {
		return false
	}
	abbreviated := s.letters[cur.low:]
	abbreviated = abbreviated[bytes.LastIndexByte(abbreviated, '.')+1:]
	if utf8.RuneCount(abbreviated) != 1 {
		return false
	}
	_, size := utf8.DecodeRune(rest)
	after := classOf(peek(rest[size:]))
	return after != letter && after != digit && after != mark && after != apostrophe
}

// peek returns the next character that is not ignored; a space at the end.
func peek(text []byte) rune {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if classOf(r) != ignored {
			return r
		}
		text = text[size:]
	}
	return ' '
}

func skipSpace(text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if !unicode.IsSpace(r) {
			break
		}
		text = text[size:]
	}
	return text
}

// runesOf returns the next two characters.
func runesOf(text []byte) []rune {
	var two [2]rune
	n := 0
	for n < 2 && len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		two[n] = r
		n++
		text = text[size:]
	}
	return two[:n]
}

// flush keeps a piece.
func (s *scan) flush(p piece, how style) {
	if p.class == letter && how.contracts {
		word := s.letters[p.low:p.high]
		if n := len(word); n > 2 && word[n-2] == '\'' && word[n-1] == 's' {
			word = word[:n-2]
		}
		first := slices.Index(word, '\'')
		if first >= 0 && slices.Contains(word[first+1:], '\'') {
			s.contraction(p, word)
			return
		}
	}
	s.pieces = append(s.pieces, p)
}

// contraction keeps the parts between apostrophes as words of their own. Each part has the range of the whole.
func (s *scan) contraction(p piece, word []byte) {
	low := p.low
	for i := 0; i <= len(word); i++ {
		if i == len(word) || word[i] == '\'' {
			part := p
			part.low, part.high, part.joined = low, p.low+i, low > p.low
			s.pieces = append(s.pieces, part)
			low = p.low + i + 1
		}
	}
}
