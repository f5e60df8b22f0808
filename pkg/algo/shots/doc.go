// Package shots is the algorithm that divides a film into shots, for editors and for all algorithms that describe a shot. TransNet V2 finds the
// boundaries, and the pictures decide the exact frame of each boundary. The shots of a run cover the film from the first frame to the last, without
// gaps.
//
// The contract of an annotation:
//
//   - Interval: the frames of the shot. A hard cut is where two neighbouring frames differ most, near the model's position. A gradual change (a
//     dissolve or a fade) is a single boundary, in the middle of the change.
//   - Confidence: the lower confidence of the two boundaries.
//   - Attributes: "begin" and "end" name the boundaries ("edge", "cut", "dissolve", "fade"); "begin_confidence" and "end_confidence" are their
//     confidences; "begin_frames" and "end_frames" count the frames of a gradual change inside the shot.
//
// The model was trained on films of 24 to 30 frames a second. Of faster films the model examines every second frame, or fewer; the exact frame is
// found among all frames.
package shots
