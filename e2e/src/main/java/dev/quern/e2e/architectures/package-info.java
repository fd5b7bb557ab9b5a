/**
 * Networks of the architectures that people bring, as exporters write them, with seeded weights:
 * small ones for tests, and the full sizes for the benchmark, by the same lines.
 *
 * <p>Place in the order: uses {@code dev.quern.server.models} to write ONNX files; {@code peers}
 * and the tests use it.
 */
package dev.quern.e2e.architectures;
