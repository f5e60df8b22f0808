// Package oncamera is the algorithm that says whether a speaker is seen: the voices of the algorithm speakers are joined with the faces of the algorithm persons, by
// their common time. Editors look for reactions while somebody else speaks, and for lines that may be said anew.
//
// The contract:
//
//   - Kind "on_camera": a turn of a speaker, with label "on camera" where the face of the speaker is seen in at least half of the turn, and "off camera"
//     otherwise.
//   - The face of a voice is the person who is seen in the largest share of the voice's time. The share is at least a half, no less than the person's share
//     of all speech, and at least two seconds. A voice without a face has no annotation, since nothing tells a face that is never found from a narrator.
//   - Attributes: "speaker" and "person" are the numbers of the kinds "speaker" and "person". "seen" is the share of the turn in which the face is seen. Confidence
//     is the share of the voice's time in which the face is seen.
//   - Two voices MAY have the same face.
package oncamera
