// Package persons is the algorithm that finds faces, follows each face through a shot, and groups the faces of a title by person. The networks are those
// of face-api.js: see package face. The algorithm is for people: drawn figures and animals are mostly not found.
//
// The contract of the output:
//
//   - Kind "person": a face through a stretch of a shot, with the region where the face is largest. The label is "person 1", "person 2" and so on, by the
//     first appearance in the title. Attributes: "person" is the number; "seen" is the number of described frames; "shot" is the identity of the shot.
//   - Kind "people": the people of a shot in words, "two people, close-up". The count is that of the frame with the most faces: "one person", "two
//     people", "three people", "crowd" from four on. The size of the shot follows from the height of the largest face, as the share of the picture's
//     height: "extreme close-up" from 0.6, "close-up" from 0.3, "medium shot" from 0.12, "long shot" below. A shot without faces has no annotation.
//     Attributes "count" and "size" are the numbers.
//   - Space face@1: the mean vector of a face through its stretch, of the annotation of kind "person". A picture of a person is encoded by the largest
//     face of the picture.
//   - Persons are grouped in the order of time: a face joins the person whose mean vector is nearest, if near enough, and is else a new person. A title
//     has at most 1,000 persons; later strangers have no number.
package persons
