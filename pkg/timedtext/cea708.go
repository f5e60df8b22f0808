package timedtext

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// CaptionData is the caption data of a frame: triplets of a head and two bytes (CEA-708, cc_data), as in user data of a video (ATSC A/53) and in
// caption distribution packets.
type CaptionData struct {
	// At is the start of the frame.
	At       schema.Time
	Triplets []byte
	line     int
}

// decodeCaptions decodes both standards. The data are in display order.
func decodeCaptions(data []CaptionData) (channels []*channel608, services []*service708, parity int) {
	var pairs []captionPair
	d := decoder708{services: map[int]*service708{}}
	for _, frame := range data {
		for t := range slices.Chunk(frame.Triplets, 3) {
			if len(t) < 3 || t[0]&0x04 == 0 { // not valid
				continue
			}
			switch t[0] & 0x03 {
			case 0, 1:
				pairs = append(pairs, captionPair{at: frame.At, line: frame.line, second: t[0]&1 == 1, a: t[1], b: t[2]})
			case 3: // a packet begins
				d.packet()
				d.open, d.at, d.line = append(d.open[:0], t[1], t[2]), frame.At, frame.line
			case 2:
				if len(d.open) > 0 && len(d.open) < 128 {
					d.open = append(d.open, t[1], t[2])
				}
			}
		}
		d.packetIfWhole()
	}
	d.packet()
	channels, parity = decode608(pairs)
	for _, s := range d.services {
		s.finish()
		if len(s.cues) > 0 {
			services = append(services, s)
		}
	}
	slices.SortFunc(services, func(a, b *service708) int { return cmp.Compare(a.number, b.number) })
	return channels, services, parity
}

// CaptionTracks decodes the caption data of a film's frames.
//
//   - The result has a track for each channel of CEA-608 with captions, named CC1 to CC4.
//   - If no channel holds captions, the result has a track for each service of CEA-708, named Service 1 and so on.
//   - If both standards hold captions, which usually have the same words, the notes of the first track report the
//     services.
//   - Data without captions give no tracks.
func CaptionTracks(data []CaptionData, opts Options) (map[string]*Track, error) {
	size := 0
	for _, frame := range data {
		size += len(frame.Triplets)
	}
	if size > 3*32*maxPairs {
		return nil, fmt.Errorf("the film's captions have more than %d bytes: %w", 3*32*maxPairs, ErrTooLarge)
	}
	channels, services, parity := decodeCaptions(data)
	out := map[string]*Track{}
	var first *parser
	add := func(name, format string, cues []labelled) error {
		if len(cues) == 0 {
			return nil
		}
		p := &parser{out: &Track{Format: format, Encoding: format, Certainty: 1}, opts: opts}
		if end, known := p.filmEnd(); known {
			for i := range cues {
				cues[i].End = min(cues[i].End, end)
			}
		}
		for _, c := range cues {
			if c.End >= forever {
				c.End = c.Start + longest608
			}
			p.add(c.line, c.Cue)
		}
		track, err := p.finish()
		if errkind.Is(err, errkind.Invalid) && p.over == nil {
			return nil // captions without words
		}
		if err != nil {
			return err
		}
		if first == nil {
			first = p
			p.tellParity(parity)
		}
		out[name] = track
		return nil
	}
	for _, c := range channels {
		if err := add(c.name, "cea-608", c.cues); err != nil {
			return nil, err
		}
	}
	for _, s := range services {
		if first != nil && first.out.Format == "cea-608" {
			first.note("the film holds %s of CEA-708 with %d captions beside CEA-608; only CEA-608 was read", s.name(), len(s.cues))
			continue
		}
		if err := add(s.name(), "cea-708", s.cues); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decoder708 assembles the packets of digital captions (CEA-708-E, 5 and 6).
type decoder708 struct {
	open     []byte
	at       schema.Time // of the packet's first bytes
	line     int
	services map[int]*service708
}

func (d *decoder708) size() int {
	if n := int(d.open[0] & 0x3f); n > 0 {
		return 2 * n
	}
	return 128
}

func (d *decoder708) packetIfWhole() {
	if len(d.open) > 0 && len(d.open) >= d.size() {
		d.packet()
	}
}

// packet reads the service blocks of the open packet.
func (d *decoder708) packet() {
	if len(d.open) == 0 {
		return
	}
	b := d.open[1:min(len(d.open), d.size())]
	d.open = d.open[:0]
	for len(b) > 0 {
		number, n := int(b[0]>>5), int(b[0]&0x1f)
		b = b[1:]
		if number == 7 && n > 0 && len(b) > 0 {
			number, b = int(b[0]&0x3f), b[1:]
		}
		if number == 0 || n > len(b) {
			return
		}
		s := d.services[number]
		if s == nil {
			s = &service708{number: number}
			d.services[number] = s
		}
		s.take(d.at, d.line, b[:n])
		b = b[n:]
	}
}

// service708 is a service: the windows of its captions, and the finished cues. A row of a window is a cue from the
// showing of the row until the hiding of the row. Rows with the same times are a single cue.
type service708 struct {
	number  int
	windows [8]*window708
	current int
	cues    []labelled
}

func (s *service708) name() string { return fmt.Sprintf("Service %d", s.number) }

type window708 struct {
	visible  bool
	rows     int
	row, col int
	lines    []row708 // from the top
}

type row708 struct {
	cells []rune
	since schema.Time
	line  int
	shown bool
}

func (r *row708) text() string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == 0 {
			return ' '
		}
		return c
	}, string(r.cells)))
}

