package timedtext

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// textLineEnds are the line ends of text files. CR CR LF is a single line end: a program wrote CR LF through another
// program, which turned LF into CR LF.
var textLineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\r", "\n")

// lines splits a text at line ends of all kinds, and removes byte order marks from the starts of lines, which joined files have.
func lines(text string) []string {
	all := strings.Split(textLineEnds.Replace(text), "\n")
	for i, l := range all {
		all[i] = strings.TrimLeft(l, "\ufeff")
	}
	return all
}

const looseTime = `-?\s*\d{1,6}\s*:\s*\d{1,3}(?:\s*:\s*\d{1,3})?(?:\s*[,.:;]\s*\d{1,9})?`

var (
	// srtTiming is "00:00:01,000 --> 00:00:02,000" and its loose forms. Text after the second time is a position.
	srtTiming = regexp.MustCompile(`^\s*(` + looseTime + `)\s*(?:-{1,3}|–|—)\s?>\s*(` + looseTime + `)(\s.*)?$`)
	// hours matches a time with hours or a fraction. Text such as "10:30 --> 11:00" has neither.
	hours       = regexp.MustCompile(`:[^:]*:|[,.]`)
	startOfTime = regexp.MustCompile(`^\s*-?\d+\s*:\s*\d+\s*[:.,]`)
	digits      = regexp.MustCompile(`^\s*\d{1,9}\s*$`)
)

// srt reads SubRip by its timing lines. A line with an arrow between two times begins a cue, with or without a blank line before. A number directly
// before the timing line is the number of the cue. All other lines between two timing lines are text, blank lines and numbers included.
func (p *parser) srt(text string) {
	all := lines(text)
	type start struct{ first, timing int } // first is the line of the number, or the timing line
	var starts []start
	last, number := -1, int64(0) // the last timing line, and the number of the timing line's cue
	for i, l := range all {
		if !strings.Contains(l, ">") {
			continue
		}
		numbered := i > 0 && digits.MatchString(all[i-1]) && i-1 > last
		if !isSRTTiming(l, numbered && (i == 1 || strings.TrimSpace(all[i-2]) == "")) {
			continue
		}
		s := start{i, i}
		at := i - 1
		for at > last && strings.TrimSpace(all[at]) == "" {
			at--
		}
		if at > last && digits.MatchString(all[at]) {
			n, _ := strconv.ParseInt(strings.TrimSpace(all[at]), 10, 64)
			// A number followed by a blank line may be the cue's number or the text of the cue before. A number as the
			// only text of the cue before may be either as well. Such a number is the cue's number if the number
			// continues the numbering.
			onlyText := last >= 0 && at == last+1
			if at == i-1 && !onlyText || n == number+1 || last < 0 {
				s.first, number = at, n
			} else {
				number = 0
			}
		}
		starts, last = append(starts, s), i
	}
	for i, s := range starts {
		end := len(all)
		if i+1 < len(starts) {
			end = starts[i+1].first
		}
		from, to, unit, err := arrow(all[s.timing])
		if err != nil {
			p.bad(s.timing+1, "%s", err)
			continue
		}
		words := strings.Join(append(besideTimes(all[s.timing]), all[s.timing+1:end]...), "\n")
		if p.opts.Plain {
			words = assLetters.Replace(assEscapes.Replace(words))
		} else {
			words = srtWords(words)
		}
		p.addRounded(s.timing+1, unit, Cue{Start: from, End: to, Text: words})
	}
}

// isSRTTiming reports whether a line separates cues: an arrow between two times, or a broken form of an arrow between
// two times. Text with an arrow is text. With afterNumber, the line follows a number, which follows a blank line.
func isSRTTiming(l string, afterNumber bool) bool {
	if m := srtTiming.FindStringSubmatch(l); m != nil {
		return afterNumber || hours.MatchString(m[1]) && hours.MatchString(m[2])
	}
	return strings.Contains(l, "-->") && (afterNumber || startOfTime.MatchString(l))
}

// besideTimes returns text on the timing line. Positions such as "X1:40" and "align:start" are not text.
func besideTimes(timing string) []string {
	m := srtTiming.FindStringSubmatch(timing)
	if m == nil {
		return nil
	}
	for _, field := range strings.Fields(m[3]) {
		if !strings.Contains(field, ":") {
			return []string{m[3]}
		}
	}
	return nil
}

// arrow reads "00:00:01,000 --> 00:00:02,000" and ignores settings after the times. unit is the coarser unit of the two
// times' roundings.
func arrow(line string) (start, end, unit schema.Time, err error) {
	if m := srtTiming.FindStringSubmatch(line); m != nil {
		return span(m[1], m[2])
	}
	a, b, _ := strings.Cut(line, "-->")
	fields := strings.Fields(b)
	if len(fields) == 0 {
		return 0, 0, 0, fmt.Errorf("has no end")
	}
	return span(a, fields[0])
}

// span reads the two times of a cue.
func span(from, to string) (start, end, unit schema.Time, err error) {
	start, a, err := clockTime(from)
	if err != nil {
		return 0, 0, 0, err
	}
	end, b, err := clockTime(to)
	return start, end, max(a, b), err
}
