// Package fmp4 writes fragmented MP4 (ISO/IEC 14496-12, 14496-14 and 14496-15): a track of H.264 pictures, and a track of AAC. The algorithm proxy
// writes fragments, and search-api serves the fragments behind an index.
//
// The contract:
//
//   - A film is [Init], then [Index], then the fragments in order. The same input gives the same bytes.
//   - Pictures are in the order of display, without B-frames: no composition offsets and no edit lists are written.
//   - The first sample of each fragment SHOULD be a key picture: a player seeks to the beginning of a fragment.
//   - Times are counts of a track's own timescale.
package fmp4
