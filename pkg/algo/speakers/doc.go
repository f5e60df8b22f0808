// Package speakers is the algorithm that says who speaks when. The speech that the algorithm sounds has found is described by GE2E's vectors of voices,
// 1.6 s of speech at a time, and the vectors are grouped within the title. No name is known: the algorithm cast names the speakers of a title with
// subtitles.
//
// The contract:
//
//   - Kind "speaker": a turn of a speaker, from the beginning to the end of the speech, with label "speaker 1", "speaker 2" and so on, by the first
//     appearance in the title. The first sound track is heard. Turns follow each other in time. Pauses of up to 0.6 s are part of a turn.
//   - Attribute "speaker" is the number, and "track" the index of the sound track. Confidence is the likeness to the speaker beside the other speakers.
//   - Space voice@1: the mean vector of a turn, of the annotation of kind "speaker".
//   - Speech of less than a third of a second has no speaker. Of people who speak at the same time, one is told.
//   - The windows of a title are bounded: speech behind the first four hours of speech has no speaker.
//
// Windows are grouped by the mean cosine of their pairs (average linkage), within a stretch of speech first. A group is a speaker if the group holds a whole
// stretch of speech of two seconds, or 3.6 s in a row: other groups are mixtures of two voices at a change of turns. Then the cheapest path through the speakers
// (Viterbi 1967), in which a change of turns has a cost, says who speaks in each tenth of a second.
package speakers
