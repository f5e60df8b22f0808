// Package jobs is the machine that does operators' work of any kind: jobs that take hours, tell their progress, can be paused, resumed and
// cancelled, and go on after a kill with the same result. A kind of work brings a [Kind]; the operator service collects the kinds. Kinds rely on
// the machine for leases, progress, retries, roles and selections, and know nothing of each other.
//
// A job lies in the store and changes by compare-and-set of its revision. Each process that serves looks for waiting jobs and for jobs whose
// worker died. The process takes the lease of such a job, calls the Kind's Do, and writes the progress about once a second.
//
// The machine guarantees:
//
//   - A worker that lost the lease of a job writes no progress of the job any more.
//   - A wish of an operator (pause, cancel) ends the work within about a second. Progress up to then is written.
//   - A caller submits, sees and steers only jobs that the caller's role and titles allow.
//   - The same work under the same key is one job, however often the work is submitted, and by whomever. Jobs of a Kind with the role
//     authz.Batch are the exception: such a job belongs to a caller, and the same work of two callers is two jobs.
//
// A Kind MUST report a cursor only after all work before the cursor is durable. A Kind MUST be idempotent by identity: if another worker
// goes on from an older cursor, the worker writes the same rows.
package jobs
