// Package flat finds the nearest of many vectors by looking at all of them, fast: Cinedex's own
// vector index for one machine. The embedded search engine keeps one Index per embedding space.
//
// # Why flat
//
// An editors' library changes all day: runs are written, replaced, switched off, and a backfill
// rewrites a whole space. Every search is filtered, by the titles that the caller may see before
// anything else. A graph (HNSW) is slow to write, keeps deleted vectors as way-points and loses its
// way when a filter leaves little. Here writing is appending, deleting is a bit, and a filter is applied before
// the scan, so that it saves time and never costs recall.
//
// # How a search goes
//
// Rows go through three stages, each of which passes few on:
//
//   - One bit a dimension. The residual of a vector to the index's centre is rotated at random, and the
//     signs are kept. From them and two factors per row comes an unbiased estimate of the score, with
//     its standard deviation: RaBitQ (Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors
//     with a Theoretical Error Bound for Approximate Nearest Neighbor Search", SIGMOD 2024).
//     The query's part is looked up four bits at a time, 32 rows an instruction
//     (FastScan: André, Kermarrec and Le Scouarnec, VLDB 2015), at 7 bits of
//     precision; a row whose estimate plus Config.Confidence deviations is below the kth best score so
//     far is passed over. How many survive thus follows from the data, query by query.
//   - int8. What it says is off by no more than a bound that is known exactly, so nothing is lost here.
//   - float32, exactly: these are the scores of the answer.
//
// When the filter leaves few rows, the first stage is skipped and the answer is exact.
//
// A row that ranks above its own bound would be found or not depending on when it is looked at. Such a
// row is ranked by its bound, so an answer depends on the rows, the query and the centre, and on nothing
// else: two indexes that hold the same visible rows answer alike, whatever was written, deleted or hidden beside them.
// The centre is the mean of the first rows sealed, and stays. It matters for speed alone where the
// filter leaves few rows or Confidence is infinite.
//
// # What holds
//
//   - Append, Delete and their like are durable when they return, atomic, and seen by every search
//     that begins afterwards. Writers that wait at the same time share a sync.
//   - A search sees one snapshot: no part of a batch, nothing of a merge that goes on.
//   - A key has one vector: writing it again replaces it, writing the same changes nothing.
//   - After a crash all that was acknowledged is there. A torn end of the log is cut off; damage
//     elsewhere is an error that names the file, found by checksums when a file is opened or a
//     block of it first read, never a wrong answer.
//   - On a full disk writes fail with kind Exhausted, reading goes on, and writes work again when there is room.
//
// # On disk
//
//	MANIFEST    names all that is valid; replaced as a whole
//	log-*       changes not yet sealed, synced before they are seen; replayed when opened
//	segment-*   sealed rows by group and ordinal, mapped into memory, never changed
//	LOCK        held by the one process that has the index open
//
// Rows gather in a tail in memory, which is searched like all else, and are sealed into a segment when there are
// many; segments of one size are merged in the background and lose their dead rows then.
// A row costs 4·d bytes exact, d+12 rough, d/8+8 code and 20 of key and interval.
//
// # Figures
//
// GloVe, 341k vectors of 100 dimensions, cosine, the 10 nearest, one core of an AMD EPYC (Zen 4) that did
// other work, too, beside hnswlib 0.8 (M=16, ef_construction=200), 2026-11-24. TestFigureVectors prints them.
//
//	                        flat                     hnswlib
//	inserts                 160,000/s, durable       2,200/s, in memory
//	bytes a row             553 on disk              549 in memory
//	all rows                recall 0.999, 1,800/s    0.990, 640/s
//	a filter leaves 10 %    recall 0.998, 4,500/s    0.990, 250/s (a filter in Python)
//	a filter leaves 1 %     recall 1.000, 9,700/s    0.996, 60/s (a filter in Python)
//
// # Where it ends
//
// A search costs in proportion to the rows that its filter leaves, and a graph's hardly grows. The first
// stage reads d/8+8 bytes a row, so it is bound by memory: some 1.5 ms for a million rows of 100
// dimensions here and 10 ms for one of 512, by one core; large scans are shared among cores. From the figures
// above, a graph would overtake an unfiltered scan at a few million rows of 100 dimensions. Ten million rows
// of 512 in one space, or more than a tenth of a second and a machine's memory, are the point to hand the
// space to OpenSearch's k-NN: it has graphs, and more than one machine.
//
// On processors without AVX2 the same answers come from plain Go, with a first stage some ten times slower.
package flat
