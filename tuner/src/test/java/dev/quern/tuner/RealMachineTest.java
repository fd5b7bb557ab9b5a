package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.runtime.JavetMachine;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The tuner with emitted kernels in V8: what it decides depends on the machine, what it keeps not.
 */
class RealMachineTest {
  private static final class Log implements Tuner.Listener {
    final List<TuningRecord> records = new ArrayList<>();
    final List<Refusal> refusals = new ArrayList<>();

    @Override
    public void tuned(TuningRecord record, Schedule previous, double ratio) {
      records.add(record);
    }

    @Override
    public void refused(Refusal refusal) {
      refusals.add(refusal);
    }
  }

  private static DeviceProfile profile(JavetMachine machine) {
    return DeviceProfile.guess("v8", machine.features(), 1);
  }

  @Test
  void everyCandidateOfOddSizesIsRight() {
    try (JavetMachine machine = JavetMachine.create()) {
      RealModel model = new RealModel(machine, profile(machine), 37, 51, 20, 2);
      Check check = new Check(model.kernel, Check.Demands.WASM);
      SearchSpace space = new SearchSpace(37, 51, RowBucket.TENS, profile(machine));
      for (Schedule schedule : space.pruned()) {
        model.install(model.kernel, schedule);
        assertThat(check.run(model, schedule)).as(schedule.text()).isNull();
        model.discard(model.kernel, schedule);
      }
    }
  }

  @Test
  void aKernelOfOtherBlocksThanItsStepSaysIsFound() {
    try (JavetMachine machine = JavetMachine.create()) {
      RealModel model = new RealModel(machine, profile(machine), 64, 96, 20, 2);
      Schedule claimed = Schedule.parse("mr=4 nr=8 mc=8 nc=96 kc=64 unroll=2 fma=1 order=m");
      Schedule emitted = Schedule.parse("mr=4 nr=8 mc=4 nc=96 kc=64 unroll=2 fma=1 order=m");
      model.saboteur = schedule -> schedule.equals(claimed) ? emitted : schedule;
      model.install(model.kernel, claimed);
      assertThat(new Check(model.kernel, Check.Demands.WASM).run(model, claimed))
          .contains("does not write");
    }
  }

  @Test
  void searchesToTheEndAndServesARightScheduleThroughout() {
    try (JavetMachine machine = JavetMachine.create()) {
      DeviceProfile profile = profile(machine);
      RealModel model = new RealModel(machine, profile, 96, 128, 24, 6);
      Schedule slow = Schedule.parse("mr=1 nr=4 mc=1 nc=4 kc=4 unroll=1 fma=0 order=n");
      Schedule wrong = Schedule.parse("mr=4 nr=8 mc=8 nc=128 kc=96 unroll=2 fma=1 order=m");
      Schedule emitted = Schedule.parse("mr=4 nr=8 mc=4 nc=128 kc=96 unroll=2 fma=1 order=m");
      model.saboteur = schedule -> schedule.equals(wrong) ? emitted : schedule;
      Log log = new Log();
      RecordBook book = new RecordBook(profile.device(), profile.features());
      Tuner tuner =
          new Tuner(model, profile, book, "0.1.0", "Test", new Tuner.Options(1.5, 20), log);
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(true);
      // Both are measured before they may replace what was found here.
      run(model, tuner, 3000);
      assertThat(tuner.finished()).isTrue();
      assertThat(log.refusals).isEmpty();
      assertThat(tuner.add(record(model, profile, slow), RecordBook.Origin.SERVER)).isTrue();
      run(model, tuner, 200);
      assertThat(tuner.add(record(model, profile, wrong), RecordBook.Origin.SERVER)).isTrue();
      run(model, tuner, 200);
      Schedule found = model.schedule(model.kernel, RowBucket.TENS);
      assertThat(found).isNotIn(slow, wrong);
      assertThat(log.refusals).hasSize(1);
      assertThat(log.refusals.get(0).schedule()).isEqualTo(wrong.text());
      TuningRecord last = log.records.get(log.records.size() - 1);
      assertThat(last.schedule()).isEqualTo(found);
      assertThat(new Check(model.kernel, Check.Demands.WASM).run(model, found)).isNull();
    }
  }

  private static void run(RealModel model, Tuner tuner, int most) {
    for (int i = 0; i < most && !tuner.finished(); i++) {
      tuner.beforeRun();
      model.infer();
      tuner.afterRun(true);
      tuner.idle(30);
    }
  }

  private static TuningRecord record(RealModel model, DeviceProfile profile, Schedule schedule) {
    return new TuningRecord(
        model.kernel.signature(),
        RowBucket.TENS,
        profile.device(),
        schedule,
        1e-6,
        14,
        "0.1.0",
        "Test");
  }
}
