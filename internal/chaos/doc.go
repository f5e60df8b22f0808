// Package chaos does harm to the services over what is real: a log, a store, an engine, processes and servers. It holds that a
// worker that lost its lease changes nothing, that poison harms nothing but itself, and that what readers see
// equals the fold of the log after servers and services were killed, paused and cut off.
//
// All of it is tests. Those that start servers are named TestChaos… and run by make chaos.
package chaos
