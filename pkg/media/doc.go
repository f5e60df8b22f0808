// Package media reads films: it probes them, decodes their pictures and sound,
// takes out their text tracks (package timedtext reads them), and keeps the bytes that stay outside the log.
//
// The ingestor probes what arrives and stores its text tracks; the algo-runner
// decodes each film once for all algorithms that look at its frames; search-api
// fetches single frames and measures uploaded pictures.
//
// What it guarantees:
//
//   - Frame n of [Reader.Decode] and of [Reader.FrameAt] is entry n of the frame
//     table that [Reader.Probe] returned, found by timestamp and not by counting,
//     so that a damaged picture never moves the ones behind it.
//   - Times are exact. A constant rate is recovered as a fraction even where the
//     container rounds its timestamps or its rate; everything else keeps its own table.
//   - Every picture is kept: in containers that give pictures no time (AVI), or too few
//     (MPEG program streams), and of recordings that were cut in the middle of a group of
//     pictures, of which [cinedexv1.VideoTrack] counts what cannot be shown.
//   - All files are hostile. ffmpeg and ffprobe run with local protocols only, a
//     list of allowed containers (no playlist, no pattern of pictures), and limits
//     on memory, files, time and size; file names never reach them as options.
//     What is wrong with a file is told in a sentence, as errkind.Invalid.
//   - No process outlives its context: each runs in its own process group, which
//     is killed and reaped before the call or stream that started it returns.
//
// It needs the programs ffmpeg (5.1 or newer) and ffprobe, named by [Tools].
package media
