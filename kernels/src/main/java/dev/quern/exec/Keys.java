package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.graph.Shape;
import dev.quern.onnx.Bytes;
import dev.quern.reference.Tensor;

/** Texts that tell apart what must be compiled apart. */
final class Keys {
  private Keys() {}

  /**
   * Adds a value's type, sizes, and elements if they are wanted. A constant adds nothing: it is the
   * same in every run that comes to the same place.
   *
   * @param open the axes whose size does not matter; null if all matter
   */
  static void append(
      StringBuilder key, String name, Scope scope, boolean[] open, boolean elements) {
    if (scope.constant(name) != null) {
      return;
    }
    Tensor tensor = scope.tensor(name);
    key.append(name).append(' ').append(tensor.type().label());
    long[] dims = tensor.dims();
    for (int i = 0; i < dims.length; i++) {
      key.append(i == 0 ? '[' : ',');
      if (open != null && open[i] && dims[i] != 0) {
        key.append('?');
      } else {
        key.append(dims[i]);
      }
    }
    if (elements) {
      byte[] bytes = tensor.toBytes();
      key.append('=');
      for (byte b : bytes) {
        key.append((char) (b & 255));
      }
    }
    key.append(';');
  }

  /** A tensor as a constant. */
  static Constant constant(String name, Tensor tensor) {
    return new Constant(name, tensor.type(), Shape.of(tensor.dims()), Bytes.of(tensor.toBytes()));
  }
}
