package dev.quern.wgsl;

import dev.quern.kernel.CumSumKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec.CumSum;
import dev.quern.onnx.DataType;

/** Sums along an axis up to each element: an invocation for each line. */
final class ScanShader {
  private ScanShader() {}

  static Shader of(CumSum spec) {
    if (spec.type() == DataType.INT64) {
      throw new KernelException("no shader sums i64");
    }
    Type type = Cells.type(spec.type());
    return Shader.build(
        spec.signature(),
        shader -> {
          Array from = shader.read("x", type, CumSumKernel.SRC);
          Array to = shader.write("y", type, CumSumKernel.DST);
          Expr fromAt = shader.scaled("x_at", CumSumKernel.SRC, 4);
          Expr toAt = shader.scaled("y_at", CumSumKernel.DST, 4);
          Expr axis = shader.number("axis", CumSumKernel.AXIS);
          Expr inner = shader.number("inner", CumSumKernel.INNER);
          Expr lines = shader.word("lines", Shader.Sizes::items);
          Flat.main(
              shader,
              Shader.Sizes::items,
              lines,
              (code, line) -> {
                Expr outer = code.let("outer", line.over(inner).times(axis));
                Expr column = code.let("column", line.rem(inner));
                Variable sum = code.var("sum", type == Type.F32 ? Expr.f32(0) : Expr.i32(0));
                code.loop(
                    "i",
                    Expr.u32(0),
                    axis,
                    Expr.u32(1),
                    i -> {
                      Expr place = spec.reverse() ? axis.minus(Expr.u32(1)).minus(i) : i;
                      Expr at = code.let("at", outer.plus(place).times(inner).plus(column));
                      Expr value = code.let("value", from.at(fromAt.plus(at)));
                      if (spec.exclusive()) {
                        code.store(to, toAt.plus(at), sum);
                      }
                      code.set(sum, sum.plus(value));
                      if (!spec.exclusive()) {
                        code.store(to, toAt.plus(at), sum);
                      }
                    });
              });
        });
  }
}
