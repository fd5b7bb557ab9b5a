package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.gpu.GpuLimits;
import dev.quern.gpu.Recorder;
import dev.quern.gpu.Recording;
import dev.quern.gpu.ShaderCache;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.plan.Plan;
import dev.quern.plan.PlanException;
import dev.quern.plan.Planner;
import dev.quern.schedule.GpuSchedules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * How many of ONNX's operator cases have a shader for each step of their plan: of those whose data
 * are of types that a GPU computes with. What the shaders give, browsers show.
 */
class GpuCasesTest {
  /** Cases that are whole; rises as shaders are added. 8 buffers are what every GPU binds. */
  private static final int FLOOR = 449;

  private static final GpuLimits LIMITS = new GpuLimits(8, 128 << 20);
  private static final long WEIGHT_BYTES = 4096;
  private static final Set<DataType> TYPES =
      Set.of(DataType.FLOAT, DataType.FLOAT16, DataType.INT32, DataType.UINT32, DataType.BOOL);

  @Test
  void mostRunOnAGpuFromEndToEnd() throws IOException {
    assumeTrue(Files.isDirectory(NodeCasesTest.FOLDER), "libonnx-testdata is not installed");
    List<String> whole = new ArrayList<>();
    try (Stream<Path> folders = Files.list(NodeCasesTest.FOLDER)) {
      for (Path folder : folders.sorted().toList()) {
        try {
          if (isWhole(folder)) {
            whole.add(folder.getFileName().toString());
          }
        } catch (ModelException | PlanException e) {
          // Refused, or run by the scalar kernels: other tests hold those.
        }
      }
    }
    assertThat(whole.size()).as(whole.toString()).isGreaterThanOrEqualTo(FLOOR);
  }

  private static boolean isWhole(Path folder) throws IOException {
    OnnxModel model = OnnxReader.read(Bytes.of(Files.readAllBytes(folder.resolve("model.onnx"))));
    Path data = folder.resolve("test_data_set_0");
    List<OnnxTensor> inputs = NodeCasesTest.tensors(data, "input_");
    List<OnnxTensor> all = new ArrayList<>(inputs);
    all.addAll(NodeCasesTest.tensors(data, "output_"));
    boolean fits = all.stream().allMatch(tensor -> TYPES.contains(tensor.type()));
    if (!fits || !NodeCasesTest.misfit(model, inputs).isEmpty()) {
      return false;
    }
    Graph graph = Passes.optimise(GraphImporter.importModel(model), ReferenceKernels.all());
    Plan plan = Planner.plan(graph);
    Map<String, long[]> dims = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      dims.put(model.graph().inputs().get(i).name(), inputs.get(i).dims());
    }
    long[] weights = new long[plan.weights().size()];
    Arrays.fill(weights, WEIGHT_BYTES);
    Recording recording =
        Recorder.record(
            plan, weights, graph.bind(dims), LIMITS, new ShaderCache(GpuSchedules.Chosen.NONE));
    return recording.parts().stream().allMatch(part -> part instanceof Recording.Dispatches);
  }
}
