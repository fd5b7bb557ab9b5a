package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

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
 * Attention of one head at a time: an item is a head of a sequence. K is transposed into the
 * thread's scratch once, then a few rows of Q at a time give a few rows of scores there, their
 * softmax, and their product with V; the score matrix never exists as a whole.
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

  /** The mask's address and its bytes a sequence, a head, a row of queries; 0 broadcasts. */
  public static final int MASK = 11;

  public static final int MASK_BATCH = 12;
  public static final int MASK_HEAD = 13;
  public static final int MASK_ROW = 14;

  /** Rows of Q that share a pass over K and V: 6 by 8 fits the 15 registers of V8 on x64. */
  public static final int ROWS = 6;

  private final WasmModule.Builder module;
  private final String name;
  private final Attention spec;
  private final boolean fma;
  private final Map<String, Function> tiles = new LinkedHashMap<>();
  private final Function maximum;
  private final Function exponentials;

  private AttentionKernel(WasmModule.Builder module, String name, Attention spec, boolean fma) {
    this.module = module;
    this.name = name;
    this.spec = spec;
    this.fma = fma;
    maximum = SoftmaxKernel.maximum(module, name);
    exponentials = SoftmaxKernel.exponentials(module, name, fma);
  }

  /** Bytes of scratch that a thread needs for a key sequence of that length. */
  public static long scratch(int depth, long sk) {
    return (depth + ROWS) * ((sk + 3) / 4 * 16) + 64;
  }

  static Function emit(WasmModule.Builder module, String name, Attention spec, boolean fma) {
    if (spec.depth() % 4 != 0 || spec.depthV() % 4 != 0) {
      throw new KernelException("attention needs heads of a multiple of 4 floats");
    }
    AttentionKernel kernel = new AttentionKernel(module, name, spec, fma);
    for (int rows = ROWS; ; ) {
      kernel.scores(rows, 2);
      kernel.scores(rows, 1);
      if (spec.depthV() >= 8) {
        kernel.values(rows, 2);
      }
      if (spec.depthV() % 8 > 0) {
        kernel.values(rows, 1);
      }
      List<Integer> tails = TileCode.tails(ROWS);
      int next = rows == ROWS ? 0 : tails.indexOf(rows) + 1;
      if (next == tails.size()) {
        break;
      }
      rows = tails.get(next);
    }
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> kernel.new Body(code).emit());
  }

  /** {@code (q, kt, s, row bytes of kt and s, mask, row bytes of the mask)}. */
  private void scores(int rows, int vectors) {
    Function function =
        module.function(
            name + "_qk_" + rows + "x" + vectors,
            FunctionType.of("iiiiii:"),
            List.of("q", "kt", "s", "row", "mask", "mask_row"),
            code -> {
              TileCode tile = new TileCode(code, rows, vectors, fma);
              Local row = code.parameter(3);
              tile.clear();
              tile.multiply(
                  code.parameter(0),
                  Stride.of(spec.qRow() * 4L),
                  code.parameter(1),
                  Stride.of(row),
                  16,
                  null,
                  spec.depth(),
                  4);
              Local s = code.parameter(2);
              Local mask = code.parameter(4);
              for (int r = 0; r < rows; r++) {
                for (int j = 0; j < vectors; j++) {
                  code.get(s).get(tile.accumulator(r, j)).f32x4(spec.scale()).op(F32X4_MUL);
                  if (spec.mask()) {
                    code.get(mask).mem(V128_LOAD, 16L * j).op(F32X4_ADD);
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
    tiles.put("qk_" + rows + "x" + vectors, function);
  }

  /** {@code (s, v, out, count of keys, row bytes of s, address of 1/sum of each row)}. */
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
                  Stride.of(spec.vRow() * 4L),
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
    private final Local kt;
    private final Local s;
    private final Local inverse;
    private final Local i;
    private final Local j;

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
      kt = code.parameter(3);
      s = i32("s");
      inverse = i32("inverse");
      i = i32("i");
      j = i32("j");
    }

    private Local i32(String label) {
      return code.local(ValueType.I32, label);
    }

    void emit() {
      code.get(sk).i32(3).op(I32_ADD).i32(-4).op(I32_AND).i32(2).op(I32_SHL).set(row);
      code.get(kt).get(row).i32(spec.depth()).op(I32_MUL, I32_ADD).set(s);
      code.get(s).get(row).i32(ROWS).op(I32_MUL, I32_ADD).set(inverse);
      if (spec.mask()) {
        Rows.arg(code, MASK_ROW).set(maskRow);
      }
      Rows.items(
          code,
          () -> {
            head(Q, Q_BATCH, spec.depth(), q);
            head(K, K_BATCH, spec.depth(), k);
            head(V, V_BATCH, spec.depthV(), v);
            head(OUT, OUT_BATCH, spec.depthV(), out);
            if (spec.mask()) {
              batch(MASK, MASK_BATCH);
              headIndex();
              Rows.arg(code, MASK_HEAD).op(I32_MUL, I32_ADD).set(mask);
            }
            transpose();
            code.i32(0).set(i);
            rows();
          });
    }

    private void headIndex() {
      code.get(code.parameter(1));
      Rows.arg(code, HEADS).op(I32_REM_S);
    }

    private void batch(int pointer, int stride) {
      Rows.arg(code, pointer).get(code.parameter(1));
      Rows.arg(code, HEADS).op(I32_DIV_S);
      Rows.arg(code, stride).op(I32_MUL, I32_ADD);
    }

    private void head(int pointer, int stride, int floats, Local target) {
      batch(pointer, stride);
      headIndex();
      code.i32(floats * 4).op(I32_MUL, I32_ADD).set(target);
    }

    /** K {@code [sk, depth]} to {@code [depth, sk]}, four by four; keys beyond the last repeat. */
    private void transpose() {
      Local[] key = {i32("k0"), i32("k1"), i32("k2"), i32("k3")};
      Local[] in = new Local[4];
      Local[] mid = new Local[4];
      for (int t = 0; t < 4; t++) {
        in[t] = code.local(ValueType.V128, "in" + t);
        mid[t] = code.local(ValueType.V128, "mid" + t);
      }
      Local to = i32("to");
      Local last = i32("last");
      code.get(sk).i32(1).op(I32_SUB).set(last);
      code.i32(0).set(j);
      code.whileLess(
          j,
          sk,
          4,
          () -> {
            for (int t = 0; t < 4; t++) {
              Local index = key[t];
              code.get(j).i32(t).op(I32_ADD).set(index);
              code.get(index).get(last).get(index).get(last).op(I32_LT_S, SELECT);
              code.i32(spec.kRow() * 4).op(I32_MUL).get(k).op(I32_ADD).set(index);
            }
            code.get(kt).get(j).i32(2).op(I32_SHL, I32_ADD).set(to);
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
                code.mem(V128_STORE, 0).increase(to, row);
              }
            }
          });
    }

    private void pair(Local a, Local b, Local low, Local high) {
      code.get(a).get(b).shuffle32(0, 4, 1, 5).set(low);
      code.get(a).get(b).shuffle32(2, 6, 3, 7).set(high);
    }

    private void rows() {
      Local next = i32("next");
      code.get(sq).i32(ROWS - 1).op(I32_SUB).set(next);
      code.whileLess(i, next, ROWS, () -> rowsAt(ROWS));
      for (int tail : TileCode.tails(ROWS)) {
        code.get(i).i32(tail).op(I32_ADD).get(sq).op(I32_LE_S);
        code.if_(() -> {
          rowsAt(tail);
          code.increase(i, tail);
        });
      }
    }

    private void rowsAt(int rows) {
      Local end = i32("end");
      // All scores of these rows, then their softmax, then the product with V.
      code.i32(0).set(j);
      code.get(row).i32(31).op(I32_SUB).set(end);
      code.whileLess(j, end, 32, () -> scoresAt(rows, 2));
      code.whileLess(j, row, 16, () -> scoresAt(rows, 1));
      Local line = i32("line");
      Local top = code.local(ValueType.F32, "top");
      code.get(s).set(line);
      for (int r = 0; r < rows; r++) {
        code.get(line).get(sk).call(maximum).set(top);
        code.get(inverse).f32(1).get(line).get(line).get(sk).get(top).call(exponentials);
        code.op(F32_DIV).mem(F32_STORE, 4L * r);
        code.increase(line, row);
      }
      for (int d = 0; d < spec.depthV(); ) {
        int vectors = spec.depthV() - d >= 8 ? 2 : 1;
        code.get(s).get(v).i32(d * 4).op(I32_ADD);
        code.get(out).get(i).i32(spec.outRow() * 4).op(I32_MUL, I32_ADD).i32(d * 4).op(I32_ADD);
        code.get(sk).get(row).get(inverse).call(tiles.get("pv_" + rows + "x" + vectors));
        d += vectors * 4;
      }
    }

    /** {@code j} is the column's offset in bytes. */
    private void scoresAt(int rows, int vectors) {
      code.get(q).get(i).i32(spec.qRow() * 4).op(I32_MUL, I32_ADD);
      code.get(kt).get(j).op(I32_ADD).get(s).get(j).op(I32_ADD).get(row);
      if (spec.mask()) {
        code.get(mask).get(i).get(maskRow).op(I32_MUL, I32_ADD).get(j).op(I32_ADD).get(maskRow);
      } else {
        code.i32(0).i32(0);
      }
      code.call(tiles.get("qk_" + rows + "x" + vectors));
    }
  }
}
