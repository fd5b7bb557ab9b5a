package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.RandomRules;
import dev.quern.graph.Verifier;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * ONNX's own operator cases (Debian's {@code libonnx-testdata}) on the reference kernels. What an
 * operator needs to know while importing, such as a shape, is given as an initializer of the case's
 * value: how shapes that depend on data are run is another matter.
 */
class NodeCasesTest {
  /** Cases that pass; rises as operators are added. */
  private static final int FLOOR = 873;

  static final Path FOLDER =
      Path.of(System.getProperty("quern.node.cases", "/usr/share/libonnx-testdata/data/node"));

  /** The answer of ONNX's own runner: within 1e-7 or 1e-3 of the value. */
  private static final double ABSOLUTE = 1e-7;

  private static final double RELATIVE = 1e-3;

  /** The cases cut numbers to bf16 where ONNX Runtime, and later cases, round: one last bit. */
  private static final double RELATIVE_BF16 = 1 / 128.0;

  private enum Status {
    PASSED,
    FAILED,
    UNSUPPORTED
  }

  private record Outcome(Status status, String message) {}

  @Test
  void noneGivesAWrongResult() throws IOException {
    assumeTrue(
        Files.isDirectory(FOLDER) || System.getenv("QUERN_REQUIRE_BROWSERS") != null,
        "the package libonnx-testdata is not installed");
    Map<String, Outcome> outcomes = new TreeMap<>();
    try (Stream<Path> folders = Files.list(FOLDER)) {
      for (Path folder : folders.sorted().toList()) {
        outcomes.put(folder.getFileName().toString(), run(folder));
      }
    }
    List<String> failed = new ArrayList<>();
    List<String> unsupported = new ArrayList<>();
    int passed = 0;
    for (Map.Entry<String, Outcome> entry : outcomes.entrySet()) {
      String line = entry.getKey() + ": " + entry.getValue().message();
      switch (entry.getValue().status()) {
        case PASSED -> passed++;
        case FAILED -> failed.add(line);
        case UNSUPPORTED -> unsupported.add(line);
      }
    }
    Path report = Path.of("target", "node-cases.txt");
    Files.createDirectories(report.getParent());
    Files.writeString(
        report,
        passed
            + " passed, "
            + failed.size()
            + " failed, "
            + unsupported.size()
            + " unsupported\n\nfailed\n"
            + String.join("\n", failed)
            + "\n\nunsupported\n"
            + String.join("\n", unsupported)
            + "\n");
    assertThat(failed).isEmpty();
    assertThat(passed).as("cases that pass; see %s", report).isGreaterThanOrEqualTo(FLOOR);
  }

  /** The operators of the models of all cases; none where they are not installed. */
  static Set<String> operators() throws IOException {
    Set<String> names = new HashSet<>();
    if (!Files.isDirectory(FOLDER)) {
      return names;
    }
    try (Stream<Path> folders = Files.list(FOLDER)) {
      for (Path folder : folders.toList()) {
        Bytes file = Bytes.of(Files.readAllBytes(folder.resolve("model.onnx")));
        OnnxReader.read(file).graph().nodes().forEach(node -> names.add(node.op()));
      }
    }
    return names;
  }

  private static Outcome run(Path folder) throws IOException {
    OnnxModel model;
    List<OnnxTensor> inputs;
    List<OnnxTensor> outputs;
    try {
      model = OnnxReader.read(Bytes.of(Files.readAllBytes(folder.resolve("model.onnx"))));
      for (OnnxValue value : model.graph().inputs()) {
        if (value.type() == DataType.UNDEFINED) {
          return new Outcome(Status.UNSUPPORTED, "an input is a sequence or optional");
        }
      }
      for (OnnxValue value : model.graph().outputs()) {
        if (value.type() == DataType.UNDEFINED) {
          return new Outcome(Status.UNSUPPORTED, "an output is a sequence or optional");
        }
      }
      inputs = tensors(folder.resolve("test_data_set_0"), "input_");
      outputs = tensors(folder.resolve("test_data_set_0"), "output_");
    } catch (ModelException e) {
      return new Outcome(Status.UNSUPPORTED, e.getMessage());
    }
    String refused = misfit(model, inputs);
    for (int attempt = 0; attempt < 3 && !refused.startsWith(MISFIT); attempt++) {
      Set<String> constant = constants(model, inputs, attempt);
      Graph graph;
      try {
        graph = GraphImporter.importModel(withInitializers(model, inputs, constant));
      } catch (ModelException e) {
        refused = refused.isEmpty() ? e.getMessage().replace('\n', ' ') : refused;
        continue;
      }
      try {
        assertThat(Verifier.problems(graph)).isEmpty();
        check(graph, model, inputs, outputs);
        check(Passes.optimise(graph, ReferenceKernels.all()), model, inputs, outputs);
        return new Outcome(Status.PASSED, "");
      } catch (RuntimeException | AssertionError e) {
        return new Outcome(Status.FAILED, e.toString().replace('\n', ' '));
      }
    }
    return new Outcome(Status.UNSUPPORTED, refused);
  }

