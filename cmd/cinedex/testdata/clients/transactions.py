# confluent-kafka in transactions: what is committed is an event, and what is aborted is none.
from cells import TYPE, WHERE, data, producer, tell
import json

p = producer(**{"transactional.id": WHERE["topic"] + "-clients"})
p.init_transactions(30)


def put(cell):
    p.produce(WHERE["topic"], key="film", value=json.dumps(data(cell)), headers={
        "ce_specversion": "1.0", "ce_type": TYPE, "ce_source": "/confluent", "ce_id": cell, "content-type": "application/json"})


for end, cells in [("commit", ["committed", "committed too"]), ("abort", ["aborted", "aborted too"]), ("commit", ["committed after an abort"]), ("abort", ["aborted at the end"])]:
    p.begin_transaction()
    for cell in cells:
        put(cell)
    p.flush(30)
    if end == "commit":
        p.commit_transaction(30)
    else:
        p.abort_transaction(30)
    for cell in cells:
        tell(cell)
