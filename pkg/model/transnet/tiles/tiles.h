// The layers of TransNet V2 over a window of frames. See doc.go.
#ifndef CINEDEX_TILES_H
#define CINEDEX_TILES_H

#include <stddef.h>
#include <stdint.h>

// The shape of the network.
enum {
	WINDOW = 200, // frames
	MARGIN = 25,  // frames at each end of a window whose probabilities are not computed
	WIDTH = 48,
	HEIGHT = 27,
	BLOCKS = 6,      // two for each stack
	BRANCHES = 4,    // parallel convolutions of a block, which reach 1, 2, 4 and 8 frames
	HISTOGRAM = 512, // bins of a colour histogram
	LOOKUP = 101,    // neighbours of a frame, the frame included
	MEANS = 448,     // channels of all stacks
	SIMILARITY = 128,
	PARTS = 128 + 128 + 3 * 6 * 256, // inputs of the last layer but one
	HIDDEN = 1024,
};

// A layer is a matrix in tiles, and what is added to the product. For every 16 outputs and every 32 inputs there are two tiles of 16 x 16 pairs of
// inputs: the numbers rounded to bfloat16, and the rounded rest.
typedef struct {
	uint16_t *tiles;
	float *bias;
} layer;

typedef struct {
	layer spatial[BLOCKS], temporal[BLOCKS]; // the biases of spatial are not used
	layer projection, alike, colour, hidden;
	float *single, *many; // of HIDDEN weights, and the bias
} network;

// tiles_available reports whether the processor and the system have tiles. The first call asks the system for them.
int tiles_available(void);

// tiles_network allocates the memory of the weights, filled with 0; NULL without memory.
network *tiles_network(void);
void tiles_network_free(network *n);

// A workspace is the memory of one computation at a time.
typedef struct workspace workspace;
workspace *tiles_workspace(void);
void tiles_workspace_free(workspace *w);

// tiles_window computes the probabilities of the frames of a window between the margins, from frames of RGB and their histograms of length 1.
void tiles_window(const network *n, workspace *w, const uint8_t *frames, const float *histograms, float *single, float *many);

#endif
