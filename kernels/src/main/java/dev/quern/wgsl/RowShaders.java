package dev.quern.wgsl;

import dev.quern.kernel.KernelSpec.LayerNorm;
import dev.quern.kernel.KernelSpec.Reduce;
import dev.quern.kernel.KernelSpec.Reduction;
import dev.quern.kernel.KernelSpec.Softmax;
import dev.quern.kernel.LayerNormKernel;
import dev.quern.kernel.ReduceKernel;
import dev.quern.kernel.SoftmaxKernel;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Shaders of rows: a workgroup walks along one, and its invocations meet in workgroup memory. */
final class RowShaders {
  private static final int INVOCATIONS = 64;

  /** A maximum starts here: WGSL has no infinity. */
  private static final Expr LEAST = Expr.f32(-Float.MAX_VALUE);

  private final Code code;
  private final Shader.Invocation self;
  private final Array meeting;

  private RowShaders(Code code, Shader.Invocation self, Array meeting) {
    this.code = code;
    this.self = self;
    this.meeting = meeting;
  }

  /** The entry point: the body is given the number of its workgroup's row. */
  static void main(Shader.Builder shader, BiConsumer<RowShaders, Expr> body) {
    Expr rows = shader.word("rows", Shader.Sizes::items);
    Array meeting = shader.shared("meeting", Type.F32, INVOCATIONS);
    shader.main(
        INVOCATIONS,
        sizes -> Shader.rows(sizes.items()),
        (code, self) -> {
          Expr row = code.let("row", self.group());
          code.returnIf(row.ge(rows));
          body.accept(new RowShaders(code, self, meeting), row);
        });
  }

  Code code() {
    return code;
  }

  /** What one of the invocations does. */
  void once(Runnable body) {
    code.ifThen(self.local().eq(Expr.u32(0)), body);
  }

  /** The least of what invocations find along a row, and 0. */
  Expr least(String label, Expr columns, Function<Expr, Expr> value) {
    return join(label, Expr.f32(0), columns, value, (a, b) -> Expr.call("min", a, b));
  }

  /** The largest, and 0. */
  Expr most(String label, Expr columns, Function<Expr, Expr> value) {
    return join(label, Expr.f32(0), columns, value, (a, b) -> Expr.call("max", a, b));
  }

  /** Walks along a row. */
  void each(Expr columns, java.util.function.Consumer<Expr> body) {
    code.loop("i", self.local(), columns, Expr.u32(INVOCATIONS), body);
  }

  /** Joins what all invocations give along a row. */
  private Expr join(
      String label,
      Expr start,
      Expr columns,
      Function<Expr, Expr> value,
      BiFunction<Expr, Expr, Expr> operation) {
    Variable sum = code.var(label, start);
    each(columns, i -> code.set(sum, operation.apply(sum, value.apply(i))));
    // The last row's result may still be read.
    code.barrier();
    code.store(meeting, self.local(), sum);
    code.barrier();
    for (int half = INVOCATIONS / 2; half > 0; half /= 2) {
      int distance = half;
      code.ifThen(
          self.local().lt(Expr.u32(half)),
          () ->
              code.store(
                  meeting,
                  self.local(),
                  operation.apply(
                      meeting.at(self.local()), meeting.at(self.local().plus(distance)))));
      code.barrier();
    }
    return code.let(label + "_all", meeting.at(0));
  }

