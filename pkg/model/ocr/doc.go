// Package ocr reads the text of a picture with PP-OCRv5: a network that finds lines of text, and a network that reads a line. The algorithm screentext
// uses the package.
//
// Lines are upright rectangles: text that is turned by more than some degrees is read badly. The reader knows Latin letters with most accents, Chinese,
// Japanese and digits, and no other script: such lines come back with a low confidence, or as wrong letters. Equal pictures give equal lines, to the
// last bit.
package ocr
