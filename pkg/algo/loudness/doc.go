// Package loudness is the algorithm that measures how loud the sound tracks of a film are (EBU R 128), and that finds silence and the test tone.
//
// The contract:
//
//   - Kind "loudness", label "programme": a whole track. Attributes "integrated" (LUFS), "range" (LU, EBU Tech 3342), "true_peak" (dBTP),
//     "momentary" and "short_term" (the greatest values, LUFS).
//   - Kind "loudness", label "loud" or "quiet": three seconds or more in which the short-term loudness is far from the integrated loudness. Attribute
//     "short_term": the greatest or the least value.
//   - Kind "silence": half a second or more without any sample above -60 dBFS, in any channel. Attribute "seconds".
//   - Kind "tone": a second or more of a sine of 1 kHz, as beside colour bars, in all channels that are not silent. The tone may have short pauses, as the
//     tone that names the left channel has. Attributes "level" (dBFS) and "seconds".
//   - Attribute "track": the index of the sound track. The language is the language of the track.
//   - A track without sound above the gate has an integrated loudness of -70 LUFS, and a digital silence a true peak of -100 dBTP.
//   - Samples have 16 bits, so a peak that the decoder of a lossy track would put above full scale is measured as clipped.
//
// Loudness follows ITU-R BS.1770-4: K-weighting, channel weights, gating, and peaks of the signal at four times the rate. The measures agree with
// ffmpeg's ebur128: see the package's tests.
package loudness
