// Package timedtext reads subtitles and captions in the formats and encodings of real files, and returns cues on the
// asset's clock. The ingestor reads side-cars with the package, package media reads tracks and captions inside films,
// and the dialogue algorithm reads the stored tracks back. The package guarantees three properties. A fault in a cue
// costs only this cue. Every choice left open by the file is reported. Memory and time are bounded.
//
// The contract:
//
//   - [Parse] accepts SRT, WebVTT, TTML and its profiles, EBU STL, SCC, MCC, ASS, SSA, SubViewer and MicroDVD. [ParseSamples] reads TTML inside MP4,
//     and [CaptionTracks] reads closed captions of CEA-608 and CEA-708.
//   - A [Track] holds cues in order of start. Track.Bad names each unusable cue with a reason. Track.Notes names guesses and corrections.
//   - Text over a limit is refused as a whole, as [ErrTooLarge]. Text is never cut.
//   - Text without a usable cue, or in an unknown format, is an error of kind Invalid.
//   - [WriteWebVTT] writes the stored form of a track. Parse reads the stored form back without loss.
//   - The package does no I/O.
package timedtext
