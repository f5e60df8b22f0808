package schema

import (
	"cmp"
	"strconv"
)

// CompareVersions orders two versions of an algorithm: whole numbers as numbers, and anything else as text.
func CompareVersions(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}
