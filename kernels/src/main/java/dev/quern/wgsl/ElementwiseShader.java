package dev.quern.wgsl;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.ElementwiseKernel;
import dev.quern.kernel.KernelSpec.Elementwise;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * An element-wise program with broadcasting: an invocation for each word of the output, which is
 * one element, or several of a narrow type.
 */
final class ElementwiseShader {
  private final Elementwise spec;
  private final ElementwiseProgram program;
  private final List<Array> operands = new ArrayList<>();
  private final List<Expr> bases = new ArrayList<>();
  private final List<List<Expr>> strides = new ArrayList<>();
  private final List<Expr> outer = new ArrayList<>();
  private final Array out;
  private final Expr base;
  private final Expr inner;
  private final Expr count;

  private ElementwiseShader(Shader.Builder shader, Elementwise spec) {
    this.spec = spec;
    this.program = spec.program();
    int rank = spec.rank();
    for (int i = 0; i < program.inputs().size(); i++) {
      DataType type = program.inputs().get(i);
      int arg = ElementwiseKernel.operand(rank, i);
      operands.add(shader.read("x" + i, Cells.stored(type), arg));
    }
    out = shader.write("y", Cells.stored(program.result()), ElementwiseKernel.OUT);
    base = shader.scaled("y_at", ElementwiseKernel.OUT, program.result().bytes());
    count = shader.word("count", this::count);
    inner = rank == 1 ? null : shader.number("inner", ElementwiseKernel.INNER);
    for (int d = 0; d < rank - 1; d++) {
      outer.add(shader.number("size" + d, ElementwiseKernel.OUTER + d));
    }
    for (int i = 0; i < operands.size(); i++) {
      int bytes = program.inputs().get(i).bytes();
      int arg = ElementwiseKernel.operand(rank, i);
      bases.add(shader.scaled("x" + i + "_at", arg, bytes));
      List<Expr> steps = new ArrayList<>();
      for (int d = 0; d < rank - 1; d++) {
        steps.add(shader.scaled("x" + i + "_step" + d, arg + 1 + d, bytes));
      }
      strides.add(steps);
    }
  }

  /** Elements of the output. */
  private long count(Shader.Sizes sizes) {
    return spec.rank() == 1 ? sizes.items() : sizes.items() * sizes.arg(ElementwiseKernel.INNER);
  }

  static Shader of(Elementwise spec) {
    return Shader.build(
        spec.signature(),
        builder -> {
          ElementwiseShader shader = new ElementwiseShader(builder, spec);
          int each = Cells.perWord(spec.program().result());
          Flat.main(
              builder,
              sizes -> (shader.count(sizes) + each - 1) / each,
              shader.count.plus(each - 1).over(each),
              each == 1 ? shader::element : shader::word);
        });
  }

  private void element(Code code, Expr index) {
    code.store(out, base.plus(index), value(code, index));
  }

  /** What lies behind the last element belongs to the same activation, and to nobody. */
  private void word(Code code, Expr index) {
    DataType type = program.result();
    int each = Cells.perWord(type);
    Variable word = code.var("word", Type.U32);
    code.loop(
        "e",
        Expr.u32(0),
        Expr.u32(each),
        Expr.u32(1),
        e -> {
          Expr at = code.let("at", index.times(each).plus(e));
          code.ifThen(
              at.lt(count),
              () -> {
                Expr bits = Cells.bits(value(code, at), type);
                code.set(word, word.bits("|", bits.shift("<<", e.times(8L * type.bytes()))));
              });
        });
    code.store(out, base.over(each).plus(index), word);
  }

  private Expr value(Code code, Expr index) {
    Expr column = index;
    List<Expr> coordinates = new ArrayList<>();
    if (spec.rank() > 1) {
      column = code.let("column", index.rem(inner));
      Expr rest = code.let("rest", index.over(inner));
      for (int d = spec.rank() - 2; d > 0; d--) {
        coordinates.addFirst(code.let("i" + d, rest.rem(outer.get(d))));
        rest = code.let("rest", rest.over(outer.get(d)));
      }
      coordinates.addFirst(rest);
    }
    List<Expr> inputs = new ArrayList<>();
    for (int i = 0; i < operands.size(); i++) {
      Expr at = bases.get(i);
      for (int d = 0; d < coordinates.size(); d++) {
        at = at.plus(coordinates.get(d).times(strides.get(i).get(d)));
      }
      if (spec.inner().get(i)) {
        at = at.plus(column);
      }
      Expr cell = code.let("at" + i, at);
      inputs.add(code.let("v" + i, Cells.load(operands.get(i), program.inputs().get(i), cell)));
    }
    return ProgramCode.emit(code, program, inputs);
  }
}
