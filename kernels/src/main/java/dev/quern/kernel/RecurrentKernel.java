package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseOp;
import dev.quern.kernel.KernelSpec.Recurrent;
import dev.quern.kernel.TileCode.Stride;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * The steps of an RNN, a GRU that resets after the product, or an LSTM, whose inputs have been
 * multiplied before. An item is one sequence in one direction; it goes through its steps with its
 * state in scratch. Results lie as {@code dev.quern.graph.SteppedLayer} says.
 */
public final class RecurrentKernel {
  /** Of each direction: the addresses of inputs, of packed weights, of biases of the state. */
  public static final int INPUTS = 0;

  public static final int WEIGHTS = 2;
  public static final int BIASES = 4;

  /** The first states, hidden and cell, {@code [directions, batch, hidden]}. */
  public static final int HIDDEN = 6;

  public static final int CELL = 7;
  public static final int Y = 8;
  public static final int TIME = 9;
  public static final int BATCH = 10;

  /** Panels of four columns that are multiplied side by side. */
  private static final int PANELS = 8;

  private static final int UNROLL = 4;

  private final Code code;
  private final Recurrent spec;
  private final Lanes lanes;
  private final Function[] tiles;
  private final Local input;
  private final Local weights;
  private final Local bias;
  private final Local y;
  private final Local step;
  private final Local state;
  private final Local cell;
  private final Local sums;
  private final Local at;
  private final Local place;

  private RecurrentKernel(Code code, Recurrent spec, Function[] tiles, boolean fma) {
    this.code = code;
    this.spec = spec;
    this.tiles = tiles;
    lanes = new Lanes(code, true, fma);
    input = code.local(ValueType.I32, "input");
    weights = code.local(ValueType.I32, "weights");
    bias = code.local(ValueType.I32, "bias");
    y = code.local(ValueType.I32, "y");
    step = code.local(ValueType.I32, "row");
    state = code.local(ValueType.I32, "state");
    cell = code.local(ValueType.I32, "cell");
    sums = code.local(ValueType.I32, "sums");
    at = code.local(ValueType.I32, "at");
    place = code.local(ValueType.I32, "place");
  }

  /** Bytes of scratch that a thread needs: both states, and sums that may be read beyond. */
  public static int scratch(Recurrent spec) {
    return 2 * stateBytes(spec) + panels(spec) * 16 + 16;
  }

  private static int stateBytes(Recurrent spec) {
    return (spec.hidden() + 3) / 4 * 16;
  }

  private static int columns(Recurrent spec) {
    return spec.gates() * spec.hidden();
  }

  private static int panels(Recurrent spec) {
    return (columns(spec) + 3) / 4;
  }

