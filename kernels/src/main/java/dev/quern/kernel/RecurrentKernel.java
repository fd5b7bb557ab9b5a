package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseOp;
import dev.quern.kernel.KernelSpec.Recurrent;
import dev.quern.kernel.TileCode.Stride;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/**
 * A step of an RNN, of a GRU that resets after the product, or of an LSTM, whose inputs have been
 * multiplied before. Each round of the record is one step in time, and one more copies the last
 * states; a second direction's rounds follow. An item is some units of all sequences: what the
 * state adds to their gates stays in registers. States are read from where the round before has put
 * them in the result, which lies as {@code dev.quern.graph.SteppedLayer} says; the cell's stay in
 * its last row. Every other round goes through the items backwards, so that the weights that it
 * begins with are those that the caches still hold.
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

  /** Vectors of sums that a tile keeps, more or less. */
  private static final int VECTORS = 8;

  private static final int UNROLL = 4;

  private final Code code;
  private final Recurrent spec;
  private final boolean fma;
  private final Lanes lanes;
  private final Local input;
  private final Local weights;
  private final Local bias;
  private final Local round;
  private final Local part;
  private final Local backward;
  private final Local time;
  private final Local first;
  private final Local sequence;
  private final Local before;
  private final Local cell;
  private final Local y;
  private final Local unit;

  private RecurrentKernel(Code code, Recurrent spec, boolean fma) {
    this.code = code;
    this.spec = spec;
    this.fma = fma;
    lanes = new Lanes(code, true, fma);
    input = code.local(ValueType.I32, "input");
    weights = code.local(ValueType.I32, "weights");
    bias = code.local(ValueType.I32, "bias");
    round = code.local(ValueType.I32, "round");
    part = code.local(ValueType.I32, "part");
    backward = code.local(ValueType.I32, "backward");
    time = code.local(ValueType.I32, "time");
    first = code.local(ValueType.I32, "first");
    sequence = code.local(ValueType.I32, "sequence");
    before = code.local(ValueType.I32, "before");
    cell = code.local(ValueType.I32, "cell");
    y = code.local(ValueType.I32, "y");
    unit = code.local(ValueType.I32, "unit");
  }

  /**
   * Units of an item, but for the last one of a direction, which has the rest. Packed weights have
   * the columns of an item's gates side by side, gate after gate, each padded to whole vectors.
   */
  public static int units(int gates) {
    return 4 * ((VECTORS + gates / 2) / gates);
  }

  /** Items of a round. */
  public static int parts(Recurrent spec) {
    return (spec.hidden() + units(spec.gates()) - 1) / units(spec.gates());
  }

  /** Bytes of scratch that a thread needs: a state of zeros. */
  public static int scratch(Recurrent spec) {
    return (spec.hidden() + 3) / 4 * 16;
  }

  static Function emit(WasmModule.Builder module, String name, Recurrent spec, boolean fma) {
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          RecurrentKernel kernel = new RecurrentKernel(code, spec, fma);
          code.get(code.parameter(3)).i32(0).i32(scratch(spec)).op(MEMORY_FILL);
          kernel.items();
        });
  }

  /** The address that belongs to the item's direction. */
  private void own(int argument, Local target) {
    Rows.arg(code, argument);
    if (spec.directions() == 2) {
      Rows.arg(code, argument + 1).get(backward).op(I32_EQZ, SELECT);
    }
    code.set(target);
  }

  private void items() {
    Local step = code.local(ValueType.I32, "step");
    Local left = code.local(ValueType.I32, "left");
    code.get(code.parameter(0)).mem(I32_LOAD, StepRecord.ROUND).set(round);
    code.get(code.parameter(1)).set(part).i32(1).set(step);
    code.get(round).i32(1).op(I32_AND);
    code.if_(() -> code.get(code.parameter(2)).i32(1).op(I32_SUB).set(part).i32(-1).set(step));
    if (spec.directions() == 2) {
      code.get(round);
      Rows.arg(code, TIME).op(I32_GT_S).tee(backward);
      code.if_(() -> {
        code.get(round);
        Rows.arg(code, TIME).op(I32_SUB).i32(1).op(I32_SUB).set(round);
      });
    }
    code.get(code.parameter(2)).get(code.parameter(1)).op(I32_SUB).set(left);
    Rows.times(
        code,
        left,
        List.of(),
        0,
        () -> {
          item();
          code.get(part).get(step).op(I32_ADD).set(part);
        });
  }

  private void item() {
    int parts = parts(spec);
    int units = units(spec.gates());
    own(INPUTS, input);
    own(WEIGHTS, weights);
    code.get(weights).get(part).i32(4 * units * spec.gates() * spec.hidden());
    code.op(I32_MUL, I32_ADD).set(weights);
    code.get(part).i32(4 * units).op(I32_MUL).set(unit);
    code.get(input).get(unit).op(I32_ADD).set(input);
    if (spec.biased()) {
      own(BIASES, bias);
      code.get(bias).get(unit).op(I32_ADD).set(bias);
    }
    // The sequences of this direction are those of the result's rows from here on.
    Rows.arg(code, BATCH).get(backward).op(I32_MUL).set(first);
    int rest = spec.hidden() - (parts - 1) * units;
    if (rest == units || parts == 1) {
      round(rest);
    } else {
      code.get(part).i32(parts - 1).op(I32_LT_U);
      code.ifElse(() -> round(units), () -> round(rest));
    }
  }

  /** A round of an item of so many units. */
  private void round(int units) {
    code.get(round);
    Rows.arg(code, TIME).op(I32_LT_S);
    code.ifElse(() -> step(units), () -> sequences(() -> last(units)));
  }

  private void step(int units) {
    code.get(round).set(time);
    boolean always = spec.directions() == 1 && spec.reverse();
    if (always) {
      turn();
    } else if (spec.directions() == 2) {
      code.get(backward).if_(this::turn);
    }
    sequences(() -> {
      states();
      Local x = code.local(ValueType.I32, "x");
      // The row of inputs: time · batch + sequence.
      code.get(input).get(time);
      Rows.arg(code, BATCH).op(I32_MUL).get(sequence).get(first).op(I32_SUB, I32_ADD);
      code.i32(4 * spec.gates() * spec.hidden()).op(I32_MUL, I32_ADD).set(x);
      TileCode tile = products(units);
      for (int v = 0; v < (units + 3) / 4; v++) {
        gates(tile, x, v, units);
      }
    });
  }

  /** Time runs from the last step to the first. */
  private void turn() {
    Rows.arg(code, TIME).i32(1).op(I32_SUB).get(time).op(I32_SUB).set(time);
  }

  private void sequences(Runnable body) {
    Local end = code.local(ValueType.I32, "sequence_end");
    code.get(first).tee(sequence);
    Rows.arg(code, BATCH).op(I32_ADD).set(end);
    code.whileLess(sequence, end, 1, body);
  }

  /**
   * The address of the sequence's state in a row of the result, {@code [directions, batch,
   * hidden]}.
   */
  private Code state(Runnable row) {
    Rows.arg(code, Y);
    row.run();
    Rows.arg(code, BATCH).i32(spec.directions()).op(I32_MUL, I32_MUL).get(sequence).op(I32_ADD);
    return code.i32(4 * spec.hidden()).op(I32_MUL, I32_ADD);
  }

  /** The address of the cell's state of the sequence, behind all hidden ones. */
  private Code cells() {
    return state(() -> Rows.arg(code, TIME).i32(1).op(I32_ADD));
  }

  private Code given(int argument) {
    if (!spec.started()) {
      return code.get(code.parameter(3));
    }
    return Rows.arg(code, argument).get(sequence).i32(4 * spec.hidden()).op(I32_MUL, I32_ADD);
  }

  /** Where the states before the step are, and where the next one goes. */
  private void states() {
    state(() -> code.get(time)).get(unit).op(I32_ADD).set(y);
    previous(() -> {
      code.get(time).i32(-1).i32(1);
      if (spec.directions() == 2) {
        code.get(backward).op(I32_EQZ);
      } else {
        code.i32(spec.reverse() ? 0 : 1);
      }
      code.op(SELECT, I32_ADD);
    });
    if (spec.gates() == 4) {
      code.get(round);
      code.ifElse(ValueType.I32, this::cells, () -> given(CELL));
      code.get(unit).op(I32_ADD).set(cell);
    }
  }

  /** The hidden state before a step: what was given before the first, else a row of the result. */
  private void previous(Runnable row) {
    code.get(round);
    code.ifElse(ValueType.I32, () -> state(row), () -> given(HIDDEN));
    code.set(before);
  }

  /** What the state adds to the gates. */
  private TileCode products(int units) {
    int each = (units + 3) / 4;
    int hidden = spec.hidden();
    TileCode tile = new TileCode(code, 1, each * spec.gates(), fma);
    if (spec.biased()) {
      for (int j = 0; j < tile.vectors(); j++) {
        code.get(bias).mem(V128_LOAD, 4L * (j / each) * hidden + 16L * (j % each));
        code.set(tile.accumulator(0, j));
      }
    } else {
      tile.clear();
    }
    Local a = code.local(ValueType.I32, "a");
    Local b = code.local(ValueType.I32, "b");
    code.get(before).set(a).get(weights).set(b);
    tile.multiply(a, Stride.of(4L * hidden), b, Stride.of(16), 16L * hidden, null, hidden, UNROLL);
    return tile;
  }

  /** What inputs and the state give each gate of a vector of units together. */
  private void gates(TileCode tile, Local x, int v, int units) {
    int each = (units + 3) / 4;
    List<Local> sums = new ArrayList<>();
    for (int g = 0; g < spec.gates(); g++) {
      Local sum = tile.accumulator(0, g * each + v);
      sums.add(sum);
      if (spec.gates() == 3 && g == 2) {
        continue; // The candidate's inputs are added behind the reset.
      }
      code.get(sum).get(x).mem(V128_LOAD, input(g, v)).op(F32X4_ADD).set(sum);
      boolean candidate = g == 3;
      apply(candidate ? 1 : 0, sum);
    }
    Local next = sums.getFirst();
    if (spec.gates() == 3) {
      gru(sums, x, v);
    } else if (spec.gates() == 4) {
      lstm(sums, v, units);
    }
    store(y, next, v, units);
  }

  private long input(int gate, int v) {
    return 4L * gate * spec.hidden() + 16L * v;
  }

  private void apply(int function, Local value) {
    ElementwiseOp op = spec.functions().get(function);
    FloatCode.emit(lanes, code, op, List.of(value));
    code.set(value);
  }

  /** Leaves the next state in the first local. */
  private void gru(List<Local> sums, Local x, int v) {
    Local update = sums.get(0);
    Local candidate = sums.get(2);
    code.get(candidate).get(sums.get(1)).op(F32X4_MUL);
    code.get(x).mem(V128_LOAD, input(2, v)).op(F32X4_ADD).set(candidate);
    apply(1, candidate);
    code.f32x4(1).get(update).op(F32X4_SUB).get(candidate).op(F32X4_MUL);
    code.get(update).get(before).get(unit).op(I32_ADD).mem(V128_LOAD, 16L * v).op(F32X4_MUL);
    code.op(F32X4_ADD).set(update);
  }

  /** Leaves the next state in the first local, and the cell's in its row. */
  private void lstm(List<Local> sums, int v, int units) {
    Local in = sums.get(0);
    Local out = sums.get(1);
    code.get(sums.get(2)).get(cell).mem(V128_LOAD, 16L * v).op(F32X4_MUL);
    code.get(in).get(sums.get(3)).op(F32X4_MUL, F32X4_ADD).set(in);
    Local to = code.local(ValueType.I32, "cell_to");
    cells().get(unit).op(I32_ADD).set(to);
    store(to, in, v, units);
    apply(2, in);
    code.get(out).get(in).op(F32X4_MUL).set(in);
  }

  /** Stores a vector of units; behind the last ones other threads write. */
  private void store(Local to, Local value, int v, int units) {
    int lanesLeft = Math.min(4, units - 4 * v);
    if (lanesLeft == 4) {
      code.get(to).get(value).mem(V128_STORE, 16L * v);
      return;
    }
    for (int lane = 0; lane < lanesLeft; lane++) {
      code.get(to).get(value).lane(F32X4_EXTRACT_LANE, lane);
      code.mem(F32_STORE, 16L * v + 4L * lane);
    }
  }

  /** Behind all steps stand the last states. */
  private void last(int units) {
    Local to = code.local(ValueType.I32, "last");
    state(() -> Rows.arg(code, TIME)).get(unit).op(I32_ADD).set(to);
    previous(this::lastTime);
    code.get(to).get(before).get(unit).op(I32_ADD).i32(4 * units).op(MEMORY_COPY);
    if (spec.gates() == 4) {
      // Without a step the cell's last state is its first.
      code.get(round).op(I32_EQZ);
      code.if_(() -> {
        cells().get(unit).op(I32_ADD);
        given(CELL).get(unit).op(I32_ADD).i32(4 * units).op(MEMORY_COPY);
      });
    }
  }

  /** The row of the step that came last. */
  private void lastTime() {
    Rows.arg(code, TIME).i32(1).op(I32_SUB);
    if (spec.directions() == 2) {
      code.i32(0).get(backward).op(I32_EQZ, SELECT);
    } else if (spec.reverse()) {
      code.op(DROP).i32(0);
    }
  }
}
