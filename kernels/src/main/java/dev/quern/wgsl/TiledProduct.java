package dev.quern.wgsl;

import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * A product of matrices in tiles: a workgroup computes {@code mc} rows by {@code nc} columns,
 * staging {@code kc} steps of both sides in its memory at a time, and each invocation keeps {@code
 * mr} rows by {@code nr} columns of sums in registers. Columns go by panels of four, as packed
 * weights lie; what stands outside of a side is staged as 0.
 */
final class TiledProduct {
  /** Where the numbers of A come from, four neighbours along k at a time. */
  interface Left {
    /** What of an address depends on the row only; computed once. */
    Expr row(Code code, Expr row);

    /** The four numbers from {@code k}, a multiple of 4, which is less than the depth. */
    Expr load(Code code, Expr row, Expr k);
  }

  /** Where the numbers of B come from, a panel's four columns at a time. */
  interface Right {
    Expr load(Code code, Expr panel, Expr k);

    /** Those of four depths from {@code k}, a multiple of 4; all are less than the depth. */
    default List<Expr> loadFour(Code code, Expr panel, Expr k) {
      List<Expr> four = new ArrayList<>();
      for (int q = 0; q < 4; q++) {
        four.add(load(code, panel, code.let("b_k", k.plus(q))));
      }
      return four;
    }
  }

  /** What becomes of a sum. */
  interface Finish {
    void store(Code code, Expr row, Expr panel, Expr sum);
  }

  /** Sizes of the product; columns are counted in panels. */
  record Size(Expr rows, Expr panels, Expr depth) {}

  private final Schedule schedule;
  private final int invocations;

  /** Invocations of a workgroup side by side, and below each other. */
  private final int across;

  private final int down;
  private final int steps;
  private final int panels;
  private final Array left;
  private final Array right;

  TiledProduct(Shader.Builder shader, Schedule schedule) {
    this.schedule = schedule;
    across = schedule.nc() / schedule.nr();
    down = schedule.mc() / schedule.mr();
    invocations = across * down;
    steps = schedule.kc() / 4;
    panels = schedule.nc() / 4;
    left = shader.shared("a_tile", Type.VEC4F, schedule.mc() * steps);
    right = shader.shared("b_tile", Type.VEC4F, schedule.kc() * panels);
  }

  int invocations() {
    return invocations;
  }

  /** Workgroups for so many rows and columns. */
  static long[] groups(Schedule schedule, long rows, long columns, long batch) {
    return new long[] {
      Math.max(1, (columns + schedule.nc() - 1) / schedule.nc()),
      Math.max(1, (rows + schedule.mc() - 1) / schedule.mc()),
      Math.max(1, batch)
    };
  }

  void emit(Code code, Shader.Invocation self, Size size, Left a, Right b, Finish finish) {
    Expr firstRow = code.let("first_row", self.groupY().times(schedule.mc()));
    Expr firstPanel = code.let("first_panel", self.groupX().times(panels));
    Expr x = code.let("across", self.local().rem(across));
    Expr y = code.let("down", self.local().over(across));
    List<Variable> sums = new ArrayList<>();
    for (int r = 0; r < schedule.mr(); r++) {
      for (int j = 0; j < schedule.nr() / 4; j++) {
        sums.add(code.var("c" + r + "_" + j, Type.VEC4F));
      }
    }
    List<Staged> rows = rows(code, self, size, firstRow, a);
    code.loop(
        "k",
        Expr.u32(0),
        size.depth(),
        Expr.u32(schedule.kc()),
        k -> {
          for (Staged staged : rows) {
            staged.stage(code, size, k, a);
          }
          stageRight(code, self, size, firstPanel, k, b);
          code.barrier();
          code.loop(
              "step",
              Expr.u32(0),
              Expr.u32(steps),
              Expr.u32(1),
              step -> multiply(code, x, y, step, sums));
          code.barrier();
        });
    for (int r = 0; r < schedule.mr(); r++) {
      Expr row = code.let("row", firstRow.plus(y).plus((long) r * down));
      int at = r * (schedule.nr() / 4);
      code.ifThen(
          row.lt(size.rows()),
          () -> {
            for (int j = 0; j < schedule.nr() / 4; j++) {
              Variable sum = sums.get(at + j);
              Expr panel = code.let("panel", firstPanel.plus(x).plus((long) j * across));
              code.ifThen(panel.lt(size.panels()), () -> finish.store(code, row, panel, sum));
            }
          });
    }
  }

