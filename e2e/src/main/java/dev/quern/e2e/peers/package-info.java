/**
 * Quern beside the other engines that a site could use: the same models on the same inputs, each
 * engine in a tab of its own, taking turns in one browser session.
 *
 * <p>Invariants: each engine runs in its best configuration; every output is compared with ONNX
 * Runtime's on the JVM, and a time whose output is wrong does not count; times include the reading
 * back of the output, for all engines alike; ratios come from turns that lie next to each other.
 *
 * <p>Place in the order: uses {@code bench}, {@code harness}, {@code oracle} and {@code models};
 * the command {@code bench} prints it.
 */
package dev.quern.e2e.peers;
