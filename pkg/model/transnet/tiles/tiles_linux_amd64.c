//go:build linux && amd64 && cgo

#include "tiles.h"

#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

enum {
	SIDE = 16,        // rows of a tile, and floats of a row
	DEEP = 32,        // inputs of a tile
	TILE = SIDE * 32, // numbers of bfloat16 in a tile
	GROUP = 4,        // tiles of rows that are computed together
	CHUNK = 8,        // frames that go from layer to layer together; also the longest reach of a branch
	CHUNKS = WINDOW / CHUNK,
	RING = 3 * CHUNK, // frames of a block between the two convolutions
	STACKS = 3,
	STEPS = PARTS / DEEP, // the most tiles of inputs of a layer
};

int tiles_available(void) {
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("amx-tile") || !__builtin_cpu_supports("amx-bf16") || !__builtin_cpu_supports("avx512bf16") ||
	    !__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
		return 0;
	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// The shape of a stack. Frames lie in memory row by row, with a column of 0 after every row and a row of 0 after every frame. So the neighbour of a
// point is at the same distance everywhere, and a convolution is a product of matrices for each neighbour.
typedef struct {
	int width, height, filters;
	int row;   // width and the column of 0
	int tiles; // of SIDE points, that cover a frame
	int group; // frames that are convolved together, so that frames and weights stay in the cache
} shape;

static const shape shapes[STACKS] = {
	{48, 27, 16, 49, 83, 1},
	{24, 13, 32, 25, 21, 2},
	{12, 6, 64, 13, 5, 8},
};

static int channels_in(int block) {
	static const int in[BLOCKS] = {3, 64, 64, 128, 128, 256};
	return in[block];
}

// The shapes of the matrices of a block.
static int spatial_inputs(int block) { return block == 0 ? DEEP : 9 * channels_in(block); }
static int spatial_outputs(int block) { return BRANCHES * 2 * shapes[block / 2].filters; }
static int temporal_inputs(int block) { return 3 * 2 * shapes[block / 2].filters; }
static int temporal_outputs(int block) { return BRANCHES * shapes[block / 2].filters; }

// before is the number of points before the first frame, and frame_points the points of a frame.
static int before(const shape *s) { return s->row + 1; }
static int frame_points(const shape *s) { return (s->height + 1) * s->row; }
static size_t chunk_points(const shape *s) { return 2 * before(s) + CHUNK * frame_points(s) + SIDE; }

// numbers are floats as the sum of two bfloat16. low is NULL where high is exact.
typedef struct {
	uint16_t *high, *low;
} numbers;

struct workspace {
	numbers patches;           // of the frames of a chunk: the neighbours of each point
	numbers in[STACKS];        // a chunk of frames as a stack gets them; not of the first stack
	numbers middle[STACKS];    // two chunks of frames between the blocks of a stack
	numbers convolved[BLOCKS]; // RING frames between the convolutions of a block
	float *sums;               // a frame after a stack
	float *means;              // [WINDOW][MEANS]
	numbers parts;             // [WINDOW][PARTS]
	numbers rows;              // [WINDOW + SIDE][MEANS]: the input of a small layer
	float *unit;               // [WINDOW + SIDE][SIMILARITY]
	float *hidden;             // [WINDOW][HIDDEN]
};

static void *allocate(size_t bytes) {
	void *p = NULL;
	bytes = (bytes + 4095) & ~(size_t)4095;
	if (posix_memalign(&p, 4096, bytes) != 0)
		return NULL;
	memset(p, 0, bytes);
	return p;
}

static numbers allocate_numbers(size_t n) { return (numbers){allocate(2 * n), allocate(2 * n)}; }

static void free_numbers(numbers n) {
	free(n.high);
	free(n.low);
}

static layer allocate_layer(int inputs, int outputs) {
	size_t deep = (inputs + DEEP - 1) / DEEP;
	return (layer){allocate(outputs / SIDE * deep * 2 * TILE * sizeof(uint16_t)), allocate(outputs * sizeof(float))};
}

static void free_layer(layer l) {
	free(l.tiles);
	free(l.bias);
}

void tiles_network_free(network *n) {
	if (n == NULL)
		return;
	for (int b = 0; b < BLOCKS; b++) {
		free_layer(n->spatial[b]);
		free_layer(n->temporal[b]);
	}
	free_layer(n->projection);
	free_layer(n->alike);
	free_layer(n->colour);
	free_layer(n->hidden);
	free(n->single);
	free(n->many);
	free(n);
}

network *tiles_network(void) {
	network *n = calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	for (int b = 0; b < BLOCKS; b++) {
		n->spatial[b] = allocate_layer(spatial_inputs(b), spatial_outputs(b));
		n->temporal[b] = allocate_layer(temporal_inputs(b), temporal_outputs(b));
	}
	n->projection = allocate_layer(MEANS, SIMILARITY);
	n->alike = allocate_layer(LOOKUP, 128);
	n->colour = allocate_layer(LOOKUP, 128);
	n->hidden = allocate_layer(PARTS, HIDDEN);
	n->single = allocate((HIDDEN + 1) * sizeof(float));
	n->many = allocate((HIDDEN + 1) * sizeof(float));
	int complete = n->single != NULL && n->many != NULL;
	layer *all[] = {&n->projection, &n->alike, &n->colour, &n->hidden};
	for (int i = 0; i < 4; i++)
		complete = complete && all[i]->tiles != NULL && all[i]->bias != NULL;
	for (int b = 0; b < BLOCKS; b++)
		complete = complete && n->spatial[b].tiles != NULL && n->temporal[b].tiles != NULL && n->temporal[b].bias != NULL;
	if (!complete) {
		tiles_network_free(n);
		return NULL;
	}
	return n;
}

void tiles_workspace_free(workspace *w) {
	if (w == NULL)
		return;
	free_numbers(w->patches);
	for (int s = 0; s < STACKS; s++) {
		free_numbers(w->in[s]);
		free_numbers(w->middle[s]);
	}
	for (int b = 0; b < BLOCKS; b++)
		free_numbers(w->convolved[b]);
	free(w->sums);
	free(w->means);
	free_numbers(w->parts);
	free_numbers(w->rows);
	free(w->unit);
	free(w->hidden);
	free(w);
}

workspace *tiles_workspace(void) {
	workspace *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	int complete = 1;
	const shape *first = &shapes[0];
	w->patches.high = allocate((size_t)CHUNK * first->tiles * SIDE * DEEP * sizeof(uint16_t));
	complete = w->patches.high != NULL;
	for (int i = 0; i < STACKS; i++) {
		const shape *s = &shapes[i];
		if (i > 0) {
			w->in[i] = allocate_numbers(chunk_points(s) * channels_in(2 * i));
			complete = complete && w->in[i].high != NULL && w->in[i].low != NULL;
		}
		w->middle[i] = allocate_numbers(2 * chunk_points(s) * channels_in(2 * i + 1));
		complete = complete && w->middle[i].high != NULL && w->middle[i].low != NULL;
		for (int b = 2 * i; b < 2 * i + 2; b++) {
			w->convolved[b] = allocate_numbers((size_t)RING * s->tiles * SIDE * spatial_outputs(b));
			complete = complete && w->convolved[b].high != NULL && w->convolved[b].low != NULL;
		}
	}
	w->sums = allocate((size_t)first->tiles * SIDE * temporal_outputs(BLOCKS - 1) * sizeof(float));
	w->means = allocate(WINDOW * MEANS * sizeof(float));
	w->parts = allocate_numbers((size_t)(WINDOW + SIDE) * PARTS);
	w->rows = allocate_numbers((WINDOW + SIDE) * MEANS);
	w->unit = allocate((WINDOW + SIDE) * SIMILARITY * sizeof(float));
	w->hidden = allocate((size_t)(WINDOW + SIDE) * HIDDEN * sizeof(float));
	complete = complete && w->sums != NULL && w->means != NULL && w->parts.high != NULL && w->parts.low != NULL && w->rows.high != NULL &&
	           w->rows.low != NULL && w->unit != NULL && w->hidden != NULL;
	if (!complete) {
		tiles_workspace_free(w);
		return NULL;
	}
	return w;
}

AVX512 static inline __m512 widen(__m256i b) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16)); }

