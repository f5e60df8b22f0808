// Package catalog tells services which algorithms there are, and how the output of each is asked and shown.
// A service asks a [View] for leaves, kinds and spaces, and names no algorithm itself.
// A View never changes, so that one query sees one state of the catalogue from its beginning to its end.
//
// # The contract
//
// An algorithm declares itself in its AlgorithmSpec (pkg/schema/proto/cinedex/v1/catalog.proto). A [Catalog] holds the
// built-in declarations and the declarations of the topic "algorithms".
//
//   - A declaration claims the kinds, the spaces, the leaves with their aliases, and the roles of kinds that the declaration
//     contains. The claims belong to the algorithm, by name: all versions of an algorithm share the claims.
//   - If two algorithms claim the same thing, the algorithm that was announced first (AlgorithmAnnounced.since_ms) has the claim.
//     A built-in declaration comes before announced declarations. The order in which a process hears of declarations has no influence.
//   - The declaration of the other algorithm is refused whole, with kind Conflict and the names of both algorithms. The Catalog keeps
//     a refused declaration, hidden from readers, and takes the declaration once the claim is free.
//   - If several versions of an algorithm declare the same thing, the version that was announced last counts. A candidate version
//     counts only for a thing that no other version declares.
//   - An announced version replaces the built-in declaration of the same version.
//   - A declaration lists the leaves that the algorithm answers (AnswerSpec). An answer MAY name a leaf of another algorithm. A View
//     leaves out the answer for as long as no algorithm declares the leaf, or if the shape of the leaf does not suit the answer.
//
// # Errors
//
//   - Invalid: a declaration breaks a rule of schema.Validate. Catalog.Check also returns Invalid for an answer to a leaf that is not
//     declared, or whose shape does not suit; Catalog.Put takes such a declaration.
//   - Conflict: a declaration claims something that another algorithm has.
//   - Exhausted: Catalog.Put would exceed the bound of announced versions.
package catalog
