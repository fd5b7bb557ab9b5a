package dev.quern.wgsl;

import dev.quern.kernel.AttentionKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec.Attention;
import dev.quern.schedule.GpuSchedules;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention without scores in memory: an invocation keeps a query and its output in registers and
 * walks over the keys, which its workgroup stages together, a few at a time; maximum and sum of the
 * softmax follow as they go, and the output is scaled where the maximum rises.
 */
final class AttentionShader {
  /** Queries of a workgroup. */
  private static final int QUERIES = 32;

  /** Keys that are scored before the output is touched. */
  private static final int KEYS = 4;

  /** Numbers of a head for which queries and outputs fit registers. */
  private static final int MOST_DEPTH = 128;

  private final Attention spec;
  private final int tile;
  private final Array q;
  private final Array k;
  private final Array v;
  private final Array out;
  private final Array mask;
  private final Array keys;
  private final Array values;
  private final Expr sq;
  private final Expr sk;
  private final Expr[] at = new Expr[4];
  private final Expr[] batch = new Expr[4];

  /** From one head of a sequence to the next. */
  private final Expr[] step = new Expr[4];

  private Expr maskAt;
  private final Expr[] maskStep = new Expr[3];

  private AttentionShader(Shader.Builder shader, Attention spec) {
    this.spec = spec;
    int each = spec.depth() + spec.depthV();
    int fitting = GpuSchedules.WORKGROUP_BYTES / 4 / each;
    tile = Math.min(16, fitting / KEYS * KEYS);
    q = shader.read("q", Type.VEC4F, AttentionKernel.Q);
    k = shader.read("k", Type.VEC4F, AttentionKernel.K);
    v = shader.read("v", Type.VEC4F, AttentionKernel.V);
    mask = spec.mask() ? shader.read("mask", Type.F32, AttentionKernel.MASK) : null;
    out = shader.write("y", Type.VEC4F, AttentionKernel.OUT);
    String[] names = {"q", "k", "v", "y"};
    for (int i = 0; i < 4; i++) {
      at[i] = shader.scaled(names[i] + "_at", AttentionKernel.Q + i, 16);
      batch[i] = shader.scaled(names[i] + "_batch", AttentionKernel.Q_BATCH + i, 16);
      step[i] =
          i < 3
              ? shader.scaled(names[i] + "_head", AttentionKernel.Q_HEAD + i, 16)
              : Expr.u32(spec.depthV() / 4);
    }
    sq = shader.number("sq", AttentionKernel.SQ);
    sk = shader.number("sk", AttentionKernel.SK);
    if (spec.mask()) {
      maskAt = shader.scaled("mask_at", AttentionKernel.MASK, 4);
      maskStep[0] = shader.scaled("mask_batch", AttentionKernel.MASK_BATCH, 4);
      maskStep[1] = shader.scaled("mask_head", AttentionKernel.MASK_HEAD, 4);
      maskStep[2] = shader.scaled("mask_row", AttentionKernel.MASK_ROW, 4);
    }
    keys = shader.shared("keys", Type.VEC4F, tile * spec.depth() / 4);
    values = shader.shared("values", Type.VEC4F, tile * spec.depthV() / 4);
  }

  /** Throws for heads that no shader takes. */
  static void require(Attention spec) {
    if (spec.depth() > MOST_DEPTH || spec.depthV() > MOST_DEPTH) {
      throw new KernelException("heads of " + spec.depth() + " numbers do not fit registers");
    }
    if ((spec.qRow() | spec.kRow() | spec.vRow() | spec.outRow()) % 4 != 0) {
      throw new KernelException("rows of Q, K and V are no multiples of 4 apart");
    }
  }

  static Shader of(Attention spec) {
    require(spec);
    return Shader.build(
        spec.signature(),
        builder -> {
          AttentionShader shader = new AttentionShader(builder, spec);
          builder.main(QUERIES, AttentionShader::groups, shader::body);
        });
  }

  private static long[] groups(Shader.Sizes sizes) {
    long blocks = (sizes.arg(AttentionKernel.SQ) + QUERIES - 1) / QUERIES;
    long heads = sizes.arg(AttentionKernel.HEADS);
    long perSequence = Math.max(1, heads * sizes.arg(AttentionKernel.BLOCKS));
    return new long[] {
      Math.max(1, blocks), Math.max(1, heads), Math.max(1, sizes.items() / perSequence)
    };
  }

