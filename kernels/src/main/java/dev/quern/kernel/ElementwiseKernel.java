package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec.Elementwise;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/**
 * An element-wise program over an output of any rank, operands broadcast by strides. With rank 1
 * the items are elements; otherwise they are rows, the product of all dimensions but the last.
 *
 * <p>Arguments: {@link #OUT}, {@link #INNER}, the outer dimensions' sizes, then for each operand
 * its address and its strides of the outer dimensions in bytes (see {@link #operand}).
 */
public final class ElementwiseKernel {
  public static final int OUT = 0;

  /** Elements of the last dimension; not read with rank 1. */
  public static final int INNER = 1;

  /** Sizes of the outer dimensions. */
  public static final int OUTER = 2;

  private final Code code;
  private final Elementwise spec;
  private final ElementwiseProgram program;
  private final boolean fma;
  private final Local out;
  private final Local count;
  private final List<Local> pointers = new ArrayList<>();

  private ElementwiseKernel(Code code, Elementwise spec, boolean fma) {
    this.code = code;
    this.spec = spec;
    this.program = spec.program();
    this.fma = fma;
    out = code.local(ValueType.I32, "out");
    count = code.local(ValueType.I32, "count");
    for (int i = 0; i < program.inputs().size(); i++) {
      pointers.add(code.local(ValueType.I32, "x" + i));
    }
  }

  /** The argument that holds an operand's address; its outer strides follow. */
  public static int operand(int rank, int index) {
    return OUTER + rank - 1 + index * rank;
  }

  static Function emit(WasmModule.Builder module, String name, Elementwise spec, boolean fma) {
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          ElementwiseKernel kernel = new ElementwiseKernel(code, spec, fma);
          if (spec.rank() == 1) {
            kernel.range();
          } else {
            Rows.items(code, kernel::row);
          }
        });
  }

  private void range() {
    Local begin = code.parameter(1);
    code.get(code.parameter(2)).get(begin).op(I32_SUB).set(count);
    Rows.arg(code, OUT).get(begin).i32(program.result().bytes()).op(I32_MUL, I32_ADD).set(out);
    for (int i = 0; i < pointers.size(); i++) {
      Rows.arg(code, operand(1, i));
      if (spec.inner().get(i)) {
        code.get(begin).i32(program.inputs().get(i).bytes()).op(I32_MUL, I32_ADD);
      }
      code.set(pointers.get(i));
    }
    elements();
  }

  private void row() {
    Rows.arg(code, INNER).set(count);
    Rows.arg(code, OUT).get(code.parameter(1)).get(count).op(I32_MUL);
    code.i32(program.result().bytes()).op(I32_MUL, I32_ADD).set(out);
    for (int i = 0; i < pointers.size(); i++) {
      Rows.arg(code, operand(spec.rank(), i)).set(pointers.get(i));
    }
    Local rest = code.local(ValueType.I32, "rest");
    Local index = code.local(ValueType.I32, "index");
    code.get(code.parameter(1)).set(rest);
    for (int d = spec.rank() - 2; d >= 0; d--) {
      code.get(rest);
      Rows.arg(code, OUTER + d).op(I32_REM_S).set(index);
      code.get(rest);
      Rows.arg(code, OUTER + d).op(I32_DIV_S).set(rest);
      for (int i = 0; i < pointers.size(); i++) {
        code.get(pointers.get(i)).get(index);
        Rows.arg(code, operand(spec.rank(), i) + 1 + d).op(I32_MUL, I32_ADD);
        code.set(pointers.get(i));
      }
    }
    elements();
  }

  private void elements() {
    Local left = code.local(ValueType.I32, "left");
    if (ElementwiseCode.vectorises(program)) {
      code.get(count).i32(2).op(I32_SHR_U).set(left);
      vectors(left, V128_LOAD, V128_STORE, 4);
      // The tail goes through vectors too: a fused multiply-add exists for nothing else, and an
      // element's bits must not depend on where in its row it stands.
      code.get(count).i32(3).op(I32_AND).set(left);
      vectors(left, V128_LOAD32_ZERO, V128_STORE32_LANE, 1);
    } else {
      code.get(count).set(left);
      singles(left);
    }
  }

  private void vectors(Local left, Opcode load, Opcode store, int elements) {
    List<Local> values = locals(true);
    ElementwiseCode body = new ElementwiseCode(code, program, true, fma);
    Rows.times(
        code,
        left,
        List.of(),
        0,
        () -> {
          for (int i = 0; i < values.size(); i++) {
            boolean side = spec.inner().get(i);
            code.get(pointers.get(i)).mem(side ? load : V128_LOAD32_SPLAT, 0).set(values.get(i));
          }
          Local result = body.emit(values);
          code.get(out).get(result).mem(store, 0);
          advance(elements);
        });
  }

  private void singles(Local left) {
    List<Local> values = locals(false);
    ElementwiseCode body = new ElementwiseCode(code, program, false, fma);
    Rows.times(
        code,
        left,
        List.of(),
        0,
        () -> {
          for (int i = 0; i < values.size(); i++) {
            code.get(pointers.get(i));
            ScalarCode.load(code, program.inputs().get(i));
            code.set(values.get(i));
          }
          Local result = body.emit(values);
          code.get(out).get(result);
          ScalarCode.store(code, program.result());
          advance(1);
        });
  }

  private void advance(int elements) {
    for (int i = 0; i < pointers.size(); i++) {
      if (spec.inner().get(i)) {
        code.increase(pointers.get(i), elements * program.inputs().get(i).bytes());
      }
    }
    code.increase(out, elements * program.result().bytes());
  }

  private List<Local> locals(boolean vector) {
    List<Local> values = new ArrayList<>();
    for (DataType input : program.inputs()) {
      values.add(
          code.local(
              ElementwiseCode.valueType(input, vector), (vector ? "v" : "s") + values.size()));
    }
    return values;
  }
}
