package dev.quern.wgsl;

import java.util.ArrayList;
import java.util.List;

/**
 * A product of few rows with packed weights, which is bound by reading them: a workgroup takes some
 * panels, and the invocations of a panel share out its depth, so that neighbours read neighbouring
 * numbers. Their sums meet in workgroup memory.
 */
final class ThinProduct {
  static final int INVOCATIONS = 64;

  /** Invocations that share a panel. */
  private static final int LANES = 16;

  private static final int PANELS = INVOCATIONS / LANES;

  private final int rows;
  private final boolean whole;
  private final Array meeting;

  /**
   * Declares the memory.
   *
   * @param rows at most so many at a time
   * @param whole whether the depth is a multiple of 4
   */
  ThinProduct(Shader.Builder shader, int rows, boolean whole) {
    this.rows = rows;
    this.whole = whole;
    meeting = shader.shared("meeting", Type.VEC4F, INVOCATIONS * rows);
  }

  long[] groups(long m, long columns, long batch) {
    long panels = (columns + 3) / 4;
    return new long[] {
      Math.max(1, (panels + PANELS - 1) / PANELS),
      Math.max(1, (m + rows - 1) / rows),
      Math.max(1, batch)
    };
  }

  void emit(
      Code code,
      Shader.Invocation self,
      TiledProduct.Size size,
      TiledProduct.Left a,
      TiledProduct.Right b,
      TiledProduct.Finish finish) {
    Expr lane = code.let("lane", self.local().rem(LANES));
    Expr panel = code.let("panel", self.groupX().times(PANELS).plus(self.local().over(LANES)));
    Expr firstRow = code.let("first_row", self.groupY().times(rows));
    // Rows behind the last one repeat it, and are not stored.
    Expr last = code.let("last_row", size.rows().minus(Expr.u32(1)));
    List<Variable> sums = new ArrayList<>();
    List<Expr> from = new ArrayList<>();
    for (int r = 0; r < rows; r++) {
      sums.add(code.var("sum" + r, Type.VEC4F));
      Expr row = code.let("a_row", Expr.call("min", firstRow.plus(r), last));
      from.add(code.let("a_from", a.row(code, row)));
    }
    code.ifThen(
        panel.lt(size.panels()),
        () ->
            code.loop(
                "k",
                lane.times(4),
                size.depth(),
                Expr.u32(4L * LANES),
                k -> steps(code, size, panel, k, from, sums, a, b)));
    for (int r = 0; r < rows; r++) {
      code.store(meeting, self.local().plus((long) r * INVOCATIONS), sums.get(r));
    }
    code.barrier();
    for (int half = LANES / 2; half > 0; half /= 2) {
      int distance = half;
      code.ifThen(
          lane.lt(Expr.u32(half)),
          () -> {
            for (int r = 0; r < rows; r++) {
              Variable mine = meeting.at(self.local().plus((long) r * INVOCATIONS));
              long other = (long) r * INVOCATIONS + distance;
              code.add(mine, meeting.at(self.local().plus(other)));
            }
          });
      code.barrier();
    }
    code.ifThen(
        lane.eq(Expr.u32(0)).and(panel.lt(size.panels())),
        () -> {
          for (int r = 0; r < rows; r++) {
            Expr row = code.let("row", firstRow.plus(r));
            Expr sum = code.let("sum", meeting.at(self.local().plus((long) r * INVOCATIONS)));
            code.ifThen(row.lt(size.rows()), () -> finish.store(code, row, panel, sum));
          }
        });
  }

  private void steps(
      Code code,
      TiledProduct.Size size,
      Expr panel,
      Expr k,
      List<Expr> from,
      List<Variable> sums,
      TiledProduct.Left a,
      TiledProduct.Right b) {
    List<Expr> left = new ArrayList<>();
    for (int r = 0; r < rows; r++) {
      left.add(code.let("a" + r, a.load(code, from.get(r), k)));
    }
    if (whole) {
      List<Expr> four = b.loadFour(code, panel, k);
      for (int q = 0; q < 4; q++) {
        multiply(code, left, q, four.get(q), sums);
      }
      return;
    }
    for (int q = 0; q < 4; q++) {
      int lane = q;
      Expr at = code.let("b_k", k.plus(q));
      Runnable step = () -> multiply(code, left, lane, b.load(code, panel, at), sums);
      if (q == 0) {
        step.run();
      } else {
        code.ifThen(at.lt(size.depth()), step);
      }
    }
  }

  private void multiply(Code code, List<Expr> left, int lane, Expr right, List<Variable> sums) {
    Expr weights = code.let("weights", right);
    for (int r = 0; r < rows; r++) {
      code.add(sums.get(r), left.get(r).lane(lane).times(weights));
    }
  }
}
