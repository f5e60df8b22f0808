// Package face runs the networks of face-api.js: faces of a picture, the points of a face, and a vector that tells persons apart. The algorithm persons
// uses the package.
//
// A picture is given as packed RGB. The detector sees the picture padded to a square of 416 points, so a face should be at least a thirtieth of the
// picture's longer side. The vectors have length 1: two pictures of a person have a cosine near 1. Equal pictures give equal results, to the last bit.
package face