// keep stores 16 floats as numbers.
AVX512 static inline void keep(uint16_t *high, uint16_t *low, __m512 v) {
	__m256i h = (__m256i)_mm512_cvtneps_pbh(v);
	_mm256_storeu_si256((__m256i *)high, h);
	_mm256_storeu_si256((__m256i *)low, (__m256i)_mm512_cvtneps_pbh(_mm512_sub_ps(v, widen(h))));
}

#define THRICE(to, row)                                 \
	_tile_loadd(4, high + row + at, bytes);         \
	_tile_dpbf16ps(to, 4, 6);                       \
	_tile_dpbf16ps(to, 4, 7);                       \
	if (low != NULL) {                              \
		_tile_loadd(5, low + row + at, bytes);  \
		_tile_dpbf16ps(to, 5, 6);               \
	}

// product multiplies up to GROUP tiles of rows by one tile of outputs. Row i of tile g is at numbers rows[g] + i*stride. The inputs of step k are
// shifted by shifts[k]. sums gets GROUP tiles of floats. Of the four products of two sums, the product of the low parts is left out.
AMX static inline void product(const uint16_t *high, const uint16_t *low, size_t stride, const size_t *rows, int group, const ptrdiff_t *shifts, int steps,
                               const uint16_t *weights, float *sums) {
	const size_t bytes = stride * sizeof(uint16_t);
	__asm__ volatile("" ::: "memory");
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	for (int k = 0; k < steps; k++, weights += 2 * TILE) {
		const ptrdiff_t at = shifts[k];
		_tile_loadd(6, weights, 64);
		_tile_loadd(7, weights + TILE, 64);
		THRICE(0, rows[0]);
		if (group > 1) {
			THRICE(1, rows[1]);
		}
		if (group > 2) {
			THRICE(2, rows[2]);
		}
		if (group > 3) {
			THRICE(3, rows[3]);
		}
	}
	_tile_stored(0, sums, 64);
	_tile_stored(1, sums + SIDE * SIDE, 64);
	_tile_stored(2, sums + 2 * SIDE * SIDE, 64);
	_tile_stored(3, sums + 3 * SIDE * SIDE, 64);
	__asm__ volatile("" ::: "memory");
}

