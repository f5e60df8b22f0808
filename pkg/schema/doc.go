// Package schema is the nouns of Cinedex as Go, beside the protobuf messages of
// package cinedexv1: time, frames, timecode, intervals, regions, identities,
// names, and what makes a message valid. Every other package uses it. It does
// no I/O, imports nothing of Cinedex but errkind, and what it gives may be used
// by many goroutines at once. Its errors are of kind errkind.Invalid.
//
// # Time
//
// A Time is a whole number of flicks. A flick is 1/705,600,000 of a second,
// chosen so that a frame of every usual rate, 23.976 and 29.97 included, a
// sample of 44.1 and 48 kHz and a tick of 90 kHz are whole numbers of it.
// No float ever touches a time: a cut that an algorithm found at a frame is
// stored, searched and shown at that frame. An int64 of flicks reaches 414 years.
//
// Zero is the start of the asset's first frame: picture time. What a
// container's clock says of that moment is kept in VideoTrack.start, and media
// puts times of the container (of subtitles, of audio) onto picture time by
// subtracting it, once, where they are read. A moment before the first frame is
// negative, and is cut off there.
//
// Whoever turns time into something else asks one of these:
//
//   - Rate: frames of a constant rate. FrameStart and FrameAt are inverse for
//     every rational rate. Where a frame is no whole number of flicks, it starts
//     at the next one, so that rounding never moves a moment into another frame.
//   - Clock: the same for an asset, by its rate or, where that is variable, by
//     its FrameTable, the start of each frame as the file has it.
//   - TimecodeScale: the SMPTE labels that editors read. A label counts frames
//     and does not measure time. With drop frame (29.97, 59.94 and 119.88 fps)
//     some labels are left out so that the count keeps to the clock; no frame is.
//     Asking for a label that is left out is an error, not the next frame.
//     An asset of variable rate counts by the rate that its track names, rounded
//     (media puts the average there): one frame has one label and the way
//     back is exact, which a label made from the time could not be.
//   - Samples, Millis, Duration: samples are exact; milliseconds and nanoseconds
//     are rounded to the nearest, for showing and for players.
//
// Intervals are half-open: the end of one shot is the start of the next, and no
// moment is in both.
//
// # Identity
//
// Identities are derived, never drawn, so that doing anything twice gives the
// same rows. An asset is its bytes (AssetID). A run is what it reads and how
// (RunID): the asset, the algorithm and its version, its parameters, the
// fingerprint of the tracks it reads (ReadsFingerprint) and the runs whose
// results it reads. What became of it, which worker did it and when are no part
// of that. A title's name may be corrected without a run; a new
// subtitle track asks for new runs of what reads text, and of what reads those,
// and of nothing else. Annotations and embeddings are a run and an ordinal
// (ItemID), each numbered from 0.
//
// Hashes go over an encoding in which every part stands behind its length, so
// that no two lists of parts give one identity by looking alike when joined.
// Identities are part of what is stored: tests hold their values.
//
// # Messages
//
// The .proto files below proto/ define the messages; `go -C tools run ./generate`
// writes cinedexv1 from them. Time fields are flicks. They change by addition
// only: testdata/schema-v1.binpb is the schema as released, against which buf
// holds it, and testdata/golden has records of every message as each version
// wrote them, which must decode for as long as a log may be replayed.
//
// Validate checks messages from outside, and names each wrong field by its path. UnmarshalStrictJSON reads what people and other systems write, where
// an unknown field is a misspelt one; UnmarshalJSON reads what Cinedex wrote,
// where an unknown field is of a later version.
package schema