  static Shader softmax(Softmax spec) {
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, SoftmaxKernel.X);
          Array y = shader.write("y", Type.F32, SoftmaxKernel.Y);
          Expr xAt = shader.scaled("x_at", SoftmaxKernel.X, 4);
          Expr yAt = shader.scaled("y_at", SoftmaxKernel.Y, 4);
          Expr columns = shader.number("columns", SoftmaxKernel.COLUMNS);
          main(
              shader,
              (rows, row) -> {
                Code code = rows.code;
                Expr from = code.let("start", xAt.plus(row.times(columns)));
                Expr to = code.let("to", yAt.plus(row.times(columns)));
                Expr most =
                    rows.join(
                        "most",
                        LEAST,
                        columns,
                        i -> x.at(from.plus(i)),
                        (a, b) -> Expr.call("max", a, b));
                Expr sum =
                    rows.join(
                        "sum",
                        Expr.f32(0),
                        columns,
                        i -> Expr.call("exp", x.at(from.plus(i)).minus(most)),
                        Expr::plus);
                Expr shift =
                    spec.log() ? code.let("shift", Expr.call("log", sum).plus(most)) : null;
                rows.each(
                    columns,
                    i -> {
                      Expr value = x.at(from.plus(i));
                      code.store(
                          y,
                          to.plus(i),
                          spec.log()
                              ? value.minus(shift)
                              : Expr.call("exp", value.minus(most)).over(sum));
                    });
              });
        });
  }

  static Shader layerNorm(LayerNorm spec) {
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, LayerNormKernel.X);
          Array scale = shader.read("scale", Type.F32, LayerNormKernel.SCALE);
          Array bias = spec.bias() ? shader.read("bias", Type.F32, LayerNormKernel.BIAS) : null;
          Array y = shader.write("y", Type.F32, LayerNormKernel.Y);
          Expr xAt = shader.scaled("x_at", LayerNormKernel.X, 4);
          Expr scaleAt = shader.scaled("scale_at", LayerNormKernel.SCALE, 4);
          Expr biasAt = spec.bias() ? shader.scaled("bias_at", LayerNormKernel.BIAS, 4) : null;
          Expr yAt = shader.scaled("y_at", LayerNormKernel.Y, 4);
          Expr columns = shader.number("columns", LayerNormKernel.COLUMNS);
          main(
              shader,
              (rows, row) -> {
                Code code = rows.code;
                Expr from = code.let("start", xAt.plus(row.times(columns)));
                Expr to = code.let("to", yAt.plus(row.times(columns)));
                Expr length = code.let("length", Expr.make(Type.F32, columns));
                Expr sum =
                    rows.join("sum", Expr.f32(0), columns, i -> x.at(from.plus(i)), Expr::plus);
                Expr mean = code.let("mean", sum.over(length));
                Expr squares =
                    rows.join(
                        "squares",
                        Expr.f32(0),
                        columns,
                        i -> {
                          Expr d = code.let("d", x.at(from.plus(i)).minus(mean));
                          return d.times(d);
                        },
                        Expr::plus);
                Expr factor =
                    code.let(
                        "factor",
                        Expr.call(
                            "inverseSqrt", squares.over(length).plus(Expr.f32(spec.epsilon()))));
                rows.each(
                    columns,
                    i -> {
                      Expr value =
                          x.at(from.plus(i))
                              .minus(mean)
                              .times(factor)
                              .times(scale.at(scaleAt.plus(i)));
                      code.store(
                          y, to.plus(i), spec.bias() ? value.plus(bias.at(biasAt.plus(i))) : value);
                    });
              });
        });
  }

  static Shader reduce(Reduce spec) {
    return spec.columns() ? columns(spec) : rows(spec);
  }

  private static Expr start(Reduction reduction) {
    return switch (reduction) {
      case MEAN, SUM -> Expr.f32(0);
      case PROD -> Expr.f32(1);
      case MAX -> LEAST;
      case MIN -> Expr.f32(Float.MAX_VALUE);
    };
  }

  private static Expr apply(Reduction reduction, Expr a, Expr b) {
    return switch (reduction) {
      case MEAN, SUM -> a.plus(b);
      case PROD -> a.times(b);
      case MAX -> Expr.call("max", a, b);
      case MIN -> Expr.call("min", a, b);
    };
  }

  private static Expr finish(Reduction reduction, Expr sum, Expr middle) {
    return reduction == Reduction.MEAN ? sum.over(Expr.make(Type.F32, middle)) : sum;
  }

  private static Shader rows(Reduce spec) {
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, ReduceKernel.X);
          Array y = shader.write("y", Type.F32, ReduceKernel.Y);
          Expr xAt = shader.scaled("x_at", ReduceKernel.X, 4);
          Expr yAt = shader.scaled("y_at", ReduceKernel.Y, 4);
          Expr middle = shader.number("middle", ReduceKernel.MIDDLE);
          main(
              shader,
              (rows, row) -> {
                Code code = rows.code;
                Expr from = code.let("start", xAt.plus(row.times(middle)));
                Expr all =
                    rows.join(
                        "sum",
                        start(spec.reduction()),
                        middle,
                        i -> x.at(from.plus(i)),
                        (a, b) -> apply(spec.reduction(), a, b));
                code.ifThen(
                    rows.self.local().eq(Expr.u32(0)),
                    () -> code.store(y, yAt.plus(row), finish(spec.reduction(), all, middle)));
              });
        });
  }

  private static Shader columns(Reduce spec) {
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, ReduceKernel.X);
          Array y = shader.write("y", Type.F32, ReduceKernel.Y);
          Expr xAt = shader.scaled("x_at", ReduceKernel.X, 4);
          Expr yAt = shader.scaled("y_at", ReduceKernel.Y, 4);
          Expr middle = shader.number("middle", ReduceKernel.MIDDLE);
          Expr inner = shader.number("inner", ReduceKernel.INNER);
          Shader.Source total = sizes -> sizes.items() * sizes.arg(ReduceKernel.INNER);
          Expr count = shader.word("count", total);
          Flat.main(
              shader,
              total,
              count,
              (code, index) -> {
                Expr outer = code.let("outer", index.over(inner));
                Expr from =
                    code.let(
                        "start", xAt.plus(outer.times(middle).times(inner)).plus(index.rem(inner)));
                Variable sum = code.var("sum", start(spec.reduction()));
                code.loop(
                    "i",
                    Expr.u32(0),
                    middle,
                    Expr.u32(1),
                    i ->
                        code.set(
                            sum, apply(spec.reduction(), sum, x.at(from.plus(i.times(inner))))));
                code.store(y, yAt.plus(index), finish(spec.reduction(), sum, middle));
              });
        });
  }
}