// spatial convolves a chunk of frames with the neighbours of each point.
AMX static void spatial(const network *n, workspace *w, int block, int chunk) {
	const shape *s = &shapes[block / 2];
	const int outputs = spatial_outputs(block), inputs = channels_in(block), points = s->tiles * SIDE;
	const int steps = spatial_inputs(block) / DEEP;
	ptrdiff_t shifts[9 * 256 / DEEP];
	numbers in;
	size_t stride, first, frame;
	if (block == 0) {
		in = w->patches;
		stride = DEEP, first = 0, frame = points;
		shifts[0] = 0;
	} else {
		in = block % 2 == 0 ? w->in[block / 2] : w->middle[block / 2];
		stride = inputs, first = before(s), frame = frame_points(s);
		if (block % 2 == 1)
			first += chunk % 2 * chunk_points(s);
		for (int k = 0, step = 0; k < inputs; k += DEEP)
			for (int y = -1; y <= 1; y++)
				for (int x = -1; x <= 1; x++)
					shifts[step++] = (ptrdiff_t)(y * s->row + x) * inputs + k;
	}
	float sums[GROUP * SIDE * SIDE] __attribute__((aligned(64)));
	const int all = s->group * s->tiles;
	for (int from = 0; from < CHUNK; from += s->group) {
		for (int o = 0; o < outputs; o += SIDE) {
			const uint16_t *weights = n->spatial[block].tiles + (size_t)o / SIDE * steps * 2 * TILE;
			for (int tile = 0; tile < all; tile += GROUP) {
				size_t rows[GROUP], to[GROUP];
				const int group = all - tile < GROUP ? all - tile : GROUP;
				for (int g = 0; g < group; g++) {
					const int f = from + (tile + g) / s->tiles, p = (tile + g) % s->tiles * SIDE;
					rows[g] = (first + f * frame + p) * stride;
					to[g] = ((size_t)((chunk * CHUNK + f) % RING) * points + p) * outputs + o;
				}
				product(in.high, in.low, stride, rows, group, shifts, steps, weights, sums);
				for (int g = 0; g < group; g++)
					for (int i = 0; i < SIDE; i++)
						keep(w->convolved[block].high + to[g] + (size_t)i * outputs, w->convolved[block].low + to[g] + (size_t)i * outputs,
						     _mm512_load_ps(sums + (g * SIDE + i) * SIDE));
			}
		}
	}
}

