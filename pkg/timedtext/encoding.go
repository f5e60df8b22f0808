package timedtext

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/cinedex/cinedex/pkg/errkind"
)

var declared = regexp.MustCompile(`^<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)["']`)

// decodeText converts a text of unknown encoding to UTF-8. The evidence, in order: the byte order mark, the zeros of
// UTF-16, valid UTF-8, the escapes of ISO-2022, the declaration of XML, and finally the plausibility of the letters in
// each historical encoding of the language. decodeText records the encoding, the certainty, and the number of
// unreadable bytes.
func (p *parser) decodeText(data []byte) (string, error) {
	text, err := p.decode(data)
	if err != nil {
		return "", err
	}
	if n := strings.Count(text, "\x00"); n > 0 {
		if n > len(text)/100+1 {
			return "", errkind.New(errkind.Invalid, "the file is not a text")
		}
		text = strings.ReplaceAll(text, "\x00", " ")
	}
	if n := strings.Count(text, "\ufffd"); n > 0 {
		p.note("bytes that are not %s, each shown as \ufffd: %d", p.out.Encoding, n)
	}
	return text, nil
}

func (p *parser) decode(data []byte) (string, error) {
	as := func(e encoding.Encoding, name string) (string, error) {
		p.out.Encoding = name
		out, err := e.NewDecoder().Bytes(data)
		if err != nil {
			return "", errkind.New(errkind.Invalid, "the text is not %s throughout: %w", name, err)
		}
		return string(out), nil
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		p.out.Encoding = "utf-8"
		return strings.ToValidUTF8(string(data[3:]), "\ufffd"), nil
	case bytes.HasPrefix(data, []byte("\xff\xfe")), isUTF16(data, 1):
		return as(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "utf-16le")
	case bytes.HasPrefix(data, []byte("\xfe\xff")), isUTF16(data, 0):
		return as(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "utf-16be")
	case bytes.Contains(data, []byte("\x1b$B")) || bytes.Contains(data, []byte("\x1b$@")):
		return as(encodings["iso-2022-jp"], "iso-2022-jp")
	case utf8.Valid(data):
		return as(encoding.Nop, "utf-8")
	}
	if m := declared.FindSubmatch(data); m != nil {
		if e, err := htmlindex.Get(string(m[1])); err == nil {
			if name, err := htmlindex.Name(e); err == nil && name != "utf-8" {
				return as(e, name)
			}
		}
	}
	best, next := guess(data, p.opts.Language)
	p.out.Encoding, p.out.Certainty = best.name, best.certainty(next)
	switch {
	case p.out.Certainty >= sure:
		p.note("the text is read as %s (certainty %.2f), by its letters", best.name, p.out.Certainty)
	case next.name != "":
		p.note("the text is read as %s, which is not certain (certainty %.2f; %s is the next most likely): send the text as UTF-8", best.name, p.out.Certainty, next.name)
	default:
		p.note("the text is read as %s, which is not certain (certainty %.2f): send the text as UTF-8", best.name, p.out.Certainty)
	}
	return best.decode(data), nil
}

// sure is the certainty from which a guess needs no advice.
const sure = 0.8

// isUTF16 reports whether the bytes at a parity are zero, as for Latin letters, digits and line ends, while the bytes
// at the other parity are not. Ideographic spaces (U+3000) and similar characters have the zero at the other parity.
func isUTF16(data []byte, parity int) bool {
	var zero [2]int
	for i, b := range data {
		if b == 0 {
			zero[i%2]++
		}
	}
	return zero[parity] > len(data)/16 && zero[parity] > 4*zero[1-parity]
}

// encodings by name. Encodings unknown to browsers have the name of the IANA registry.
var encodings = func() map[string]encoding.Encoding {
	all := map[string]encoding.Encoding{"ibm850": charmap.CodePage850, "ibm852": charmap.CodePage852, "iso-8859-1": charmap.ISO8859_1}
	for _, name := range []string{
		"windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258",
		"windows-874", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-10", "iso-8859-13", "iso-8859-14",
		"iso-8859-15", "iso-8859-16", "koi8-r", "koi8-u", "ibm866", "macintosh", "x-mac-cyrillic",
		"shift_jis", "euc-jp", "iso-2022-jp", "gb18030", "big5", "euc-kr",
	} {
		e, err := htmlindex.Get(name)
		if err != nil {
			panic("encoding " + name + ": " + err.Error()) // a wrong name in this list
		}
		all[name] = e
	}
	return all
}()

// A reading is a text decoded by an encoding.
type reading struct {
	name string
	// score is the plausibility of the letters, at most 1.
	score float64
	text  string // of the sample
}

func (r reading) decode(data []byte) string {
	if r.name == "utf-8" {
		return strings.ToValidUTF8(string(data), "\ufffd")
	}
	out, err := encodings[r.name].NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\ufffd")
	}
	return string(out)
}

// certainty is between 0 and 1: the plausibility of the reading, lowered if the next reading is almost as plausible.
func (r reading) certainty(next reading) float64 {
	lead := 1.0
	if next.name != "" {
		lead = min(max(r.score-next.score, 0)/0.3, 1)
	}
	return min(max(r.score, 0), 0.99) * (0.5 + 0.5*lead)
}

// sampleBytes are enough to distinguish encodings.
const sampleBytes = 64 << 10

// guess returns the most plausible reading of a text other than valid UTF-8, and the most plausible reading with a
// different text.
func guess(data []byte, lang string) (best, next reading) {
	sample := data[:min(len(data), sampleBytes)]
	profiles := profilesOf(lang)
	readings := plausible(sample, profiles)
	if len(readings) == 0 || readings[0].score < 0.4 {
		// The text may be in another language than the sender declared. The declared language wins unless another language is much better.
		for _, r := range plausible(sample, allProfiles()) {
			r.score -= 0.1
			readings = append(readings, r)
		}
		slices.SortStableFunc(readings, func(a, b reading) int { return cmp.Compare(b.score, a.score) })
	}
	best = readings[0]
	for _, r := range readings[1:] {
		if r.text != best.text {
			return best, r
		}
	}
	return best, reading{}
}

// plausible reads a sample in every encoding of the profiles, and returns the readings by plausibility. For equal plausibility, the more usual
// encoding of a profile is first.
func plausible(sample []byte, profiles []profile) []reading {
	best := make(map[string]reading)
	var order []string
	for _, pr := range profiles {
		for rank, name := range slices.Concat([]string{"utf-8"}, pr.encodings) {
			r := best[name]
			if r.name == "" {
				r = reading{name: name, score: -9}
				r.text = r.decode(sample)
				order = append(order, name)
			}
			if s := pr.score(r.text, name, sample) - 0.01*float64(rank); s > r.score {
				r.score = s
			}
			best[name] = r
		}
	}
	var out []reading
	for _, name := range order {
		out = append(out, best[name])
	}
	slices.SortStableFunc(out, func(a, b reading) int { return cmp.Compare(b.score, a.score) })
	return out
}
