// Package servers runs real Kafka, Cassandra and OpenSearch on this machine, without a
// container engine: their own jars from Maven Central, as ordinary Java processes on
// loopback addresses. `make servers` runs them for a person, and tests run them to kill,
// pause and restart a node of their choice (see serverstest).
//
// # What it guarantees
//
//   - What runs is what was pinned: a pom names the versions, and every jar that Maven brings
//     must have the SHA-256 that lies beside the pom. They are fetched once, into the user's cache.
//   - A node that Start returned answers its clients. Otherwise the error says what to do: which port is
//     taken and how to choose another, which Java is missing, what does not fit into memory, and where the log is.
//   - All that a cluster writes lies under its one folder: a folder for each node, with its data, its
//     configuration, server.log and server.pid.
//   - Nodes of a cluster that is not Detached end with the process that started them, however that ends.
//
// # Its limits
//
// They are small: one partition's copy of everything fits a laptop, and three brokers, two Cassandras, one
// OpenSearch and Cinedex fit into 12 GiB. With Secure, Kafka and Cassandra ask for TLS and a password;
// OpenSearch has no security plugin here, and is one node.
package servers
