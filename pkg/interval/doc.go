// Package interval is the algebra of moments: AND, OR, NOT and WITHIN over the intervals of one asset. The evaluation of queries uses the
// package for each asset in turn. The package knows no engine and no store, and guarantees that an operator misses no moment.
//
// # Lists
//
// A [Span] is an interval with a payload, which tells why the interval is in the list. The operators take and return lists. A list
//
//   - holds spans of one asset, ordered by start and then by end;
//   - holds no two spans with the same interval, and no empty interval.
//
// [Algebra.Settle] makes a list of spans in any order. Spans with the same interval become one span, whose payload is the Join of
// their payloads. Join MUST be commutative, associative and idempotent, so that the order in which spans meet has no effect.
//
// # Laws
//
// Let a, b and c be lists, and let places(a) be the intervals of a.
//
//   - places(And(a, b)) is {x ∩ y : x in a, y in b, x and y share time}. And commutes and is associative.
//   - places(Or(a, b)) is places(a) ∪ places(b). Or commutes, is associative and idempotent.
//   - places(Not(a, b)) is {x in a : x shares time with no y in b}. Not(Not(a, b), c) is Not(Not(a, c), b) and Not(a, Or(b, c)).
//   - places(Within(a, b, gap)) is {hull(x, y) : x in a, y the best span of b whose gap from x is at most gap}. Spans that touch have
//     a gap of 0. Better decides which span is the best; of equal spans the first in the order of the list.
//   - places(Then(a, b, gap)) is {hull(x, y) : x in a, y the first span of b that starts at or after the end of x, at most gap later}.
//   - Overlapping, During, StartsNear, EndsNear and Touching return the spans of a that stand in the relation to a span of b, or to a time.
//   - places(AtLeast(n, lists)) are the stretches of time, as long as possible, in which spans of n or more of the lists hold.
//
// # Cost
//
// The operators sweep both lists once. Time and memory are in proportion to the spans plus the pairs that meet; [Algebra.Spend]
// counts the pairs and bounds the work. Not and [Cover] never look at pairs.
//
// # A new operator
//
// [Algebra.Meet] calls a function for each pair of spans with at most a gap between the two, which an operator filters and turns into
// spans. An operator that keeps or drops spans of the left list needs no pairs: see Not, [Ends] and [Ends.Reach]. Each operator has a
// reach: the distance from a moment of one operand within which spans of the other operand matter. The evaluation reads an operand
// only inside Cover(moments of the other operand, reach).
package interval
