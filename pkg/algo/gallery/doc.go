// Package gallery is the algorithm that gives names to faces: a face of the algorithm persons that is like a portrait of the studio's gallery gets the
// portrait's name. Without a gallery the algorithm names nobody. Nobody's face is known to the program itself.
//
// The contract of the gallery, a folder:
//
//   - A picture NAME.jpg, NAME.jpeg or NAME.png is a portrait of NAME. A folder NAME holds up to 20 portraits of NAME. Names that begin with a dot are
//     passed over. Any other file is refused by name.
//   - A portrait shows a single face, or a face that is much larger than all others. A portrait has at most 20 MiB and 50 million points.
//   - The gallery has at most 1,000 names. A name has at most 100 bytes, and no control characters.
//   - Links that lead out of the folder are refused.
//
// The contract of the output:
//
//   - Kind "named_person": a face with a name, for the interval and with the region of the face. The label is the name, without a language. The
//     confidence is the share of faces of that likeness that are of the person.
//   - A face that is like portraits of two people gets no name.
//   - The digest of the gallery is a parameter of the algorithm. A changed gallery asks for new runs of this algorithm, and of no other: the faces were
//     found and described before.
package gallery
