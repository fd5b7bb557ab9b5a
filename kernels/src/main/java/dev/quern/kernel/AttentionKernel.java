package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.Dim;
import dev.quern.kernel.KernelSpec.Attention;
import dev.quern.kernel.TileCode.Stride;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Attention of one head at a time: an item is a block of queries of a head of a sequence. The
 * head's K is packed into the thread's scratch in panels of four keys, as weights are, and its V
 * row after row, unless it lies so already; then a few rows of Q at a time give a few rows of
 * scores there, their softmax, and their product with V. The score matrix never exists as a whole.
 *
 * <p>Scratch, for {@code s} keys rounded up to a multiple of 8: K {@code [s/4][depth][4]}, V {@code
 * [s][depthV]}, scores {@code [ROWS][s]}, and one over the sum of each row.
 */
public final class AttentionKernel {
  /** Addresses. */
  public static final int Q = 0;

  public static final int K = 1;
  public static final int V = 2;
  public static final int OUT = 3;

  /** Lengths of the query and the key sequence, and heads. */
  public static final int SQ = 4;

  public static final int SK = 5;
  public static final int HEADS = 6;

  /** Bytes from one sequence to the next. */
  public static final int Q_BATCH = 7;

  public static final int K_BATCH = 8;
  public static final int V_BATCH = 9;
  public static final int OUT_BATCH = 10;

  /** Blocks of {@link #QUERIES} queries in a sequence. */
  public static final int BLOCKS = 11;

  /** Bytes from one head of a sequence to the next. */
  public static final int Q_HEAD = 12;

  public static final int K_HEAD = 13;
  public static final int V_HEAD = 14;

  /** The mask's address and its bytes a sequence, a head, a row of queries; 0 broadcasts. */
  public static final int MASK = 15;

  public static final int MASK_BATCH = 16;
  public static final int MASK_HEAD = 17;
  public static final int MASK_ROW = 18;

  /** Rows of Q that share a pass over K and V: 6 by 8 fits the 15 registers of V8 on x64. */
  public static final int ROWS = 6;

  /** Queries of an item: so many that packing K and V for each item costs a hundredth of it. */
  public static final int QUERIES = 192;

  /** Keys are rounded up to this, so that one width of tile covers them. */
  private static final int KEYS = 8;

  private final WasmModule.Builder module;
  private final String name;
  private final Attention spec;
  private final boolean fma;
  private final Map<String, Function> tiles = new LinkedHashMap<>();
  private final Function softmax;

  private AttentionKernel(WasmModule.Builder module, String name, Attention spec, boolean fma) {
    this.module = module;
    this.name = name;
    this.spec = spec;
    this.fma = fma;
    softmax = softmax();
  }

  /** Bytes of scratch that a thread needs for {@code sk} keys. */
  public static Dim scratch(int depth, int depthV, Dim sk) {
    return sk.plus(Dim.of(KEYS - 1)).times(Dim.of(4L * (depth + depthV + ROWS))).plus(Dim.of(64));
  }

  /** Blocks of queries in a sequence. */
  public static Dim blocks(Dim sq) {
    return sq.plus(Dim.of(QUERIES - 1)).dividedBy(Dim.of(QUERIES));
  }

