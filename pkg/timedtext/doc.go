// Package timedtext reads subtitles and captions as they are found: SRT, WebVTT,
// TTML, EBU STL, SCC and MCC, in their usual encodings.
//
// [Parse] returns a [Track]: cues on the asset's clock, and the cues that were left
// out, each with its reason. [WriteWebVTT] writes the one form in which tracks are
// kept. The package reads bytes that it is given; package media takes tracks out of
// films.
package timedtext
