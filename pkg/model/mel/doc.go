// Package mel computes mel spectrograms as librosa and openai/whisper do: transforms of 25 ms, 10 ms apart, at 16 kHz, and the filters of Slaney's
// auditory toolbox, of equal area, up to half the rate. The models that hear use the package.
//
// The contract:
//
//   - [New] makes a [Spectrum] of a number of bands. A Spectrum serves one goroutine at a time.
//   - [Spectrum.Frame] writes the power of each band at a place. The caller decides on sound before the first and after the last sample, and on
//     logarithms.
//   - The same samples give the same numbers, to the bit.
package mel
