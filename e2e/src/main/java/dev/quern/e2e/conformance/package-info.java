/**
 * Operator tests in the layout of ONNX's own: folders with a {@code model.onnx} and {@code
 * test_data_set_*} folders of inputs and the outputs that are expected.
 */
package dev.quern.e2e.conformance;
