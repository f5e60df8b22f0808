package screentext

import (
	"strings"
	"unicode"

	"github.com/cinedex/cinedex/pkg/model/ocr"
)

// A line is a line of text through a stretch of the film.
type line struct {
	first, last int64 // frames in which the line was read
	latest      ocr.Line
	best        ocr.Line
	readings    int
	rises       int // readings above the reading before
	beside      int // most lines that were seen at once
	order       int // of the first appearance
}

const (
	// alike is the share of letters in common from which two readings are of one line.
	alike = 0.7
	// jump is how far a line may move between two readings, in heights of the picture.
	jump = 0.25
)

// same reports whether a reading is of a line: nearly the same letters, not far away.
func (l *line) same(o ocr.Line, height int) bool {
	move := max(l.latest.Y-o.Y, o.Y-l.latest.Y)
	if float64(move) > jump*float64(height) {
		return false
	}
	return likeness(l.latest.Text, o.Text) >= alike
}

func (l *line) add(frame int64, o ocr.Line, beside int) {
	if l.readings > 0 && o.Y < l.latest.Y {
		l.rises++
	}
	if l.readings == 0 || o.Confidence > l.best.Confidence {
		l.best = o
	}
	l.last, l.latest = frame, o
	l.readings++
	l.beside = max(l.beside, beside)
}

const (
	surely, perhaps = 0.8, 0.6
	// crowd is the number of lines at once from which lines are credits.
	crowd = 5
	// climbs is the number of times that a line of credits goes up.
	climbs = 2
)

// sure reports whether a line is told.
func (l *line) sure() bool {
	if letters := strings.Count(normal(l.best.Text), "") - 1; letters < 2 {
		return false
	}
	return l.best.Confidence >= surely || l.readings > 1 && l.best.Confidence >= perhaps
}

func (l *line) credits() bool { return l.beside >= crowd || l.rises >= climbs }

// normal are the letters of a reading, without case and spaces.
func normal(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// likeness is one less the edits between two readings, by the length of the longer (Levenshtein).
func likeness(a, b string) float64 {
	x, y := []rune(normal(a)), []rune(normal(b))
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		before := row[0]
		row[0] = i + 1
		for j, s := range y {
			cost := before
			if r != s {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return 1 - float64(row[len(y)])/float64(max(len(x), len(y)))
}

// A follower joins the lines of frames.
type follower struct {
	height int
	open   []*line
	order  int
}

// frame takes the lines of a frame, and returns the lines that have ended, in the order of their first appearance.
func (f *follower) frame(n int64, read []ocr.Line) (ended []*line) {
	taken := make([]bool, len(read))
	kept := f.open[:0]
	for _, l := range f.open {
		best, at := 0.0, -1
		for i, o := range read {
			if taken[i] || !l.same(o, f.height) {
				continue
			}
			if s := likeness(l.latest.Text, o.Text); s > best {
				best, at = s, i
			}
		}
		if at < 0 {
			ended = append(ended, l)
			continue
		}
		taken[at] = true
		l.add(n, read[at], len(read))
		kept = append(kept, l)
	}
	f.open = kept
	for i, o := range read {
		if !taken[i] {
			l := &line{first: n, order: f.order}
			f.order++
			l.add(n, o, len(read))
			f.open = append(f.open, l)
		}
	}
	return ended
}
