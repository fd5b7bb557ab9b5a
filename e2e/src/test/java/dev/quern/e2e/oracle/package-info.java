/**
 * The independent answer that the page's results are held against: ONNX Runtime on the JVM, and a
 * WordPiece tokeniser of our own.
 */
package dev.quern.e2e.oracle;