// pool halves the sides of a frame after a stack, and hands the frame to the next stack or to the last layers.
AVX512 static void pool(workspace *w, int stack, int t) {
	const shape *s = &shapes[stack];
	const int channels = BRANCHES * s->filters, high = s->height / 2, wide = s->width / 2;
	float *means = w->means + (size_t)t * MEANS + (stack == 0 ? 0 : stack == 1 ? 64 : 192);
	for (int c = 0; c < channels; c += SIDE) {
		__m512 total = _mm512_setzero_ps();
		for (int y = 0; y < high; y++) {
			for (int x = 0; x < wide; x++) {
				const float *at = w->sums + (size_t)(2 * y * s->row + 2 * x) * channels + c;
				const float *under = at + (size_t)s->row * channels;
				__m512 v = _mm512_add_ps(_mm512_add_ps(_mm512_load_ps(at), _mm512_load_ps(at + channels)),
				                         _mm512_add_ps(_mm512_load_ps(under), _mm512_load_ps(under + channels)));
				v = _mm512_mul_ps(v, _mm512_set1_ps(0.25f));
				total = _mm512_add_ps(total, v);
				if (stack + 1 < STACKS) {
					const shape *next = &shapes[stack + 1];
					size_t to = ((size_t)before(next) + t % CHUNK * frame_points(next) + y * next->row + x) * channels + c;
					keep(w->in[stack + 1].high + to, w->in[stack + 1].low + to, v);
				} else {
					size_t to = (size_t)t * PARTS + 256 + (size_t)(y * wide + x) * channels + c;
					keep(w->parts.high + to, w->parts.low + to, v);
				}
			}
		}
		_mm512_storeu_ps(means + c, _mm512_mul_ps(total, _mm512_set1_ps(1.0f / (high * wide))));
	}
}

// temporal convolves the frames of a chunk with the frames before and after. The frames of the next chunk are convolved by spatial already.
AMX static void temporal(const network *n, workspace *w, int block, int chunk) {
	const int stack = block / 2, second = block % 2;
	const shape *s = &shapes[stack];
	const int points = s->tiles * SIDE, deep = 2 * s->filters, inputs = BRANCHES * deep, outputs = BRANCHES * s->filters;
	const size_t frame = (size_t)points * inputs;
	const numbers in = w->convolved[block], middle = w->middle[stack];
	float sums[GROUP * SIDE * SIDE] __attribute__((aligned(64)));
	for (int t = chunk * CHUNK; t < (chunk + 1) * CHUNK; t++) {
		const size_t first = chunk % 2 * chunk_points(s) + before(s) + (size_t)(t % CHUNK) * frame_points(s); // in middle
		for (int b = 0; b < BRANCHES; b++) {
			const int reach = 1 << b;
			const int from = t - reach < 0 ? 0 : -1, to = t + reach >= WINDOW ? 0 : 1;
			ptrdiff_t shifts[3 * 2 * 64 / DEEP];
			int steps = 0;
			for (int k = from; k <= to; k++)
				for (int d = 0; d < deep; d += DEEP)
					shifts[steps++] = (ptrdiff_t)((t + k * reach) % RING * frame) + b * deep + d;
			for (int o = 0; o < s->filters; o += SIDE) {
				const int out = b * s->filters + o;
				const uint16_t *weights = n->temporal[block].tiles + ((size_t)out / SIDE * 3 + from + 1) * (deep / DEEP) * 2 * TILE;
				const __m512 bias = _mm512_load_ps(n->temporal[block].bias + out);
				for (int tile = 0; tile < s->tiles; tile += GROUP) {
					size_t rows[GROUP];
					const int group = s->tiles - tile < GROUP ? s->tiles - tile : GROUP;
					for (int g = 0; g < group; g++)
						rows[g] = (size_t)(tile + g) * SIDE * inputs;
					product(in.high, in.low, inputs, rows, group, shifts, steps, weights, sums);
					for (int i = 0; i < group * SIDE; i++) {
						const int p = tile * SIDE + i;
						const size_t at = (first + p) * outputs + out;
						__m512 v = _mm512_max_ps(_mm512_add_ps(_mm512_load_ps(sums + i * SIDE), bias), _mm512_setzero_ps());
						if (second) {
							v = _mm512_add_ps(v, _mm512_add_ps(widen(_mm256_loadu_si256((const __m256i *)(middle.high + at))),
							                                   widen(_mm256_loadu_si256((const __m256i *)(middle.low + at)))));
							_mm512_store_ps(w->sums + (size_t)p * outputs + out, v);
							continue;
						}
						if (p % s->row == s->width || p >= s->row * s->height)
							v = _mm512_setzero_ps(); // beside the frame
						keep(middle.high + at, middle.low + at, v);
					}
				}
			}
		}
		if (second)
			pool(w, stack, t);
	}
}

