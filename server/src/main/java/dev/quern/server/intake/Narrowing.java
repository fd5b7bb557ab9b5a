package dev.quern.server.intake;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Rewrites a model so that the weights of its products take fewer bits:
 *
 * <pre>
 * f16    W = Cast(halves)                                        [k, n]
 * int8   W = DequantizeLinear(i8, scales of the columns)         [k, n], [n]
 * int4   MatMulNBits(A, u8, scales of the blocks, , , bias)      [n, blocks, 16], [n·blocks]
 * </pre>
 *
 * <p>These are the forms that the graph's passes and the planner know, and that ONNX Runtime runs.
 * Before version 13 of ONNX's operators DequantizeLinear takes one scale only: int8 is written as
 * blocks there.
 */
final class Narrowing {
  private static final String MICROSOFT = "com.microsoft";

  /** The version that brought scales along an axis. */
  private static final int SCALES_BY_AXIS = 13;

  /** From here on constants need not be inputs, too. */
  private static final int CONSTANTS_APART = 4;

  private final ModelProto model;
  private final Dtype dtype;
  private final boolean blocks;
  private final Weights weights;
  private final Set<String> names = new HashSet<>();
  private final List<TensorProto> made = new ArrayList<>();
  private final List<NodeProto> first = new ArrayList<>();
  private final Map<String, List<String>> packed = new LinkedHashMap<>();
  private final Map<String, Long> lengths = new LinkedHashMap<>();
  private long before;
  private long after;

  private Narrowing(ModelProto model, OnnxModel read, int opset, Dtype dtype) {
    this.model = model;
    this.dtype = dtype;
    blocks = dtype == Dtype.INT4 || dtype == Dtype.INT8 && opset < SCALES_BY_AXIS;
    weights = Weights.of(read.graph(), model.getGraph());
    read.graph().initializers().forEach(tensor -> names.add(tensor.name()));
    read.graph().inputs().forEach(input -> names.add(input.name()));
    read.graph().nodes().forEach(node -> names.addAll(node.outputs()));
    for (OnnxTensor tensor : read.graph().initializers()) {
      if (tensor.dims().length == 1) {
        lengths.put(tensor.name(), tensor.dims()[0]);
      }
    }
  }

  /**
   * What was done.
   *
   * @param form how the weights are stored now, for people
   * @param converted how many weights
   * @param kept weights of products that stay as they were, with reasons
   * @param before bytes of the converted weights before
   * @param after bytes of them now, with their scales
   */
  record Result(
      ModelProto model, String form, int converted, List<String> kept, long before, long after) {}

  /**
   * Rewrites a model.
   *
   * @param model as protobuf
   * @param read the same, whose tensors can be read wherever they lie
   * @param opset the version of ONNX's operators
   */
  static Result run(ModelProto model, OnnxModel read, int opset, Dtype dtype) {
    return new Narrowing(model, read, opset, dtype).run();
  }

