// Package scenes is the algorithm that groups the shots of a film into scenes, by the vectors that the algorithm pictures has stored. The algorithm
// decodes no frames.
//
// Shots of a scene come back to the same things and places: a shot is linked to the later shots that look alike, among the
// next eight. A scene ends where no link goes across (Hanjalic, Lagendijk and Biemond, IEEE CSVT 1999).
//
// The contract of an annotation:
//
//   - Kind "scene", label "scene 1", "scene 2" and so on. The scenes follow each other, and cover the shots that have a vector.
//   - Attribute "shots": the number of shots.
package scenes
