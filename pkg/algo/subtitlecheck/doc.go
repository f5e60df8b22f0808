// Package subtitlecheck is the algorithm that compares the subtitles of a film with the speech of the film, as package sounds hears the speech, and that measures
// how fast a cue has to be read.
//
// The contract of an annotation of kind "subtitle_fault":
//
//   - Label "late cue" or "early cue": the cue begins so long after, or before, the speech. The interval is the cue's. Attribute "ms" is the distance of the cue
//     from the speech, and always above 0.
//   - Label "missing cue": somebody speaks, and no cue is shown. The interval is the speech's. Attribute "ms" is the length of the speech.
//   - Label "fast cue": the cue has more characters a second than people read. Attribute "cps" is the characters a second.
//   - Attribute "track" names the text track as the kind "dialogue" does, "track_language" is the language of the track.
//   - The text of the cue is the text of the annotation. Sounds in brackets and songs between notes are no speech: see said.
//   - The confidence is the confidence of the speech; 1 for a fast cue.
//
// Cues and stretches of speech are brought together by the alignment of Gale and Church (A Program for Aligning Sentences in Bilingual Corpora, Computational
// Linguistics 19, 1993): blocks of some cues and some stretches of speech, with the least sum of costs. A track that is shifted as a whole is
// found first, by the shift at which cues and speech share the most time, so a shift of ten seconds is a shift of ten seconds and no other cue's.
//
// The limits of reading are of Netflix's Timed Text Style Guide, for adults. A cue may stand a little before the speech
// and after; the limits of late and early are above the errors of the speech's times, which are about a tenth of a second.
package subtitlecheck
