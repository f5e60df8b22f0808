// Package handoff writes lists of clips for editing programs, and reads the markers and edit lists of editing programs.
//
// A [List] is a plain value: clips in order, each a range of frames of a [Source]. The hits of a search and all annotations of a kind become a List.
// The search API writes lists, and the ingestor reads markers.
//
// The contract:
//
//   - In and out of a clip are frames of the source, half-open. Every format writes the first frame as its in point. A format whose out point is
//     exclusive writes the frame after the last; package handoff has no format with an inclusive out point.
//   - A format with labels (EDL, ALE, Avid, Resolve, Pro Tools, Premiere XML) writes the labels of [schema.TimecodeScale], from the start timecode of
//     the source. A label is drop frame where the source is drop frame. Labels begin again at midnight.
//   - A format with times (OpenTimelineIO, FCPXML, Web Annotation, CSV) writes times of [schema.Clock]. At a constant rate, a time is a whole number of
//     frames, counted from 00:00:00:00 of the timecode. At a variable rate, a time is read from the frame table, and is exact.
//   - [Write] returns notes for a person: handles cut off at the ends of a film, more events than CMX3600 numbers, letters that a font lacks.
//   - Invalid: the format cannot hold the list. The error names a format or an option that can.
//   - The same list gives the same bytes. A contact sheet draws letters beyond Latin, Greek and Cyrillic with the fonts of the machine: the same fonts give
//     the same bytes.
//   - [Read] treats every file as hostile: sizes, counts and depth are bounded. Invalid: the file is not readable, with the line. No file is cut.
package handoff
