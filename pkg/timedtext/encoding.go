package timedtext

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// legacy are the encodings that subtitles of a language came in before UTF-8, the
// likeliest first. One of several bytes a letter betrays itself by bytes that it
// has no letter for; of those with one byte a letter, the language decides.
var legacy = map[string][]string{
	"ja": {"shift_jis", "euc-jp"}, "zh": {"gb18030", "big5"}, "ko": {"euc-kr"},
	"ru": {"windows-1251"}, "uk": {"windows-1251"}, "be": {"windows-1251"}, "bg": {"windows-1251"}, "sr": {"windows-1251"}, "mk": {"windows-1251"},
	"pl": {"windows-1250"}, "cs": {"windows-1250"}, "sk": {"windows-1250"}, "hu": {"windows-1250"}, "ro": {"windows-1250"}, "hr": {"windows-1250"}, "sl": {"windows-1250"}, "bs": {"windows-1250"},
	"el": {"windows-1253"}, "tr": {"windows-1254"}, "az": {"windows-1254"}, "he": {"windows-1255"}, "ar": {"windows-1256"}, "fa": {"windows-1256"},
	"lt": {"windows-1257"}, "lv": {"windows-1257"}, "et": {"windows-1257"}, "vi": {"windows-1258"}, "th": {"windows-874"},
}

var declared = regexp.MustCompile(`^<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)["']`)

// decodeText brings a text of unknown encoding to UTF-8: by its byte order mark,
// by being UTF-8, by the zeros of UTF-16, by what XML declares, and by its language.
func decodeText(data []byte, language string) (text, name string, err error) {
	try := func(e encoding.Encoding, name string) (string, string, error) {
		out, err := e.NewDecoder().Bytes(data)
		if err != nil {
			return "", "", errkind.New(errkind.Invalid, "the text is not %s throughout: %w", name, err)
		}
		if bytes.IndexByte(out, 0) >= 0 {
			return "", "", errkind.New(errkind.Invalid, "the file is not a text")
		}
		return string(out), name, nil
	}
	zerosEven, zerosOdd := zeros(data)
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
		if !utf8.Valid(data) {
			data = bytes.ToValidUTF8(data, []byte("\ufffd"))
		}
		return try(encoding.Nop, "utf-8")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), zerosOdd > len(data)/4 && zerosEven == 0:
		return try(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "utf-16le")
	case bytes.HasPrefix(data, []byte("\xfe\xff")), zerosEven > len(data)/4 && zerosOdd == 0:
		return try(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "utf-16be")
	case utf8.Valid(data):
		return try(encoding.Nop, "utf-8")
	}
	if m := declared.FindSubmatch(data); m != nil {
		if e, err := htmlindex.Get(string(m[1])); err == nil {
			canonical, _ := htmlindex.Name(e)
			return try(e, canonical)
		}
	}
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	candidates := legacy[base]
	if base == "zh" && (strings.Contains(language, "Hant") || strings.HasSuffix(language, "TW") || strings.HasSuffix(language, "HK")) {
		candidates = []string{"big5", "gb18030"}
	}
	for _, name := range candidates {
		e, err := htmlindex.Get(name)
		if err != nil {
			continue
		}
		if out, err := e.NewDecoder().Bytes(data); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
			return try(e, name)
		}
	}
	e, err := htmlindex.Get("windows-1252")
	if err != nil {
		return "", "", err
	}
	return try(e, "windows-1252")
}

// zeros counts the zero bytes at even and at odd places.
func zeros(data []byte) (even, odd int) {
	for i, b := range data {
		if b == 0 && i%2 == 0 {
			even++
		} else if b == 0 {
			odd++
		}
	}
	return even, odd
}
