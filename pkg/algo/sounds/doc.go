// Package sounds is the algorithm that finds where somebody speaks, where somebody sings, and where music plays, in every sound track of a film.
// Other algorithms read where somebody speaks: transcripts are made of speech alone, and subtitles are compared with speech.
//
// The contract:
//
//   - Kind "sound", label "speech", "singing" or "music": a stretch of sound, from its beginning to its end, to about a tenth of a second. Stretches of
//     different labels overlap where both are heard.
//   - The annotations of a track follow each other by their end. Confidence is the mean probability of the stretch.
//   - Attribute "track": the index of the sound track. The language is the language of the track.
package sounds
