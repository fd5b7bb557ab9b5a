/** Reads ONNX files: bytes in, records out; the first stage, which depends on nothing of ours. */
package dev.quern.onnx;
