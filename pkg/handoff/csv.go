package handoff

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// csvHeader are the columns of the table. Times are in seconds with 9 decimals, on the clock of the source.
var csvHeader = []string{
	"number", "title", "asset", "file", "name", "kind", "start_frame", "end_frame", "start_timecode", "end_timecode", "start_seconds", "end_seconds", "rate",
	"confidence", "language", "text", "note", "colour", "run", "query",
}

func writeCSV(w *sink, l List, _ Options) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader); err != nil {
		return fmt.Errorf("writing the columns: %w", err)
	}
	for i, clip := range l.Clips {
		s, iv := clip.Source, clip.Interval()
		var languages, texts []string
		for _, t := range clip.Texts {
			languages, texts = append(languages, t.Language), append(texts, t.Text)
		}
		row := []string{
			strconv.Itoa(i + 1), s.Title, s.Asset, s.Name, line(clip.Name), clip.Kind, strconv.FormatInt(clip.Start, 10), strconv.FormatInt(clip.End, 10),
			s.Scale.Format(clip.Start), s.Scale.Format(clip.End), decimal(iv.Start), decimal(iv.End), s.Rate.String(),
			strconv.FormatFloat(float64(clip.Confidence), 'f', -1, 32), strings.Join(languages, " "), strings.Join(texts, "\n"), clip.Note, clip.Colour.String(), clip.Run, clip.Query,
		}
		if err := writeCells(c, row); err != nil {
			return fmt.Errorf("writing row %d: %w", i+1, err)
		}
	}
	c.Flush()
	return c.Error()
}

// writeCells writes a row of cells.
func writeCells(c *csv.Writer, row []string) error {
	for i := range row {
		row[i] = cell(row[i])
	}
	return c.Write(row)
}

// cell returns a value that no spreadsheet takes for a formula. A negative number stays.
func cell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// uncell is the value that cell was given.
func uncell(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@\t\r", rune(s[1])) {
		return s[1:]
	}
	return s
}

// decimal writes a time in seconds with 9 decimals. schema.FromDuration gives the same time back.
func decimal(t schema.Time) string {
	d := schema.Duration(t)
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%09d", sign, d/1e9, d%1e9)
}
