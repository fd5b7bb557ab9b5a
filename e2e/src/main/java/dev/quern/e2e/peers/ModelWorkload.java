package dev.quern.e2e.peers;

import dev.quern.e2e.architectures.Architecture;
import dev.quern.e2e.architectures.Network;
import dev.quern.e2e.data.TensorData;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.plan.Plan;
import dev.quern.plan.PlanException;
import dev.quern.plan.Planner;
import dev.quern.reference.Tensor;
import dev.quern.runtime.Footprint;
import dev.quern.server.intake.MadeUpInputs;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Any ONNX model. Its file is made when it is asked for and not kept: some are hundreds of
 * megabytes.
 */
public final class ModelWorkload implements Workload {
  /** A model's file and what it is run on. */
  private record Source(byte[] onnx, Map<String, Tensor> inputs) {}

  private final String name;
  private final Supplier<Source> source;
  private Map<String, TensorData> inputs = Map.of();
  private double flops;
  private double tolerance = 1e-3;

  private ModelWorkload(String name, Supplier<Source> source) {
    this.name = name;
    this.source = source;
  }

  /**
   * A model of a user on made-up inputs.
   *
   * @param name what the case is called
   * @param file the model; its weights are within
   * @param sizes of named dimensions
   * @param other of those that have none there and are no batch
   * @throws ModelException if the file is no model
   */
  public static ModelWorkload of(String name, byte[] file, Map<String, Integer> sizes, int other) {
    OnnxModel model = OnnxReader.read(Bytes.of(file));
    Set<String> constants =
        model.graph().initializers().stream().map(OnnxTensor::name).collect(Collectors.toSet());
    List<OnnxValue> declared =
        model.graph().inputs().stream().filter(value -> !constants.contains(value.name())).toList();
    Source source = new Source(file, new MadeUpInputs(model, declared, sizes).of(other));
    return new ModelWorkload(name, () -> source);
  }

  /** The architectures that people bring, of full size. */
  public static List<Workload> architectures() {
    return Arrays.stream(Architecture.values())
        .filter(each -> each.fullName().isPresent())
        .<Workload>map(each -> new ModelWorkload(each.fullName().get(), () -> source(each.full())))
        .toList();
  }

  private static Source source(Network network) {
    return new Source(network.file(), network.feeds());
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Kind kind() {
    return Kind.ONNX;
  }

  /** As models are named in the store. */
  @Override
  public String model() {
    String plain = name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    return plain.replaceAll("^-|-$", "");
  }

  @Override
  public byte[] onnx() {
    Source made = source.get();
    Map<String, TensorData> given = new LinkedHashMap<>();
    Map<String, long[]> dims = new LinkedHashMap<>();
    made.inputs.forEach((input, tensor) -> {
      dims.put(input, tensor.dims());
      given.put(input, TensorData.of(tensor));
    });
    inputs = given;
    OnnxModel model = OnnxReader.read(Bytes.of(made.onnx));
    flops = flops(model, dims);
    tolerance = tolerance(model);
    return made.onnx;
  }

  /**
   * What engines may differ by. One that sums in another order rounds some numbers of 8 or 16 bits
   * to their neighbours, and all that is computed from them: ONNX Runtime differs as much from
   * itself between its levels of optimisation.
   */
  private static double tolerance(OnnxModel model) {
    double tolerance = 1e-3;
    for (OnnxTensor weights : model.graph().initializers()) {
      tolerance = weights.type() == DataType.FLOAT16 ? 1e-2 : tolerance;
    }
    for (OnnxNode node : model.graph().nodes()) {
      if (node.op().contains("Quantize") || node.op().startsWith("QLinear")) {
        return 0.2;
      }
    }
    return tolerance;
  }

  /** 0 if the model is not planned as a whole: then only the run knows. */
  private static double flops(OnnxModel model, Map<String, long[]> dims) {
    try {
      Graph graph = GraphImporter.importModel(model);
      Plan plan = Planner.plan(Passes.optimise(graph));
      return Footprint.of(plan, graph.bind(dims)).flops();
    } catch (ModelException | PlanException | IllegalArgumentException e) {
      return 0;
    }
  }

  @Override
  public Optional<Path> tflite() {
    return Optional.empty();
  }

  @Override
  public Map<String, TensorData> inputs() {
    if (inputs.isEmpty()) {
      onnx();
    }
    return inputs;
  }

  @Override
  public double flops() {
    inputs();
    return flops;
  }

  @Override
  public double tolerance() {
    inputs();
    return tolerance;
  }
}
