package timedtext

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A captionPair is two bytes of CEA-608 ("line 21"), with the time at which a decoder receives the bytes.
type captionPair struct {
	at     schema.Time
	line   int  // of the file
	second bool // field 2
	a, b   byte
}

const (
	rows608 = 15
	cols608 = 32
)

// A screen608 holds the characters of a caption memory; 0 is an empty cell.
type screen608 [rows608 + 1][cols608]rune // rows count from 1

// text returns the words of a row.
func (s *screen608) text(row int) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == 0 {
			return ' '
		}
		return r
	}, string(s[row][:])))
}

// A mode608 is the way in which captions are sent.
type mode608 uint8

const (
	unset608 mode608 = iota // no captions before the first code of a mode
	popOn
	rollUp
	paintOn
	text608 // the text service: not captions
)

// A channel608 decodes a channel of CC1 to CC4 (47 CFR 15.119, CEA-608), and turns screens of captions into cues. Rows
// with the same times of appearing and disappearing are a single cue. A rolling row is a cue of its own, from the first
// letter until the row leaves the screen.
type channel608 struct {
	name          string
	mode          mode608
	depth         int // rows of a roll-up
	row, col      int
	shown, loaded screen608
	since         [rows608 + 1]schema.Time // the time at which each row of shown appeared
	lines         [rows608 + 1]int         // the line of the file of each row of shown
	last          schema.Time              // the time of the last painted letter
	painting      schema.Time              // the time at which the current painting began
	cues          []labelled
	texts         int // letters of the text service
}

// decoder608 decodes the pairs of both fields.
type decoder608 struct {
	channels [4]*channel608
	current  [2]int // of each field: the channel receiving letters; -1 for none
	before   [2][2]byte
	xds      [2]bool
	doubled  bool // the source sends each code twice
	parity   int  // bytes with wrong parity
}

// decode608 returns the channels with captions. A caption without an erasure has the end forever.
func decode608(pairs []captionPair) (channels []*channel608, parity int) {
	d := &decoder608{current: [2]int{-1, -1}, doubled: isDoubled(pairs)}
	for i := range d.channels {
		d.channels[i] = &channel608{name: fmt.Sprintf("CC%d", i+1), row: rows608}
	}
	for _, p := range pairs {
		d.pair(p)
	}
	for _, c := range d.channels {
		c.erase(forever)
		if len(c.cues) > 0 || c.texts > 0 {
			channels = append(channels, c)
		}
	}
	return channels, d.parity
}

// isDoubled reports whether a source sends each control code twice, as the standard requires. If a source sends codes once, two equal codes are two
// codes.
func isDoubled(pairs []captionPair) bool {
	once, twice := 0, 0
	before := [2]captionPair{}
	for _, p := range pairs {
		field := 0
		if p.second {
			field = 1
		}
		if a, b := p.a&0x7f, p.b&0x7f; a&0x76 == 0x14 && b >= 0x20 && b < 0x30 {
			if last := before[field]; last.a&0x7f == a && last.b&0x7f == b {
				twice++
				p = captionPair{}
			} else {
				once++
			}
		}
		before[field] = p
	}
	return twice*4 >= once
}

func (d *decoder608) pair(p captionPair) {
	field := 0
	if p.second {
		field = 1
	}
	for _, b := range []byte{p.a, p.b} {
		if bits.OnesCount8(b)%2 == 0 {
			d.parity++
		}
	}
	a, b := p.a&0x7f, p.b&0x7f
	if a == 0 && b == 0 {
		return // padding does not separate the two copies of a code
	}
	repeated := d.doubled && a >= 0x10 && a < 0x20 && d.before[field] == [2]byte{a, b}
	d.before[field] = [2]byte{a, b}
	switch {
	case repeated:
		d.before[field] = [2]byte{}
	case a > 0 && a < 0x10: // extended data services, until 0Fh
		d.xds[field] = a != 0x0f
	case a >= 0x10 && a < 0x20:
		d.xds[field] = false
		channel := 0
		if a&0x08 != 0 {
			channel = 1
		}
		// The codes of a mode name their field. A file with a single field holds the codes of both.
		if a&0x76 == 0x14 && b >= 0x20 && b < 0x30 {
			d.current[field] = channel + 2*int(a&1)
		} else {
			d.current[field] = d.known(field, channel)
		}
		d.channels[d.current[field]].code(p, a&^0x08, b)
	case d.xds[field] || d.current[field] < 0:
	default:
		c := d.channels[d.current[field]]
		for _, r := range []byte{a, b} {
			if r >= 0x20 {
				c.put(p, basic608(r))
			}
		}
	}
}