// length708 returns the length of a code of C0, C2 and C3, which depends on the eighth of the set, and of a command of C1.
func length708(b byte) int {
	switch {
	case b < 0x10:
		return 1
	case b < 0x18:
		return 2
	default:
		return 3
	}
}

var lengths708 = map[byte]int{
	0x88: 2, 0x89: 2, 0x8a: 2, 0x8b: 2, 0x8c: 2, 0x8d: 2, 0x90: 3, 0x91: 4, 0x92: 3, 0x97: 5,
	0x98: 7, 0x99: 7, 0x9a: 7, 0x9b: 7, 0x9c: 7, 0x9d: 7, 0x9e: 7, 0x9f: 7,
}

// take executes the codes of a service block. A code cut off at the end of the block is left out.
func (s *service708) take(at schema.Time, line int, b []byte) {
	for len(b) > 0 {
		c, n := b[0], 1
		switch {
		case c == 0x10: // an extended code: C2, C3, G2 or G3
			n = s.extended(at, line, b)
		case c < 0x20:
			n = length708(c)
			if n <= len(b) {
				s.control(at, line, b[:n])
			}
		case c >= 0x80 && c < 0xa0:
			n = max(lengths708[c], 1)
			if n <= len(b) {
				s.command(at, line, b[:n])
			}
		case c == 0x7f:
			s.put(at, line, '♪')
		default: // G0 is ASCII, G1 is Latin-1
			s.put(at, line, rune(c))
		}
		if n > len(b) {
			return
		}
		b = b[n:]
	}
}

// extended708 are the letters of G2.
var extended708 = map[byte]rune{
	0x20: ' ', 0x21: ' ', 0x25: '…', 0x2a: 'Š', 0x2c: 'Œ', 0x30: '█', 0x31: '‘', 0x32: '’', 0x33: '“', 0x34: '”', 0x35: '•', 0x39: '™',
	0x3a: 'š', 0x3c: 'œ', 0x3d: '℠', 0x3f: 'Ÿ', 0x76: '⅛', 0x77: '⅜', 0x78: '⅝', 0x79: '⅞', 0x7a: '│', 0x7b: '┐', 0x7c: '└', 0x7d: '─', 0x7e: '┘', 0x7f: '┌',
}

func (s *service708) extended(at schema.Time, line int, b []byte) int {
	if len(b) < 2 {
		return 2
	}
	switch c := b[1]; {
	case c < 0x08:
		return 2
	case c < 0x20:
		return 2 + int(c>>3)
	case c >= 0x80 && c < 0x88:
		return 6
	case c >= 0x88 && c < 0x90:
		return 7
	case c >= 0x90 && c < 0xa0:
		if len(b) < 3 {
			return 3
		}
		return 3 + int(b[2]&0x3f)
	case c < 0x80:
		if r := extended708[c]; r != 0 {
			s.put(at, line, r)
		} else {
			s.put(at, line, '_') // as the standard requires
		}
	}
	return 2 // G3 holds only the sign of closed captioning
}

