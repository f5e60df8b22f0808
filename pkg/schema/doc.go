// Package schema defines the nouns of Cinedex in Go, beside the protobuf messages of package cinedexv1: time, frames,
// timecode, intervals, regions, identities, names, and the validity of messages. Every other package uses schema. Times
// are exact, identities are derived, and everything in the package is safe for concurrent use.
//
// schema does no I/O and imports no package of Cinedex except errkind. Errors are of kind errkind.Invalid.
//
// # Time
//
// A Time is a whole number of flicks. A flick is 1/705,600,000 of a second. A frame of every usual rate (23.976 and
// 29.97 included), a sample of 44.1 and 48 kHz, and a tick of 90 kHz are whole numbers of flicks. No float ever holds a
// time: a cut that an algorithm found at a frame is stored, searched and shown at the same frame. An int64 of flicks
// reaches 414 years.
//
// Zero is the start of the asset's first frame: picture time. VideoTrack.start is the same moment on the container's
// clock. Package media subtracts VideoTrack.start from container times (of subtitles, of audio), once, where media
// reads the times. A moment before the first frame is negative, and is cut off there.
//
// Code that converts a time uses one of these types:
//
//   - Rate: frames of a constant rate. FrameStart and FrameAt are inverse for every rational rate. If a frame's start
//     is no whole number of flicks, the frame starts at the next flick, so that rounding never moves a moment into
//     another frame.
//   - Clock: the same for an asset, by the rate or, if the rate is variable, by the FrameTable: the start of each frame
//     in the file.
//   - TimecodeScale: the SMPTE labels that editors read. A label counts frames and does not measure time. With drop
//     frame (29.97, 59.94 and 119.88 fps) some labels are left out so that the count follows the clock; no frame is
//     left out. Asking for a label that is left out is an error, and does not give the next frame. An asset of variable
//     rate counts by the track's rate, rounded (media puts the average there). A frame then has a single label and the
//     way back is exact, which a label derived from the time could not give.
//   - Samples, Millis, Duration: samples are exact. Milliseconds and nanoseconds are rounded to the nearest, for
//     display and for players.
//
// Intervals are half-open: the end of a shot is the start of the next shot, and no moment lies in both.
//
// # Identity
//
// Identities are derived and never drawn at random, so that repeated work gives the same rows.
//
//   - An asset is its bytes (AssetID).
//   - A run is its inputs and its method (RunID): the asset, the algorithm and its version, the parameters, the
//     fingerprint of the tracks that the run reads (ReadsFingerprint), and the runs whose results the run reads. The
//     outcome, the worker and the time are not part of the identity. A title's name may be corrected without a new run.
//     A new subtitle track asks for new runs of the algorithms that read text, and of the algorithms that read their
//     results, and of no other algorithm.
//   - Annotations and embeddings are a run and an ordinal (ItemID), each numbered from 0.
//
// Hashes go over an encoding that puts the length before every part. Two lists of parts whose concatenations are equal
// therefore have different identities. Identities are stored: tests hold their values.
//
// # Messages
//
// The .proto files below proto/ define the messages. `go -C tools run ./generate` writes cinedexv1 from the files. Time
// fields are flicks. Messages change by addition only: buf compares with the released schema, testdata/schema-v1.binpb.
// testdata/golden has records of every message as each version wrote the message. The records MUST decode as long as a
// log may be replayed.
//
// Validate checks messages from outside and names each wrong field by its path. UnmarshalStrictJSON reads JSON of
// people and other systems, where an unknown field is a misspelt field. UnmarshalJSON reads JSON of Cinedex, where an
// unknown field comes from a later version.
package schema
