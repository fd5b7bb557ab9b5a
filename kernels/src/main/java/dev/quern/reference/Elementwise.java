package dev.quern.reference;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.ArrayList;
import java.util.List;

/** Runs element-wise programs, a block of elements at a time. */
public final class Elementwise {
  /** Elements a block: registers of a block stay in the first-level cache. */
  private static final int BLOCK = 256;

  private final ElementwiseProgram program;
  private final boolean[] isReal;
  private final double[][] reals;
  private final long[][] wholes;

  private Elementwise(ElementwiseProgram program) {
    this.program = program;
    int count = program.registers();
    isReal = new boolean[count];
    reals = new double[count][];
    wholes = new long[count][];
    for (int i = 0; i < count; i++) {
      isReal[i] = program.type(i).isFloating();
      reals[i] = new double[isReal[i] ? BLOCK : 0];
      wholes[i] = new long[isReal[i] ? 0 : BLOCK];
    }
  }

  /** A program's result, of a shape that all operands broadcast to. */
  public static Tensor run(ElementwiseProgram program, List<Tensor> operands, long[] dims) {
    for (int i = 0; i < operands.size(); i++) {
      if (operands.get(i).type() != program.type(i)) {
        throw new IllegalArgumentException(
            "operand "
                + i
                + " is "
                + operands.get(i).type().label()
                + ", not "
                + program.type(i).label());
      }
    }
    Tensor target = Tensor.zeros(program.result(), dims);
    if (target.size() > 0) {
      new Elementwise(program).run(operands, target);
    }
    return target;
  }

  private void run(List<Tensor> operands, Tensor target) {
    // Axes that all operands walk in one stride are joined, so that rows are long.
    List<int[]> strides = new ArrayList<>();
    for (Tensor operand : operands) {
      strides.add(Strided.broadcast(operand.dims(), target.dims()));
    }
    long[] dims = join(target.dims(), strides);
    int last = dims.length - 1;
    int width = last < 0 ? 1 : (int) dims[last];
    int[] positions = new int[operands.size()];
    int[][] indices = new int[operands.size()][dims.length];
    for (int at = 0; at < target.size(); at += width) {
      for (int begin = 0; begin < width; begin += BLOCK) {
        int count = Math.min(BLOCK, width - begin);
        for (int i = 0; i < operands.size(); i++) {
          int step = last < 0 ? 0 : strides.get(i)[last];
          load(i, operands.get(i), positions[i] + begin * step, step, count);
        }
        for (int i = 0; i < program.instructions().size(); i++) {
          execute(program.instructions().get(i), program.inputs().size() + i, count);
        }
        store(target, at + begin, count);
      }
      for (int i = 0; i < operands.size(); i++) {
        positions[i] = Strided.advance(indices[i], positions[i], strides.get(i), dims, last - 1);
      }
    }
  }

  /** Joins neighbouring axes; the strides are changed to those of the joined axes. */
  private static long[] join(long[] dims, List<int[]> strides) {
    long[] joined = new long[dims.length];
    int count = 0;
    for (int axis = 0; axis < dims.length; axis++) {
      boolean fits = count > 0;
      for (int[] s : strides) {
        fits = fits && s[count - 1] == s[axis] * dims[axis];
      }
      if (fits) {
        joined[count - 1] *= dims[axis];
      } else {
        joined[count++] = dims[axis];
      }
      for (int[] s : strides) {
        s[count - 1] = s[axis];
      }
    }
    return java.util.Arrays.copyOf(joined, count);
  }

  private void load(int register, Tensor source, int from, int step, int count) {
    if (isReal[register]) {
      double[] target = reals[register];
      for (int i = 0; i < count; i++) {
        target[i] = source.number(from + i * step);
      }
    } else {
      long[] target = wholes[register];
      for (int i = 0; i < count; i++) {
        target[i] = source.integer(from + i * step);
      }
    }
  }

  private void store(Tensor target, int at, int count) {
    int result = program.registers() - 1;
    switch (target.array()) {
      case float[] a -> {
        for (int i = 0; i < count; i++) {
          a[at + i] = Halves.round(target.type(), (float) reals[result][i]);
        }
      }
      case double[] a -> System.arraycopy(reals[result], 0, a, at, count);
      case long[] a -> System.arraycopy(wholes[result], 0, a, at, count);
      case int[] a -> {
        for (int i = 0; i < count; i++) {
          a[at + i] = (int) wholes[result][i];
        }
      }
      default -> {
        byte[] a = target.bytes();
        for (int i = 0; i < count; i++) {
          a[at + i] = (byte) wholes[result][i];
        }
      }
    }
  }

  private void execute(ElementwiseProgram.Instruction step, int target, int count) {
    ElementwiseOp op = step.op();
    DataType type = step.type();
    int a = step.operands().isEmpty() ? target : step.operands().getFirst();
    int b = step.operands().size() < 2 ? a : step.operands().get(1);
    if (op == ElementwiseOp.CONSTANT) {
      for (int i = 0; i < count; i++) {
        if (isReal[target]) {
          reals[target][i] = type == DataType.DOUBLE ? step.number() : (float) step.number();
        } else {
          wholes[target][i] = (long) step.number();
        }
      }
    } else if (op == ElementwiseOp.CAST) {
      cast(type, a, target, count);
    } else if (op == ElementwiseOp.WHERE) {
      where(a, b, step.operands().get(2), target, count);
    } else if (op.isComparison()) {
      for (int i = 0; i < count; i++) {
        boolean holds =
            isReal[a]
                ? Scalars.compare(op, reals[a][i], reals[b][i])
                : Scalars.compare(op, program.type(a), wholes[a][i], wholes[b][i]);
        wholes[target][i] = holds ? 1 : 0;
      }
    } else if (isReal[target]) {
      double[] out = reals[target];
      double[] left = reals[a];
      double[] right = reals[b];
      boolean rounds = type != DataType.DOUBLE;
      for (int i = 0; i < count; i++) {
        double value = Scalars.real(op, left[i], right[i]);
        out[i] = rounds ? (float) value : value;
      }
    } else {
      for (int i = 0; i < count; i++) {
        wholes[target][i] = Scalars.wrap(type, Scalars.whole(op, type, wholes[a][i], wholes[b][i]));
      }
    }
  }

  /** Half precision rounds where it is made by a cast, and where it is stored. */
  private void cast(DataType type, int a, int target, int count) {
    DataType from = program.type(a);
    for (int i = 0; i < count; i++) {
      if (isReal[target]) {
        double value = isReal[a] ? reals[a][i] : Scalars.toReal(from, wholes[a][i]);
        // From 64 bits to 32 in one rounding: a long is not always a double.
        float single = isReal[a] || from == DataType.UINT64 ? (float) value : (float) wholes[a][i];
        reals[target][i] = type == DataType.DOUBLE ? value : Halves.round(type, single);
      } else if (isReal[a] && type == DataType.BOOL) {
        wholes[target][i] = reals[a][i] == 0 ? 0 : 1;
      } else {
        long value = isReal[a] ? Scalars.toWhole(type, reals[a][i]) : wholes[a][i];
        wholes[target][i] = Scalars.wrap(type, value);
      }
    }
  }

  private void where(int condition, int a, int b, int target, int count) {
    for (int i = 0; i < count; i++) {
      int source = wholes[condition][i] != 0 ? a : b;
      if (isReal[target]) {
        reals[target][i] = reals[source][i];
      } else {
        wholes[target][i] = wholes[source][i];
      }
    }
  }
}
