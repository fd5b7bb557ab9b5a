/**
 * ONNX Runtime on the JVM: what results are held against, in tests and in the comparison with other
 * engines. It shares no code with Quern.
 *
 * <p>Place in the order: uses {@code data}.
 */
package dev.quern.e2e.oracle;
