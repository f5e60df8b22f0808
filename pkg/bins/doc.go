// Package bins says who may see a bin, and makes the edits of several editors into a single bin.
//
// The rules of edits:
//
//   - An edit says which revision its editor saw.
//   - An edit of something that has changed since then is a conflict: the edit is not made, and the answer tells the present clip.
//   - Name, place, trim, notes and each marker of a clip change apart. Edits of different clips and of different aspects are all made.
//   - A clip's place is a wish: of two moves at once, the later counts, and a clip whose neighbour is gone goes to the end.
//   - An edit that asks for the present state is made already, and no conflict. A client MAY send an edit again whose answer was lost.
//   - An edit that breaks a bound is Invalid or Exhausted, and no edit of the request is made.
//
// The package reads no store and no clock. See docs/adr/0128-bins-are-edited-by-revision.md.
package bins
