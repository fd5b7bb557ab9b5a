/**
 * Runs models that cannot be planned whole: shapes that depend on data, control flow, operators
 * that only the scalar kernels know.
 *
 * <p>A {@link dev.quern.exec.Body graph} is walked from {@link dev.quern.exec.Point point} to
 * point. At a point the tensors that are at hand are known, and with them the rank and type of
 * every value; as many of the remaining nodes as can be imported become one {@link
 * dev.quern.exec.Island island}, an ordinary graph that a {@link dev.quern.exec.Device device}
 * compiles. A value that a rule wants to know, such as the shape for {@code Reshape}, is bound as a
 * constant, and the island kept under it. What cannot be in an island is computed alone.
 *
 * <p>Invariants: what was compiled is kept under everything it depends on, so that a second run
 * with the same types, ranks and wanted values compiles nothing; each of these stores is bounded.
 * Nothing here depends on a browser.
 *
 * <p>It stands behind {@code runtime}; it uses {@code onnx}, {@code graph}, {@code graph.passes},
 * {@code reference}, {@code plan} and {@code runtime}.
 */
package dev.quern.exec;
