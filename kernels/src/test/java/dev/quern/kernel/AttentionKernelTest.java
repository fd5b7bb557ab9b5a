package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.Dim;
import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Attention;
import dev.quern.schedule.Features;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionKernelTest {
  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  /** How a mask broadcasts. */
  private enum Mask {
    NONE,
    PER_KEY,
    PER_SEQUENCE,
    FULL
  }

  /**
   * One attention on Q, K and V that are slices of the rows of one buffer, or on K and V whose
   * heads lie apart.
   */
  private static final class Case {
    final Random random;
    final int batch;
    final int heads;
    final int sq;
    final int sk;
    final int depth;
    final int depthV;
    final Mask mask;
    final Features features;
    final boolean apart;
    final float scale;
    float[] q;
    float[] kv;
    float[] masks;
    int maskBatch;
    int maskHead;
    int maskRow;

    Case(
        Random random,
        int batch,
        int heads,
        int sq,
        int sk,
        int depth,
        int depthV,
        Mask mask,
        Features features,
        boolean apart) {
      this.random = random;
      this.batch = batch;
      this.heads = heads;
      this.sq = sq;
      this.sk = sk;
      this.depth = depth;
      this.depthV = depthV;
      this.mask = mask;
      this.features = features;
      this.apart = apart;
      scale = (float) (1 / Math.sqrt(depth));
      q = KernelRig.random(random, batch * sq * qRow());
      kv = KernelRig.random(random, batch * sk * (heads * (depth + depthV) + (apart ? 0 : 1)));
      for (int i = 0; i < q.length; i++) {
        q[i] *= 4;
      }
      switch (mask) {
        case NONE -> masks = new float[0];
        case PER_KEY -> masks = new float[sk];
        case PER_SEQUENCE -> {
          maskBatch = sk * 4;
          masks = new float[batch * sk];
        }
        case FULL -> {
          maskRow = sk * 4;
          maskHead = maskRow * sq;
          maskBatch = maskHead * heads;
          masks = new float[batch * heads * sq * sk];
        }
      }
      for (int i = 0; i < masks.length; i++) {
        // The first key is never masked, so that each row has a share left.
        int kind = i % sk == 0 ? 2 : random.nextInt(4);
        masks[i] = kind == 0 ? Float.NEGATIVE_INFINITY : kind == 1 ? -10000 : random.nextFloat();
      }
    }

    /** Queries have 3 floats of something else behind them. */
    int qRow() {
      return heads * depth + 3;
    }

    /** Values stand behind the keys of a row, as in the product of a fused QKV. */
    int kvRow() {
      return heads * (depth + depthV) + 1;
    }

    /** Where a key of a head begins. */
    int keyAt(int b, int h, int j) {
      return apart ? ((b * heads + h) * sk + j) * depth : (b * sk + j) * kvRow() + h * depth;
    }

    int valueAt(int b, int h, int j) {
      return apart
          ? batch * heads * sk * depth + ((b * heads + h) * sk + j) * depthV
          : (b * sk + j) * kvRow() + heads * depth + h * depthV;
    }

    Attention spec() {
      return new Attention(
          depth,
          depthV,
          qRow(),
          apart ? depth : kvRow(),
          apart ? depthV : kvRow(),
          heads * depthV + 2,
          1,
          scale,
          mask != Mask.NONE);
    }

    float[] run() {
      rig.reset();
      int outRow = heads * depthV + 2;
      Buffer queries = rig.input(4 * random.nextInt(4), q);
      Buffer rows = rig.input(4 * random.nextInt(4), kv);
      Buffer out = rig.output(batch * sq * outRow * 4, 4 * random.nextInt(4));
      float[] before = rig.read(out);
      rig.arg(AttentionKernel.Q, queries);
      rig.arg(AttentionKernel.K, rows);
      rig.arg(AttentionKernel.V, rows.address() + valueAt(0, 0, 0) * 4);
      rig.arg(AttentionKernel.OUT, out);
      rig.args(
          AttentionKernel.SQ,
          sq,
          sk,
          heads,
          sq * qRow() * 4,
          (keyAt(1, 0, 0) - keyAt(0, 0, 0)) * 4,
          (valueAt(1, 0, 0) - valueAt(0, 0, 0)) * 4,
          sq * outRow * 4);
      int blocks = (sq + AttentionKernel.QUERIES - 1) / AttentionKernel.QUERIES;
      rig.args(
          AttentionKernel.BLOCKS,
          blocks,
          depth * 4,
          (keyAt(0, 1, 0) - keyAt(0, 0, 0)) * 4,
          (valueAt(0, 1, 0) - valueAt(0, 0, 0)) * 4);
      rig.arg(AttentionKernel.MASK, rig.input(4 * random.nextInt(4), masks));
      rig.args(AttentionKernel.MASK_BATCH, maskBatch, maskHead, maskRow);
      int scratch = (int) AttentionKernel.scratch(depth, depthV, Dim.of(sk)).constant();
      rig.run(spec(), null, features, batch * heads * blocks, scratch);
      float[] found = rig.read(out);
      float[] dense = new float[batch * sq * heads * depthV];
      for (int i = 0; i < found.length; i++) {
        if (i % outRow >= heads * depthV) {
          assertThat(Float.floatToRawIntBits(found[i]))
              .as("beside the output's row")
              .isEqualTo(Float.floatToRawIntBits(before[i]));
        } else {
          dense[i / outRow * heads * depthV + i % outRow] = found[i];
        }
      }
      return dense;
    }

    double score(int b, int h, int i, int j) {
      double sum = 0;
      for (int d = 0; d < depth; d++) {
        sum += (double) q[(b * sq + i) * qRow() + h * depth + d] * kv[keyAt(b, h, j) + d];
      }
      double masked =
          mask == Mask.NONE ? 0 : masks[(b * maskBatch + h * maskHead + i * maskRow) / 4 + j];
      return sum * scale + masked;
    }

    void check() {
      float[] found = run();
      double[] p = new double[sk];
      for (int row = 0; row < batch * heads * sq; row++) {
        int b = row / heads / sq;
        int h = row / sq % heads;
        int i = row % sq;
        double top = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < sk; j++) {
          p[j] = score(b, h, i, j);
          top = Math.max(top, p[j]);
        }
        double sum = 0;
        for (int j = 0; j < sk; j++) {
          p[j] = Math.exp(p[j] - top);
          sum += p[j];
        }
        for (int d = 0; d < depthV; d++) {
          double wanted = 0;
          for (int j = 0; j < sk; j++) {
            wanted += p[j] / sum * kv[valueAt(b, h, j) + d];
          }
          KernelRig.close(
              found[((b * sq + i) * heads + h) * depthV + d],
              wanted,
              1e-5,
              this + " batch " + b + " head " + h + " query " + i + " column " + d);
        }
      }
    }

    @Override
    public String toString() {
      return "sq=" + sq + " sk=" + sk + " depth=" + depth + "," + depthV + " " + mask;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 31, 33, 64, 127, 193, 200})
  void agreesWithTheDefinition(int length) {
    Random random = new Random(length);
    for (Mask mask : Mask.values()) {
      Features features = random.nextBoolean() ? KernelRig.FMA : KernelRig.PLAIN;
      new Case(random, 2, 3, length, length, 32, 32, mask, features, false).check();
      new Case(random, 2, 3, length, length + 5, 32, 16, mask, features, true).check();
    }
  }

  @Test
  void agreesForUnlikeLengthsAndDepths() {
    Random random = new Random(77);
    int rounds = KernelRig.full() ? 400 : 60;
    for (int round = 0; round < rounds; round++) {
      new Case(
              random,
              1 + random.nextInt(2),
              1 + random.nextInt(3),
              1 + random.nextInt(20),
              1 + random.nextInt(40),
              4 * (1 + random.nextInt(9)),
              4 * (1 + random.nextInt(9)),
              Mask.values()[random.nextInt(4)],
              random.nextBoolean() ? KernelRig.FMA : KernelRig.PLAIN,
              random.nextBoolean())
          .check();
    }
  }

  @Test
  void passesNaNOnToItsOwnQueriesOnly() {
    Case c = new Case(new Random(1), 1, 2, 9, 6, 8, 8, Mask.PER_KEY, KernelRig.FMA, false);
    // Query 4 of head 1.
    c.q[4 * c.qRow() + 8 + 3] = Float.NaN;
    c.check();
  }

  @Test
  void doesNothingWithoutQueries() {
    assertThat(new Case(new Random(1), 1, 2, 0, 6, 8, 8, Mask.NONE, KernelRig.FMA, false).run())
        .isEmpty();
  }

  @Test
  void refusesHeadsThatNoVectorFits() {
    assertThatThrownBy(
            () -> rig.install(new Attention(6, 8, 6, 6, 8, 8, 1, 1, false), null, KernelRig.FMA))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("multiple of 4");
  }
}
