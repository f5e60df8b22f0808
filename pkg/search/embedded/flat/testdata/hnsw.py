"""Measures hnswlib (M=16, ef_construction=200, one thread) over what figure_test.go wrote into a folder.

For each filter it raises ef until recall reaches 0.99, and prints the figures there as JSON.
"""
import json, os, sys, time
import hnswlib, numpy

home = sys.argv[1]
with open(os.path.join(home, "tasks.json")) as f:
    job = json.load(f)
dim, k, group_rows = job["dim"], job["k"], job["group_rows"]
clock = time.thread_time
rows = numpy.fromfile(os.path.join(home, "rows.f32"), dtype=numpy.float32).reshape(-1, dim)
queries = numpy.fromfile(os.path.join(home, "queries.f32"), dtype=numpy.float32).reshape(-1, dim)

graph, speed = os.path.join(home, "hnsw-%d.bin" % len(rows)), os.path.join(home, "hnsw-%d.json" % len(rows))
index = hnswlib.Index(space="cosine", dim=dim)
if os.path.exists(speed):
    index.load_index(graph, max_elements=len(rows))
else:
    index.init_index(max_elements=len(rows), M=16, ef_construction=200, random_seed=1)
    index.set_num_threads(1)
    begun = clock()
    for at in range(0, len(rows), 1023):
        part = rows[at : at + 1023]
        index.add_items(part, numpy.arange(at, at + len(part)), num_threads=1)
    took = clock() - begun
    index.save_index(graph)
    with open(speed, "w") as f:
        json.dump({"inserts_per_second": len(rows) / took}, f)
with open(speed) as f:
    out = {"inserts_per_second": json.load(f)["inserts_per_second"], "bytes": os.path.getsize(graph), "filters": {}}
index.set_num_threads(1)


def run(task, count):
    """Returns recall and queries a second over the first count queries."""
    right, total, took = 0, 0, 0.0
    for i in range(count):
        groups = task["allowed"][i]
        call = {}
        if groups is not None:
            allowed = bytearray(len(rows))
            for g in groups:
                size = min(group_rows, len(rows) - g * group_rows)
                allowed[g * group_rows : g * group_rows + size] = b"\1" * size
            call = {"filter": allowed.__getitem__}
        begun = clock()
        try:
            labels = index.knn_query(queries[i : i + 1], k=k, num_threads=1, **call)[0][0]
        except RuntimeError:  # it found fewer than k
            labels = []
        took += clock() - begun
        right += len(set(map(int, labels)) & set(task["truth"][i]))
        total += len(task["truth"][i])
    return right / total, count / took


for name, task in job["tasks"].items():
    count = len(queries) if name == "1" else min(100, len(queries))
    for ef in (20, 50, 100, 150, 200, 250, 300, 350, 400, 500, 600, 800, 1000, 1500, 2000, 4000, 8000, 16000, 32000):
        index.set_ef(ef)
        recall, qps = run(task, count)
        if recall >= 0.99:
            break
    out["filters"][name] = {"ef": ef, "recall": recall, "qps": qps}
print(json.dumps(out))
