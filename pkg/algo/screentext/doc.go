// Package screentext is the algorithm that reads the text of the picture: titles, signs, letters, credits, burnt-in subtitles. The networks are those
// of PP-OCRv5: see package ocr.
//
// The contract of an annotation:
//
//   - Kind "screen_text": a line of text through the stretch in which the line is seen, with the region. The text is the reading with the highest
//     confidence. A line that moves, as in credits, is followed; the region is that of the best reading.
//   - A frame is read twice a second, and where the picture changes. A line is seen from the first frame with the line to the first frame without.
//   - A line is told if the line was read with a confidence of 0.8, or twice with 0.6. At most 40 lines of a frame are read.
//   - Attribute "credits" is true for lines of credits: five lines or more at once, or lines that go up.
//   - Lines are in the order in which they end.
package screentext