  private void body(Code code, Shader.Invocation self) {
    int depth = spec.depth() / 4;
    int depthV = spec.depthV() / 4;
    Expr query = code.let("query", self.groupX().times(QUERIES).plus(self.local()));
    Expr inside = code.let("inside", query.lt(sq));
    Expr row = code.let("row", Expr.call("min", query, sq.minus(Expr.u32(1))));
    Expr head = self.groupY();
    Expr sequence = self.groupZ();
    Expr qFrom = code.let("q_from", from(0, sequence, row, spec.qRow()).plus(head.times(step[0])));
    List<Expr> left = new ArrayList<>();
    List<Variable> sums = new ArrayList<>();
    for (int i = 0; i < depth; i++) {
      Expr number = q.at(qFrom.plus(i)).times(Expr.f32(spec.scale()));
      left.add(code.let("q" + i, number));
    }
    for (int i = 0; i < depthV; i++) {
      sums.add(code.var("o" + i, Type.VEC4F));
    }
    Variable most = code.var("most", Expr.f32(-Float.MAX_VALUE));
    Variable sum = code.var("sum", Expr.f32(0));
    Expr maskFrom =
        spec.mask()
            ? code.let(
                "mask_from",
                maskAt
                    .plus(sequence.times(maskStep[0]))
                    .plus(head.times(maskStep[1]))
                    .plus(row.times(maskStep[2])))
            : null;
    code.loop(
        "first",
        Expr.u32(0),
        sk,
        Expr.u32(tile),
        first -> {
          stage(code, self, first, keys, k, 1, spec.kRow(), depth);
          stage(code, self, first, values, v, 2, spec.vRow(), depthV);
          code.barrier();
          code.loop(
              "key",
              Expr.u32(0),
              Expr.call("min", Expr.u32(tile), sk.minus(first)),
              Expr.u32(KEYS),
              key -> score(code, first, key, left, sums, most, sum, maskFrom));
          code.barrier();
        });
    code.ifThen(
        inside,
        () -> {
          Expr to =
              code.let("y_from", from(3, sequence, row, spec.outRow()).plus(head.times(step[3])));
          for (int i = 0; i < depthV; i++) {
            code.store(out, to.plus(i), sums.get(i).over(sum));
          }
        });
  }

  private Expr from(int operand, Expr sequence, Expr row, int floats) {
    return at[operand].plus(sequence.times(batch[operand])).plus(row.times(floats / 4));
  }

  /** Brings some keys' rows to workgroup memory; what lies behind the last key becomes 0. */
  private void stage(
      Code code,
      Shader.Invocation self,
      Expr first,
      Array to,
      Array array,
      int operand,
      int floats,
      int width) {
    code.loop(
        "i",
        self.local(),
        Expr.u32((long) tile * width),
        Expr.u32(QUERIES),
        i -> {
          Expr key = code.let("staged", first.plus(i.over(width)));
          Variable value = code.var("value", Type.VEC4F);
          code.ifThen(
              key.lt(sk),
              () -> {
                Expr index =
                    from(operand, self.groupZ(), key, floats)
                        .plus(self.groupY().over(spec.group()).times(step[operand]))
                        .plus(i.rem(width));
                code.set(value, array.at(index));
              });
          code.store(to, i, value);
        });
  }

  private void score(
      Code code,
      Expr first,
      Expr key,
      List<Expr> left,
      List<Variable> sums,
      Variable most,
      Variable sum,
      Expr maskFrom) {
    List<Expr> scores = new ArrayList<>();
    Expr top = most;
    for (int t = 0; t < KEYS; t++) {
      Expr line = code.let("line", key.plus(t).times(left.size()));
      Expr score = null;
      for (int i = 0; i < left.size(); i++) {
        Expr part = Expr.dot(left.get(i), keys.at(line.plus(i)));
        score = score == null ? part : score.plus(part);
      }
      if (maskFrom != null) {
        // What is read behind the last key counts for nothing below.
        Expr last = Expr.call("min", first.plus(key).plus(t), sk.minus(Expr.u32(1)));
        score = score.plus(mask.at(maskFrom.plus(last)));
      }
      Expr inside = first.plus(key).plus(t).lt(sk);
      scores.add(code.let("score", Expr.select(inside, score, Expr.f32(-Float.MAX_VALUE))));
      top = Expr.call("max", top, scores.getLast());
    }
    Expr now = code.let("now", top);
    Expr kept = code.let("kept", Expr.call("exp", most.minus(now)));
    code.set(most, now);
    List<Expr> shares = new ArrayList<>();
    Expr together = null;
    for (int t = 0; t < KEYS; t++) {
      Expr share = Expr.call("exp", scores.get(t).minus(now));
      // A row that is masked everywhere has the least number as its maximum, too.
      Expr inside = first.plus(key).plus(t).lt(sk);
      shares.add(code.let("share", Expr.select(inside, share, Expr.f32(0))));
      together = together == null ? shares.getLast() : together.plus(shares.getLast());
    }
    code.set(sum, sum.times(kept).plus(together));
    for (int i = 0; i < sums.size(); i++) {
      Expr value = sums.get(i).times(kept);
      for (int t = 0; t < KEYS; t++) {
        Expr line = key.plus(t).times(sums.size()).plus(i);
        value = value.plus(shares.get(t).times(values.at(line)));
      }
      code.set(sums.get(i), value);
    }
  }
}