func (s *service708) control(at schema.Time, line int, b []byte) {
	w := s.windows[s.current]
	switch {
	case w == nil:
	case b[0] == 0x08: // backspace
		if w.col > 0 {
			w.col--
			if r := w.open(); w.col < len(r.cells) {
				r.cells[w.col] = 0
			}
		}
	case b[0] == 0x0c: // form feed
		s.clear(at, w)
	case b[0] == 0x0d: // carriage return
		w.col = 0
		if w.row+1 < w.rows {
			w.row++
			return
		}
		s.end(at, w, 0, 1)
		if len(w.lines) > 0 {
			w.lines = w.lines[1:]
		}
		w.row = max(len(w.lines), 0)
		if w.row >= w.rows {
			w.row = w.rows - 1
		}
	case b[0] == 0x0e: // to the beginning of the row
		s.end(at, w, w.row, w.row+1)
		if r := w.open(); r != nil {
			r.cells, r.shown = nil, false
		}
		w.col = 0
	case b[0] == 0x18: // a character of two bytes
		for _, r := range utf16.Decode([]uint16{uint16(b[1])<<8 | uint16(b[2])}) {
			s.put(at, line, r)
		}
	}
}

// open returns the row receiving letters.
func (w *window708) open() *row708 {
	for len(w.lines) <= w.row {
		w.lines = append(w.lines, row708{})
	}
	return &w.lines[w.row]
}

func (s *service708) put(at schema.Time, line int, c rune) {
	w := s.windows[s.current]
	if w == nil || c < ' ' || w.col >= 64 {
		return
	}
	r := w.open()
	for len(r.cells) <= w.col {
		r.cells = append(r.cells, 0)
	}
	if r.line == 0 {
		r.line = line
	}
	r.cells[w.col] = c
	w.col++
	if w.visible && !r.shown && c != ' ' {
		r.shown, r.since, r.line = true, at, line
	}
}

func (s *service708) command(at schema.Time, line int, b []byte) {
	switch c := b[0]; {
	case c < 0x88: // set the current window
		s.current = int(c & 7)
	case c <= 0x8c: // clear, display, hide, toggle, delete windows
		for i, w := range s.windows {
			if w == nil || b[1]&(1<<i) == 0 {
				continue
			}
			switch {
			case c == 0x88:
				s.clear(at, w)
			case c == 0x89, c == 0x8b && !w.visible:
				s.show(at, w)
			case c == 0x8a, c == 0x8b:
				s.hide(at, w)
			default:
				s.hide(at, w)
				s.windows[i] = nil
			}
		}
	case c == 0x8f: // reset
		s.hideAll(at)
		s.windows = [8]*window708{}
	case c == 0x92: // the position of the pen
		if w := s.windows[s.current]; w != nil {
			w.row, w.col = min(int(b[1]&0x0f), w.rows-1), int(b[2]&0x3f)
		}
	case c >= 0x98: // define a window
		s.define(at, int(c&7), b[1:])
	}
	_ = line
}

// define creates or changes a window. The words of an existing window stay.
func (s *service708) define(at schema.Time, i int, b []byte) {
	w := s.windows[i]
	if w == nil {
		w = &window708{}
		s.windows[i] = w
	}
	s.current = i
	w.rows = int(b[3]&0x0f) + 1
	w.row = min(w.row, w.rows-1)
	if n := len(w.lines) - w.rows; n > 0 {
		s.end(at, w, 0, n)
		w.lines = w.lines[n:]
	}
	switch visible := b[0]&0x20 != 0; {
	case visible && !w.visible:
		s.show(at, w)
	case !visible && w.visible:
		s.hide(at, w)
	}
}

func (s *service708) show(at schema.Time, w *window708) {
	w.visible = true
	for i := range w.lines {
		if r := &w.lines[i]; r.text() != "" && !r.shown {
			r.shown, r.since = true, at
		}
	}
}

func (s *service708) hide(at schema.Time, w *window708) {
	s.end(at, w, 0, len(w.lines))
	w.visible = false
}

func (s *service708) hideAll(at schema.Time) {
	for _, w := range s.windows {
		if w != nil {
			s.hide(at, w)
		}
	}
}

func (s *service708) clear(at schema.Time, w *window708) {
	s.end(at, w, 0, len(w.lines))
	w.lines, w.row, w.col = nil, 0, 0
}

func (s *service708) finish() { s.hideAll(forever) }

// end turns disappearing rows into cues. Rows with the same start are a single cue.
func (s *service708) end(at schema.Time, w *window708, from, to int) {
	var words []string
	var first *row708
	emit := func() {
		if first != nil && len(s.cues) <= maxCues {
			s.cues = append(s.cues, labelled{first.line, Cue{Start: first.since, End: at, Text: strings.Join(words, "\n")}})
		}
		first, words = nil, nil
	}
	for i := from; i < min(to, len(w.lines)); i++ {
		r := &w.lines[i]
		if !r.shown || r.text() == "" {
			continue
		}
		if first != nil && r.since != first.since {
			emit()
		}
		if first == nil {
			first = r
		}
		words = append(words, r.text())
		r.shown = false
	}
	emit()
}
