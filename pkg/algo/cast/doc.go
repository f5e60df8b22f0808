// Package cast is the algorithm that names the speakers of a title. Some subtitles say who speaks: a WebVTT voice, a TTML agent, or a name in capitals before a
// colon. The algorithm speakers says which turns are of a voice. A voice takes the name under which the voice is heard most.
//
// The contract:
//
//   - Kind "cast": a turn of a named speaker, with the turn's interval. Label and character are the name, in the spelling of the subtitles that is most
//     frequent; a spelling with small letters comes before a spelling in capitals.
//   - A voice has a name if at least two seconds of the voice are named, and if the name has more than half of the voice's named time, tracks of every
//     language together. Two voices MAY have the same name.
//   - Attribute "speaker": the number of the speaker, as in kind "speaker". Attribute "share": the name's share of the voice's named time. Confidence is the
//     confidence of the turn, times the share.
//   - Titles whose subtitles name nobody have no cast.
package cast
