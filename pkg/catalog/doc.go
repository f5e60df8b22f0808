// Package catalog tells services which algorithms there are, and how the output of each is asked and shown.
// A service asks a [View] for leaves, kinds and spaces, and names no algorithm itself.
// A View never changes, so that one query sees one state of the catalogue from its beginning to its end.
//
// # The contract
//
// An algorithm declares itself in its AlgorithmSpec (pkg/schema/proto/cinedex/v1/catalog.proto). A [Catalog] holds the
// built-in declarations and the declarations of the topic "algorithms".
//
//   - An algorithm claims its name, its kinds, its spaces, its leaves with their aliases, and the roles of its kinds.
//   - If two algorithms claim the same thing, the algorithm that was announced first has the claim. Built-in declarations come first.
//     The other is refused whole, with kind Conflict and the names of both. The order of arrival has no influence.
//   - Versions of one algorithm share their claims. If several versions declare the same thing, the newest counts. A candidate counts
//     where no other version declares the same.
//   - An announced version replaces the built-in declaration of the same version.
//   - An answer may name a leaf of another algorithm. The answer is not asked until the leaf is declared.
//
// # Errors
//
//   - Invalid: a declaration breaks a rule of schema.Validate, or answers a leaf of an unsuitable shape.
//   - Conflict: a declaration claims something of another algorithm.
//   - Exhausted: the catalogue is full.
package catalog
