package apitest

import "image/color"

// VectorOf is the vector that words have in a space of the tests.
func VectorOf(space, words string) []float32 {
	if c, ok := map[string]color.RGBA{"red": Red, "green": Green, "blue": Blue}[words]; ok && space != Sentences {
		return colourVector(c)
	}
	return wordsVector(words)
}