  static Function emit(WasmModule.Builder module, String name, Recurrent spec, boolean fma) {
    Function[] tiles = new Function[PANELS + 1];
    for (int width : new int[] {PANELS, panels(spec) % PANELS}) {
      if (width > 0 && (width < PANELS || panels(spec) >= PANELS)) {
        tiles[width] = tile(module, name, spec, width, fma);
      }
    }
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          RecurrentKernel kernel = new RecurrentKernel(code, spec, tiles, fma);
          Rows.items(code, kernel::sequence);
        });
  }

  /** {@code (state, weights, bias, sums)}: some panels of what the state adds to the gates. */
  private static Function tile(
      WasmModule.Builder module, String name, Recurrent spec, int width, boolean fma) {
    return module.function(
        name + "_" + width,
        FunctionType.of("iiii:"),
        List.of("state", "weights", "bias", "sums"),
        code -> {
          TileCode tile = new TileCode(code, 1, width, fma);
          if (spec.biased()) {
            for (int j = 0; j < width; j++) {
              code.get(code.parameter(2)).mem(V128_LOAD, 16L * j).set(tile.accumulator(0, j));
            }
          } else {
            tile.clear();
          }
          int k = spec.hidden();
          tile.multiply(
              code.parameter(0),
              Stride.of(4L * k),
              code.parameter(1),
              Stride.of(16),
              16L * k,
              null,
              k,
              UNROLL);
          for (int j = 0; j < width; j++) {
            code.get(code.parameter(3)).get(tile.accumulator(0, j)).mem(V128_STORE, 16L * j);
          }
        });
  }

  /** The address that belongs to the item's direction. */
  private void own(int argument, Local target) {
    Rows.arg(code, argument);
    if (spec.directions() == 2) {
      Rows.arg(code, argument + 1).get(code.parameter(1));
      Rows.arg(code, BATCH).op(I32_LT_U, SELECT);
    }
    code.set(target);
  }

  private void sequence() {
    int hidden = spec.hidden();
    own(INPUTS, input);
    own(WEIGHTS, weights);
    if (spec.biased()) {
      own(BIASES, bias);
    }
    code.get(code.parameter(3)).set(state);
    code.get(state).i32(stateBytes(spec)).op(I32_ADD).tee(cell);
    code.i32(stateBytes(spec)).op(I32_ADD).set(sums);
    code.get(code.parameter(1)).i32(4 * hidden).op(I32_MUL).set(place);
    start(HIDDEN, state);
    if (spec.gates() == 4) {
      start(CELL, cell);
    }
    Local left = code.local(ValueType.I32, "steps");
    Rows.arg(code, TIME).set(left).i32(0).set(step);
    if (spec.reverse()) {
      code.get(left).i32(1).op(I32_SUB).set(step);
    } else if (spec.directions() == 2) {
      code.get(code.parameter(1));
      Rows.arg(code, BATCH).op(I32_GE_U);
      code.if_(() -> code.get(left).i32(1).op(I32_SUB).set(step));
    }
    Rows.times(code, left, List.of(), 0, this::step);
    // Behind all steps stand the last states.
    Rows.arg(code, TIME).set(step);
    address();
    copy(y, state);
    if (spec.gates() == 4) {
      code.increase(step, 1);
      address();
      copy(y, cell);
    }
  }

  /** The address of a row's state in the result: rows are {@code [directions, batch, hidden]}. */
  private void address() {
    Rows.arg(code, Y).get(step);
    Rows.arg(code, BATCH).i32(4 * spec.directions() * spec.hidden()).op(I32_MUL, I32_MUL);
    code.get(place).op(I32_ADD, I32_ADD).set(y);
  }

  private void copy(Local to, Local from) {
    code.get(to).get(from).i32(4 * spec.hidden()).op(MEMORY_COPY);
  }

  private void start(int argument, Local to) {
    if (spec.started()) {
      code.get(to);
      Rows.arg(code, argument).get(place).op(I32_ADD).i32(4 * spec.hidden()).op(MEMORY_COPY);
    } else {
      code.get(to).i32(0).i32(stateBytes(spec)).op(MEMORY_FILL);
    }
  }

  private void step() {
    products();
    gates();
    address();
    copy(y, state);
    if (spec.directions() == 2) {
      code.i32(1).i32(-1).get(code.parameter(1));
      Rows.arg(code, BATCH).op(I32_LT_U, SELECT).get(step).op(I32_ADD).set(step);
    } else {
      code.increase(step, spec.reverse() ? -1 : 1);
    }
  }

  private void products() {
    int whole = panels(spec) / PANELS;
    Local panel = code.local(ValueType.I32, "panel");
    Local from = code.local(ValueType.I32, "bias_at");
    Local to = code.local(ValueType.I32, "sums_at");
    code.get(weights).set(panel).get(bias).set(from).get(sums).set(to);
    if (whole > 0) {
      Local groups = code.local(ValueType.I32, "groups");
      code.i32(whole).set(groups);
      Rows.times(
          code,
          groups,
          List.of(from, to),
          16 * PANELS,
          () -> {
            code.get(state).get(panel).get(from).get(to).call(tiles[PANELS]);
            code.increase(panel, 16 * PANELS * spec.hidden());
          });
    }
    int rest = panels(spec) % PANELS;
    if (rest > 0) {
      code.get(state).get(panel).get(from).get(to).call(tiles[rest]);
    }
  }

  /** What inputs and the state give a gate together, in a local. */
  private Local gate(int number, Local x, boolean whole) {
    Local value = code.local(ValueType.V128, "gate" + number);
    long offset = 4L * number * spec.hidden();
    code.get(x).mem(V128_LOAD, offset);
    if (whole) {
      code.get(at).mem(V128_LOAD, offset).op(F32X4_ADD);
    }
    code.set(value);
    return value;
  }

  private void apply(int function, Local value) {
    ElementwiseOp op = spec.functions().get(function);
    FloatCode.emit(lanes, code, op, List.of(value));
    code.set(value);
  }

  /** The next state, four numbers at a time; behind the last ones stands what nobody reads. */
  private void gates() {
    Local x = code.local(ValueType.I32, "x");
    Local h = code.local(ValueType.I32, "h");
    Local c = code.local(ValueType.I32, "c");
    Local left = code.local(ValueType.I32, "vectors");
    // The row of inputs: (step · batch + sequence) · columns.
    code.get(input).get(step);
    Rows.arg(code, BATCH).op(I32_MUL).get(code.parameter(1));
    Rows.arg(code, BATCH).op(I32_REM_U, I32_ADD).i32(4 * columns(spec)).op(I32_MUL, I32_ADD);
    code.set(x).get(sums).set(at).get(state).set(h).get(cell).set(c);
    code.i32((spec.hidden() + 3) / 4).set(left);
    Rows.times(
        code,
        left,
        List.of(x, at, h, c),
        16,
        () -> {
          Local first = gate(0, x, true);
          apply(0, first);
          switch (spec.gates()) {
            case 1 -> code.get(h).get(first);
            case 3 -> gru(first, x, h);
            default -> lstm(first, x, h, c);
          }
          code.mem(V128_STORE, 0);
        });
  }

  private void gru(Local update, Local x, Local h) {
    Local reset = gate(1, x, true);
    apply(0, reset);
    Local candidate = gate(2, x, false);
    code.get(at).mem(V128_LOAD, 8L * spec.hidden()).get(reset).op(F32X4_MUL);
    code.get(candidate).op(F32X4_ADD).set(candidate);
    apply(1, candidate);
    code.get(h).f32x4(1).get(update).op(F32X4_SUB).get(candidate).op(F32X4_MUL);
    code.get(update).get(h).mem(V128_LOAD, 0).op(F32X4_MUL, F32X4_ADD);
  }

  private void lstm(Local in, Local x, Local h, Local c) {
    Local out = gate(1, x, true);
    apply(0, out);
    Local forget = gate(2, x, true);
    apply(0, forget);
    Local candidate = gate(3, x, true);
    apply(1, candidate);
    Local next = code.local(ValueType.V128, "next");
    code.get(forget).get(c).mem(V128_LOAD, 0).op(F32X4_MUL);
    code.get(in).get(candidate).op(F32X4_MUL, F32X4_ADD).set(next);
    code.get(c).get(next).mem(V128_STORE, 0);
    apply(2, next);
    code.get(h).get(out).get(next).op(F32X4_MUL);
  }
}