// advance takes a chunk through a block, and through the blocks that follow as far as the frames before and after are known.
static void advance(const network *n, workspace *w, int block, int chunk) {
	if (block == BLOCKS)
		return;
	spatial(n, w, block, chunk);
	if (chunk > 0) {
		temporal(n, w, block, chunk - 1);
		advance(n, w, block + 1, chunk - 1);
	}
	if (chunk + 1 == CHUNKS) {
		temporal(n, w, block, chunk);
		advance(n, w, block + 1, chunk);
	}
}

// patch puts the nine neighbours of each point side by side. The values 0 to 255 are exact in bfloat16; the weights hold the division.
static void patch(workspace *w, const uint8_t *frames) {
	uint16_t exact[256];
	const shape *s = &shapes[0];
	for (int v = 0; v < 256; v++) {
		union {
			float f;
			uint32_t bits;
		} u = {.f = (float)v};
		exact[v] = u.bits >> 16;
	}
	for (int f = 0; f < CHUNK; f++) {
		for (int y = 0; y < HEIGHT; y++) {
			for (int x = 0; x < WIDTH; x++) {
				uint16_t *to = w->patches.high + ((size_t)f * s->tiles * SIDE + y * s->row + x) * DEEP;
				for (int dy = -1; dy <= 1; dy++) {
					for (int dx = -1; dx <= 1; dx++, to += 3) {
						if (y + dy < 0 || y + dy >= HEIGHT || x + dx < 0 || x + dx >= WIDTH)
							continue; // stays 0
						const uint8_t *from = frames + ((size_t)(f * HEIGHT + y + dy) * WIDTH + x + dx) * 3;
						to[0] = exact[from[0]], to[1] = exact[from[1]], to[2] = exact[from[2]];
					}
				}
			}
		}
	}
}

// dense multiplies the rows first to first + count of a matrix by a layer. The rows are padded to whole tiles.
AMX static void dense(numbers in, int inputs, int first, int count, layer l, int outputs, int relu, float *out) {
	const int steps = (inputs + DEEP - 1) / DEEP, stride = steps * DEEP, tiles = (count + SIDE - 1) / SIDE;
	ptrdiff_t shifts[STEPS];
	for (int k = 0; k < steps; k++)
		shifts[k] = k * DEEP;
	float sums[GROUP * SIDE * SIDE] __attribute__((aligned(64)));
	for (int o = 0; o < outputs; o += SIDE) {
		const __m512 bias = _mm512_load_ps(l.bias + o);
		for (int tile = 0; tile < tiles; tile += GROUP) {
			size_t rows[GROUP];
			const int group = tiles - tile < GROUP ? tiles - tile : GROUP;
			for (int g = 0; g < group; g++)
				rows[g] = (size_t)(first + (tile + g) * SIDE) * stride;
			product(in.high, in.low, stride, rows, group, shifts, steps, l.tiles + (size_t)o / SIDE * steps * 2 * TILE, sums);
			for (int i = 0; i < group * SIDE; i++) {
				__m512 v = _mm512_add_ps(_mm512_load_ps(sums + i * SIDE), bias);
				if (relu)
					v = _mm512_max_ps(v, _mm512_setzero_ps());
				_mm512_storeu_ps(out + (size_t)(first + tile * SIDE + i) * outputs + o, v);
			}
		}
	}
}

