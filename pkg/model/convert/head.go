package convert

import (
	"encoding/binary"
	"math"
)

// HeadMagic begins a head file.
const HeadMagic = "cinedex head 1\n"

// EfficientNetHead writes the last layer of EfficientNet-Lite2, which computes labels from feature vectors, and the mean of the feature vectors of
// ImageNet's pictures. After HeadMagic come little-endian float32: the weights [1000,1280], the biases [1000], the mean [1280].
//
// The mean is computed from the network instead of measured. The last batch normalisation brings each channel to mean beta and standard deviation
// |gamma| over the pictures of the training. Then each channel is clipped to 0..6 and averaged over the picture. For a normal distribution, the mean
// of a clipped channel has a closed form.
func EfficientNetHead(checkpointPath, headPath string) error {
	return build(checkpointPath, headPath, func(c checkpoint) []byte {
		weights, bias := c.get("_fc.weight"), c.get("_fc.bias")
		gamma, beta := c.get("_bn1.weight").data, c.get("_bn1.bias").data
		out := []byte(HeadMagic)
		for _, values := range [][]float32{weights.data, bias.data} {
			for _, v := range values {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
			}
		}
		for i := range beta {
			m := clippedMean(float64(beta[i]), math.Abs(float64(gamma[i])))
			// Rounded, so that the last bit of a processor's exponential does not matter.
			m = math.Round(m*4096) / 4096
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(m)))
		}
		return out
	})
}

// clippedMean is the expectation of min(max(x, 0), 6) for a normal x.
func clippedMean(mean, deviation float64) float64 {
	// excess is the expectation of max(x-limit, 0).
	excess := func(limit float64) float64 {
		z := (mean - limit) / deviation
		density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
		return deviation*density + (mean-limit)*math.Erfc(-z/math.Sqrt2)/2
	}
	return excess(0) - excess(6)
}
