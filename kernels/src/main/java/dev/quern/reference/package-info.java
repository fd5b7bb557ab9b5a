/**
 * Scalar Java kernels for every operator of a graph: the oracle that generated kernels are checked
 * against, the baseline that TeaVM compiles for the page, and what folds constants.
 *
 * <p>Invariants: arithmetic in f32 rounds to f32 after each operation; sums (matrix products,
 * reductions, softmax, layer normalisation) accumulate in f64 and round once; NaN and infinities
 * are treated as ONNX Runtime treats them. Nothing here depends on a browser.
 *
 * <p>It depends on {@code onnx} and {@code graph} only.
 */
package dev.quern.reference;