AVX512 static float dot(const float *a, const float *b, int n) {
	__m512 sum = _mm512_setzero_ps(), other = _mm512_setzero_ps();
	for (int i = 0; i < n; i += 2 * SIDE) {
		sum = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum);
		other = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + SIDE), _mm512_loadu_ps(b + i + SIDE), other);
	}
	return _mm512_reduce_add_ps(_mm512_add_ps(sum, other));
}

AVX512 static void keep_row(numbers to, size_t at, const float *from, int n) {
	for (int i = 0; i < n; i += SIDE)
		keep(to.high + at + i, to.low + at + i, _mm512_loadu_ps(from + i));
}

// lookup compares each frame between the margins with its neighbours, by vectors of n numbers, and puts what the layer makes of the comparison into
// parts from the given column on.
static void lookup(workspace *w, const float *vectors, int n, layer l, int column) {
	enum { PADDED = 128, REACH = LOOKUP / 2 };
	float row[PADDED] __attribute__((aligned(64))) = {0};
	for (int t = MARGIN; t < WINDOW - MARGIN; t++) {
		for (int k = 0; k < LOOKUP; k++) {
			int other = t + k - REACH;
			row[k] = other < 0 || other >= WINDOW ? 0 : dot(vectors + (size_t)t * n, vectors + (size_t)other * n, n);
		}
		keep_row(w->rows, (size_t)t * PADDED, row, PADDED);
	}
	dense(w->rows, LOOKUP, MARGIN, WINDOW - 2 * MARGIN, l, 128, 1, w->hidden);
	for (int t = MARGIN; t < WINDOW - MARGIN; t++)
		keep_row(w->parts, (size_t)t * PARTS + column, w->hidden + (size_t)t * 128, 128);
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

// last computes the probabilities from what the stacks found.
AVX512 static void last(const network *n, workspace *w, const float *histograms, float *single, float *many) {
	for (int t = 0; t < WINDOW; t++)
		keep_row(w->rows, (size_t)t * MEANS, w->means + (size_t)t * MEANS, MEANS);
	dense(w->rows, MEANS, 0, WINDOW, n->projection, SIMILARITY, 0, w->unit);
	for (int t = 0; t < WINDOW; t++) {
		float *v = w->unit + (size_t)t * SIMILARITY;
		float length = fmaxf(sqrtf(dot(v, v, SIMILARITY)), 1e-12f);
		for (int i = 0; i < SIMILARITY; i++)
			v[i] /= length;
	}
	lookup(w, histograms, HISTOGRAM, n->colour, 0);
	lookup(w, w->unit, SIMILARITY, n->alike, 128);
	dense(w->parts, PARTS, MARGIN, WINDOW - 2 * MARGIN, n->hidden, HIDDEN, 1, w->hidden);
	for (int t = MARGIN; t < WINDOW - MARGIN; t++) {
		const float *v = w->hidden + (size_t)t * HIDDEN;
		single[t - MARGIN] = sigmoid(dot(v, n->single, HIDDEN) + n->single[HIDDEN]);
		many[t - MARGIN] = sigmoid(dot(v, n->many, HIDDEN) + n->many[HIDDEN]);
	}
}

AMX void tiles_window(const network *n, workspace *w, const uint8_t *frames, const float *histograms, float *single, float *many) {
	struct {
		uint8_t palette, start, reserved[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} __attribute__((packed, aligned(64))) config = {.palette = 1};
	for (int i = 0; i < 8; i++)
		config.bytes[i] = 64, config.rows[i] = SIDE;
	_tile_loadconfig(&config);
	for (int chunk = 0; chunk < CHUNKS; chunk++) {
		patch(w, frames + (size_t)chunk * CHUNK * WIDTH * HEIGHT * 3);
		advance(n, w, 0, chunk);
	}
	last(n, w, histograms, single, many);
	_tile_release();
}
