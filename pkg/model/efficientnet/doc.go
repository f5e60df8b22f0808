// Package efficientnet describes pictures with EfficientNet-Lite2, trained on
// ImageNet: a feature vector of 1280 numbers, and a score for each of a thousand
// labels.
//
// The whole picture is used, squeezed into a square. That is kinder to film frames
// than the usual crop of the middle, which would cut away almost half of a wide one,
// and it lets ffmpeg scale a frame without knowing its shape.
package efficientnet
