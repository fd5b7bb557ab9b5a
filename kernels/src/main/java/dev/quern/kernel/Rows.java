package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import java.util.List;
import java.util.function.IntConsumer;

/** Loops along rows of floats, four at a time and then one by one. */
final class Rows {
  private Rows() {}

  /** An argument of the step. */
  static Code arg(Code code, int index) {
    return code.get(code.parameter(0)).mem(I32_LOAD, StepRecord.arg(index));
  }

  /** An argument of the step in a local of its own. */
  static Local argument(Code code, int index, String name) {
    Local local = code.local(ValueType.I32, name);
    arg(code, index).set(local);
    return local;
  }

  /** Runs the body for each work item, the local being its number. */
  static void items(Code code, Runnable body) {
    code.whileLess(code.parameter(1), code.parameter(2), 1, body);
  }

  /**
   * Walks along {@code count} floats: the vector body for each four, the scalar body for the rest;
   * after each the pointers are moved on.
   */
  static void floats(
      Code code, Local count, List<Local> pointers, Runnable vector, Runnable scalar) {
    Local left = code.local(ValueType.I32, "left");
    code.get(count).i32(2).op(I32_SHR_U).set(left);
    times(code, left, pointers, 16, vector);
    code.get(count).i32(3).op(I32_AND).set(left);
    times(code, left, pointers, 4, scalar);
  }

  /**
   * Like {@link #floats}, but with so many vectors in a pass of the loop, so that sums may be kept
   * in as many parts: an addition takes four cycles and two can begin in each.
   *
   * @param vectors a power of two
   * @param vector is given the number of the vector in the pass
   */
  static void floats(
      Code code,
      Local count,
      List<Local> pointers,
      int vectors,
      IntConsumer vector,
      Runnable scalar) {
    Local left = code.local(ValueType.I32, "left");
    code.get(count).i32(4 * vectors).op(I32_DIV_U).set(left);
    times(
        code,
        left,
        pointers,
        16 * vectors,
        () -> {
          for (int i = 0; i < vectors; i++) {
            vector.accept(i);
          }
        });
    Local rest = code.local(ValueType.I32, "rest");
    code.get(count).i32(4 * vectors - 1).op(I32_AND).set(rest);
    floats(code, rest, pointers, () -> vector.accept(0), scalar);
  }

  /** Runs the body as often as the local says, counting it down. */
  static void times(Code code, Local left, List<Local> pointers, int bytes, Runnable body) {
    code.get(left);
    code.if_(() ->
        code.loop(again -> {
          body.run();
          for (Local pointer : pointers) {
            code.increase(pointer, bytes);
          }
          code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
        }));
  }

  /** Folds the four lanes of a vector, leaving an f32. */
  static void fold(Code code, Local vector, Opcode scalar) {
    code.get(vector).lane(F32X4_EXTRACT_LANE, 0);
    code.get(vector).lane(F32X4_EXTRACT_LANE, 1).op(scalar);
    code.get(vector).lane(F32X4_EXTRACT_LANE, 2);
    code.get(vector).lane(F32X4_EXTRACT_LANE, 3).op(scalar);
    code.op(scalar);
  }
}
