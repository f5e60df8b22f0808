// Package beats is the algorithm that finds the beats of music, and how fast the music is. Editors cut on beats.
//
// The contract:
//
//   - Kind "beat": an instant at which a listener taps a foot. An annotation lasts 40 ms from the beat on. The label is "beat", or "strong beat" for the
//     stronger half. Attribute "strength" is the strength of the beat, 0 to 1, within its stretch of music, and "bpm" the tempo around the beat.
//   - Kind "tempo": a stretch of music of a tempo, with label "120 bpm, fast": "slow" below 76 beats a minute, "moderate" below 120, "fast" below 168,
//     and "very fast" from there on. Attributes: "bpm", and "beats", the number of beats.
//   - Attribute "track": the index of the sound track. The first sound track is heard, where the algorithm sounds has found music.
//   - Music without a clear pulse has neither. Confidence is the clearness of the pulse.
//
// The method: the growth of loudness in forty bands of the mel scale says where notes begin; the autocorrelation of that growth, eight seconds at a time, says
// how likely each tempo is, and the cheapest path says how the tempo moves (Viterbi 1967); beats are the places where most begins, at distances near the
// tempo's (Ellis, "Beat tracking by dynamic programming", 2007).
package beats
