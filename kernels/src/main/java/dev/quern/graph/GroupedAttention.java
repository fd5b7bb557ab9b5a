package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.graph.AttentionRules.Heads;
import dev.quern.onnx.DataType;
import java.util.List;

/**
 * {@code com.microsoft.GroupQueryAttention}: heads of queries share keys and values, and how many
 * keys a sequence has, one run knows only. Keys and values stand behind their past, which may be
 * padded, as the model gives both; what a query sees of them, and where they stand in what the next
 * run is given, is computed from the lengths.
 */
final class GroupedAttention {
  private static final DataType F32 = DataType.FLOAT;
  private static final DataType I32 = DataType.INT32;

  /** More than any position: a key that no query sees. */
  private static final int NOWHERE = 1 << 30;

  private final Site s;
  private final Compose c;
  private final Dim batch;
  private final Dim steps;
  private final Dim past;
  private final Dim keyHeads;

  /** The position of the first new key, {@code [b, 1]}; null where it is 0. */
  private final Value first;

  private GroupedAttention(Site s) {
    this.s = s;
    c = new Compose(s);
    batch = s.shape(0).dim(0);
    steps = s.shape(0).dim(1);
    keyHeads = Dim.of(s.integer("kv_num_heads", 1));
    past = s.has(3) ? s.shape(3).dim(2) : Dim.ZERO;
    first = s.has(3) ? first() : null;
  }

  static void rule(Site s) {
    if (s.has(9) || s.has(10) || s.inputs() > 11 || !s.has(1) || s.wants(3)) {
      throw Site.unsupported("its query, key and value are packed, or it has positions", "");
    }
    if (s.integer("smooth_softmax", 0) > 0) {
      throw Site.unsupported("its softmax is smooth", "");
    }
    new GroupedAttention(s).compose();
  }

  /** One less than the keys of a sequence is given; the new ones are the last of them. */
  private Value first() {
    Value lengths = c.reshape(c.cast(c.input(5), I32), batch, Dim.ONE);
    Value less = c.iota(I32, steps, 1, Dim.ONE);
    return c.apply(SUB, c.apply(ADD, lengths, 1), less);
  }

  /** Positions of so many, {@code [count]} or {@code [b, count]}. */
  private Value positions(Dim count) {
    Value iota = c.iota(I32, Dim.ZERO, 1, count);
    return first == null ? iota : c.apply(ADD, iota, first);
  }

  private void compose() {
    long heads = s.integer("num_heads", 1);
    Heads q = AttentionRules.heads(s, c, c.input(0), heads);
    Heads k = AttentionRules.heads(s, c, c.input(1), keyHeads.constant());
    Heads v = AttentionRules.heads(s, c, c.input(2), keyHeads.constant());
    if (s.integer("do_rotary", 0) != 0) {
      Value places = positions(steps);
      Value cos = table(7, places);
      Value sin = table(8, places);
      boolean interleaved = s.integer("rotary_interleaved", 0) != 0;
      q = Heads.apart(AttentionRules.turned(c, q.apart(), cos, sin, interleaved));
      k = Heads.apart(AttentionRules.turned(c, k.apart(), cos, sin, interleaved));
    }
    Heads keys = s.has(3) ? k.behind(c, c.input(3)) : k;
    Heads values = s.has(4) ? v.behind(c, c.input(4)) : v;
    Dim total = past.max(s.sizes(6, "total sequence length").getFirst());
    if (s.wants(1) || s.wants(2)) {
      Value rows = first == null && total.equals(steps) ? null : rows(total);
      c.output(1, rows == null ? keys.apart() : arranged(keys.apart(), rows, total));
      c.output(2, rows == null ? values.apart() : arranged(values.apart(), rows, total));
    }
    Value y =
        AttentionRules.attention(
            s, c, q, keys, values, AttentionRules.scale(s, q), mask(), s.real("softcap", 0));
    c.output(0, y);
  }

