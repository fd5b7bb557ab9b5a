package dev.quern.reference;

import dev.quern.graph.Dim;
import dev.quern.onnx.Halves;
import java.util.List;

/** Kernels that move elements without computing. */
final class MovementKernels {
  private MovementKernels() {}

  /** {@code Gather}: a negative index counts from the end; one outside of the axis throws. */
  static Tensor gather(Interpreter.Call call) {
    Tensor data = call.input(0);
    Tensor indices = call.input(1);
    int axis = (int) call.node().integer("axis", 0);
    Tensor result = Tensor.zeros(data.type(), call.dims());
    int size = (int) data.dims()[axis];
    int inner = 1;
    for (int i = axis + 1; i < data.rank(); i++) {
      inner *= (int) data.dims()[i];
    }
    int at = 0;
    for (int block = 0; at < result.size(); block += size * inner) {
      for (int i = 0; i < indices.size(); i++) {
        long index = indices.integer(i);
        long from = index < 0 ? index + size : index;
        if (from < 0 || from >= size) {
          throw new IllegalArgumentException(
              call.node().operator()
                  + " '"
                  + call.node().name()
                  + "': the index "
                  + index
                  + " is outside of an axis of "
                  + size);
        }
        System.arraycopy(data.array(), block + (int) from * inner, result.array(), at, inner);
        at += inner;
      }
    }
    return result;
  }

  static Tensor transpose(Interpreter.Call call) {
    Tensor x = call.input(0);
    int[] own = Strided.rowMajor(x.dims());
    List<Long> perm = call.node().ints("perm");
    int[] strides = new int[x.rank()];
    for (int i = 0; i < strides.length; i++) {
      strides[i] = own[perm.get(i).intValue()];
    }
    return Strided.copy(x, 0, strides, call.dims());
  }

  static Tensor slice(Interpreter.Call call) {
    Tensor x = call.input(0);
    int[] strides = Strided.rowMajor(x.dims());
    List<Dim> starts = call.node().dims("starts");
    List<Long> steps = call.node().ints("steps");
    int offset = 0;
    for (int i = 0; i < strides.length; i++) {
      offset += (int) starts.get(i).evaluate(call.symbols()) * strides[i];
      strides[i] *= steps.get(i).intValue();
    }
    return Strided.copy(x, offset, strides, call.dims());
  }

  /** {@code Pad}: a constant around the tensor. */
  static Tensor pad(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double value = call.node().real("value", 0);
    switch (result.array()) {
      case float[] a -> java.util.Arrays.fill(a, Halves.round(x.type(), (float) value));
      case double[] a -> java.util.Arrays.fill(a, value);
      case long[] a -> java.util.Arrays.fill(a, (long) value);
      case int[] a -> java.util.Arrays.fill(a, (int) (long) value);
      default -> java.util.Arrays.fill(result.bytes(), (byte) (long) value);
    }
    int[] strides = Strided.rowMajor(call.dims());
    List<Dim> pads = call.node().dims("pads");
    int at = 0;
    for (int i = 0; i < strides.length; i++) {
      at += (int) pads.get(i).evaluate(call.symbols()) * strides[i];
    }
    int[] index = new int[x.rank()];
    int width = x.rank() == 0 ? 1 : (int) x.dims()[x.rank() - 1];
    for (int from = 0; from < x.size(); from += width) {
      System.arraycopy(x.array(), from, result.array(), at, width);
      at = Strided.advance(index, at, strides, x.dims(), x.rank() - 2);
    }
    return result;
  }

  static Tensor concat(Interpreter.Call call) {
    Tensor result = Tensor.zeros(call.input(0).type(), call.dims());
    int axis = (int) call.node().integer("axis", 0);
    int inner = 1;
    for (int i = axis + 1; i < result.rank(); i++) {
      inner *= (int) result.dims()[i];
    }
    int row = (int) result.dims()[axis] * inner;
    int at = 0;
    for (int i = 0; i < call.node().inputs().size(); i++) {
      Tensor part = call.input(i);
      int width = (int) part.dims()[axis] * inner;
      for (int from = 0, to = at; width > 0 && from < part.size(); from += width, to += row) {
        System.arraycopy(part.array(), from, result.array(), to, width);
      }
      at += width;
    }
    return result;
  }

  static Tensor expand(Interpreter.Call call) {
    Tensor x = call.input(0);
    return Strided.copy(x, 0, Strided.broadcast(x.dims(), call.dims()), call.dims());
  }
}