  /** A place of the staged A that an invocation fills again and again. */
  private final class Staged {
    private final Expr index;
    private final Expr inside;
    private final Expr prepared;
    private final Expr step;

    Staged(Expr index, Expr inside, Expr prepared, Expr step) {
      this.index = index;
      this.inside = inside;
      this.prepared = prepared;
      this.step = step;
    }

    void stage(Code code, Size size, Expr k, Left a) {
      Expr at = code.let("a_k", k.plus(step.times(4)));
      Variable value = code.var("a_value", Type.VEC4F);
      code.ifThen(
          inside.and(at.lt(size.depth())), () -> code.set(value, a.load(code, prepared, at)));
      if (schedule.mc() * steps % invocations != 0) {
        code.ifThen(
            index.lt(Expr.u32((long) schedule.mc() * steps)), () -> code.store(left, index, value));
      } else {
        code.store(left, index, value);
      }
    }
  }

  private List<Staged> rows(Code code, Shader.Invocation self, Size size, Expr firstRow, Left a) {
    List<Staged> staged = new ArrayList<>();
    for (int first = 0; first < schedule.mc() * steps; first += invocations) {
      Expr index = code.let("a_at", self.local().plus(first));
      Expr row = code.let("a_row", firstRow.plus(index.over(steps)));
      staged.add(
          new Staged(
              index,
              code.let("a_inside", row.lt(size.rows())),
              code.let("a_from", a.row(code, row)),
              code.let("a_step", index.rem(steps))));
    }
    return staged;
  }

  /** Neighbours along k lie side by side in a panel: so invocations take them. */
  private void stageRight(
      Code code, Shader.Invocation self, Size size, Expr firstPanel, Expr k, Right b) {
    int total = schedule.kc() * panels;
    for (int first = 0; first < total; first += invocations) {
      Expr index = code.let("b_at", self.local().plus(first));
      Expr step = code.let("b_step", index.rem(schedule.kc()));
      Expr column = code.let("b_column", index.over(schedule.kc()));
      Expr at = code.let("b_k", k.plus(step));
      Expr panel = code.let("b_panel", firstPanel.plus(column));
      Variable value = code.var("b_value", Type.VEC4F);
      code.ifThen(
          at.lt(size.depth()).and(panel.lt(size.panels())),
          () -> code.set(value, b.load(code, panel, at)));
      Runnable store = () -> code.store(right, step.times(panels).plus(column), value);
      if (total % invocations != 0) {
        code.ifThen(index.lt(Expr.u32(total)), store);
      } else {
        store.run();
      }
    }
  }

  private void multiply(Code code, Expr x, Expr y, Expr step, List<Variable> sums) {
    int wide = schedule.nr() / 4;
    List<Expr> rows = new ArrayList<>();
    for (int r = 0; r < schedule.mr(); r++) {
      Expr at = y.plus((long) r * down).times(steps).plus(step);
      rows.add(code.let("a" + r, left.at(at)));
    }
    for (int q = 0; q < 4; q++) {
      Expr line = code.let("line", step.times(4).plus(q).times(panels).plus(x));
      for (int j = 0; j < wide; j++) {
        Expr b = code.let("b" + j, right.at(line.plus((long) j * across)));
        for (int r = 0; r < schedule.mr(); r++) {
          code.add(sums.get(r * wide + j), rows.get(r).lane(q).times(b));
        }
      }
    }
  }
}
