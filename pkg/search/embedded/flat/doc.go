// Package flat finds the nearest vectors by a fast scan of all vectors: Cinedex's own vector index for one machine. The embedded search
// engine keeps one Index for each embedding space. An acknowledged row survives a crash. Large segments have cells, so a search looks at few of
// their rows. Without cells an answer depends on the visible rows, the query and the centre alone.
//
// # Why flat
//
// An editors' library changes all day: runs are written, replaced and switched off, and a backfill rewrites a whole space. Every search is
// filtered, first of all by the titles that the caller may see. A graph (HNSW) is slow to write, keeps deleted vectors as way-points, and
// loses its way when a filter leaves few vectors. Here writing is appending, and deleting is a bit. A filter is applied before the
// scan: a filter saves time and costs no recall.
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
//   - int8. The error of the score has an exact bound, so no row is lost here.
//   - float32, exactly: these are the scores of the answer.
//
// When the filter leaves few rows, the first stage is skipped and the answer is exact.
//
// A row that ranks above its own bound would be found or missed depending on the order of the scan. Such a row is ranked by its bound. An
// answer therefore depends on the rows, the query and the centre alone. Two indexes with the same visible rows and the same centre answer
// alike, whatever was written, deleted or hidden beside the rows, as long as no segment has cells. The centre is the mean of the first rows sealed, and stays. Where the
// filter leaves few rows or Confidence is infinite, the centre matters for speed alone.
//
// # Cells
//
// A segment of 4,096 rows or more gets cells in the background (ADR 137): centroids trained by k-means, with the rows near to each centroid. A
// row has a second code there, of its residual to the centroid. Cells are looked into in the order of a bound, until the bound of the next cell
// is below the kth best score so far. How many cells are looked into thus follows from the data, the query and the filter. Cells without a row
// that the filter lets through are left out, and so are blocks of a cell. The second stage allows for rounding errors of six standard
// deviations in place of the largest error (ADR 143).
//
// The bound has a margin. A margin of 1 is certain, by Cauchy and Schwarz. The margin in use is calibrated when the cells are made: rows of the
// segment are asked for their nearest neighbours, and the margin is the least that leads to 0.996 of the neighbours. Margins are kept
// for several numbers of neighbours, where a filter counts as more neighbours, and for near and far cells. So queries that lie about as rows do find 0.99 of the nearest rows
// or more in the mean. A query far from all rows has wide bounds, and looks into more cells.
//
// A segment is scanned flat where calibration tells that cells would not pay: in a space without structure, and beneath a narrow filter. Rows are
// found as soon as the rows are written: a tail, and a segment whose cells are not made yet, are scanned. Which rows are among the lost
// depends on the segments. The same index gives the same answer until its segments change. Within, Confidence of +Inf, and searches
// over few rows look into no cells.
//
// Ask tells what a search read, and which recall holds for the answer.
//
// # Guarantees
//
//   - Append, Delete and DeleteFrom are atomic, durable when they return, and seen by every search that begins afterwards. Writers that wait
//     at the same time share a sync.
//   - A search sees one snapshot: whole batches, and no part of a running merge.
//   - A key has one vector. A later vector replaces an earlier vector. Writing the same vector changes nothing.
//   - After a crash every acknowledged row is there. A torn end of the log is cut off. Other damage is an error that names the file, found by
//     checksums when the file is opened or a block is first read, and never a wrong answer.
//   - On a full disk writes fail with kind Exhausted, and reading goes on. Writes succeed once the disk has room.
//   - A Set that follows an earlier Set by its changes costs the groups that differ.
//
// # On disk
//
//	MANIFEST    names every valid file; replaced as a whole
//	log-*       changes not yet sealed, synced before searches see the changes; replayed at Open
//	segment-*   sealed rows by group and ordinal, mapped into memory, never changed
//	cells-*     cells of the segment of the same number; made again if missing or damaged
//	LOCK        held by the one process that has the index open
//
// Rows gather in a tail in memory, which searches scan too. A long tail is sealed into a segment. Segments of one size are merged in the
// background, and lose their dead rows.
// A row costs 4·d bytes exact, d+12 rough, d/8+8 code and 20 of key and interval, and some d/8+12 in cells.
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
// Without cells, the cost of a search is in proportion to the rows that the filter leaves. The cost of a graph hardly grows. The first stage reads d/8+8
// bytes a row, and is bound by memory: one core takes some 1.5 ms for a million rows of 100 dimensions, and 10 ms for a million rows of
// 512. Large scans are shared among cores. By the figures above, a graph would overtake an unfiltered scan at a few million rows of 100
// dimensions. A space of ten million rows of 512 dimensions, a search of more than a tenth of a second, or a space beyond the memory of a
// machine belongs to OpenSearch's k-NN, which has graphs and several machines.
//
// On processors without AVX2 the same answers come from plain Go, with a first stage some ten times slower.
package flat
