// Package audit records who read or did what: one line of JSON for each call, in a file that is only appended to.
//
// Services wrap their handlers in Log.Handler. The handler keeps a Call in the request's context; package rpc notes the
// caller in it, the gateway and the operators' API note the query, the titles and the hits, and Log.Handler writes the
// line when the call has ended, however it ended. Work that is no HTTP call writes its own Entry by Log.Write.
//
// Guarantees:
//
//   - One call is one line. A line holds no newline and no control character, whatever callers send.
//   - Every text is clipped and every list is bounded, so a line has at most MaxLineBytes.
//   - A line never holds a picture, a vector or a token: pictures are told by hash and size, tokens by the first digits
//     of their sha256.
//   - A line is handed to the operating system before Write returns, so it outlives the process. The file is synced within
//     a second and when it is rotated or closed, so a power cut loses the lines of at most the last second.
//   - A line that cannot be written is held in memory and written as soon as writing works again. Until then Ready returns
//     an error, and with Config.Deny set reads are refused. Lines beyond the bound of what is held are counted as lost, and
//     the count is written into the log.
//   - Calls of unknown callers are bounded to RefusedPerSecond lines; the next line tells how many were left out.
//
// A reader of the file MUST pass over a line that is not a JSON object: a full disk may leave a part of one.
package audit