  private Result run() {
    if (blocks) {
      keepUnusualProducts();
    }
    for (Weights.Weight weight : List.copyOf(weights.weights().values())) {
      convert(weight);
    }
    Map<String, Weights.Weight> done = weights.weights();
    GraphProto source = model.getGraph();
    GraphProto.Builder graph = source.toBuilder().clearInitializer().clearNode().clearInput();
    source.getInputList().stream()
        .filter(input -> !done.containsKey(input.getName()))
        .forEach(graph::addInput);
    source.getInitializerList().stream()
        .filter(tensor -> !done.containsKey(tensor.getName()))
        .forEach(graph::addInitializer);
    graph.addAllInitializer(made);
    graph.addAllNode(first);
    for (NodeProto node : source.getNodeList()) {
      boolean constant = node.getOpType().equals("Constant") && node.getOutputCount() == 1;
      if (constant && done.containsKey(node.getOutput(0))) {
        continue;
      }
      if (blocks && Weights.isProduct(node) && done.containsKey(node.getInput(1))) {
        product(node, done.get(node.getInput(1)), graph);
      } else {
        graph.addNode(node);
      }
    }
    ModelProto.Builder result = model.toBuilder().setGraph(graph);
    result.setIrVersion(Math.max(CONSTANTS_APART, model.getIrVersion()));
    if (blocks && !done.isEmpty() && !hasDomain(MICROSOFT)) {
      result.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(MICROSOFT).setVersion(1));
    }
    return new Result(result.build(), form(), done.size(), weights.kept(), before, after);
  }

  private String form() {
    String scales = blocks ? " with a scale for " + Codes.BLOCK + " numbers of a column" : "";
    return switch (dtype) {
      case F32, F16 -> dtype.label();
      case INT4 -> "int4" + scales;
      case INT8 ->
          "int8"
              + (blocks
                  ? scales + " (this operator set has none for whole columns)"
                  : " with a scale for each column");
    };
  }

  private boolean hasDomain(String domain) {
    return model.getOpsetImportList().stream().anyMatch(set -> set.getDomain().equals(domain));
  }

  /** Weights of blocks are part of the product itself, which does not do all that Gemm does. */
  private void keepUnusualProducts() {
    for (NodeProto node : model.getGraph().getNodeList()) {
      if (Weights.isProduct(node)
          && weights.weights().containsKey(node.getInput(1))
          && (Weights.real(node, "alpha", 1) != 1
              || hasAddend(node) && Weights.real(node, "beta", 1) != 1
              || Weights.integer(node, "transA", 0) != 0)) {
        weights.keep(node.getInput(1), "its Gemm has alpha, beta or transA");
      }
    }
  }

  private static boolean hasAddend(NodeProto node) {
    return node.getInputCount() > 2 && !node.getInput(2).isEmpty();
  }

  private void convert(Weights.Weight weight) {
    float[] values = values(weight.tensor());
    for (float value : values) {
      if (!Float.isFinite(value)) {
        weights.keep(weight.name(), "it holds a number that is not finite");
        return;
      }
    }
    long size = 4L * values.length;
    switch (dtype) {
      case F32 -> throw new IllegalArgumentException("f32 is what there is");
      case F16 -> {
        byte[] halves = Codes.halves(values);
        if (halves == null) {
          weights.keep(weight.name(), "it holds a number too large for f16");
          return;
        }
        String name = add(weight.name() + ".f16", DataType.FLOAT16, halves, weight.tensor().dims());
        first.add(
            node("Cast", weight.name(), List.of(name))
                .addAttribute(integer("to", DataType.FLOAT.code()))
                .build());
      }
      case INT8, INT4 -> {
        if (blocks) {
          blocks(weight, rows(weight, values));
        } else {
          columns(weight, values);
        }
      }
    }
    before += size;
  }

  /** The weights as {@code [n, k]}. */
  private static float[] rows(Weights.Weight weight, float[] values) {
    return weight.transposed() ? values : turned(values, weight.k(), weight.n());
  }

  private static float[] turned(float[] values, int rows, int columns) {
    float[] result = new float[values.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result[j * rows + i] = values[i * columns + j];
      }
    }
    return result;
  }

  private void columns(Weights.Weight weight, float[] values) {
    int n = weight.n();
    int k = weight.k();
    Codes.Whole codes = Codes.rows(rows(weight, values), n, k);
    byte[] numbers = codes.numbers();
    if (!weight.transposed()) {
      numbers = new byte[codes.numbers().length];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < k; j++) {
          numbers[j * n + i] = codes.numbers()[i * k + j];
        }
      }
    }
    String name = weight.name();
    String whole = add(name + ".i8", DataType.INT8, numbers, weight.tensor().dims());
    String scales = add(name + ".scales", DataType.FLOAT, bytes(codes.scales()), n);
    first.add(
        node("DequantizeLinear", name, List.of(whole, scales))
            .addAttribute(integer("axis", weight.transposed() ? 0 : 1))
            .build());
  }

  private void blocks(Weights.Weight weight, float[] rows) {
    int bits = bits();
    Codes.Whole codes = Codes.blocks(rows, weight.n(), weight.k(), bits);
    long count = codes.scales().length / weight.n();
    long bytes = (long) Codes.BLOCK * bits / 8;
    String name = weight.name();
    packed.put(
        name,
        List.of(
            add(name + ".i" + bits, DataType.UINT8, codes.numbers(), weight.n(), count, bytes),
            add(name + ".scales", DataType.FLOAT, bytes(codes.scales()), codes.scales().length)));
  }

  private int bits() {
    return dtype == Dtype.INT4 ? 4 : 8;
  }

  /** A product with blocks; what a Gemm adds becomes its bias if it goes by columns. */
  private void product(NodeProto source, Weights.Weight weight, GraphProto.Builder graph) {
    List<String> operands = new ArrayList<>(List.of(source.getInput(0)));
    operands.addAll(packed.get(weight.name()));
    boolean adds = hasAddend(source);
    boolean bias = adds && lengths.getOrDefault(source.getInput(2), 0L) == weight.n();
    if (bias) {
      operands.addAll(List.of("", "", source.getInput(2)));
    }
    String output = source.getOutput(0);
    String product = adds && !bias ? fresh(output + ".product") : output;
    NodeProto.Builder node =
        node("MatMulNBits", product, operands)
            .setDomain(MICROSOFT)
            .addAttribute(integer("K", weight.k()))
            .addAttribute(integer("N", weight.n()))
            .addAttribute(integer("bits", bits()))
            .addAttribute(integer("block_size", Codes.BLOCK));
    if (!source.getName().isEmpty()) {
      node.setName(source.getName());
    }
    graph.addNode(node);
    if (adds && !bias) {
      graph.addNode(node("Add", output, List.of(product, source.getInput(2))));
    }
  }

  private static NodeProto.Builder node(String op, String output, List<String> inputs) {
    return NodeProto.newBuilder()
        .setOpType(op)
        .setName(output + "." + op)
        .addAllInput(inputs)
        .addOutput(output);
  }

  private static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder().setName(name).setType(AttributeType.INT).setI(value).build();
  }

  /** Adds a constant; returns its name. */
  private String add(String wanted, DataType type, byte[] data, long... dims) {
    String name = fresh(wanted);
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.code());
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    made.add(tensor.setRawData(ByteString.copyFrom(data)).build());
    after += data.length;
    return name;
  }

  private String fresh(String wanted) {
    String name = wanted;
    while (!names.add(name)) {
      name += "_";
    }
    return name;
  }

  static float[] values(OnnxTensor tensor) {
    byte[] bytes = tensor.data().toArray();
    float[] values = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  private static byte[] bytes(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }
}
