package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec.Operand;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/**
 * The element-wise program behind a convolution, on vectors of four neighbouring channels while
 * they are in registers. Each extra operand has {@link #WORDS} arguments: its address, and its
 * bytes from one image, row and pixel to the next.
 */
final class Epilogue {
  /** Arguments of an extra operand. */
  static final int WORDS = 4;

  private final Code code;
  private final List<Operand> operands;
  private final Function function;
  private final ElementwiseCode inline;
  private final List<Local> pointers = new ArrayList<>();
  private final List<Local> moving = new ArrayList<>();
  private final List<Local> pixels = new ArrayList<>();
  private final List<Local> values = new ArrayList<>();

  /**
   * @param function the program as a function of its own, null where it is emitted in place
   */
  Epilogue(
      Code code,
      ElementwiseProgram program,
      List<Operand> operands,
      Function function,
      boolean fma) {
    this.code = code;
    this.operands = operands;
    this.function = function;
    inline = function == null ? new ElementwiseCode(code, program, true, fma) : null;
    for (int e = 0; e < operands.size(); e++) {
      pointers.add(code.local(ValueType.I32, "e" + e));
      moving.add(code.local(ValueType.I32, "e_at" + e));
      pixels.add(code.local(ValueType.I32, "e_pixel" + e));
      values.add(code.local(ValueType.V128, "e_v" + e));
    }
  }

  /** A heavy program as a function; null for a light one or none. */
  static Function function(
      WasmModule.Builder module, String name, ElementwiseProgram program, boolean fma) {
    if (program == null || !ElementwiseCode.heavy(program)) {
      return null;
    }
    return module.function(
        name + "_epilogue",
        FunctionType.of("v".repeat(program.inputs().size()) + ":v"),
        code -> {
          List<Local> inputs = new ArrayList<>();
          for (int i = 0; i < program.inputs().size(); i++) {
            inputs.add(code.parameter(i));
          }
          code.get(new ElementwiseCode(code, program, true, fma).emit(inputs));
        });
  }

  /**
   * Points the operands at a pixel.
   *
   * @param first the first operand's first argument
   * @param channel leaves the first channel's offset in bytes on the stack; null for channel 0
   */
  void point(int first, Local n, Local y, Local x, Runnable channel) {
    for (int e = 0; e < operands.size(); e++) {
      int word = first + WORDS * e;
      Rows.arg(code, word + 3).set(pixels.get(e));
      Rows.arg(code, word).get(n);
      Rows.arg(code, word + 1).op(I32_MUL, I32_ADD).get(y);
      Rows.arg(code, word + 2).op(I32_MUL, I32_ADD).get(x);
      code.get(pixels.get(e)).op(I32_MUL, I32_ADD);
      if (channel != null && operands.get(e) != Operand.PIXELS) {
        channel.run();
        code.op(I32_ADD);
      }
      code.set(pointers.get(e));
    }
  }

  /** Applies the program to one vector of channels of some neighbouring pixels. */
  void apply(List<Local> accumulators, long offset) {
    for (int e = 0; e < operands.size(); e++) {
      if (operands.get(e) == Operand.CHANNELS) {
        code.get(pointers.get(e)).mem(V128_LOAD, offset).set(values.get(e));
      } else if (accumulators.size() > 1) {
        code.get(pointers.get(e)).set(moving.get(e));
      }
    }
    for (int r = 0; r < accumulators.size(); r++) {
      for (int e = 0; e < operands.size(); e++) {
        Local pointer = accumulators.size() > 1 ? moving.get(e) : pointers.get(e);
        switch (operands.get(e)) {
          case CHANNELS -> {
            continue;
          }
          case ELEMENTS -> code.get(pointer).mem(V128_LOAD, offset);
          case PIXELS -> code.get(pointer).mem(V128_LOAD32_SPLAT, 0);
        }
        code.set(values.get(e));
        if (r + 1 < accumulators.size()) {
          code.increase(pointer, pixels.get(e));
        }
      }
      one(accumulators.get(r));
    }
  }

  private void one(Local accumulator) {
    if (function != null) {
      code.get(accumulator);
      for (Local value : values) {
        code.get(value);
      }
      code.call(function).set(accumulator);
      return;
    }
    List<Local> inputs = new ArrayList<>(List.of(accumulator));
    inputs.addAll(values);
    code.get(inline.emit(inputs)).set(accumulator);
  }

  /** Moves on along the channels. */
  void advance(int bytes) {
    for (int e = 0; e < operands.size(); e++) {
      if (operands.get(e) != Operand.PIXELS) {
        code.increase(pointers.get(e), bytes);
      }
    }
  }

  /** Stores the first {@code lanes} of a vector: writing more would hit the next pixel. */
  static void store(Code code, Local pointer, long offset, Local value, int lanes) {
    if (lanes == 4) {
      code.get(pointer).get(value).mem(V128_STORE, offset);
      return;
    }
    for (int lane = 0; lane < lanes; lane++) {
      code.get(pointer).get(value).mem(V128_STORE32_LANE, offset + 4L * lane, lane);
    }
  }
}
