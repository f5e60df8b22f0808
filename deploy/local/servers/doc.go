// Package servers runs real Kafka, Cassandra and OpenSearch on this machine without a container engine: jars from Maven
// Central, as ordinary Java processes on loopback addresses. `make servers` runs the servers for a person. Tests run
// servers to kill, pause and restart a chosen node (see serverstest).
//
// # Guarantees
//
//   - Versions are pinned: a pom names the versions, and every jar from Maven must have the SHA-256 in the file beside
//     the pom. Jars are fetched once, into the user's cache.
//   - OpenSearch is 2.19.1, or 3.5.0 where Config.OpenSearchVersion is 3. The k-NN plugin of a later version is not on Maven Central.
//   - A node answers its clients once Start has returned without an error. An error says what to do: which port is
//     taken and how to choose another, which Java is missing, what does not fit into memory, and where the log is.
//   - A cluster writes only below the folder of the cluster: a folder for each node, with the node's data,
//     configuration, server.log and server.pid.
//   - Nodes of a cluster without Detached end with the process that started the nodes, however the process ends.
//
// # Limits
//
// The servers are small: a single copy of every partition fits a laptop, and three brokers, two Cassandras, an
// OpenSearch and Cinedex fit into 12 GiB. With Secure, Kafka and Cassandra require TLS and a password. OpenSearch has
// no security plugin here, and is a single node.
package servers
