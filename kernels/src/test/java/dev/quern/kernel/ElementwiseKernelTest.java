package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Elementwise;
import dev.quern.onnx.DataType;
import dev.quern.schedule.Features;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ElementwiseKernelTest {
  private static final float[] SPECIAL = {
    0f,
    -0f,
    1f,
    -1f,
    0.5f,
    -0.5f,
    1.5f,
    -2.5f,
    3.5f,
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    1e-39f,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    8388607.5f,
    2147483648f,
    1e-20f,
    -88f,
    88f,
    -104f,
    104f
  };

  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  /** Runs a program of rank 1 on operands that lie side by side. */
  private static float[] flat(ElementwiseProgram program, Features features, float[]... operands) {
    rig.reset();
    Random random = new Random(operands[0].length);
    int count = operands[0].length;
    for (int i = 0; i < operands.length; i++) {
      rig.arg(ElementwiseKernel.operand(1, i), rig.input(4 * random.nextInt(4), operands[i]));
    }
    Buffer out = rig.output(4 * count, 4 * random.nextInt(4));
    rig.arg(ElementwiseKernel.OUT, out);
    rig.run(
        new Elementwise(program, 1, Collections.nCopies(operands.length, true)), features, count);
    return rig.read(out);
  }

  /** All pairs, or all values, of the special numbers. */
  private static float[] spread(int operand, int operands) {
    int count = (int) Math.pow(SPECIAL.length, operands);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = SPECIAL[operand == 0 ? i % SPECIAL.length : i / SPECIAL.length];
    }
    return values;
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "ADD",
        "SUB",
        "MUL",
        "DIV",
        "MIN",
        "MAX",
        "NEG",
        "ABS",
        "SQRT",
        "RECIPROCAL",
        "RELU",
        "FLOOR",
        "CEIL",
        "ROUND",
        "SIGN"
      })
  void computesExactOperationsToTheBit(ElementwiseOp op) {
    ElementwiseProgram program = op.arity() == 1 ? Programs.unary(op) : Programs.binary(op);
    float[][] operands = new float[op.arity()][];
    for (int i = 0; i < operands.length; i++) {
      operands[i] = spread(i, operands.length);
    }
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      float[] found = flat(program, features, operands);
      for (int i = 0; i < found.length; i++) {
        float a = operands[0][i];
        float b = operands.length > 1 ? operands[1][i] : 0;
        float wanted = (float) Programs.apply(op, a, b, 0);
        boolean same =
            Float.isNaN(wanted)
                ? Float.isNaN(found[i])
                : Float.floatToIntBits(wanted) == Float.floatToIntBits(found[i])
                    // The sign of a zero is free where IEEE 754 leaves it so for max(x, 0).
                    || op == ElementwiseOp.RELU && wanted == found[i];
        assertThat(same).as("%s(%s, %s) = %s, not %s", op, a, b, found[i], wanted).isTrue();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"})
  void comparesAndSelects(ElementwiseOp op) {
    // where(not (a op b) xor (a = a), a, 7)
    ElementwiseProgram program =
        Programs.inputs(2)
            .step(op, 0, 1)
            .step(ElementwiseOp.NOT, 2)
            .step(ElementwiseOp.EQUAL, 0, 0)
            .step(ElementwiseOp.XOR, 3, 4)
            .constant(7)
            .step(ElementwiseOp.WHERE, 5, 0, 6)
            .build();
    float[] a = spread(0, 2);
    float[] b = spread(1, 2);
    float[] found = flat(program, KernelRig.PLAIN, a, b);
    for (int i = 0; i < found.length; i++) {
      KernelRig.close(
          found[i], Programs.apply(program, a[i], b[i]), 0, op + " " + a[i] + " " + b[i]);
    }
  }

  @Test
  void selectsByBoolsThatAreKnown() {
    float[] x = spread(0, 1);
    float[] found = flat(Programs.known(), KernelRig.PLAIN, x);
    for (int i = 0; i < found.length; i++) {
      KernelRig.close(found[i], Programs.apply(Programs.known(), x[i]), 0, "known, " + x[i]);
    }
  }

  /**
   * The worst errors allowed, in ulp of the result or absolute where that is kinder.
   *
   * @param low the range that is sampled, besides the whole range of floats
   */
  @ParameterizedTest
  @CsvSource({
    "EXP, -110, 95, 1, 0",
    "LOG, 0, 8, 1, 0",
    "ERF, -6, 6, 0, 5e-7",
    "TANH, -12, 12, 0, 4e-7",
    "SIGMOID, -120, 40, 4, 1e-38"
  })
  void approximatesWithinItsBound(
      ElementwiseOp op, float low, float high, double ulps, double absolute) {
    Random random = new Random(1);
    int count = KernelRig.full() ? 4_000_000 : 200_000;
    float[] x = new float[count + SPECIAL.length];
    for (int i = 0; i < count; i++) {
      x[i] =
          i % 4 == 0
              ? Float.intBitsToFloat(random.nextInt())
              : low + (high - low) * random.nextFloat();
    }
    System.arraycopy(SPECIAL, 0, x, count, SPECIAL.length);
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      float[] found = flat(Programs.unary(op), features, x);
      for (int i = 0; i < x.length; i++) {
        double wanted = Programs.apply(op, x[i], 0, 0);
        double tolerance = Math.max(ulps * Math.ulp((float) wanted), absolute);
        KernelRig.close(found[i], wanted, tolerance, op + " of " + x[i] + " with " + features);
      }
    }
  }

  /** Programs of other operations, by the operator that is written so; errors as above. */
  @ParameterizedTest
  @CsvSource({
    "Sin, SIN, -10000, 10000, 4, 2e-7",
    "Cos, COS, -10000, 10000, 4, 2e-7",
    "Tan, TAN, -100, 100, 8, 2e-7",
    "Asin, ASIN, -1, 1, 4, 0",
    "Acos, ACOS, -1, 1, 4, 0",
    "Atan, ATAN, -20, 20, 4, 0",
    "Sinh, SINH, -90, 90, 4, 0",
    "Cosh, COSH, -90, 90, 4, 0",
    "Asinh, ASINH, -100, 100, 4, 0",
    "Acosh, ACOSH, 0.9, 100, 4, 0",
    "Atanh, ATANH, -1, 1, 4, 0"
  })
  void computesTrigonometry(
      String operator, ElementwiseOp op, float low, float high, double ulps, double absolute) {
    ElementwiseProgram program = Programs.imported(operator);
    Random random = new Random(4);
    int count = KernelRig.full() ? 1_000_000 : 50_000;
    float[] x = new float[count + SPECIAL.length];
    for (int i = 0; i < count; i++) {
      x[i] = (low + (high - low) * random.nextFloat()) * (i % 2 == 0 ? 1 : random.nextFloat());
    }
    System.arraycopy(SPECIAL, 0, x, count, SPECIAL.length);
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      float[] found = flat(program, features, x);
      for (int i = 0; i < x.length; i++) {
        double wanted = Programs.apply(op, x[i], 0, 0);
        if (absolute > 0 && Math.abs(x[i]) > 1 << 20 && !Double.isNaN(wanted)) {
          // Beyond what is reduced exactly, where neighbours are a turn apart: some angle's value.
          assertThat(found[i]).isFinite();
          continue;
        }
        double tolerance = Math.max(ulps * Math.ulp((float) wanted), absolute);
        KernelRig.close(found[i], wanted, tolerance, op + " of " + x[i] + " with " + features);
      }
    }
  }

  /** An element's value must not depend on where in its row it stands. */
  @ParameterizedTest
  @EnumSource(names = {"EXP", "LOG", "ERF", "TANH", "SIGMOID"})
  void givesVectorsAndTailsTheSameBits(ElementwiseOp op) {
    Random random = new Random(2);
    float[] x = new float[4000 + SPECIAL.length];
    for (int i = 0; i < x.length; i++) {
      x[i] =
          i < SPECIAL.length
              ? SPECIAL[i]
              : i % 3 == 0 ? Float.intBitsToFloat(random.nextInt()) : random.nextFloat() * 20 - 10;
    }
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      Elementwise spec = new Elementwise(Programs.unary(op), 1, List.of(true));
      rig.reset();
      rig.arg(ElementwiseKernel.operand(1, 0), rig.input(x));
      Buffer out = rig.floats(x.length);
      rig.arg(ElementwiseKernel.OUT, out);
      rig.install(spec, null, features);
      rig.launch(0, x.length, 0);
      float[] vectors = rig.read(out);
      for (int i = 0; i < x.length; i++) {
        rig.launch(i, i + 1, 0);
      }
      float[] singles = rig.read(out);
      for (int i = 0; i < x.length; i++) {
        boolean same =
            Float.isNaN(singles[i])
                ? Float.isNaN(vectors[i])
                : Float.floatToIntBits(singles[i]) == Float.floatToIntBits(vectors[i]);
        assertThat(same)
            .as("%s(%s) %s: %s and %s", op, x[i], features, vectors[i], singles[i])
            .isTrue();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 5, 7, 8, 13, 17, 31, 33, 64, 127, 4097})
  void runsFusedChainsOfAnyLength(int count) {
    Random random = new Random(count);
    float[][] operands = {
      KernelRig.random(random, count),
      KernelRig.random(random, count),
      KernelRig.random(random, count)
    };
    ElementwiseProgram program =
        Programs.inputs(3)
            .step(ElementwiseOp.MUL, 0, 1)
            .step(ElementwiseOp.SIGMOID, 3)
            .step(ElementwiseOp.SUB, 4, 2)
            .step(ElementwiseOp.EXP, 5)
            .step(ElementwiseOp.TANH, 6)
            .step(ElementwiseOp.MAX, 7, 0)
            .build();
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      float[] found = flat(program, features, operands);
      assertThat(found).hasSize(count);
      for (int i = 0; i < count; i++) {
        KernelRig.close(
            found[i],
            Programs.apply(program, operands[0][i], operands[1][i], operands[2][i]),
            3e-6,
            "element " + i);
      }
    }
  }

  /** Ranks 1 to 5 with every mixture of broadcasting, operands with strides of their own. */
  @Test
  void broadcastsByStrides() {
    Random random = new Random(3);
    for (int round = 0; round < 120; round++) {
      int rank = 1 + random.nextInt(5);
      int[] dims = new int[rank];
      int rows = 1;
      for (int d = 0; d < rank; d++) {
        dims[d] = 1 + random.nextInt(d == rank - 1 ? 9 : 4);
        rows *= d < rank - 1 ? dims[d] : 1;
      }
      int inner = dims[rank - 1];
      rig.reset();
      ElementwiseProgram program = Programs.inputs(2).step(ElementwiseOp.SUB, 0, 1).build();
      List<Boolean> side = new ArrayList<>();
      float[][] data = new float[2][];
      int[][] strides = new int[2][rank];
      for (int x = 0; x < 2; x++) {
        int size = 1;
        for (int d = rank - 1; d >= 0; d--) {
          boolean present = random.nextInt(3) > 0;
          strides[x][d] = present ? size : 0;
          // Rows may be parts of longer ones.
          size *= present ? dims[d] + (d == rank - 1 ? random.nextInt(3) : 0) : 1;
        }
        side.add(strides[x][rank - 1] == 1);
        data[x] = KernelRig.random(random, size);
        int word = ElementwiseKernel.operand(rank, x);
        rig.arg(word, rig.input(4 * random.nextInt(4), data[x]));
        for (int d = 0; d < rank - 1; d++) {
          rig.arg(word + 1 + d, strides[x][d] * 4);
        }
      }
      Buffer out = rig.floats(rows * inner);
      rig.arg(ElementwiseKernel.OUT, out);
      if (rank > 1) {
        rig.arg(ElementwiseKernel.INNER, inner);
      }
      for (int d = 0; d < rank - 1; d++) {
        rig.arg(ElementwiseKernel.OUTER + d, dims[d]);
      }
      rig.run(new Elementwise(program, rank, side), KernelRig.PLAIN, rank == 1 ? inner : rows);
      float[] found = rig.read(out);
      for (int i = 0; i < found.length; i++) {
        int[] at = new int[2];
        int rest = i;
        for (int d = rank - 1; d >= 0; d--) {
          for (int x = 0; x < 2; x++) {
            at[x] += rest % dims[d] * strides[x][d];
          }
          rest /= dims[d];
        }
        assertThat(found[i])
            .as("round %s element %s", round, i)
            .isEqualTo(data[0][at[0]] - data[1][at[1]]);
      }
    }
  }

  // --- integers, doubles, casts ---

  private static byte[] encode(DataType type, double[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (double value : values) {
      switch (type) {
        case FLOAT -> bytes.putFloat((float) value);
        case DOUBLE -> bytes.putDouble(value);
        case INT64, UINT64 -> bytes.putLong((long) value);
        case INT32, UINT32 -> bytes.putInt((int) (long) value);
        case INT16, UINT16 -> bytes.putShort((short) (long) value);
        default -> bytes.put((byte) (long) value);
      }
    }
    return bytes.array();
  }

  private static double[] decode(DataType type, byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    double[] values = new double[bytes.length / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (type) {
            case FLOAT -> buffer.getFloat();
            case DOUBLE -> buffer.getDouble();
            case INT64, UINT64 -> buffer.getLong();
            case INT32 -> buffer.getInt();
            case UINT32 -> buffer.getInt() & 0xffffffffL;
            case INT16 -> buffer.getShort();
            case UINT16 -> buffer.getShort() & 0xffff;
            case INT8 -> buffer.get();
            default -> buffer.get() & 0xff;
          };
    }
    return values;
  }

  private static double[] typed(ElementwiseProgram program, double[]... operands) {
    rig.reset();
    int count = operands[0].length;
    for (int i = 0; i < operands.length; i++) {
      rig.arg(
          ElementwiseKernel.operand(1, i),
          rig.bytes(i, encode(program.inputs().get(i), operands[i])));
    }
    Buffer out = rig.output(count * program.result().bytes(), 1);
    rig.arg(ElementwiseKernel.OUT, out);
    rig.run(
        new Elementwise(program, 1, Collections.nCopies(operands.length, true)),
        KernelRig.PLAIN,
        count);
    return decode(program.result(), rig.readBytes(out));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {
        "FLOAT", "DOUBLE", "INT64", "INT32", "UINT32", "INT16", "UINT16", "INT8", "UINT8", "BOOL"
      })
  void castsFromAndToEveryType(DataType from) {
    double[] values =
        from == DataType.BOOL
            ? new double[] {0, 1, 1, 0, 1}
            : new double[] {0, 1, 2, 3, 65, 100, 126};
    for (DataType to :
        List.of(
            DataType.FLOAT,
            DataType.DOUBLE,
            DataType.INT64,
            DataType.UINT64,
            DataType.INT32,
            DataType.UINT32,
            DataType.INT16,
            DataType.UINT16,
            DataType.INT8,
            DataType.UINT8,
            DataType.BOOL)) {
      double[] found = typed(cast(from, to), values);
      for (int i = 0; i < values.length; i++) {
        assertThat(found[i])
            .as("%s from %s to %s", values[i], from, to)
            .isEqualTo(to == DataType.BOOL ? Math.min(values[i], 1) : values[i]);
      }
    }
  }

  @Test
  void castsNegativeAndFractionalNumbers() {
    double[] reals = {-1.9, -0.5, 2.9, 1e20, -1e20, Double.NaN};
    assertThat(typed(cast(DataType.FLOAT, DataType.INT32), reals))
        .containsExactly(-1, 0, 2, Integer.MAX_VALUE, Integer.MIN_VALUE, 0);
    assertThat(typed(cast(DataType.DOUBLE, DataType.INT64), reals))
        .containsExactly(-1, 0, 2, Long.MAX_VALUE, Long.MIN_VALUE, 0);
    assertThat(typed(cast(DataType.INT32, DataType.FLOAT), new double[] {-7, 1 << 30}))
        .containsExactly(-7, 1 << 30);
    assertThat(typed(cast(DataType.INT64, DataType.INT8), new double[] {-1, 128, 257}))
        .containsExactly(-1, -128, 1);
    assertThat(typed(cast(DataType.INT32, DataType.UINT8), new double[] {-1, 256, 257}))
        .containsExactly(255, 0, 1);
    assertThat(typed(cast(DataType.FLOAT, DataType.BOOL), new double[] {0, -0.0, 0.1, Double.NaN}))
        .containsExactly(0, 0, 1, 1);
    assertThat(typed(cast(DataType.INT8, DataType.INT64), new double[] {-3, 127}))
        .containsExactly(-3, 127);
    assertThat(typed(cast(DataType.UINT32, DataType.DOUBLE), new double[] {4e9}))
        .containsExactly(4e9);
  }

  private static ElementwiseProgram cast(DataType from, DataType to) {
    return ElementwiseProgram.single(ElementwiseOp.CAST, to, List.of(from));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"INT64", "INT32", "UINT32", "INT16", "UINT16", "INT8", "UINT8", "DOUBLE"})
  void computesInItsOwnType(DataType type) {
    double[] a = {5, 100, 3, 0, 7};
    double[] b = {3, 20, 3, 1, 9};
    assertThat(typed(program(ElementwiseOp.ADD, type, type), a, b))
        .containsExactly(8, 120, 6, 1, 16);
    assertThat(typed(program(ElementwiseOp.SUB, type, type), b, new double[] {1, 2, 3, 1, 4}))
        .containsExactly(2, 18, 0, 0, 5);
    assertThat(typed(program(ElementwiseOp.MUL, type, type), new double[] {2, 3, 4, 0, 1}, b))
        .containsExactly(6, 60, 12, 0, 9);
    assertThat(typed(program(ElementwiseOp.MIN, type, type), a, b)).containsExactly(3, 20, 3, 0, 7);
    assertThat(typed(program(ElementwiseOp.MAX, type, type), a, b))
        .containsExactly(5, 100, 3, 1, 9);
    assertThat(typed(program(ElementwiseOp.LESS, type, DataType.BOOL), a, b))
        .containsExactly(0, 0, 0, 1, 1);
    assertThat(typed(program(ElementwiseOp.LESS_EQUAL, type, DataType.BOOL), a, b))
        .containsExactly(0, 0, 1, 1, 1);
    assertThat(typed(program(ElementwiseOp.EQUAL, type, DataType.BOOL), a, b))
        .containsExactly(0, 0, 1, 0, 0);
    assertThat(typed(program(ElementwiseOp.GREATER, type, DataType.BOOL), a, b))
        .containsExactly(1, 1, 0, 0, 0);
    assertThat(typed(program(ElementwiseOp.GREATER_EQUAL, type, DataType.BOOL), a, b))
        .containsExactly(1, 1, 1, 0, 0);
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"INT64", "INT32", "INT16", "INT8"})
  void keepsSignsAndWraps(DataType type) {
    double[] a = {-5, 100, -128};
    ElementwiseProgram negate = ElementwiseProgram.single(ElementwiseOp.NEG, type, List.of(type));
    ElementwiseProgram absolute = ElementwiseProgram.single(ElementwiseOp.ABS, type, List.of(type));
    double most = type == DataType.INT8 ? -128 : 128;
    assertThat(typed(negate, a)).containsExactly(5, -100, most);
    assertThat(typed(absolute, a)).containsExactly(5, 100, most);
    assertThat(typed(program(ElementwiseOp.MIN, type, type), a, new double[] {3, 3, 3}))
        .containsExactly(-5, 3, -128);
    assertThat(typed(ElementwiseProgram.single(ElementwiseOp.RELU, type, List.of(type)), a))
        .containsExactly(0, 100, 0);
  }

  @Test
  void selectsBetweenIntegersByABool() {
    ElementwiseProgram program =
        new ElementwiseProgram(
            List.of(DataType.BOOL, DataType.INT64, DataType.INT64),
            List.of(new Instruction(ElementwiseOp.WHERE, DataType.INT64, List.of(0, 1, 2), 0)));
    assertThat(
            typed(
                program, new double[] {1, 0, 1}, new double[] {1, 2, 3}, new double[] {-4, -5, -6}))
        .containsExactly(1, -5, 3);
  }

  // --- powers, quotients ---

  @Test
  void raisesToAnyPower() {
    Random random = new Random(4);
    float[] a = java.util.Arrays.copyOf(spread(0, 2), SPECIAL.length * SPECIAL.length + 20_000);
    float[] b = java.util.Arrays.copyOf(spread(1, 2), a.length);
    for (int i = SPECIAL.length * SPECIAL.length; i < a.length; i++) {
      a[i] = random.nextFloat() * (i % 2 == 0 ? 4 : 100);
      b[i] = random.nextFloat() * 40 - 20;
      if (i % 3 == 0) {
        a[i] = -a[i];
        b[i] = Math.round(b[i]);
      }
    }
    float[] found = flat(Programs.binary(ElementwiseOp.POW), KernelRig.FMA, a, b);
    for (int i = 0; i < a.length; i++) {
      boolean one = a[i] == 1 || a[i] == -1 && Float.isInfinite(b[i]);
      double wanted = one ? 1 : Math.pow(a[i], b[i]);
      KernelRig.close(found[i], wanted, Math.ulp((float) wanted), a[i] + "^" + b[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, 1, 2, 3, 0.5, 0, 4.5})
  void raisesToAConstantPower(double power) {
    ElementwiseProgram program =
        Programs.inputs(1).constant(power).step(ElementwiseOp.POW, 0, 1).build();
    float[] x = {-2, -0.5f, 0, 0.25f, 1, 3, 1e10f, Float.NaN, Float.POSITIVE_INFINITY, 7};
    float[] found = flat(program, KernelRig.PLAIN, x);
    for (int i = 0; i < x.length; i++) {
      double wanted = Math.pow(x[i], power);
      KernelRig.close(found[i], wanted, Math.abs(wanted) * 2e-7, x[i] + "^" + power);
    }
  }

  @Test
  void leavesTheRemainderOfReals() {
    float[] a = spread(0, 2);
    float[] b = spread(1, 2);
    float[] found = flat(Programs.binary(ElementwiseOp.FMOD), KernelRig.PLAIN, a, b);
    for (int i = 0; i < a.length; i++) {
      KernelRig.close(found[i], a[i] % b[i], 0, a[i] + " fmod " + b[i]);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"INT64", "INT32", "UINT32", "INT16", "UINT16", "INT8", "UINT8"})
  void dividesWholeNumbers(DataType type) {
    boolean signed = type.name().startsWith("I");
    double[] a = signed ? new double[] {7, -7, 7, -7, -128, 5, -6} : new double[] {7, 200, 0, 9, 9};
    double[] b = signed ? new double[] {2, 2, -2, -2, -1, 0, 3} : new double[] {2, 3, 5, 0, 9};
    double[] quotients = typed(program(ElementwiseOp.DIV, type, type), a, b);
    double[] rests = typed(program(ElementwiseOp.FMOD, type, type), a, b);
    double[] moduli = typed(program(ElementwiseOp.MOD, type, type), a, b);
    for (int i = 0; i < a.length; i++) {
      int x = (int) a[i];
      int y = (int) b[i];
      int quotient = y == 0 ? 0 : x / y;
      // 128 is no int8: it wraps.
      int wrapped = type == DataType.INT8 && quotient == 128 ? -128 : quotient;
      assertThat(quotients[i]).as("%s / %s", x, y).isEqualTo(wrapped);
      assertThat(rests[i]).as("rest of %s / %s", x, y).isEqualTo(y == 0 ? 0 : x % y);
      assertThat(moduli[i]).as("%s mod %s", x, y).isEqualTo(y == 0 ? 0 : Math.floorMod(x, y));
    }
    if (type == DataType.INT32 || type == DataType.INT64) {
      double least = type == DataType.INT32 ? Integer.MIN_VALUE : Long.MIN_VALUE;
      double[] one = {-1};
      assertThat(typed(program(ElementwiseOp.DIV, type, type), new double[] {least}, one))
          .containsExactly(least);
      assertThat(typed(program(ElementwiseOp.MOD, type, type), new double[] {least}, one))
          .containsExactly(0);
    }
    if (signed) {
      assertThat(
              typed(
                  ElementwiseProgram.single(ElementwiseOp.SIGN, type, List.of(type)),
                  new double[] {-5, 0, 9}))
          .containsExactly(-1, 0, 1);
    }
  }

  private static ElementwiseProgram program(ElementwiseOp op, DataType type, DataType result) {
    return ElementwiseProgram.single(op, result, List.of(type, type));
  }
}
