package handoff

import (
	"bytes"
	"cmp"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/math/fixed"
)

// Letters on a contact sheet (ADR 139).
//
// The sheet embeds the Go font, which has Latin, Greek and Cyrillic letters. A line with other letters is shaped and drawn as outlines, with a font of the
// machine for each letter that the Go font lacks: joined letters of Arabic, lines from right to left, Japanese. A letter of no font is shown as ?, and the
// sheet says so.

// A Typeface finds a font with a letter. nil: no font has the letter.
type Typeface func(r rune) *font.Face

// machineTypeface finds the fonts of this machine. The scan of the machine's folders is of the process, and leaves no file behind.
func machineTypeface() Typeface {
	folder, err := os.MkdirTemp("", "cinedex-fonts")
	if err != nil {
		return noTypeface
	}
	defer os.RemoveAll(folder)
	fonts := fontscan.NewFontMap(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug))
	if fonts.UseSystemFonts(folder) != nil { // the machine has no fonts
		return noTypeface
	}
	fonts.SetQuery(fontscan.Query{Families: []string{"sans-serif"}})
	return fonts.ResolveFace
}

func noTypeface(rune) *font.Face { return nil }

// letters draws lines onto the pages of a PDF.
type letters struct {
	own   *font.Face
	other Typeface // nil before the first letter that the own font lacks
	faces map[rune]*font.Face

	segmenter shaping.Segmenter
	shaper    shaping.HarfbuzzShaper
	wrapper   shaping.LineWrapper

	unknown int             // letters of no font
	scripts map[string]bool // of the letters of no font
}

func newLetters(other Typeface) (*letters, error) {
	own, err := font.ParseTTF(bytes.NewReader(goregular.TTF))
	return &letters{own: own, other: other, faces: map[rune]*font.Face{}, scripts: map[string]bool{}}, err
}

// face returns the font of a letter; nil where no font has the letter.
func (l *letters) face(r rune) *font.Face {
	if has(l.own, r) {
		return l.own
	}
	f, known := l.faces[r]
	if !known {
		if l.other == nil {
			l.other = machineTypeface()
		}
		if f = l.other(r); f != nil && !has(f, r) {
			f = nil
		}
		l.faces[r] = f
	}
	return f
}

// has reports whether a font has an outline of a letter. Fonts of pictures have none.
func has(f *font.Face, r rune) bool {
	g, ok := f.NominalGlyph(r)
	if !ok {
		return false
	}
	o, outline := f.GlyphData(g).(font.GlyphOutline)
	return outline && (len(o.Segments) > 0 || unicode.IsSpace(r))
}

// ResolveFace implements shaping.Fontmap. Every letter of a shown text has a font, or shows nothing.
func (l *letters) ResolveFace(r rune) *font.Face { return cmp.Or(l.face(r), l.own) }

// shown returns a line with a ? for each letter of no font, and counts these letters.
func (l *letters) shown(text string) string {
	return strings.Map(func(r rune) rune {
		if l.face(r) != nil || invisible(r) {
			return r
		}
		l.unknown++
		l.scripts[scriptOf(r)] = true
		return '?'
	}, line(text))
}

// invisible reports whether a letter only joins, parts or turns other letters.
func invisible(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Variation_Selector) }

func scriptOf(r rune) string {
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return strings.ReplaceAll(name, "_", " ")
		}
	}
	return "other signs"
}

// lacking tells which letters the sheet lacks; "" for none.
func (l *letters) lacking() string {
	if l.unknown == 0 {
		return ""
	}
	var names []string
	for name := range l.scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// plain reports whether the own font, which the PDF embeds, has every letter.
func (l *letters) plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !has(l.own, r) })
}

// unit is the size at which lines are shaped.
const unit = 1000

// shape returns the runs of a line from left to right, and their width in shares of the size.
func (l *letters) shape(text string) (runs []shaping.Output, width float64) {
	runes := []rune(text)
	in := shaping.Input{Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR, Size: fixed.I(unit), Language: language.NewLanguage("und")}
	for _, part := range l.segmenter.Split(in, l) {
		runs = append(runs, l.shaper.Shape(part))
	}
	// Lines with both directions are put into visual order by the wrapper, which has nothing to wrap.
	lines, _ := l.wrapper.WrapParagraphF(shaping.WrapConfig{Direction: di.DirectionLTR, BreakPolicy: shaping.Never, DisableTrailingWhitespaceTrim: true}, fixed.Int26_6(1<<30), runes, shaping.NewSliceIterator(runs))
	if len(lines) == 0 {
		return nil, 0
	}
	runs = slices.Clone(lines[0])
	slices.SortStableFunc(runs, func(a, b shaping.Output) int { return cmp.Compare(a.VisualIndex, b.VisualIndex) })
	for _, run := range runs {
		width += float64(run.Advance) / 64 / unit
	}
	return runs, width
}

// fit shapes a line, cut at a width in millimetres.
func (l *letters) fit(text string, size, width float64) []shaping.Output {
	runs, w := l.shape(text)
	for r := []rune(text); w*size > width && len(r) > 0; {
		r = r[:len(r)-1]
		runs, w = l.shape(string(r) + "...")
	}
	return runs
}

// draw draws a line as outlines. x and y are the beginning of the base line, and size is the size of the letters, in millimetres.
func (l *letters) draw(pdf *fpdf.Fpdf, runs []shaping.Output, x, y, size float64) {
	for _, run := range runs {
		scale := size / float64(run.Face.Upem())
		for _, g := range run.Glyphs {
			// Glyph 0 is the box of a letter that a font lacks: a space takes the font of the letters around.
			if outline, ok := run.Face.GlyphData(g.GlyphID).(font.GlyphOutline); ok && g.GlyphID != 0 {
				fill(pdf, outline, x+float64(g.XOffset)/64/unit*size, y-float64(g.YOffset)/64/unit*size, scale)
			}
			x += float64(g.Advance) / 64 / unit * size
		}
	}
}

// fill fills an outline.
func fill(pdf *fpdf.Fpdf, o font.GlyphOutline, x, y, scale float64) {
	if len(o.Segments) == 0 {
		return
	}
	at := func(p opentype.SegmentPoint) (float64, float64) {
		return x + float64(p.X)*scale, y - float64(p.Y)*scale
	}
	var px, py float64
	for i, s := range o.Segments {
		a, b := at(s.Args[0])
		switch s.Op {
		case opentype.SegmentOpMoveTo:
			if i > 0 {
				pdf.ClosePath()
			}
			pdf.MoveTo(a, b)
			px, py = a, b
		case opentype.SegmentOpLineTo:
			pdf.LineTo(a, b)
			px, py = a, b
		case opentype.SegmentOpQuadTo: // PDF has cubic curves alone
			c, d := at(s.Args[1])
			pdf.CurveBezierCubicTo(px+2*(a-px)/3, py+2*(b-py)/3, c+2*(a-c)/3, d+2*(b-d)/3, c, d)
			px, py = c, d
		case opentype.SegmentOpCubeTo:
			c, d := at(s.Args[1])
			e, f := at(s.Args[2])
			pdf.CurveBezierCubicTo(a, b, c, d, e, f)
			px, py = e, f
		}
	}
	pdf.ClosePath()
	pdf.DrawPath("F")
}
