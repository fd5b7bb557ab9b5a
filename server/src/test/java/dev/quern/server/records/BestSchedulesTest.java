package dev.quern.server.records;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BestSchedulesTest {
  private static final String SMALL = "mr=4 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n";
  private static final String WIDE = "mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n";

  private static ScheduleRecord record(String bucket, String schedule, double seconds) {
    return new ScheduleRecord(
        1, "matmul k=384 n=384", bucket, "v8-simd", schedule, seconds, 10, "0.1.0", "Chromium 156");
  }

  @Test
  void theLowestMedianWinsAndSamplesAddUp() {
    List<ScheduleRecord> best =
        BestSchedules.of(
            List.of(
                record("2-8", SMALL, 3),
                record("2-8", SMALL, 1),
                record("2-8", SMALL, 2),
                record("2-8", WIDE, 1.5),
                record("2-8", WIDE, 1.4),
                record("2-8", WIDE, 9),
                record("1", SMALL, 4)));
    assertThat(best).extracting(ScheduleRecord::bucket).containsExactly("2-8", "1");
    assertThat(best.getFirst().schedule()).isEqualTo(WIDE);
    assertThat(best.getFirst().seconds()).isEqualTo(1.5);
    assertThat(best.getFirst().samples()).isEqualTo(30);
  }

  @Test
  void oneFastLieMovesNothing() {
    List<ScheduleRecord> records = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      records.add(record("2-8", SMALL, 1 + i * 0.01));
    }
    records.add(record("2-8", WIDE, 1e-9));
    assertThat(BestSchedules.of(records).getFirst().schedule()).isEqualTo(SMALL);
  }

  @Test
  void aThinRecordIsOfferedWhereThereIsNoOther() {
    assertThat(BestSchedules.of(List.of(record("2-8", WIDE, 2))))
        .containsExactly(record("2-8", WIDE, 2));
    assertThat(BestSchedules.of(List.of())).isEmpty();
  }

  @Test
  void anEvenNumberHasItsMedianInTheMiddle() {
    var best =
        BestSchedules.of(
            List.of(
                record("1", WIDE, 1),
                record("1", WIDE, 2),
                record("1", WIDE, 4),
                record("1", WIDE, 9)));
    assertThat(best.getFirst().seconds()).isEqualTo(3);
  }
}
