// Package things is the algorithm that says which things a shot shows, and how many of each. The network is the detector of things of human: see package
// centernet.
//
// The contract of the output:
//
//   - Kind "thing": a sort of things through a shot, with the region where the surest thing of the sort is seen. The label is "two people", "a cup" or
//     "many birds": the number in words up to four, and "many" from five on. Attributes: "count" is the number, "class" the sort without a number, and
//     "shot" the identity of the shot.
//   - The count is the largest number that two described frames of the shot show, or the only described frame.
//   - Sorts that the network takes for each other have one name: a cat, a dog and a horse are "animal". A sort that the
//     table of photographs does not show to be right needs a higher score. The confidence is the score of the surest thing.
//   - A thing covers at least half a hundredth of the picture. Where things of two classes lie in one place, the surer is told.
//   - At most a dozen sorts of a shot are told, the surest first.
package things
