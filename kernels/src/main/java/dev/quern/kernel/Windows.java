package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;

/** Which part of a window lies inside of an image. */
final class Windows {
  private Windows() {}

  /**
   * Moves the start of a window to its first element inside of {@code 0 … size - 1} and leaves the
   * number of elements from there on that are inside.
   *
   * @param start where the window starts, which may be negative; changed
   * @param count gets the number of elements, 0 if there are none
   */
  static void clip(Code code, Local start, Local size, int kernel, int dilation, Local count) {
    clip(code, start, size, kernel, dilation, count, null);
  }

  /**
   * The same.
   *
   * @param skipped gets the number of elements before the first one inside
   */
  static void clip(
      Code code, Local start, Local size, int kernel, int dilation, Local count, Local skipped) {
    // Elements before the image: ⌈-start / dilation⌉, at least 0. The end counts from the start.
    code.i32(kernel).set(count);
    code.get(size).get(start).op(I32_SUB).i32(dilation - 1).op(I32_ADD);
    divide(code, dilation).get(count);
    code.get(size).get(start).op(I32_SUB).i32(dilation - 1).op(I32_ADD);
    divide(code, dilation).get(count).op(I32_LT_S, SELECT).set(count);
    if (skipped != null) {
      code.i32(0).set(skipped);
    }
    code.get(start).i32(0).op(I32_LT_S);
    code.if_(() -> {
      Local before = skipped == null ? code.local(dev.quern.wasm.ValueType.I32, "before") : skipped;
      code.i32(dilation - 1).get(start).op(I32_SUB);
      divide(code, dilation).set(before);
      code.get(count).get(before).op(I32_SUB).set(count);
      code.get(start).get(before).i32(dilation).op(I32_MUL, I32_ADD).set(start);
    });
    code.get(count).i32(0).get(count).i32(0).op(I32_GT_S, SELECT).set(count);
  }

  private static Code divide(Code code, int by) {
    return by == 1 ? code : code.i32(by).op(I32_DIV_S);
  }
}
