package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.MiniLm;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.plan.Planner;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The real model, from its file in linear memory to its answer, in V8, against ONNX Runtime. */
class MiniLmTest {
  @Test
  void embeddingsAgreeWithOnnxRuntime() {
    byte[] file = MiniLm.file();
    try (JavetMachine machine = JavetMachine.create();
        Ort ort = new Ort(file)) {
      LinearMemory memory = machine.memory();
      memory.ensure(Control.FREE + file.length);
      memory.write(Control.FREE, file, 0, file.length);
      Bytes bytes = memory.view(Control.FREE, file.length);
      Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(bytes)));
      ModelRunner runner =
          ModelRunner.load(machine, graph, Limits.DEFAULT, Control.FREE + file.length);
      for (int[] size : new int[][] {{1, 7}, {2, 5}, {1, 1}, {1, 33}}) {
        Map<String, Tensor> inputs = inputs(size[0], size[1]);
        Tensor found = runner.run(inputs).get("last_hidden_state");
        Tensors.assertClose(found, ort.run(inputs).get("last_hidden_state"), 1e-4);
      }
      assertThat(runner.plan().steps().size()).isLessThan(60);
      // The file, what packing could not write over it, and the activations of these sizes.
      assertThat(memory.size()).isLessThan(file.length * 12L / 10);
    }
  }

  @Test
  void isPlannedAndWarmedBeforeItsLargeTensorsArrive() {
    byte[] file = MiniLm.file();
    try (JavetMachine machine = JavetMachine.create();
        Ort ort = new Ort(file)) {
      LinearMemory memory = machine.memory();
      memory.ensure(Control.FREE + file.length);
      memory.write(Control.FREE, file, 0, file.length);
      Addressed whole = (Addressed) memory.view(Control.FREE, file.length);
      List<Arrival.Gap> gaps = largeTensors(whole);
      assertThat(gaps).hasSizeGreaterThan(30);
      gaps.forEach(gap -> memory.clear(Control.FREE + gap.from(), gap.length()));
      Arrival arrival = new Arrival();
      Bytes arriving = arrival.view(whole, gaps);
      Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(arriving)));
      ModelRunner runner =
          ModelRunner.prepare(
              machine, graph, Planner.plan(graph), Limits.DEFAULT, Control.FREE + file.length);
      runner.warm(1);
      memory.write(Control.FREE, file, 0, file.length);
      arrival.complete();
      runner.pack();
      Map<String, Tensor> inputs = inputs(2, 9);
      Tensor found = runner.run(inputs).get("last_hidden_state");
      Tensors.assertClose(found, ort.run(inputs).get("last_hidden_state"), 1e-4);
    }
  }

  private static List<Arrival.Gap> largeTensors(Addressed file) {
    List<Arrival.Gap> gaps = new ArrayList<>();
    for (OnnxTensor tensor : OnnxReader.read(file).graph().initializers()) {
      if (tensor.data() instanceof Addressed data && data.size() >= 64 << 10) {
        gaps.add(new Arrival.Gap(data.address() - file.address(), data.size()));
      }
    }
    gaps.sort(Comparator.comparingLong(Arrival.Gap::from));
    return gaps;
  }

  static Map<String, Tensor> inputs(int batch, int seq) {
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", Tensors.indices(seq, 30522, batch, seq));
    Tensor mask = Tensors.indices(seq, 1, batch, seq);
    for (int i = 0; i < mask.size(); i++) {
      // The last sequence is padded by half.
      mask.longs()[i] = i / seq == batch - 1 && batch > 1 && i % seq > seq / 2 ? 0 : 1;
    }
    inputs.put("attention_mask", mask);
    inputs.put("token_type_ids", Tensors.indices(seq, 1, batch, seq));
    return inputs;
  }
}
