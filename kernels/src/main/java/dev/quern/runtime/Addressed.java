package dev.quern.runtime;

import dev.quern.onnx.Bytes;

/** Bytes that lie in a linear memory. Slices of them are addressed too. */
public interface Addressed extends Bytes {
  /** The address of the first byte. */
  long address();
}
