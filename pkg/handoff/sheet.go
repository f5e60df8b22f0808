package handoff

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxSheet bounds the clips of a contact sheet: each clip costs the decoding of a picture.
const MaxSheet = 240

// The layout of a sheet in millimetres: A4, landscape.
const (
	sheetMargin  = 12.0
	sheetGap     = 5.0
	sheetColumns = 4
	sheetRows    = 3
	sheetTop     = 22.0 // below the title
	sheetWidth   = (297 - 2*sheetMargin - (sheetColumns-1)*sheetGap) / sheetColumns
	sheetHeight  = (210 - sheetTop - sheetMargin - (sheetRows-1)*sheetGap) / sheetRows
	captionSize  = 16.0 // of three lines
)

// writeSheet writes a contact sheet as PDF: the middle picture of each clip, with the timecode and the name. The same list gives the same bytes.
func writeSheet(w *sink, l List, o Options) error {
	if len(l.Clips) > MaxSheet {
		return errkind.New(errkind.Invalid, "the list has %d clips, and a contact sheet has at most %d: narrow the search, or give a limit", len(l.Clips), MaxSheet)
	}
	if o.Poster == nil {
		return errkind.New(errkind.Invalid, "a contact sheet needs the pictures of the films")
	}
	drawn, err := newLetters(o.Typeface)
	if err != nil {
		return fmt.Errorf("reading the font: %w", err)
	}
	s := &sheet{pdf: fpdf.New("L", "mm", "A4", ""), letters: drawn}
	s.title = drawn.shown(l.Name)
	for i, c := range l.Clips {
		s.captions = append(s.captions, s.caption(i, c))
	}
	if lacking := drawn.lacking(); lacking != "" {
		s.remark = fmt.Sprintf("%d letters are shown as ?: no font of the machine that made this sheet has these letters (%s)", drawn.unknown, lacking)
		w.note("%s; install a font with the letters, such as Noto Sans", s.remark)
	}
	s.pdf.SetCreationDate(time.Unix(0, 0).UTC())
	s.pdf.SetModificationDate(time.Unix(0, 0).UTC())
	s.pdf.SetCatalogSort(true)
	s.pdf.SetAutoPageBreak(false, 0)
	s.pdf.AddUTF8FontFromBytes("go", "", goregular.TTF)
	for i, c := range l.Clips {
		picture, err := o.Poster(c.Source, (c.Start+c.End-1)/2)
		if err != nil {
			return fmt.Errorf("the picture of clip %d: %w", i+1, err)
		}
		s.add(i, len(l.Clips), picture)
	}
	if err := s.pdf.Output(w); err != nil {
		return fmt.Errorf("writing the PDF: %w", err)
	}
	return nil
}

type sheet struct {
	pdf      *fpdf.Fpdf
	letters  *letters
	title    string
	captions [][]string // by clip
	remark   string     // below each page
}

// line writes a line of the present size and colour into a cell. A line that the embedded font has is text; every other line is drawn.
func (s *sheet) line(text string, x, y, width, height float64, align string) {
	if s.letters.plain(text) {
		s.pdf.SetXY(x, y)
		s.pdf.CellFormat(width, height, s.fit(text, width), "", 0, align, false, 0, "")
		return
	}
	_, size := s.pdf.GetFontSize()
	margin := s.pdf.GetCellMargin()
	s.pdf.SetFillColor(s.pdf.GetTextColor())
	s.letters.draw(s.pdf, s.letters.fit(text, size, width-2*margin), x+margin, y+height/2+0.3*size, size)
}

// page begins a page.
func (s *sheet) page(first, total int) {
	s.pdf.AddPage()
	s.pdf.SetFont("go", "", 13)
	s.pdf.SetTextColor(0, 0, 0)
	s.line(s.title, sheetMargin, 10, 220, 8, "L")
	s.pdf.SetFont("go", "", 8)
	pages := (total + sheetColumns*sheetRows - 1) / (sheetColumns * sheetRows)
	s.line(fmt.Sprintf("%d clips, page %d of %d", total, first/(sheetColumns*sheetRows)+1, pages), sheetMargin+220, 10, 297-2*sheetMargin-220, 8, "R")
	if s.remark != "" {
		s.line(s.remark, sheetMargin, 210-sheetMargin+3, 297-2*sheetMargin, 5, "L")
	}
}

