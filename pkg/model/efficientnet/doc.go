// Package efficientnet describes pictures with EfficientNet-Lite2, trained on ImageNet, for the algorithm pictures and for searches by picture. A
// picture gets a feature vector of 1280 numbers, and a score for each of a thousand labels. A still and a frame with the same content get almost the
// same vector.
//
// The contract:
//
//   - [Square] squeezes a still picture into the square of the model. Frames of films are squeezed by ffmpeg.
//   - [Model.Describe] accepts the bytes of a square. A Model is safe for concurrent use.
//   - The whole picture is used, squeezed into a square. The usual crop of the middle would cut away almost half of a wide frame. Squeezing also lets
//     ffmpeg scale a frame without knowing the frame's shape.
package efficientnet
