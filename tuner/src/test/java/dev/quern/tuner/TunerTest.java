package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.kernel.MatmulKernel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TunerTest {
  private static final class Log implements Tuner.Listener {
    final List<TuningRecord> records = new ArrayList<>();
    final List<Double> ratios = new ArrayList<>();
    final List<Refusal> refusals = new ArrayList<>();

    @Override
    public void tuned(TuningRecord record, Schedule previous, double ratio) {
      records.add(record);
      ratios.add(ratio);
    }

    @Override
    public void refused(Refusal refusal) {
      refusals.add(refusal);
    }
  }

  private static Tuner tuner(FakeModel model, RecordBook book, Log log) {
    return new Tuner(model, model.profile(), book, "0.1.0", "Test 1", Tuner.Options.DEFAULT, log);
  }

  private static RecordBook book(FakeModel model) {
    return new RecordBook(model.profile().device(), FakeModel.FEATURES);
  }

  /** Serves inferences with idle slices between them until the search ends. */
  private static void serve(FakeModel model, Tuner tuner, int most, double slice) {
    for (int i = 0; i < most && !(i > 0 && tuner.finished()); i++) {
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(true);
      for (int step = 0; step < model.layers; step++) {
        assertThat(model.at(step)).isEqualTo(model.schedule(model.kernel, RowBucket.of(32)));
      }
      if (slice > 0) {
        tuner.idle(slice);
      }
    }
  }

  private static List<Schedule> candidates(FakeModel model) {
    return new SearchSpace(24, 44, RowBucket.of(model.rows), model.profile()).pruned();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void aFasterCandidateWinsAndIsRecorded(long seed) {
    FakeModel model = new FakeModel(6, seed);
    Schedule fast = candidates(model).get(9);
    model.cost = schedule -> schedule.equals(fast) ? 0.85 : 1.0;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    serve(model, tuner, 2000, 40);

    assertThat(tuner.finished()).isTrue();
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(fast);
    assertThat(log.refusals).isEmpty();
    assertThat(log.records).hasSize(1);
    TuningRecord record = log.records.get(0);
    assertThat(record.schedule()).isEqualTo(fast);
    assertThat(record.device()).isEqualTo("v8-simd-fma-t2");
    assertThat(record.seconds()).isBetween(0.0003, 0.0006);
    assertThat(log.ratios.get(0)).isBetween(1.1, 1.25);
    assertThat(TuningRecord.parse(record.json()).json()).isEqualTo(record.json());
    assertThat(tuner.rows().get(0).source()).isEqualTo(Tuner.Source.TUNED);
  }

  @Test
  void nearlyAlwaysTheFasterOneIsFound() {
    int found = 0;
    for (long seed = 1; seed <= 40; seed++) {
      FakeModel model = new FakeModel(6, seed);
      Schedule fast = candidates(model).get(9);
      model.cost = schedule -> schedule.equals(fast) ? 0.85 : 1.0;
      serve(model, tuner(model, book(model), new Log()), 2000, 40);
      found += model.schedule(model.kernel, RowBucket.TENS).equals(fast) ? 1 : 0;
    }
    // It is dropped where its first samples happen to be disturbed.
    assertThat(found).isGreaterThanOrEqualTo(37);
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13})
  void inferencesAloneFindItToo(long seed) {
    FakeModel model = new FakeModel(6, seed);
    Schedule fast = candidates(model).get(2);
    model.cost = schedule -> schedule.equals(fast) ? 0.8 : 1.0;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    // Slices this short hold no pair of runs, only the preparation of candidates.
    for (int i = 0; i < 4000 && !(i > 0 && tuner.finished()); i++) {
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(true);
      tuner.idle(i < 200 ? 5 : 0.4);
    }
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(fast);
  }

  @ParameterizedTest
  @EnumSource(
      value = FakeModel.Fault.class,
      names = {"TAIL", "LEAK", "OVERRUN", "UNWRITTEN", "TRAP"})
  void aWrongCandidateIsRefusedAndNeverServes(FakeModel.Fault fault) {
    FakeModel model = new FakeModel(6, 7);
    List<Schedule> all = candidates(model);
    Schedule wrong = all.get(0);
    Schedule right = all.get(5);
    model.faults.put(wrong, fault);
    // The wrong one would win by far.
    model.cost = schedule -> schedule.equals(wrong) ? 0.3 : schedule.equals(right) ? 0.8 : 1.0;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    serve(model, tuner, 2000, 40);

    assertThat(log.refusals).hasSize(1);
    Refusal refusal = log.refusals.get(0);
    assertThat(refusal.schedule()).isEqualTo(wrong.text());
    assertThat(refusal.kernel()).isEqualTo(model.kernel.signature());
    assertThat(refusal.reason()).contains("m=");
    assertThat(model.everRun).doesNotContain(wrong);
    assertThat(model.installed).doesNotContain(wrong);
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(right);
  }

  @Test
  void slowCandidatesAreDroppedAfterFewSamplesAndNothingIsSwapped() {
    FakeModel model = new FakeModel(6, 3);
    Schedule heuristic = model.heuristic();
    model.cost = schedule -> schedule.equals(heuristic) ? 1 : 1.5;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    serve(model, tuner, 2000, 40);

    assertThat(tuner.finished()).isTrue();
    assertThat(model.adoptions).isEmpty();
    assertThat(log.refusals).isEmpty();
    assertThat(log.records).hasSize(1);
    assertThat(log.records.get(0).schedule()).isEqualTo(heuristic);
    assertThat(log.ratios.get(0)).isEqualTo(1);
    // A tile that is far behind takes its variants with it.
    assertThat(tuner.tried()).isLessThan(candidates(model).size() / 2);
    assertThat(log.records.get(0).samples()).isLessThanOrEqualTo(5 * tuner.tried());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.005, 0.1, 1.0})
  void noiseDoesNotMakeItFlap(double clockMilliseconds) {
    int swaps = 0;
    for (long seed = 100; seed < 120; seed++) {
      FakeModel model = new FakeModel(6, seed);
      model.noise = 0.08;
      model.clockMilliseconds = clockMilliseconds;
      Log log = new Log();
      Tuner tuner = tuner(model, book(model), log);
      serve(model, tuner, 1500, 40);
      swaps += model.adoptions.size();
    }
    // All schedules are equally fast: twenty searches of dozens of candidates each.
    assertThat(swaps).isLessThanOrEqualTo(1);
  }

  @Test
  void aCoarseClockStillFindsTheFasterOne() {
    FakeModel model = new FakeModel(6, 21);
    model.clockMilliseconds = 1;
    Schedule fast = candidates(model).get(4);
    model.cost = schedule -> schedule.equals(fast) ? 0.75 : 1.0;
    Log log = new Log();
    serve(model, tuner(model, book(model), log), 3000, 45);
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(fast);
  }

  @Test
  void aStoredRecordServesFromTheFirstCall() {
    FakeModel model = new FakeModel(6, 31);
    Schedule stored = candidates(model).get(7);
    RecordBook book = book(model);
    book.add(record(model, stored, 0.0004), RecordBook.Origin.OWN);
    Log log = new Log();
    Tuner tuner = tuner(model, book, log);
    assertThat(tuner.prepare(50)).isFalse();
    tuner.beforeRun();
    model.infer();
    assertThat(model.everRun).containsExactly(stored);
    assertThat(tuner.rows().get(0).source()).isEqualTo(Tuner.Source.STORED);
  }

  @Test
  void aStoredRecordThatComputesWronglyIsRefused() {
    FakeModel model = new FakeModel(6, 32);
    Schedule stored = candidates(model).get(7);
    model.faults.put(stored, FakeModel.Fault.LEAK);
    RecordBook book = book(model);
    book.add(record(model, stored, 0.0004), RecordBook.Origin.SERVER);
    Log log = new Log();
    Tuner tuner = tuner(model, book, log);
    tuner.beforeRun();
    model.infer();
    assertThat(model.everRun).containsExactly(model.heuristic());
    assertThat(log.refusals).hasSize(1);
    assertThat(book.find(model.kernel.signature(), RowBucket.TENS)).isNull();
  }

  @Test
  void theServersScheduleIsMeasuredBeforeItReplacesATunedOne() {
    FakeModel model = new FakeModel(6, 33);
    Schedule fast = candidates(model).get(1);
    Schedule claimed = candidates(model).get(20);
    model.cost = schedule -> schedule.equals(fast) ? 0.8 : schedule.equals(claimed) ? 1.3 : 1.0;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    serve(model, tuner, 2000, 40);
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(fast);
    assertThat(tuner.add(record(model, claimed, 1e-6), RecordBook.Origin.SERVER)).isTrue();
    assertThat(tuner.finished()).isFalse();
    serve(model, tuner, 200, 40);
    assertThat(tuner.finished()).isTrue();
    assertThat(model.probed).contains(claimed);
    assertThat(model.schedule(model.kernel, RowBucket.TENS)).isEqualTo(fast);
  }

  @Test
  void cancelledInferencesLeaveTheIncumbentEverywhere() {
    FakeModel model = new FakeModel(6, 34);
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    for (int i = 0; i < 50; i++) {
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(false);
      for (int step = 0; step < model.layers; step++) {
        assertThat(model.at(step)).isEqualTo(model.heuristic());
      }
      tuner.idle(10);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {41, 42, 43, 44, 45})
  void whatOneSearchLetsGoAnotherMayStillRun(long seed) {
    FakeModel model = new FakeModel(6, seed);
    model.laterRows = 100;
    List<String> both = codes(model, RowBucket.TENS);
    both.retainAll(codes(model, RowBucket.HUNDRED));
    String fast = both.getFirst();
    model.cost = schedule -> MatmulKernel.compiled(schedule).equals(fast) ? 0.8 : 1.0;
    Tuner tuner = tuner(model, book(model), new Log());
    for (int i = 0; i < 4000 && !(i > 0 && tuner.finished()); i++) {
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(true);
      tuner.idle(40);
    }
    assertThat(tuner.finished()).isTrue();
    List<String> serving = new ArrayList<>();
    for (RowBucket bucket : List.of(RowBucket.TENS, RowBucket.HUNDRED)) {
      serving.add(MatmulKernel.compiled(model.schedule(model.kernel, bucket)));
    }
    // One of the two may miss it, see above; nothing but what serves is left behind.
    assertThat(serving).contains(fast);
    assertThat(model.installed).map(MatmulKernel::compiled).isSubsetOf(serving);
  }

  @Test
  void switchedOffItOnlyUsesRecords() {
    FakeModel model = new FakeModel(6, 35);
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    tuner.search(false);
    tuner.beforeRun();
    model.infer();
    tuner.afterRun(true);
    assertThat(tuner.idle(100)).isFalse();
    assertThat(tuner.tried()).isZero();
  }

  @Test
  void idleSlicesKeepTheirLength() {
    FakeModel model = new FakeModel(6, 36);
    model.cost = schedule -> 4;
    Log log = new Log();
    Tuner tuner = tuner(model, book(model), log);
    tuner.beforeRun();
    model.infer();
    tuner.afterRun(true);
    double longest = 0;
    for (int i = 0; i < 60; i++) {
      double before = model.now();
      tuner.idle(50);
      longest = Math.max(longest, model.now() - before);
    }
    // A descheduled step may triple its 2 ms; nothing else may go beyond the slice.
    assertThat(longest).isLessThan(50 + 8);
  }

  /** What the candidates of a bucket compile to, without those of the tile it begins with. */
  private static List<String> codes(FakeModel model, RowBucket bucket) {
    SearchSpace space = new SearchSpace(24, 44, bucket, model.profile());
    List<String> codes = new ArrayList<>();
    for (Schedule schedule : space.pruned()) {
      if (schedule.mr() != space.heuristic().mr() || schedule.nr() != space.heuristic().nr()) {
        codes.add(MatmulKernel.compiled(schedule));
      }
    }
    return codes;
  }

  private static TuningRecord record(FakeModel model, Schedule schedule, double seconds) {
    return new TuningRecord(
        model.kernel.signature(),
        RowBucket.TENS,
        model.profile().device(),
        schedule,
        seconds,
        14,
        "0.1.0",
        "Test 1");
  }
}
