package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.MiniLm;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.runtime.Control;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Limits;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.ModelRunner;
import dev.quern.runtime.TunableModel;
import dev.quern.runtime.TunableRunner;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The tuner on the real model in V8: it answers rightly while its kernels are exchanged. */
@Tag("slow")
class MiniLmTuningTest {
  private static final class Log implements Tuner.Listener {
    final List<TuningRecord> records = new ArrayList<>();
    final List<Refusal> refusals = new ArrayList<>();

    @Override
    public void tuned(TuningRecord record, dev.quern.schedule.Schedule previous, double ratio) {
      records.add(record);
      System.out.println(
          record.kernel()
              + " "
              + record.bucket().label()
              + ": "
              + previous.text()
              + " -> "
              + record.schedule().text()
              + ", ratio "
              + Json.number(ratio));
    }

    @Override
    public void refused(Refusal refusal) {
      refusals.add(refusal);
    }
  }

  private static ModelRunner load(JavetMachine machine, DeviceProfile profile, byte[] file) {
    LinearMemory memory = machine.memory();
    memory.ensure(Control.FREE + file.length);
    memory.write(Control.FREE, file, 0, file.length);
    Graph graph =
        Passes.optimise(
            GraphImporter.importModel(OnnxReader.read(memory.view(Control.FREE, file.length))));
    Limits limits = new Limits(profile.registers(), profile.l2Bytes());
    return ModelRunner.load(machine, graph, limits, Control.FREE + file.length);
  }

  @Test
  void answersStayRightWhileItTunesAndASecondVisitStartsWithTheRecords() {
    byte[] file = MiniLm.file();
    RecordBook book;
    Tensor reference;
    DeviceProfile profile;
    try (JavetMachine machine = JavetMachine.create()) {
      profile = DeviceProfile.guess("v8", machine.features(), 1);
      ModelRunner runner = load(machine, profile, file);
      Log log = new Log();
      book = new RecordBook(profile.device(), profile.features());
      Tuner tuner =
          new Tuner(
              new TunableRunner(runner),
              profile,
              book,
              "0.1.0",
              "Test",
              new Tuner.Options(1.2, 12),
              log);
      assertThat(tuner.prepare(10)).isFalse();
      reference = infer(runner, tuner);
      for (int i = 0; i < 5000 && !tuner.finished(); i++) {
        assertThat(tuner.idle(40) || tuner.finished()).isTrue();
        Tensors.assertClose(infer(runner, tuner), reference, 1e-5);
      }
      assertThat(tuner.finished()).isTrue();
      assertThat(log.refusals).isEmpty();
      assertThat(book.entries()).hasSize(4);
      assertThat(tuner.rows()).hasSize(4);
      for (Tuner.Row row : tuner.rows()) {
        assertThat(row.source()).isEqualTo(Tuner.Source.TUNED);
        assertThat(row.seconds()).isPositive();
        assertThat(row.layers()).isEqualTo(6);
      }
    }
    String stored = book.json();
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = load(machine, profile, file);
      RecordBook second = new RecordBook(profile.device(), profile.features());
      second.addAll(stored, RecordBook.Origin.OWN);
      Log log = new Log();
      TunableRunner model = new TunableRunner(runner);
      Tuner tuner = new Tuner(model, profile, second, "0.1.0", "Test", Tuner.Options.DEFAULT, log);
      assertThat(tuner.prepare(10_000)).isFalse();
      Tensors.assertClose(infer(runner, tuner), reference, 1e-5);
      assertThat(log.refusals).isEmpty();
      for (Tuner.Row row : tuner.rows()) {
        assertThat(row.source()).isEqualTo(Tuner.Source.STORED);
        assertThat(row.schedule())
            .isEqualTo(second.find(row.kernel(), RowBucket.FEW).record().schedule());
      }
    }
  }

  @Test
  void candidatesForWholeNumbersPassTheCheck() {
    try (JavetMachine machine = JavetMachine.create()) {
      DeviceProfile profile = DeviceProfile.guess("v8", machine.features(), 1);
      ModelRunner runner = load(machine, profile, MiniLm.quantised());
      TunableRunner model = new TunableRunner(runner);
      assertThat(model.kernels()).hasSize(4);
      for (TunableModel.Kernel kernel : model.kernels()) {
        assertThat(kernel.whole()).isTrue();
        Check check = new Check(kernel, Check.Demands.WASM);
        SearchSpace space = new SearchSpace(kernel.k(), kernel.n(), RowBucket.TENS, profile);
        for (Schedule schedule : space.pruned().subList(0, 6)) {
          model.install(kernel, schedule);
          assertThat(check.run(model, schedule)).as(schedule.text()).isNull();
        }
      }
    }
  }

  /** One inference as an engine does it. */
  private static Tensor infer(ModelRunner runner, Tuner tuner) {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", Tensors.indices(3, 30522, 1, 8));
    Tensor ones = Tensors.indices(3, 1, 1, 8);
    for (int i = 0; i < ones.size(); i++) {
      ones.longs()[i] = 1;
    }
    inputs.put("attention_mask", ones);
    inputs.put("token_type_ids", Tensors.indices(3, 1, 1, 8));
    Map<String, long[]> dims = new LinkedHashMap<>();
    inputs.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    runner.bind(dims);
    tuner.beforeRun();
    Tensor output = runner.run(inputs).get("last_hidden_state");
    tuner.afterRun(true);
    return output;
  }
}