// known returns the channel of a code without a field: a channel of the field's pair.
func (d *decoder608) known(field, channel int) int {
	if c := d.current[field]; c >= 2 || c < 0 && field == 1 {
		return channel + 2
	}
	return channel
}

// code executes a control code. The code is in the form of the first channel.
func (c *channel608) code(p captionPair, a, b byte) {
	switch {
	case b >= 0x40: // preamble: a row, and a column or a style
		c.preamble(p, a, b)
	case a == 0x11 && b >= 0x30: // special characters
		c.put(p, special608[b-0x30])
	case a == 0x11 && b >= 0x20: // mid-row: italics and colours take a cell
		c.put(p, ' ')
	case (a == 0x12 || a == 0x13) && b >= 0x20: // extended characters replace the letter before
		c.back()
		c.put(p, extended608[int(a-0x12)*32+int(b-0x20)])
	case a == 0x17 && b >= 0x21 && b <= 0x23: // tab offsets
		c.col = min(c.col+int(b-0x20), cols608-1)
	case a == 0x14 || a == 0x15:
		c.control(p, b)
	}
}

// control executes the codes of modes.
func (c *channel608) control(p captionPair, b byte) {
	switch b {
	case 0x20: // resume caption loading
		c.mode = popOn
	case 0x21: // backspace
		c.back()
	case 0x24: // delete to the end of the row
		if s := c.screen(); s != nil {
			c.change(p, c.row)
			clear(s[c.row][c.col:])
		}
	case 0x25, 0x26, 0x27: // roll-up of 2, 3 or 4 rows
		if c.mode != rollUp {
			c.erase(p.at)
			c.loaded = screen608{}
			c.row = rows608
		}
		c.mode, c.depth, c.col = rollUp, int(b-0x23), 0
		for row := 1; row <= c.row-c.depth; row++ {
			c.emit(p.at, []int{row})
			c.shown[row] = [cols608]rune{}
		}
	case 0x28: // flash on takes a cell
		c.put(p, ' ')
	case 0x29: // resume direct captioning
		c.mode, c.last = paintOn, -forever
	case 0x2a, 0x2b: // the text service
		c.mode = text608
	case 0x2c: // erase displayed memory
		c.erase(p.at)
	case 0x2d: // carriage return
		if c.mode == rollUp {
			c.roll(p.at)
		}
	case 0x2e: // erase non-displayed memory
		c.loaded = screen608{}
	case 0x2f: // end of caption: the memories are exchanged
		old := c.shown
		c.erase(p.at)
		c.shown, c.loaded, c.mode = c.loaded, old, popOn
		for row := range c.since {
			c.since[row], c.lines[row] = p.at, p.line
		}
	}
}

// screen returns the memory receiving letters; nil for none.
func (c *channel608) screen() *screen608 {
	switch c.mode {
	case popOn:
		return &c.loaded
	case rollUp, paintOn:
		return &c.shown
	}
	return nil
}

var rows608Of = map[byte]int{0x11: 1, 0x12: 3, 0x15: 5, 0x16: 7, 0x17: 9, 0x10: 11, 0x13: 12, 0x14: 14}

func (c *channel608) preamble(p captionPair, a, b byte) {
	row := rows608Of[a]
	if b&0x20 != 0 && a != 0x10 {
		row++
	}
	if row == 0 || c.mode == unset608 || c.mode == text608 {
		return
	}
	if c.mode == rollUp && row != c.row {
		c.move(max(row, c.depth))
		row = c.row
	}
	c.row, c.col = row, 0
	if b&0x10 != 0 { // an indent
		c.col = int(b&0x0e) * 2
	}
}