  private static final String MISFIT = "the case's own input";

  /** Cases whose inputs do not have the shape that their model declares. */
  static String misfit(OnnxModel model, List<OnnxTensor> inputs) {
    for (int i = 0; i < inputs.size(); i++) {
      OnnxValue declared = model.graph().inputs().get(i);
      long[] dims = inputs.get(i).dims();
      boolean fits = declared.dims().isEmpty() || declared.dims().get().size() == dims.length;
      for (int j = 0; fits && declared.dims().isPresent() && j < dims.length; j++) {
        long wanted = declared.dims().get().get(j).value();
        fits = wanted < 0 || wanted == dims[j];
      }
      if (!fits) {
        return MISFIT + " '" + declared.name() + "' is " + Arrays.toString(dims);
      }
    }
    return "";
  }

  /** Tensors of {@code input_0.pb} and following. */
  static List<OnnxTensor> tensors(Path folder, String prefix) throws IOException {
    List<OnnxTensor> result = new ArrayList<>();
    for (int i = 0; Files.exists(folder.resolve(prefix + i + ".pb")); i++) {
      byte[] bytes = Files.readAllBytes(folder.resolve(prefix + i + ".pb"));
      result.add(OnnxReader.readTensor(Bytes.of(bytes)));
    }
    return result;
  }

  /** Which inputs are made initializers: none, then all but the first, then all. */
  private static Set<String> constants(OnnxModel model, List<OnnxTensor> inputs, int attempt) {
    Set<String> result = new HashSet<>();
    for (int i = 2 - attempt; attempt > 0 && i < inputs.size(); i++) {
      result.add(model.graph().inputs().get(i).name());
    }
    return result;
  }

  private static OnnxModel withInitializers(
      OnnxModel model, List<OnnxTensor> inputs, Set<String> constant) {
    OnnxGraph graph = model.graph();
    List<OnnxTensor> initializers = new ArrayList<>(graph.initializers());
    List<OnnxValue> rest = new ArrayList<>();
    for (int i = 0; i < graph.inputs().size(); i++) {
      OnnxValue input = graph.inputs().get(i);
      if (constant.contains(input.name())) {
        OnnxTensor tensor = inputs.get(i);
        initializers.add(
            new OnnxTensor(
                input.name(),
                input.type() == DataType.BFLOAT16 ? input.type() : tensor.type(),
                tensor.dims(),
                tensor.data()));
      } else {
        rest.add(input);
      }
    }
    return new OnnxModel(
        model.irVersion(),
        model.producer(),
        model.opsets(),
        model.functions(),
        new OnnxGraph(graph.name(), graph.nodes(), initializers, rest, graph.outputs()));
  }

  private static void check(
      Graph graph, OnnxModel model, List<OnnxTensor> inputs, List<OnnxTensor> outputs) {
    Map<String, Tensor> feeds = new LinkedHashMap<>();
    Set<String> wanted = new HashSet<>();
    graph.inputs().forEach(input -> wanted.add(input.name()));
    for (int i = 0; i < inputs.size(); i++) {
      String name = model.graph().inputs().get(i).name();
      if (wanted.contains(name)) {
        feeds.put(name, tensor(inputs.get(i), model.graph().inputs().get(i).type()));
      }
    }
    List<Tensor> results = new ArrayList<>(Interpreter.run(graph, feeds).values());
    assertThat(results).hasSizeGreaterThanOrEqualTo(outputs.size());
    for (int i = 0; i < outputs.size(); i++) {
      compare(model, results.get(i), tensor(outputs.get(i), results.get(i).type()));
    }
  }

  /** A tensor of a file; the cases write bf16 as u16. */
  static Tensor tensor(OnnxTensor tensor, DataType wanted) {
    boolean half = tensor.type() == DataType.UINT16 && wanted == DataType.BFLOAT16;
    return Tensor.fromBytes(half ? wanted : tensor.type(), tensor.data(), tensor.dims());
  }

  /** Of random numbers, which no two engines draw alike, type and shape alone. */
  static void compare(OnnxModel model, Tensor actual, Tensor expected) {
    assertThat(actual.type()).isEqualTo(expected.type());
    assertThat(actual.dims()).isEqualTo(expected.dims());
    if (RandomRules.draws(model.graph())) {
      return;
    }
    double relative = expected.type() == DataType.BFLOAT16 ? RELATIVE_BF16 : RELATIVE;
    for (int i = 0; i < expected.size(); i++) {
      if (!expected.type().isFloating()) {
        assertThat(actual.integer(i)).as("element %d", i).isEqualTo(expected.integer(i));
        continue;
      }
      double a = actual.number(i);
      double e = expected.number(i);
      boolean close =
          a == e
              || (Double.isNaN(a) && Double.isNaN(e))
              || Math.abs(a - e) <= ABSOLUTE + relative * Math.abs(e);
      assertThat(close).as("element %d is %s, expected %s", i, a, e).isTrue();
    }
  }
}
