package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * What is done to the sums of a matrix product before they are final. A light program runs on the
 * accumulators while they are in registers. A heavy one, GELU for example, runs over the tile just
 * stored, in a loop: its constants are then made once a tile and not once a vector.
 */
final class MatmulEpilogue {
  private static final FunctionType BEHIND = FunctionType.of("iiiiii:");

  /** Where a tile of C lies, in locals: the step, and its first row, column and matrix. */
  record Place(Local step, Local row, Local col, Local batch) {}

  private final WasmModule.Builder module;
  private final String name;
  private final Matmul spec;
  private final boolean fma;
  private final boolean heavy;
  private final Map<Integer, Function> behind = new LinkedHashMap<>();
  private Function single;

  MatmulEpilogue(WasmModule.Builder module, String name, Matmul spec, boolean fma) {
    this.module = module;
    this.name = name;
    this.spec = spec;
    this.fma = fma;
    this.heavy = ElementwiseCode.heavy(spec.epilogue());
  }

  boolean isHeavy() {
    return heavy;
  }

  /** Makes the functions that tiles of that many whole vectors will call. */
  void prepare(int vectors, boolean whole) {
    if (heavy && whole) {
      behind.computeIfAbsent(vectors, this::behind);
    } else if (heavy && single == null) {
      single = single();
    }
  }

  /** Applies the program to accumulators. */
  void apply(Code code, Place place, int rows, int vectors, BiFunction<Integer, Integer, Local> c) {
    Operands operands = new Operands(code, place);
    ElementwiseCode inline = heavy ? null : new ElementwiseCode(code, spec.epilogue(), true, fma);
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < vectors; j++) {
        Local accumulator = c.apply(r, j);
        List<Local> inputs = operands.load(accumulator, j);
        if (heavy) {
          inputs.forEach(code::get);
          code.call(single);
        } else {
          code.get(inline.emit(inputs));
        }
        code.set(accumulator);
      }
      if (r + 1 < rows) {
        operands.nextRow();
      }
    }
  }

  /** Applies the program to a tile of whole vectors that was stored at the address. */
  void applyBehind(Code code, Place place, Local c, int rows, int vectors) {
    code.get(place.step()).get(place.row()).get(place.col()).get(place.batch());
    code.get(c).i32(rows).call(behind.get(vectors));
  }

  /** {@code (step, row, col, batch, c, rows)}. */
  private Function behind(int vectors) {
    return module.function(
        name + "_epilogue_" + vectors,
        BEHIND,
        List.of("step", "row", "col", "batch", "c", "rows"),
        code -> {
          Local c = code.parameter(4);
          Local left = code.parameter(5);
          Operands operands =
              new Operands(
                  code,
                  new Place(
                      code.parameter(0), code.parameter(1), code.parameter(2), code.parameter(3)));
          ElementwiseCode program = new ElementwiseCode(code, spec.epilogue(), true, fma);
          Local value = code.local(ValueType.V128, "value");
          code.loop(again -> {
            for (int j = 0; j < vectors; j++) {
              code.get(c).mem(V128_LOAD, 16L * j).set(value);
              Local result = program.emit(operands.load(value, j));
              code.get(c).get(result).mem(V128_STORE, 16L * j);
            }
            operands.nextRow();
            code.increase(c, spec.n() * 4);
            code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
          });
        });
  }

  /** The program on one vector, for tiles whose last vector is not whole. */
  private Function single() {
    ElementwiseProgram program = spec.epilogue();
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

  /** The extra operands of one row of a tile, read through pointers that move down. */
  private final class Operands {
    private final Code code;
    private final List<Local> pointers = new ArrayList<>();
    private final List<Local> strides = new ArrayList<>();
    private final List<Local> values = new ArrayList<>();

    Operands(Code code, Place place) {
      this.code = code;
      for (int e = 0; e < spec.extras().size(); e++) {
        Local pointer = code.local(ValueType.I32, "e" + e);
        Local stride = code.local(ValueType.I32, "e_row" + e);
        int word = MatmulKernel.EXTRAS + 3 * e;
        argument(place, word + 1).set(stride);
        argument(place, word);
        code.get(place.batch());
        argument(place, word + 2).op(I32_MUL, I32_ADD);
        code.get(place.row()).get(stride).op(I32_MUL, I32_ADD);
        if (spec.extras().get(e) == Extra.VECTOR) {
          code.get(place.col()).i32(2).op(I32_SHL, I32_ADD);
        }
        code.set(pointer);
        pointers.add(pointer);
        strides.add(stride);
        values.add(code.local(ValueType.V128, "e_v" + e));
      }
    }

    private Code argument(Place place, int word) {
      return code.get(place.step()).mem(I32_LOAD, StepRecord.arg(word));
    }

    /** The accumulator and the operands that belong to the vector {@code j} of the row. */
    List<Local> load(Local accumulator, int j) {
      List<Local> inputs = new ArrayList<>(List.of(accumulator));
      for (int e = 0; e < values.size(); e++) {
        if (spec.extras().get(e) == Extra.VECTOR) {
          code.get(pointers.get(e)).mem(V128_LOAD, 16L * j).set(values.get(e));
        } else if (j == 0) {
          code.get(pointers.get(e)).mem(V128_LOAD32_SPLAT, 0).set(values.get(e));
        }
        inputs.add(values.get(e));
      }
      return inputs;
    }

    void nextRow() {
      for (int e = 0; e < pointers.size(); e++) {
        code.increase(pointers.get(e), strides.get(e));
      }
    }
  }
}
