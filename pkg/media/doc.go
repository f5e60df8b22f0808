// Package media probes films, decodes their pictures and sound, and extracts their text tracks and captions; for
// uploaded still pictures, the package checks sizes and decodes. The ingestor probes arriving films and stores their
// text tracks, the algo-runner decodes each film once for all algorithms, and search-api fetches single frames and
// decodes uploaded pictures. The package guarantees exact frame numbers and times, and bounded memory and time for
// hostile files.
//
// The contract:
//
//   - Frame n of [Reader.Decode] and of [Reader.FrameAt] is entry n of the frame table of [Reader.Probe]. Frames are found by timestamp, not by
//     counting: a damaged picture does not move the later pictures.
//   - Times are exact. A constant rate is recovered as a fraction, even if the container rounds timestamps or the rate. A film of variable rate keeps a
//     table of its own times.
//   - Every picture is kept: in containers that give pictures no time (AVI) or too few times (MPEG program streams),
//     and in recordings cut in the middle of a group of pictures. [cinedexv1.VideoTrack] counts the pictures that
//     cannot be shown.
//   - An undecodable frame shows the picture of the frame before. [Stream.Missing] counts such frames.
//   - A frame that cannot be decoded shows the picture of the frame before. [Stream.Missing] counts such frames.
//   - All files are treated as hostile. ffmpeg and ffprobe run with local protocols only, with a list of allowed containers (no playlist, no pattern of
//     pictures), and with limits on memory, files, time and size. File names never reach the programs as options.
//   - A fault of a file is an error of kind Invalid, in a sentence for people. A missing program or limit is an error
//     of kind Unavailable.
//   - No process outlives its context. Each process runs in a process group of its own, which is killed and reaped
//     before the call or the stream behind the process returns.
//   - [Reader] is safe for concurrent use. A [Stream] and a [Sound] have a single reader, who MUST close them.
//
// The package needs the programs ffmpeg (5.1 or newer) and ffprobe, named by [Tools].
package media
