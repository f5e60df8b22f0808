package byshot

// Cosine returns the cosine of two vectors of length 1 and of the same dimension.
func Cosine(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
