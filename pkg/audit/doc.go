// Package audit records who read or changed what in the library: a line of JSON per call, in an append-only file. All
// services use the package, and operators read the file. Every call of a known caller has exactly one line, or the log
// says how many lines were lost.
//
// Services wrap their handlers in Log.Handler, which keeps a Call in the request's context. Package rpc notes the
// caller in the Call. The gateway and the operators' API note the query, the titles and the hits. Log.Handler writes
// the line when the call has ended, with any outcome. Work that is no HTTP call writes an Entry with Log.Write.
//
// Guarantees:
//
//   - A line holds no newline and no control character, whatever callers send.
//   - Every text is clipped and every list is bounded, so a line has at most MaxLineBytes.
//   - A line never holds a picture, a vector or a token. A picture is given by hash and size, and a token by the first
//     digits of its sha256.
//   - The operating system has a line before Write returns, so the line outlives the process. The file is synced within
//     a second, at rotation and at Close. A power cut loses the lines of at most the last second.
//   - A line that cannot be written is held in memory and written as soon as writing works again. Until then Ready
//     returns an error, and reads are refused if Config.Deny is set. Lines above the bound of held lines are lost, and
//     the log gets their count.
//   - Calls of unknown callers have at most RefusedPerSecond lines. The next line gives the number of omitted lines.
//
// A reader of the file MUST skip a line without a JSON object: a full disk may leave a part of a line.
package audit
