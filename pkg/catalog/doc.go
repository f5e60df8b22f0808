// Package catalog tells services which algorithms there are, and how the output of each is asked and shown.
// A service asks a [View] for leaves, kinds and spaces, and names no algorithm itself.
// A View never changes, so that one query sees one state of the catalogue from its beginning to its end.
//
// # The contract
//
// An algorithm declares itself in its AlgorithmSpec (pkg/schema/proto/cinedex/v1/catalog.proto). A [Catalog] holds the
// declarations that are built in, and those that the topic "algorithms" brings.
//
//   - An algorithm claims its name, its kinds, its spaces, its leaves with their aliases, and the roles of its kinds.
//   - Of two algorithms that claim the same, the one that was announced first has it. Built-in declarations come before all.
//     The other is refused whole, with kind Conflict and the names of both. The order of arrival has no influence.
//   - Versions of one algorithm share its claims. Of what several versions declare, the newest counts. A candidate counts
//     where no other version declares the same.
//   - An announced version replaces the built-in declaration of the same version.
//   - An answer may name a leaf of another algorithm. Until that leaf is declared, the answer is not asked.
//
// # Errors
//
//   - Invalid: a declaration breaks a rule of schema.Validate, or answers a leaf of a shape that it cannot answer.
//   - Conflict: a declaration claims what another algorithm has.
//   - Exhausted: the catalogue is full.
package catalog
