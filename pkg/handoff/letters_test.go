package handoff

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-text/typesetting/font"
	"github.com/google/go-cmp/cmp"
)

// noto finds letters in the subsets of testdata.
func noto(t *testing.T) Typeface {
	t.Helper()
	var fonts []*font.Face
	for _, name := range []string{"arabic", "japanese"} {
		b, err := os.ReadFile("testdata/fonts/" + name + ".ttf")
		if err != nil {
			t.Fatal(err)
		}
		f, err := font.ParseTTF(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		fonts = append(fonts, f)
	}
	return func(r rune) *font.Face {
		i := slices.IndexFunc(fonts, func(f *font.Face) bool { _, ok := f.NominalGlyph(r); return ok })
		if i < 0 {
			return nil
		}
		return fonts[i]
	}
}

// A line with letters of several fonts is shaped: each letter by a font with the letter, Arabic letters joined and from right to left.
func TestLetters(t *testing.T) {
	l, err := newLetters(noto(t))
	if err != nil {
		t.Fatal(err)
	}
	text := l.shown("The Harbour 港の灯台 – قصة الميناء")
	if l.lacking() != "" || strings.Contains(text, "?") || l.plain(text) || !l.plain("Häfen Ωμέγα") {
		t.Fatalf("%q lacks %s", text, l.lacking())
	}
	runs, width := l.shape(text)
	runes, arabic, joined := []rune(text), []int(nil), 0
	for _, run := range runs {
		for _, g := range run.Glyphs {
			r := runes[g.TextIndex()]
			nominal, ok := run.Face.NominalGlyph(r)
			switch {
			case r == ' ':
			case !ok:
				t.Errorf("%q is drawn by a font that lacks the letter", r)
			case r >= 'ء' && r <= 'ي':
				arabic = append(arabic, g.TextIndex())
				if g.GlyphID != nominal {
					joined++
				}
			case g.GlyphID != nominal:
				t.Errorf("%q has another form", r)
			}
		}
	}
	// Of قصة الميناء, the alif, and the ha at the end of its word after a letter that does not join, stand alone.
	if !slices.IsSortedFunc(arabic, func(a, b int) int { return b - a }) || joined < 6 {
		t.Errorf("letters of Arabic stand in the order %v from the left, %d joined", arabic, joined)
	}
	if width < 10 || width > 30 {
		t.Errorf("the line is %.1f letters wide", width)
	}
	cut := l.fit(text, 3, 20)
	var wide float64
	for _, run := range cut {
		wide += float64(run.Advance) / 64 / unit * 3
	}
	if wide > 20 || wide < 15 {
		t.Errorf("a line cut at 20 mm has %.1f mm", wide)
	}
}

// A sheet has every letter that a font has, and says which letters no font has.
func TestSheetLetters(t *testing.T) {
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 16, 9)), nil); err != nil {
		t.Fatal(err)
	}
	src := sheetSource(t, "قصة الميناء")
	list := List{Name: "港の灯台", Clips: []Clip{{Source: src, Start: 10, End: 20, Name: "港"}}}
	pdf, err := FormatOf("pdf")
	if err != nil {
		t.Fatal(err)
	}
	write := func(face Typeface) (string, []string) {
		var b bytes.Buffer
		notes, err := pdf.Write(&b, list, Options{Poster: func(*Source, int64) ([]byte, error) { return picture.Bytes(), nil }, Typeface: face})
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), notes
	}
	whole, notes := write(noto(t))
	if len(notes) > 0 {
		t.Errorf("with the fonts: %q", notes)
	}
	if again, _ := write(noto(t)); again != whole {
		t.Error("the same sheet has other bytes")
	}
	none, notes := write(noTypeface)
	want := []string{"15 letters are shown as ?: no font of the machine that made this sheet has these letters (Arabic, Han, Hiragana); install a font with the letters, such as Noto Sans"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("without the fonts (-want +got):\n%s", diff)
	}
	if len(none) >= len(whole) {
		t.Errorf("the sheet with the letters has %d bytes, and the sheet without has %d", len(whole), len(none))
	}
	// The machine's fonts, whichever they are, are looked for without a fault.
	if _, err := pdf.Write(io.Discard, list, Options{Poster: func(*Source, int64) ([]byte, error) { return picture.Bytes(), nil }}); err != nil {
		t.Error(err)
	}
}
