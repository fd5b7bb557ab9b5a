package dev.quern.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class HeuristicTest {
  private static final Features FMA = new Features(true, true);

  @Test
  void isLegalForEverySizeBucketAndDevice() {
    int[] sizes = {1, 3, 4, 7, 33, 128, 384, 385, 1152, 1536, 3072, 30522};
    for (int k : sizes) {
      for (int n : sizes) {
        for (RowBucket bucket : RowBucket.values()) {
          for (int registers : new int[] {7, 15, 31}) {
            for (int threads : new int[] {1, 2, 16}) {
              for (Features features : new Features[] {FMA, Features.BASELINE}) {
                Schedule schedule =
                    Heuristic.schedule(k, n, bucket, features, registers, 1 << 20, threads);
                assertThat(schedule.problems(features)).as(schedule.text()).isEmpty();
                assertThat(schedule.registers()).isLessThanOrEqualTo(registers);
                assertThat(schedule.mr()).isLessThanOrEqualTo(bucket.most());
              }
            }
          }
        }
      }
    }
  }

  @Test
  void takesATileThatFillsFifteenRegistersWithoutSpilling() {
    // V8 on x64, 2026-11-25: 6x8 reaches 0.95 of the peak, 5x8 0.90, 3x12 0.87; 4x12 spills.
    for (RowBucket bucket : new RowBucket[] {RowBucket.TENS, RowBucket.HUNDRED, RowBucket.MORE}) {
      Schedule schedule = Heuristic.schedule(384, 1536, bucket, FMA, 15, 1 << 20, 1);
      assertThat(schedule.mr() + "x" + schedule.nr()).isIn("6x8", "5x8");
      assertThat(schedule.fma()).isTrue();
    }
  }

  @Test
  void oneRowUsesAWideTile() {
    Schedule schedule = Heuristic.schedule(384, 384, RowBucket.ONE, FMA, 15, 1 << 20, 1);
    assertThat(schedule.mr()).isEqualTo(1);
    assertThat(schedule.nr()).isGreaterThanOrEqualTo(16);
  }

  @Test
  void givesEachThreadSeveralBlocks() {
    Schedule schedule = Heuristic.schedule(384, 1536, RowBucket.TENS, FMA, 15, 1 << 20, 4);
    int blocks = (1536 + schedule.nc() - 1) / schedule.nc();
    assertThat(blocks).isGreaterThanOrEqualTo(8);
  }

  @Test
  void cutsOnlyVeryDeepMatmulsAndThoseIntoEqualBlocks() {
    assertThat(schedule(1536, RowBucket.HUNDRED).kc()).isEqualTo(1536);
    assertThat(schedule(3072, RowBucket.HUNDRED).kc()).isEqualTo(1536);
  }

  @Test
  void rowsOfABlockStayInTheSecondLevelCache() {
    for (RowBucket bucket : new RowBucket[] {RowBucket.HUNDRED, RowBucket.MORE}) {
      Schedule schedule = schedule(1536, bucket);
      assertThat(4 * schedule.kc() * schedule.mc()).isLessThanOrEqualTo(1 << 20);
    }
  }

  private static Schedule schedule(int k, RowBucket bucket) {
    return Heuristic.schedule(k, 384, bucket, FMA, 15, 1 << 20, 1);
  }

  @Test
  void bucketsCoverAllRows() {
    for (int rows = 1; rows < 1000; rows++) {
      RowBucket bucket = RowBucket.of(rows);
      assertThat(rows).isGreaterThanOrEqualTo(bucket.least());
      assertThat(bucket == RowBucket.MORE || rows <= bucket.most()).isTrue();
      assertThat(RowBucket.parse(bucket.label())).isEqualTo(bucket);
    }
    assertThatThrownBy(() -> RowBucket.of(0)).hasMessageContaining("0 rows");
    assertThatThrownBy(() -> RowBucket.parse("9-31")).hasMessageContaining("9-31");
  }
}