// move moves the rows of a roll-up to another base row.
func (c *channel608) move(base int) {
	var shown screen608
	since, lines := c.since, c.lines
	for i := range c.depth {
		if from, to := c.row-i, base-i; from > 0 && to > 0 {
			shown[to], since[to], lines[to] = c.shown[from], c.since[from], c.lines[from]
		}
	}
	c.shown, c.since, c.lines, c.row = shown, since, lines, base
}

// put writes a letter, and moves the cursor.
func (c *channel608) put(p captionPair, r rune) {
	s := c.screen()
	if s == nil {
		c.texts++
		return
	}
	if s == &c.shown && r != ' ' {
		c.paint(p)
	}
	s[c.row][c.col] = r
	c.col = min(c.col+1, cols608-1)
}

// pause608 is the longest time between two letters painted as a single caption.
const pause608 = schema.Second

// paint records the time at which a row appears. Letters over existing letters end the existing caption.
func (c *channel608) paint(p captionPair) {
	if c.shown[c.row][c.col] > ' ' {
		c.change(p, c.row)
	}
	if c.mode == rollUp || p.at-c.last > pause608 {
		c.painting = p.at
	}
	c.last = p.at
	if c.shown.text(c.row) == "" {
		c.since[c.row], c.lines[c.row] = c.painting, p.line
	}
}

// change ends the caption of a row whose letters change while the row is shown.
func (c *channel608) change(p captionPair, row int) {
	if c.screen() != &c.shown || c.shown.text(row) == "" || p.at-c.since[row] <= pause608 {
		return // nobody read a text corrected at once
	}
	c.emit(p.at, []int{row})
	c.since[row], c.lines[row] = p.at, p.line
}

// back deletes the letter before the cursor.
func (c *channel608) back() {
	if s := c.screen(); s != nil && c.col > 0 {
		c.col--
		s[c.row][c.col] = 0
	}
}

// roll moves the rows of a roll-up up by a row. The topmost row leaves the screen.
func (c *channel608) roll(at schema.Time) {
	top := max(c.row-c.depth+1, 1)
	c.emit(at, []int{top})
	for row := top; row < c.row; row++ {
		c.shown[row], c.since[row], c.lines[row] = c.shown[row+1], c.since[row+1], c.lines[row+1]
	}
	c.shown[c.row] = [cols608]rune{}
	c.col = 0
}

// erase ends all shown captions. Rows with the same start are a single cue.
func (c *channel608) erase(at schema.Time) {
	var group []int
	for row := 1; row <= rows608; row++ {
		if c.shown.text(row) == "" {
			continue
		}
		if len(group) > 0 && c.since[group[0]] != c.since[row] {
			c.emit(at, group)
			group = nil
		}
		group = append(group, row)
	}
	c.emit(at, group)
	c.shown = screen608{}
}

// emit makes a cue of ending rows.
func (c *channel608) emit(end schema.Time, rows []int) {
	var words []string
	first := 0
	for _, row := range rows {
		if t := c.shown.text(row); t != "" {
			words = append(words, t)
			if first == 0 {
				first = row
			}
		}
	}
	if first > 0 && len(c.cues) <= maxCues {
		c.cues = append(c.cues, labelled{c.lines[first], Cue{Start: c.since[first], End: end, Text: strings.Join(words, "\n")}})
	}
}

// basic608 returns a letter of the basic set, which differs from ASCII in a few letters.
func basic608(b byte) rune {
	if r := different608[b]; r != 0 {
		return r
	}
	return rune(b)
}

var different608 = map[byte]rune{0x2a: 'á', 0x5c: 'é', 0x5e: 'í', 0x5f: 'ó', 0x60: 'ú', 0x7b: 'ç', 0x7c: '÷', 0x7d: 'Ñ', 0x7e: 'ñ', 0x7f: '█'}

// special608 includes a transparent space. extended608 are the sets of Spanish and French, then of Portuguese, German and Danish.
var (
	special608  = []rune("®°½¿™¢£♪à èâêîôû")
	extended608 = []rune("ÁÉÓÚÜü‘¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»" + "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤¦ÅåØø┌┐└┘")
)
