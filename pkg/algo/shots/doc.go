// Package shots is the algorithm that divides a film into shots.
//
// TransNet V2 says where shots change; the pictures themselves say at which frame.
// A hard cut is put where two neighbouring frames differ most, near to where the model
// saw it. A gradual change, a dissolve or a fade, is one boundary, at its middle. The
// shots of a run cover the film from its first frame to its last, without gaps.
//
// The model was trained on films of 24 to 30 frames a second, so of faster ones it sees
// every second frame, or fewer; the exact frame is found among all of them.
package shots
