// Package recommend decides which queries and moments are recommended to a caller, from the picks of other people. The gateway keeps an
// Index of the picks in the store, and asks the Index with each call of Recommend.
//
// A pick says that a person picked a moment of the answer to a query. The package knows no names: Secret.Person makes a keyed hash of a
// name, and another secret makes other hashes.
//
// Guarantees:
//
//   - A pick counts only if the caller may see the asset of the pick now.
//   - A recommendation has Config.People other people behind it. A person counts once, however many picks the person made. The caller's
//     own picks count for nothing.
//   - The evidence of a person halves with every HalfLife, and ends after Keep.
//   - An answer follows from the picks that count, and from no other pick. An answer has no numbers of people.
//   - After Index.Forget, no answer follows from a pick of the person.
package recommend
