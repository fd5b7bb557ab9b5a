package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** The search on a simulated GPU: products are computed on the CPU, times come from a function. */
class GpuTunerTest {
  private static final String DEVICE = "gpu-acme-one-chromium156";
  private static final RowBucket BUCKET = RowBucket.HUNDRED;

  private final FakeModel model = new FakeModel(4, 7);
  private final TunableModel.Kernel kernel = model.kernel;
  private final List<TuningRecord> records = new ArrayList<>();
  private final List<Double> gains = new ArrayList<>();
  private final List<Refusal> refusals = new ArrayList<>();
  private final List<Schedule> tried = new ArrayList<>();
  private final GpuTuner tuner =
      new GpuTuner(
          DEVICE,
          "0.1.0",
          "Chromium 156",
          new Tuner.Listener() {
            @Override
            public void tuned(TuningRecord record, Schedule previous, double ratio) {
              records.add(record);
              gains.add(ratio);
            }

            @Override
            public void refused(Refusal refusal) {
              refusals.add(refusal);
            }
          });

  private List<GpuTuner.Site> sites() {
    return List.of(new GpuTuner.Site(kernel, BUCKET, 100, 4));
  }

  private Schedule rule() {
    return GpuSchedules.choose(100, kernel.n());
  }

  /** The product of a problem, computed plainly, with the guard behind it. */
  private float[] product(TunableModel.Problem problem) {
    int n = kernel.n();
    float[] c = new float[(problem.rows() + 1) * n];
    for (int i = 0; i < c.length; i++) {
      c[i] = TunableModel.GUARD;
    }
    for (int row = 0; row < problem.rows(); row++) {
      for (int column = 0; column < n; column++) {
        double sum = 0;
        for (int i = 0; i < kernel.k(); i++) {
          sum += (double) problem.a()[row * kernel.k() + i] * problem.b()[i * n + column];
        }
        float[] extras = new float[kernel.extras().size()];
        for (int e = 0; e < extras.length; e++) {
          extras[e] = problem.extras().get(e)[kernel.extras().get(e).index(row, column, n)];
        }
        c[row * n + column] = kernel.epilogue().apply((float) sum, extras);
      }
    }
    return c;
  }

  private void check(GpuTrial trial, int wrong) {
    while (!trial.check().done()) {
      float[] c = product(trial.check().problem());
      if (wrong >= 0 && wrong < c.length) {
        c[wrong] += 1;
      }
      trial.check().judge(c);
    }
  }

  /** Carries out what the tuner says until it says nothing more. */
  private void search(ToDoubleFunction<Schedule> seconds) {
    for (GpuTrial trial = tuner.next(sites(), true);
        trial != null;
        trial = tuner.next(sites(), true)) {
      tried.add(trial.schedule());
      check(trial, -1);
      assertThat(trial.check().reason()).isNull();
      if (trial.passed()) {
        continue;
      }
      GpuTrial.Verdict verdict;
      do {
        verdict =
            trial.timed(
                seconds.applyAsDouble(trial.incumbent()), seconds.applyAsDouble(trial.schedule()));
      } while (verdict == GpuTrial.Verdict.MORE);
    }
  }

  @Test
  void findsTheFasterScheduleAndRecordsIt() {
    Schedule best = GpuSchedules.space(100, kernel.n()).get(3);
    search(schedule -> schedule.equals(best) ? 1e-3 : schedule.equals(rule()) ? 2e-3 : 3e-3);
    assertThat(tuner.schedule(kernel.signature(), BUCKET)).isEqualTo(best);
    assertThat(tuner.schedule(kernel.signature(), RowBucket.ONE)).isNull();
    assertThat(gains).containsExactly(2.0);
    TuningRecord record = records.getFirst();
    assertThat(record.schedule()).isEqualTo(best);
    assertThat(record.device()).isEqualTo(DEVICE);
    assertThat(record.seconds()).isEqualTo(1e-3);
    assertThat(TuningRecord.parse(record.json())).isEqualTo(record);
    assertThat(tuner.tried()).isEqualTo(tuner.total()).isEqualTo(tried.size());
    assertThat(tuner.rows().getFirst().source()).isEqualTo(Tuner.Source.TUNED);
    assertThat(tuner.rows().getFirst().layers()).isEqualTo(4);
    // Behind the best one it gave up before the space was walked.
    assertThat(tried).hasSizeLessThan(GpuSchedules.space(100, kernel.n()).size());
  }

  @Test
  void recordsTheRulesScheduleWhereNothingIsFaster() {
    search(schedule -> 1e-3);
    assertThat(records).hasSize(1);
    assertThat(records.getFirst().schedule()).isEqualTo(rule());
    assertThat(gains).containsExactly(1.0);
  }