// fit cuts a text at a width of the present font.
func (s *sheet) fit(text string, width float64) string {
	if s.pdf.GetStringWidth(text) <= width-2 {
		return text
	}
	r := []rune(text)
	for len(r) > 0 && s.pdf.GetStringWidth(string(r)+"...") > width-2 {
		r = r[:len(r)-1]
	}
	return string(r) + "..."
}

// add adds a clip.
func (s *sheet) add(i, total int, picture []byte) {
	cell := i % (sheetColumns * sheetRows)
	if cell == 0 {
		s.page(i, total)
	}
	x := sheetMargin + float64(cell%sheetColumns)*(sheetWidth+sheetGap)
	y := sheetTop + float64(cell/sheetColumns)*(sheetHeight+sheetGap)
	name := fmt.Sprintf("picture%d", i)
	options := fpdf.ImageOptions{ImageType: "JPEG"}
	info := s.pdf.RegisterImageOptionsReader(name, options, bytes.NewReader(picture))
	if s.pdf.Err() {
		return // Output returns the error
	}
	if err := inOrder(info, i); err != nil {
		s.pdf.SetError(err)
		return
	}
	width, height := sheetWidth, sheetHeight-captionSize
	if ratio := info.Width() / info.Height(); ratio > width/height {
		height = width / ratio
	} else {
		width = height * ratio
	}
	s.pdf.ImageOptions(name, x, y, width, height, false, options, 0, "")
	s.pdf.SetFont("go", "", 7.5)
	for n, text := range s.captions[i] {
		grey := min(n, 1) * 90
		s.pdf.SetTextColor(grey, grey, grey)
		s.line(text, x-1, y+sheetHeight-captionSize+1+float64(n)*4.5, sheetWidth+2, 4.5, "L")
	}
}

// inOrder gives a picture its place in the file. fpdf sorts the pictures by their widths alone, and pictures of one width come in any order
// (findings/fpdf-pictures-of-one-width.sh). So the picture of a later clip is wider by a millionth of a pixel. The file has the whole pixels.
func inOrder(info *fpdf.ImageInfoType, clip int) error {
	b, err := info.GobEncode()
	if err != nil {
		return err
	}
	var (
		data, mask, palette        []byte
		object, bits               int
		width, height, scale, dpi  float64
		colours, filter, predictor string
		transparent                []int
	)
	fields := []any{&data, &mask, &object, &width, &height, &colours, &palette, &bits, &filter, &predictor, &transparent, &scale, &dpi}
	from := gob.NewDecoder(bytes.NewReader(b))
	for _, f := range fields {
		if err := from.Decode(f); err != nil {
			return fmt.Errorf("reading a picture: %w", err)
		}
	}
	width += float64(clip) / 1e6
	var out bytes.Buffer
	to := gob.NewEncoder(&out)
	for _, f := range fields {
		if err := to.Encode(f); err != nil {
			return fmt.Errorf("writing a picture: %w", err)
		}
	}
	return info.GobDecode(out.Bytes())
}

// caption are the lines below a picture: the name, the place, the reason.
func (s *sheet) caption(i int, c Clip) []string {
	src := c.Source
	place := fmt.Sprintf("%s – %s", src.Scale.Format(c.Start), src.Scale.Format(c.End))
	reason := src.Title
	if c.Confidence > 0 {
		reason += fmt.Sprintf(", confidence %.2f", c.Confidence)
	}
	return []string{s.letters.shown(fmt.Sprintf("%d  %s", i+1, c.label())), s.letters.shown(place), s.letters.shown(reason)}
}
