package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.schedule.ByteDot;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Quantises activations. By the range of the whole tensor (ONNX's DynamicQuantizeLinear) this takes
 * two steps: one leaves the smallest and largest number of each piece of {@link #PIECE} numbers,
 * the other folds these, each thread for itself, and quantises rows; the thread that has the first
 * row writes scale and zero point, two f32, to {@link #PARAMETERS}. By rows it takes one step,
 * which writes a scale for each row there.
 *
 * <p>Range: items are pieces; arguments {@link #X}, {@link #PIECES} (where the results go), {@link
 * #COUNT} (numbers). Quantize: items are rows; all arguments.
 */
public final class QuantizeKernel {
  /** Numbers of a piece. */
  public static final int PIECE = 4096;

  public static final int X = 0;

  /** Address of the pieces' smallest and largest numbers, f32 pairs. */
  public static final int PIECES = 1;

  /** Numbers of the tensor, or pieces for Quantize. */
  public static final int COUNT = 2;

  public static final int Y = 3;
  public static final int PARAMETERS = 4;
  public static final int COLUMNS = 5;

  /** For rows of their own scale: the largest magnitude that a number becomes. */
  public static final int MOST = 6;

  private final Code code;
  private final Quantised to;
  private final boolean signed;
  private final Local x;
  private final Local y;
  private final Local columns;
  private final Local scale;
  private final Local least;
  private final Local most;
  private final Local zeros;
  private final Local eight;

  /** Where lower digits go. */
  private final Local lower;

  /** Whether a number becomes a byte by the range of the tensor. */
  private final boolean bytes;

  private QuantizeKernel(Code code, Quantised to, ByteDot bytes) {
    this.code = code;
    this.to = to;
    signed = bytes == ByteDot.SIGNED;
    x = code.local(ValueType.I32, "x");
    y = code.local(ValueType.I32, "y");
    columns = Rows.argument(code, COLUMNS, "columns");
    scale = code.local(ValueType.V128, "scale");
    least = code.local(ValueType.V128, "least");
    most = code.local(ValueType.V128, "most");
    zeros = code.local(ValueType.V128, "zeros");
    eight = code.local(ValueType.V128, "eight");
    lower = code.local(ValueType.I32, "lower");
    this.bytes = to == Quantised.U8 || to == Quantised.BYTES;
  }

  /** The largest magnitude of two digits, for {@link #MOST}: 127 · 256 + 127. */
  public static final int TWO_DIGITS = 32639;

  /**
   * The largest magnitude of i16 whose products with 8 bits can be summed k times in i32, for
   * {@link #MOST}.
   */
  public static int magnitude(int k) {
    return Math.min(32767, Integer.MAX_VALUE / 128 / Math.max(1, k));
  }

  static Function emitRange(WasmModule.Builder module, String name) {
    return module.function(name, Kernels.TYPE, Kernels.PARAMETERS, QuantizeKernel::range);
  }

  private static void range(Code code) {
    Local item = code.parameter(1);
    Local x = code.local(ValueType.I32, "x");
    Local count = code.local(ValueType.I32, "count");
    Local low = code.local(ValueType.V128, "low");
    Local high = code.local(ValueType.V128, "high");
    Local value = code.local(ValueType.V128, "value");
    Rows.items(
        code,
        () -> {
          Rows.arg(code, COUNT).get(item).i32(PIECE).op(I32_MUL, I32_SUB).set(count);
          code.i32(PIECE).get(count).get(count).i32(PIECE).op(I32_GT_S, SELECT).set(count);
          Rows.arg(code, X).get(item).i32(4 * PIECE).op(I32_MUL, I32_ADD).set(x);
          // 0 belongs to the range.
          code.f32x4(0).set(low).f32x4(0).set(high);
          extremes(code, count, x, low, high, value);
          Rows.arg(code, PIECES).get(item).i32(3).op(I32_SHL, I32_ADD).tee(x);
          fold(code, low, false);
          code.mem(F32_STORE, 0).get(x);
          fold(code, high, true);
          code.mem(F32_STORE, 4);
        });
  }

  /** Takes numbers into the smallest and largest of four lanes; NaN loses every comparison. */
  private static void extremes(
      Code code, Local count, Local x, Local low, Local high, Local value) {
    Runnable take =
        () -> {
          code.get(low).get(value).op(F32X4_PMIN).set(low);
          code.get(high).get(value).op(F32X4_PMAX).set(high);
        };
    Rows.floats(
        code,
        count,
        List.of(x),
        () -> {
          code.get(x).mem(V128_LOAD, 0).set(value);
          take.run();
        },
        () -> {
          code.get(x).mem(V128_LOAD32_SPLAT, 0).set(value);
          take.run();
        });
  }

  private static void fold(Code code, Local vector, boolean largest) {
    Rows.fold(code, vector, largest ? F32_MAX : F32_MIN);
  }

  static Function emit(WasmModule.Builder module, String name, Quantised to, ByteDot bytes) {
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          QuantizeKernel kernel = new QuantizeKernel(code, to, bytes);
          if (to.byRows()) {
            Rows.items(
                code,
                () -> {
                  kernel.start();
                  kernel.rowScale();
                  kernel.row();
                });
          } else {
            kernel.parameters();
            Rows.items(
                code,
                () -> {
                  kernel.start();
                  kernel.row();
                });
          }
        });
  }

  private Local f32(String name) {
    return code.local(ValueType.F32, name);
  }

  /** Folds the pieces; leaves what a row needs in the vectors. */
  private void parameters() {
    Local count = code.local(ValueType.I32, "count");
    Local low = f32("low");
    Local high = f32("high");
    Local step = f32("step");
    Local zero = f32("zero");
    Rows.arg(code, PIECES).set(x);
    Rows.arg(code, COUNT).set(count);
    Rows.times(
        code,
        count,
        List.of(x),
        8,
        () -> {
          code.get(low).get(x).mem(F32_LOAD, 0).op(F32_MIN).set(low);
          code.get(high).get(x).mem(F32_LOAD, 4).op(F32_MAX).set(high);
        });
    code.f32(1).get(high).get(low).op(F32_SUB).f32(255).op(F32_DIV);
    code.get(high).get(low).op(F32_EQ, SELECT).set(step);
    code.f32(0).get(low).op(F32_SUB).get(step).op(F32_DIV);
    code.f32(0).op(F32_MAX).f32(255).op(F32_MIN, F32_NEAREST).set(zero);
    code.get(code.parameter(1)).op(I32_EQZ);
    code.if_(() -> {
      Rows.arg(code, PARAMETERS).tee(x).get(step).mem(F32_STORE, 0);
      code.get(x).get(zero).mem(F32_STORE, 4);
    });
    code.get(step).op(F32X4_SPLAT).set(scale);
    code.f32(0).get(zero).op(F32_SUB, F32X4_SPLAT).set(least);
    code.f32(255).get(zero).op(F32_SUB, F32X4_SPLAT).set(most);
    code.get(zero).op(I32_TRUNC_SAT_F32_S);
    if (to == Quantised.BYTES && signed) {
      code.i32(128).op(I32_SUB);
    }
    code.op(I32X4_SPLAT).set(zeros);
  }

  /** The scale of a row: its largest magnitude becomes {@link #MOST}. */
  private void rowScale() {
    Local low = code.local(ValueType.V128, "low");
    Local high = code.local(ValueType.V128, "high");
    Local value = code.local(ValueType.V128, "value");
    Local largest = f32("largest");
    code.f32x4(0).set(low).f32x4(0).set(high);
    extremes(code, columns, x, low, high, value);
    fold(code, high, true);
    code.f32(0);
    fold(code, low, false);
    code.op(F32_SUB, F32_MAX);
    Rows.arg(code, MOST).op(F32_CONVERT_I32_S, F32_DIV).set(largest);
    code.get(largest).f32(1).get(largest).f32(0).op(F32_GT, SELECT).set(largest);
    Rows.arg(code, PARAMETERS).get(code.parameter(1)).i32(2).op(I32_SHL, I32_ADD);
    code.get(largest).mem(F32_STORE, 0);
    code.get(largest).op(F32X4_SPLAT).set(scale);
    Rows.arg(code, MOST).op(F32_CONVERT_I32_S, F32X4_SPLAT).tee(most).op(F32X4_NEG).set(least);
    startX();
  }

  private void startX() {
    Rows.arg(code, X).get(code.parameter(1)).get(columns).op(I32_MUL);
    code.i32(2).op(I32_SHL, I32_ADD).set(x);
  }

  private void start() {
    startX();
    Rows.arg(code, Y).get(code.parameter(1));
    switch (to) {
      case U8 -> code.get(columns);
      case BYTES, DIGITS -> padded();
      default -> code.get(columns).i32(1).op(I32_ADD).i32(-2).op(I32_AND);
    }
    code.op(I32_MUL);
    if (!bytes) {
      code.i32(1).op(I32_SHL);
    }
    code.op(I32_ADD).set(y);
    if (to == Quantised.DIGITS) {
      code.get(y);
      padded();
      code.op(I32_ADD).set(lower);
    }
  }

  /** Leaves the bytes of a row of whole steps of four. */
  private void padded() {
    code.get(columns).i32(3).op(I32_ADD).i32(-4).op(I32_AND);
  }

  /** Four whole numbers of the vector on the stack. */
  private void quantised() {
    code.get(scale).op(F32X4_DIV, F32X4_NEAREST);
    // The bound comes first, so that NaN becomes it.
    Local value = code.local(ValueType.V128, "quotient");
    code.set(value).get(least).get(value).op(F32X4_PMAX).set(value);
    code.get(value).get(most).op(F32X4_PMIN, I32X4_TRUNC_SAT_F32X4_S);
    if (bytes) {
      code.get(zeros).op(I32X4_ADD);
    }
  }

  /** Makes bytes of the eight i16 on the stack, in the lower half. */
  private void narrowed(boolean signed) {
    code.set(eight).get(eight).get(eight);
    code.op(signed ? I8X16_NARROW_I16X8_S : I8X16_NARROW_I16X8_U);
  }

  /** Stores the upper and the lower bytes of eight i16 that are on the stack. */
  private void digits() {
    Local numbers = code.local(ValueType.V128, "numbers");
    if (signed) {
      // The lower byte counts from -128 to 127, and the upper one makes up for it.
      code.set(numbers).get(y).get(numbers).i32x4(0x00800080).op(I16X8_ADD);
      code.i32(8).op(I16X8_SHR_S);
      narrowed(true);
      code.mem(V128_STORE64_LANE, 0, 0);
      code.get(lower).get(numbers).i32(8).op(I16X8_SHL).i32(8).op(I16X8_SHR_S);
    } else {
      code.i32x4(0x80008000).op(V128_XOR).set(numbers);
      code.get(y).get(numbers).i32(8).op(I16X8_SHR_U);
      narrowed(false);
      code.mem(V128_STORE64_LANE, 0, 0);
      code.get(lower).get(numbers).i32x4(0x00ff00ff).op(V128_AND);
    }
    narrowed(signed);
    code.mem(V128_STORE64_LANE, 0, 0);
  }

  private void row() {
    Local left = code.local(ValueType.I32, "left");
    code.get(columns).i32(3).op(I32_SHR_U).set(left);
    Rows.times(
        code,
        left,
        List.of(x),
        32,
        () -> {
          if (to != Quantised.DIGITS) {
            code.get(y);
          }
          code.get(x).mem(V128_LOAD, 0);
          quantised();
          code.get(x).mem(V128_LOAD, 16);
          quantised();
          code.op(I16X8_NARROW_I32X4_S);
          if (to == Quantised.DIGITS) {
            digits();
            code.increase(y, 8).increase(lower, 8);
          } else if (bytes) {
            narrowed(to == Quantised.BYTES && signed);
            code.mem(V128_STORE64_LANE, 0, 0).increase(y, 8);
          } else {
            code.mem(V128_STORE, 0).increase(y, 16);
          }
        });
    code.get(columns).i32(7).op(I32_AND).set(left);
    Rows.times(
        code,
        left,
        List.of(x),
        4,
        () -> {
          if (to == Quantised.DIGITS) {
            Local number = code.local(ValueType.I32, "number");
            code.get(x).mem(V128_LOAD32_ZERO, 0);
            quantised();
            code.lane(I32X4_EXTRACT_LANE, 0).i32(signed ? 0 : 0x8000).op(I32_ADD).set(number);
            code.get(y).get(number).i32(signed ? 128 : 0).op(I32_ADD).i32(8).op(I32_SHR_S);
            code.mem(I32_STORE8, 0).get(lower).get(number).mem(I32_STORE8, 0);
            code.increase(y, 1).increase(lower, 1);
            return;
          }
          code.get(y).get(x).mem(V128_LOAD32_ZERO, 0);
          quantised();
          code.lane(I32X4_EXTRACT_LANE, 0).mem(bytes ? I32_STORE8 : I32_STORE16, 0);
          code.increase(y, bytes ? 1 : 2);
        });
    if (to == Quantised.I16 || to == Quantised.ROWS) {
      code.get(columns).i32(1).op(I32_AND);
      code.if_(() -> code.get(y).i32(0).mem(I32_STORE16, 0));
    }
  }
}