  @Test
  void noiseAloneChangesNothing() {
    int[] turn = {0};
    search(schedule -> turn[0]++ % 3 == 0 ? 0.9e-3 : 1e-3);
    assertThat(records).hasSize(1);
    assertThat(records.getFirst().schedule()).isEqualTo(rule());
  }

  @Test
  void refusesWhatComputesSomethingElse() {
    GpuTrial first = tuner.next(sites(), true);
    check(first, 0);
    assertThat(first.check().reason()).contains("m=1: row 0 of 1, column 0");
    first.refuse(first.check().reason());
    assertThat(refusals).hasSize(1);
    assertThat(refusals.getFirst().schedule()).isEqualTo(first.schedule().text());
    assertThat(tuner.next(sites(), true).schedule()).isNotEqualTo(first.schedule());
    assertThat(tuner.schedule(kernel.signature(), BUCKET)).isNull();
  }

  @Test
  void refusesWhatWritesTooFarOrTooLittle() {
    GpuTrial trial = tuner.next(sites(), true);
    float[] c = product(trial.check().problem());
    c[kernel.n()] = 0;
    trial.check().judge(c);
    assertThat(trial.check().reason()).contains("writes past the last row");
  }

  private static TuningRecord record(String kernel, String device, Schedule schedule) {
    return new TuningRecord(kernel, BUCKET, device, schedule, 1e-3, 7, "0.1.0", "Chromium 156");
  }

  @Test
  void aStoredScheduleServesOnceItIsCheckedAndLittleIsTriedAgain() {
    Schedule stored = GpuSchedules.space(100, kernel.n()).get(5);
    assertThat(tuner.add(record(kernel.signature(), DEVICE, stored), RecordBook.Origin.OWN))
        .isTrue();
    assertThat(tuner.schedule(kernel.signature(), BUCKET)).isNull();
    search(schedule -> schedule.equals(stored) ? 1e-3 : 2e-3);
    assertThat(tried.getFirst()).isEqualTo(stored);
    assertThat(tried).hasSizeLessThanOrEqualTo(5).contains(rule());
    assertThat(tuner.schedule(kernel.signature(), BUCKET)).isEqualTo(stored);
  }

  @Test
  void aStoredScheduleThatComputesSomethingElseIsDropped() {
    Schedule stored = GpuSchedules.space(100, kernel.n()).get(5);
    tuner.add(record(kernel.signature(), DEVICE, stored), RecordBook.Origin.SERVER);
    GpuTrial trial = tuner.next(sites(), true);
    check(trial, 0);
    trial.refuse(trial.check().reason());
    assertThat(refusals).hasSize(1);
    search(schedule -> 1e-3);
    assertThat(tried).doesNotContain(stored);
  }

  @Test
  void recordsOfOtherDevicesAndIllegalOnesAreRefused() {
    Schedule legal = GpuSchedules.space(100, kernel.n()).getFirst();
    assertThat(
            tuner.add(
                record(kernel.signature(), "gpu-acme-two-chromium156", legal),
                RecordBook.Origin.SERVER))
        .isFalse();
    Schedule large = Schedule.parse(legal.text().replaceFirst("kc=\\d+", "kc=4096"));
    assertThat(tuner.add(record(kernel.signature(), DEVICE, large), RecordBook.Origin.SERVER))
        .isFalse();
    assertThat(refusals).hasSize(2);
    assertThat(refusals.get(0).reason()).contains("measured on gpu-acme-two-chromium156");
    assertThat(refusals.get(1).reason()).contains("workgroup memory");
  }

  @Test
  void recordsServeWithoutASearch() {
    Schedule stored = GpuSchedules.space(100, kernel.n()).get(5);
    tuner.add(record(kernel.signature(), DEVICE, stored), RecordBook.Origin.SERVER);
    GpuTrial trial = tuner.next(sites(), false);
    check(trial, -1);
    assertThat(trial.passed()).isTrue();
    assertThat(tuner.next(sites(), false)).isNull();
    assertThat(tuner.schedule(kernel.signature(), BUCKET)).isEqualTo(stored);
    assertThat(tuner.rows().getFirst().source()).isEqualTo(Tuner.Source.SERVER);
  }

  @Test
  void aTrialGoesOnUntilItEndsOrItsKernelRunsNoMore() {
    GpuTrial trial = tuner.next(sites(), true);
    assertThat(tuner.next(sites(), true)).isSameAs(trial);
    assertThat(tuner.next(List.of(), true)).isNull();
    // Not lost: it is tried when its kernel runs again.
    search(schedule -> 1e-3);
    assertThat(tried).contains(trial.schedule());
  }

  @Test
  void timesThatAreNoneAreAnError() {
    GpuTrial trial = tuner.next(sites(), true);
    assertThatThrownBy(() -> trial.timed(1e-3, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0.0 seconds");
  }
}