  /** Rows of a table by positions, the same for every head: {@code [b or 1, 1, s, size / 2]}. */
  private Value table(int input, Value places) {
    Value rows = AttentionRules.embedded(c, c.input(input), places);
    Dim size = rows.shape().dim(-1);
    return c.reshape(rows, first == null ? Dim.ONE : batch, Dim.ONE, steps, size);
  }

  /**
   * 0 where a query sees a key, a large negative number elsewhere; {@code [b or 1, 1, s, keys]}.
   */
  private Value mask() {
    Value fresh = positions(steps);
    Value places = fresh;
    if (first != null) {
      ProgramBuilder p = new ProgramBuilder(List.of(I32, I32));
      p.op(WHERE, p.op(LESS, 0, 1), 0, p.constant(I32, NOWHERE));
      Value before = c.apply(p, c.iota(I32, Dim.ZERO, 1, past), first);
      places = c.concat(1, List.of(before, fresh));
    }
    Dim rows = first == null ? Dim.ONE : batch;
    Value key = c.reshape(places, rows, Dim.ONE, Dim.ONE, past.plus(steps));
    Value query = c.reshape(fresh, rows, Dim.ONE, steps, Dim.ONE);
    ProgramBuilder p = new ProgramBuilder(List.of(I32, I32));
    int hidden = p.op(GREATER, 0, 1);
    long window = s.integer("local_window_size", -1);
    if (window > 0) {
      int distance = p.op(SUB, 1, 0);
      hidden = p.op(OR, hidden, p.op(GREATER_EQUAL, distance, p.constant(I32, (double) window)));
    }
    p.op(WHERE, hidden, p.constant(F32, AttentionRules.LOWEST), p.constant(F32, 0));
    return c.apply(p, key, query);
  }

  /**
   * Which row of past and new ones stands at each place of a sequence, counted over all heads:
   * {@code [b, heads, total]}. Behind the last it is repeated. None, which is an error when they
   * are taken, where the lengths do not fit.
   */
  private Value rows(Dim total) {
    Dim all = past.plus(steps);
    Value places = c.iota(I32, Dim.ZERO, 1, total);
    Value local;
    if (first == null) {
      local = c.apply(MIN, places, last(steps));
    } else {
      ProgramBuilder p = new ProgramBuilder(List.of(I32, I32, I32, I32, I32));
      int fresh = p.op(MIN, p.op(SUB, 1, 2), 3);
      int row = p.op(WHERE, p.op(LESS, 0, 2), 0, fresh);
      int zero = p.constant(I32, 0);
      int wrong = p.op(OR, p.op(LESS, 2, zero), p.op(GREATER, 2, 4));
      p.op(WHERE, wrong, p.constant(I32, -NOWHERE), row);
      Value shifted = c.iota(I32, past, 1, total);
      Value most = c.iota(I32, total.minus(steps), 1, Dim.ONE);
      local = c.apply(p, places, shifted, first, last(all), most);
      local = c.reshape(local, batch, Dim.ONE, total);
    }
    Value heads = c.iota(I32, Dim.ZERO, 1, batch.times(keyHeads));
    Value from = c.apply(MUL, heads, c.iota(I32, all, 1, Dim.ONE));
    return c.apply(ADD, local, c.reshape(from, batch, keyHeads, Dim.ONE));
  }

  private Value last(Dim count) {
    return c.apply(SUB, c.iota(I32, count, 1, Dim.ONE), 1);
  }

  private Value arranged(Value x, Value rows, Dim total) {
    Dim size = x.shape().dim(3);
    Value all = c.reshape(x, batch.times(keyHeads).times(past.plus(steps)), size);
    Value taken =
        AttentionRules.embedded(c, all, c.reshape(rows, batch.times(keyHeads).times(total)));
    return c.reshape(taken, batch, keyHeads, total, size);
  }
}
