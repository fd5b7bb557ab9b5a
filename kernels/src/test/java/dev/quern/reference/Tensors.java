package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.Random;

/** Makes and compares tensors. */
public final class Tensors {
  private Tensors() {}

  /** Normally distributed numbers; integers from -5 to 5. */
  public static Tensor random(long seed, DataType type, long... dims) {
    Random random = new Random(seed);
    Tensor result = Tensor.zeros(type, dims);
    for (int i = 0; i < result.size(); i++) {
      switch (type) {
        case FLOAT16 -> result.floats()[i] = Halves.round(type, (float) random.nextGaussian());
        case FLOAT -> result.floats()[i] = (float) random.nextGaussian();
        case DOUBLE -> result.doubles()[i] = random.nextGaussian();
        case INT64 -> result.longs()[i] = random.nextInt(11) - 5L;
        case INT32 -> result.ints()[i] = random.nextInt(11) - 5;
        case BOOL -> result.bytes()[i] = (byte) random.nextInt(2);
        default -> result.bytes()[i] = (byte) random.nextInt(5);
      }
    }
    return result;
  }

  /** Indices from 0 to {@code below - 1}. */
  public static Tensor indices(long seed, int below, long... dims) {
    Random random = new Random(seed);
    Tensor result = Tensor.zeros(DataType.INT64, dims);
    for (int i = 0; i < result.size(); i++) {
      result.longs()[i] = random.nextInt(below);
    }
    return result;
  }

  /**
   * Fails unless types, shapes and elements agree; reals within a tolerance, absolute or relative.
   */
  public static void assertClose(Tensor actual, Tensor expected, double tolerance) {
    assertThat(actual.type()).isEqualTo(expected.type());
    assertThat(actual.dims()).isEqualTo(expected.dims());
    for (int i = 0; i < expected.size(); i++) {
      if (!expected.type().isFloating()) {
        assertThat(actual.integer(i)).as("element %d", i).isEqualTo(expected.integer(i));
        continue;
      }
      double a = actual.number(i);
      double e = expected.number(i);
      boolean close =
          a == e
              || (Double.isNaN(a) && Double.isNaN(e))
              || Math.abs(a - e) <= tolerance * Math.max(1, Math.abs(e));
      assertThat(close).as("element %d is %s, expected %s", i, a, e).isTrue();
    }
  }
}
