package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Copy;
import dev.quern.kernel.KernelSpec.Gather;
import dev.quern.onnx.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What moves bytes and computes nothing: copies, gathers, packing. */
class MoveKernelsTest {
  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  private static byte[] random(Random random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  // --- copies ---

  /** A box of a rank, read and written with strides in any order of the dimensions. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void copiesBetweenAnyTwoLayouts(int rank) {
    Random random = new Random(rank);
    for (int round = 0; round < 60; round++) {
      int bytes = 1 << random.nextInt(4);
      int[] dims = new int[rank];
      int items = 1;
      for (int d = 0; d < rank; d++) {
        dims[d] = 1 + random.nextInt(d == rank - 1 ? 9 : 5);
        items *= d < rank - 1 ? dims[d] : 1;
      }
      int[] from = strides(random, dims, bytes, true);
      int[] to = strides(random, dims, bytes, false);
      byte[] source = random(random, extent(dims, from, bytes));
      rig.reset();
      Buffer in = rig.bytes(random.nextInt(16), source);
      Buffer out = rig.output(extent(dims, to, bytes), random.nextInt(16));
      byte[] before = rig.readBytes(out);
      boolean contiguous = from[rank - 1] == bytes && to[rank - 1] == bytes;
      rig.args(
          CopyKernel.SRC,
          in.address(),
          out.address(),
          dims[rank - 1],
          contiguous ? -1 : from[rank - 1],
          contiguous ? -1 : to[rank - 1]);
      for (int d = 0; d < rank - 1; d++) {
        rig.args(CopyKernel.OUTER + 3 * d, dims[d], from[d], to[d]);
      }
      rig.run(new Copy(bytes, rank, contiguous), KernelRig.PLAIN, items);
      byte[] wanted = before;
      for (int i = 0; i < items * dims[rank - 1]; i++) {
        int read = 0;
        int write = 0;
        int rest = i;
        for (int d = rank - 1; d >= 0; d--) {
          read += rest % dims[d] * from[d];
          write += rest % dims[d] * to[d];
          rest /= dims[d];
        }
        System.arraycopy(source, read, wanted, write, bytes);
      }
      assertThat(rig.readBytes(out)).as("round %s", round).isEqualTo(wanted);
    }
  }

  /** Strides of a dense box whose dimensions lie in a random order, some with gaps between rows. */
  private static int[] strides(Random random, int[] dims, int bytes, boolean broadcast) {
    int[] order = new int[dims.length];
    for (int d = 0; d < order.length; d++) {
      order[d] = d;
    }
    if (random.nextBoolean()) {
      for (int d = order.length - 1; d > 0; d--) {
        int other = random.nextInt(d + 1);
        int kept = order[d];
        order[d] = order[other];
        order[other] = kept;
      }
    }
    int[] strides = new int[dims.length];
    int stride = bytes;
    for (int d = order.length - 1; d >= 0; d--) {
      if (broadcast && random.nextInt(6) == 0) {
        continue;
      }
      strides[order[d]] = stride;
      stride *= dims[order[d]] + random.nextInt(2);
    }
    return strides;
  }

  private static int extent(int[] dims, int[] strides, int bytes) {
    int last = bytes;
    for (int d = 0; d < dims.length; d++) {
      last += (dims[d] - 1) * strides[d];
    }
    return last;
  }

  @Test
  void copiesNothingForAnEmptyBox() {
    rig.reset();
    Buffer in = rig.input(1, 2);
    Buffer out = rig.output(0, 0);
    rig.args(CopyKernel.SRC, in.address(), out.address(), 0, 4, 4);
    rig.run(new Copy(4, 1, true), KernelRig.PLAIN, 1);
    rig.run(new Copy(4, 1, false), KernelRig.PLAIN, 1);
  }

  // --- gathers ---

  private static Buffer indices(DataType type, long... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      if (type == DataType.INT64) {
        bytes.putLong(value);
      } else {
        bytes.putInt((int) value);
      }
    }
    return rig.bytes(4, bytes.array());
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"INT32", "INT64"})
  void gathersRows(DataType type) {
    Random random = new Random(3);
    for (int inner : new int[] {1, 4, 12, 52, 1536}) {
      int outer = 3;
      int axis = 7;
      long[] index = {0, 6, -1, -7, 3, 3};
      byte[] data = random(random, outer * axis * inner);
      rig.reset();
      rig.arg(GatherKernel.DATA, rig.bytes(1, data));
      rig.arg(GatherKernel.INDICES, indices(type, index));
      Buffer out = rig.output(outer * index.length * inner, 2);
      rig.arg(GatherKernel.OUT, out);
      rig.args(GatherKernel.AXIS, axis, inner, index.length);
      rig.run(new Gather(type), KernelRig.PLAIN, outer * index.length);
      byte[] found = rig.readBytes(out);
      for (int i = 0; i < found.length; i++) {
        int row = i / inner;
        int at = (int) ((index[row % index.length] + axis) % axis);
        byte wanted = data[(row / index.length * axis + at) * inner + i % inner];
        assertThat(found[i]).as("byte %s", i).isEqualTo(wanted);
      }
      assertThat(rig.memory.getInt(Faults.ERROR)).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"INT32", "INT64"})
  void reportsAnIndexOutsideTheAxis(DataType type) {
    for (long wrong :
        new long[] {
          7, -8, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 32, (1L << 32) + 1, Long.MIN_VALUE
        }) {
      if (type == DataType.INT32 && (int) wrong != wrong) {
        continue;
      }
      rig.reset();
      rig.arg(GatherKernel.DATA, rig.bytes(0, new byte[7 * 4]));
      rig.arg(GatherKernel.INDICES, indices(type, 1, wrong, 2));
      Buffer out = rig.output(3 * 4, 0);
      byte[] before = rig.readBytes(out);
      rig.arg(GatherKernel.OUT, out);
      rig.args(GatherKernel.AXIS, 7, 4, 3);
      rig.run(new Gather(type), KernelRig.PLAIN, 3);
      assertThat(rig.memory.getInt(Faults.ERROR))
          .as("index %s", wrong)
          .isEqualTo(Faults.INDEX_OUT_OF_RANGE);
      assertThat(rig.memory.getInt(Faults.ERROR_STEP)).isEqualTo(KernelRig.STEP);
      if ((int) wrong == wrong) {
        assertThat(rig.memory.getInt(Faults.ERROR_VALUE)).isEqualTo((int) wrong);
      }
      byte[] found = rig.readBytes(out);
      assertThat(found).startsWith(0, 0, 0, 0).endsWith(0, 0, 0, 0);
      assertThat(java.util.Arrays.copyOfRange(found, 4, 8))
          .isEqualTo(java.util.Arrays.copyOfRange(before, 4, 8));
    }
  }

  // --- packing ---

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 13, 64, 127})
  void packsIntoPanelsOfFourColumns(int n) {
    Random random = new Random(n);
    for (int k : new int[] {1, 2, 5, 8, 33}) {
      for (boolean transposed : new boolean[] {false, true}) {
        rig.reset();
        float[] weights = KernelRig.random(random, k * n);
        Buffer packed = rig.packed(weights, k, n, transposed, random.nextInt(16));
        float[] panels = rig.read(packed);
        assertThat(panels).hasSize((n + 3) / 4 * 4 * k);
        for (int i = 0; i < panels.length; i++) {
          int column = i / (4 * k) * 4 + i % 4;
          int row = i / 4 % k;
          float wanted =
              column >= n ? 0 : weights[transposed ? column * k + row : row * n + column];
          assertThat(panels[i]).as("row %s column %s", row, column).isEqualTo(wanted);
        }
      }
    }
  }
}