  static Function emit(WasmModule.Builder module, String name, Attention spec, boolean fma) {
    if (spec.depth() % 4 != 0 || spec.depthV() % 4 != 0) {
      throw new KernelException("attention needs heads of a multiple of 4 floats");
    }
    AttentionKernel kernel = new AttentionKernel(module, name, spec, fma);
    kernel.tiles(ROWS);
    for (int rows : TileCode.tails(ROWS)) {
      kernel.tiles(rows);
    }
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> kernel.new Body(code).emit());
  }

  private void tiles(int rows) {
    scores(rows);
    if (spec.depthV() >= 8) {
      values(rows, 2);
    }
    if (spec.depthV() % 8 > 0) {
      values(rows, 1);
    }
  }

  /** {@code (q, k, s, bytes of a row of s, mask, bytes of a row of the mask)}: eight columns. */
  private void scores(int rows) {
    Function function =
        module.function(
            name + "_qk_" + rows,
            FunctionType.of("iiiiii:"),
            List.of("q", "k", "s", "row", "mask", "mask_row"),
            code -> {
              int vectors = KEYS / 4;
              TileCode tile = new TileCode(code, rows, vectors, fma);
              Local row = code.parameter(3);
              tile.clear();
              tile.multiply(
                  code.parameter(0),
                  Stride.of(spec.qRow() * 4L),
                  code.parameter(1),
                  Stride.of(16),
                  spec.depth() * 16L,
                  null,
                  spec.depth(),
                  4);
              Local s = code.parameter(2);
              Local mask = code.parameter(4);
              Local scale = code.local(ValueType.V128, "scale");
              code.f32x4(spec.scale()).set(scale);
              for (int r = 0; r < rows; r++) {
                for (int j = 0; j < vectors; j++) {
                  code.get(s).get(tile.accumulator(r, j)).get(scale);
                  if (!spec.mask()) {
                    code.op(F32X4_MUL);
                  } else if (fma) {
                    code.get(mask).mem(V128_LOAD, 16L * j).op(F32X4_RELAXED_MADD);
                  } else {
                    code.op(F32X4_MUL).get(mask).mem(V128_LOAD, 16L * j).op(F32X4_ADD);
                  }
                  code.mem(V128_STORE, 16L * j);
                }
                if (r + 1 < rows) {
                  code.increase(s, row);
                  if (spec.mask()) {
                    code.increase(mask, code.parameter(5));
                  }
                }
              }
            });
    tiles.put("qk_" + rows, function);
  }

  /** {@code (s, v, out, count of keys, bytes of a row of s, address of 1/sum of each row)}. */
  private void values(int rows, int vectors) {
    Function function =
        module.function(
            name + "_pv_" + rows + "x" + vectors,
            FunctionType.of("iiiiii:"),
            List.of("s", "v", "out", "count", "row", "inverse"),
            code -> {
              TileCode tile = new TileCode(code, rows, vectors, fma);
              tile.clear();
              tile.multiply(
                  code.parameter(0),
                  Stride.of(code.parameter(4)),
                  code.parameter(1),
                  Stride.of(spec.depthV() * 4L),
                  16,
                  code.parameter(3),
                  0,
                  4);
              Local factor = code.local(ValueType.V128, "factor");
              for (int r = 0; r < rows; r++) {
                code.get(code.parameter(5)).mem(V128_LOAD32_SPLAT, 4L * r).set(factor);
                for (int j = 0; j < vectors; j++) {
                  code.get(code.parameter(2)).get(tile.accumulator(r, j)).get(factor);
                  code.op(F32X4_MUL).mem(V128_STORE, 4L * r * spec.outRow() + 16L * j);
                }
              }
            });
    tiles.put("pv_" + rows + "x" + vectors, function);
  }

  /**
   * {@code (s, pairs of vectors, target)}: replaces a row of scores by {@code e^(s - max)} and
   * stores one over their sum.
   */
  private Function softmax() {
    return module.function(
        name + "_softmax",
        FunctionType.of("iii:"),
        List.of("s", "pairs", "target"),
        code -> {
          Local s = code.parameter(0);
          Local at = code.local(ValueType.I32, "at");
          Local left = code.local(ValueType.I32, "left");
          Local[] four = {code.local(ValueType.V128, "even"), code.local(ValueType.V128, "odd")};
          Local top = code.local(ValueType.V128, "top");
          Local[] share = {code.local(ValueType.V128, "e0"), code.local(ValueType.V128, "e1")};
          Lanes lanes = new Lanes(code, true, fma);
          code.f32x4(Float.NEGATIVE_INFINITY).tee(four[0]).set(four[1]);
          code.get(s).set(at).get(code.parameter(1)).set(left);
          Rows.times(
              code,
              left,
              List.of(at),
              32,
              () -> {
                for (int i = 0; i < 2; i++) {
                  code.get(four[i]).get(at).mem(V128_LOAD, 16L * i).op(F32X4_PMAX).set(four[i]);
                }
              });
          // A NaN is passed over here; the exponentials spread it.
          code.get(four[0]).get(four[1]).op(F32X4_PMAX).set(top);
          Rows.fold(code, top, F32_MAX);
          code.op(F32X4_SPLAT).set(top);
          code.f32x4(0).tee(four[0]).set(four[1]);
          code.get(code.parameter(1)).set(left);
          Rows.times(
              code,
              left,
              List.of(s),
              32,
              () -> {
                for (int i = 0; i < 2; i++) {
                  code.get(s).mem(V128_LOAD, 16L * i).get(top).op(F32X4_SUB);
                  lanes.expOfShare().set(share[i]);
                  code.get(s).get(share[i]).mem(V128_STORE, 16L * i);
                  code.get(four[i]).get(share[i]).op(F32X4_ADD).set(four[i]);
                }
              });
          code.get(four[0]).get(four[1]).op(F32X4_ADD).set(top);
          code.get(code.parameter(2)).f32(1);
          Rows.fold(code, top, F32_ADD);
          code.op(F32_DIV).mem(F32_STORE, 0);
        });
  }

  private final class Body {
    private final Code code;
    private final Local sq;
    private final Local sk;
    private final Local row;
    private final Local q;
    private final Local k;
    private final Local v;
    private final Local out;
    private final Local mask;
    private final Local maskRow;
    private final Local panels;
    private final Local values;
    private final Local s;
    private final Local inverse;
    private final Local i;
    private final Local j;
    private final Local last;
    private final Local end;

    Body(Code code) {
      this.code = code;
      sq = Rows.argument(code, SQ, "sq");
      sk = Rows.argument(code, SK, "sk");
      row = i32("row");
      q = i32("q");
      k = i32("k");
      v = i32("v");
      out = i32("out");
      mask = i32("mask");
      maskRow = i32("mask_row");
      panels = code.parameter(3);
      values = i32("values");
      s = i32("s");
      inverse = i32("inverse");
      i = i32("i");
      j = i32("j");
      last = i32("last");
      end = i32("end");
    }

    private Local i32(String label) {
      return code.local(ValueType.I32, label);
    }

    void emit() {
      code.get(sk).i32(KEYS - 1).op(I32_ADD).i32(-KEYS).op(I32_AND).i32(2).op(I32_SHL).set(row);
      after(panels, spec.depth(), values);
      after(values, spec.depthV(), s);
      after(s, ROWS, inverse);
      if (spec.mask()) {
        Rows.arg(code, MASK_ROW).set(maskRow);
      }
      Rows.items(
          code,
          () -> {
            head(Q, Q_BATCH, Q_HEAD, 1, q);
            head(K, K_BATCH, K_HEAD, spec.group(), k);
            head(V, V_BATCH, V_HEAD, spec.group(), v);
            batch(OUT, OUT_BATCH);
            headIndex();
            code.i32(spec.depthV() * 4).op(I32_MUL, I32_ADD).set(out);
            if (spec.mask()) {
              batch(MASK, MASK_BATCH);
              headIndex();
              Rows.arg(code, MASK_HEAD).op(I32_MUL, I32_ADD).set(mask);
            }
            packKeys();
            if (spec.vRow() == spec.depthV()) {
              code.get(v).set(values);
            } else {
              copyValues();
            }
            code.get(code.parameter(1));
            Rows.arg(code, BLOCKS).op(I32_REM_U).i32(QUERIES).op(I32_MUL).tee(i);
            code.i32(QUERIES).op(I32_ADD).tee(end).get(sq);
            code.get(end).get(sq).op(I32_LT_S, SELECT).set(end);
            rows();
          });
    }

    /** {@code target = from + rows of keys}. */
    private void after(Local from, int rows, Local target) {
      code.get(from).get(row).i32(rows).op(I32_MUL, I32_ADD).set(target);
    }

    private void headIndex() {
      code.get(code.parameter(1));
      Rows.arg(code, BLOCKS).op(I32_DIV_U);
      Rows.arg(code, HEADS).op(I32_REM_U);
    }

    private void batch(int pointer, int stride) {
      Rows.arg(code, pointer).get(code.parameter(1));
      Rows.arg(code, BLOCKS).op(I32_DIV_U);
      Rows.arg(code, HEADS).op(I32_DIV_U);
      Rows.arg(code, stride).op(I32_MUL, I32_ADD);
    }

    private void head(int pointer, int stride, int step, int group, Local target) {
      batch(pointer, stride);
      headIndex();
      if (group > 1) {
        code.i32(group).op(I32_DIV_U);
      }
      Rows.arg(code, step).op(I32_MUL, I32_ADD).set(target);
    }

    /** K {@code [sk, depth]} to panels {@code [depth][4]}; keys beyond the last repeat it. */
    private void packKeys() {
      Local[] key = {i32("k0"), i32("k1"), i32("k2"), i32("k3")};
      Local[] in = new Local[4];
      Local[] mid = new Local[4];
      for (int t = 0; t < 4; t++) {
        in[t] = code.local(ValueType.V128, "in" + t);
        mid[t] = code.local(ValueType.V128, "mid" + t);
      }
      Local to = i32("to");
      Local count = i32("count");
      code.get(sk).i32(1).op(I32_SUB).set(last);
      code.get(row).i32(2).op(I32_SHR_U).set(count);
      code.get(panels).set(to).i32(0).set(j);
      code.whileLess(
          j,
          count,
          4,
          () -> {
            for (int t = 0; t < 4; t++) {
              Local index = key[t];
              code.get(j).i32(t).op(I32_ADD).set(index);
              code.get(index).get(last).get(index).get(last).op(I32_LT_S, SELECT);
              code.i32(spec.kRow() * 4).op(I32_MUL).get(k).op(I32_ADD).set(index);
            }
            for (int d = 0; d < spec.depth(); d += 4) {
              for (int t = 0; t < 4; t++) {
                code.get(key[t]).mem(V128_LOAD, 4L * d).set(in[t]);
              }
              pair(in[0], in[1], mid[0], mid[1]);
              pair(in[2], in[3], mid[2], mid[3]);
              for (int t = 0; t < 4; t++) {
                boolean low = t % 2 == 0;
                code.get(to).get(mid[t / 2]).get(mid[2 + t / 2]);
                code.shuffle32(low ? 0 : 2, low ? 1 : 3, low ? 4 : 6, low ? 5 : 7);
                code.mem(V128_STORE, 16L * (d + t));
              }
            }
            code.increase(to, spec.depth() * 16);
          });
    }

    private void pair(Local a, Local b, Local low, Local high) {
      code.get(a).get(b).shuffle32(0, 4, 1, 5).set(low);
      code.get(a).get(b).shuffle32(2, 6, 3, 7).set(high);
    }

    private void copyValues() {
      Local from = i32("from");
      Local to = i32("to_v");
      Local left = i32("left");
      code.get(v).set(from).get(values).set(to).get(sk).set(left);
      Rows.times(
          code,
          left,
          List.of(),
          0,
          () -> {
            for (int d = 0; d < spec.depthV(); d += 4) {
              code.get(to).get(from).mem(V128_LOAD, 4L * d).mem(V128_STORE, 4L * d);
            }
            code.increase(from, spec.vRow() * 4).increase(to, spec.depthV() * 4);
          });
    }

    private void rows() {
      Local next = i32("next");
      code.get(end).i32(ROWS - 1).op(I32_SUB).set(next);
      code.whileLess(i, next, ROWS, () -> rowsAt(ROWS));
      for (int tail : TileCode.tails(ROWS)) {
        code.get(i).i32(tail).op(I32_ADD).get(end).op(I32_LE_S);
        code.if_(() -> {
          rowsAt(tail);
          code.increase(i, tail);
        });
      }
    }

    /** All scores of these rows, then their softmax, then the product with V. */
    private void rowsAt(int rows) {
      code.i32(0).set(j);
      code.whileLess(j, row, KEYS * 4, () -> scoresAt(rows));
      Local line = i32("line");
      Local past = i32("past");
      Local stop = i32("stop");
      code.get(s).set(line);
      for (int r = 0; r < rows; r++) {
        // Keys that do not exist have no share.
        code.get(line).get(row).op(I32_ADD).set(stop);
        code.get(line).get(sk).i32(2).op(I32_SHL, I32_ADD).set(past);
        code.whileLess(
            past, stop, 4, () -> code.get(past).f32(Float.NEGATIVE_INFINITY).mem(F32_STORE, 0));
        code.get(line).get(row).i32(5).op(I32_SHR_U).get(inverse).i32(4 * r).op(I32_ADD);
        code.call(softmax);
        code.increase(line, row);
      }
      for (int d = 0; d < spec.depthV(); ) {
        int vectors = spec.depthV() - d >= 8 ? 2 : 1;
        code.get(s).get(values).i32(d * 4).op(I32_ADD);
        code.get(out).get(i).i32(spec.outRow() * 4).op(I32_MUL, I32_ADD).i32(d * 4).op(I32_ADD);
        code.get(sk).get(row).get(inverse).call(tiles.get("pv_" + rows + "x" + vectors));
        d += vectors * 4;
      }
    }

    /** {@code j} is the column's offset in bytes. */
    private void scoresAt(int rows) {
      code.get(q).get(i).i32(spec.qRow() * 4).op(I32_MUL, I32_ADD);
      code.get(panels).get(j).i32(spec.depth()).op(I32_MUL, I32_ADD);
      code.get(s).get(j).op(I32_ADD).get(row);
      if (spec.mask()) {
        code.get(mask).get(i).get(maskRow).op(I32_MUL, I32_ADD).get(j).op(I32_ADD).get(maskRow);
      } else {
        code.i32(0).i32(0);
      }
      code.call(tiles.get("qk_" + rows));
    }
  }
}
